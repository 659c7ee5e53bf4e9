"""OKX: spot, swaps, futures and options in one space of ids.

Facts: OKX API v5 and its change log as of 2026-09, the notice of 2026-05-21 on checksums, recordings of 2022. What is
UNVERIFIED, and what of it is relied on, is in tests/venues/okx/NOTES.md.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Checksum,
    Endpoint,
    Environment,
    Era,
    FactChannel,
    Id,
    Kind,
    Pace,
    Ping,
    Pool,
    Proof,
    Repeats,
    Resync,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
    Window,
)
from tidebook.venues.okx import account, orders, private, rest, wire
from tidebook.venues.okx.recorded import listing
from tidebook.venues.okx.sign import OPEN, SIGN

CONNECTS: Final = Pool("okx.connects", "ip", 3, 1)
ROUTE: Final = ("/arg.channel", "/arg.instId")

# A topic is an object; a connection takes 480 operations an hour (30 at once, 450 in an hour), of 64 KB at most.
PUBLIC: Final = Endpoint(
    name="public", url="wss://ws.okx.com:8443/ws/v5/public",
    subscribing=Subscribing(
        subscribe=Template('{"id?":"$id","op":"subscribe","args":"@topics"}'),
        ack=Template('{"id?":"$id","event":"subscribe","arg":"*topic"}'),
        unsubscribe=Template('{"id?":"$id","op":"unsubscribe","args":"@topics"}'),
        unsubscribed=Template('{"id?":"$id","event":"unsubscribe","arg":"*topic"}'),
        refusals=(Template('{"id?":"$id","event":"error","code":"$code","msg":"$text"}'),),
        each=(
            Template('{"channel":"liquidation-orders","instType":"$instType"}'),
            Template('{"channel":"opt-summary","instFamily":"$instFamily"}'),
            Template('{"channel":"$channel","instId":"$instId"}'),
        ),
        topics_per_message=500, most_bytes=64 << 10, pace=8.0, burst=30,
    ),
    # Nothing for 30 s, and the venue closes.
    ping=Ping("client", "text", 25, 5, ask_text="ping", answer_text="pong"),
    connects=CONNECTS, notices=(Template('{"event":"notice","code":"64008"}'),),
)  # fmt: skip
# Bars are served here alone.
BUSINESS: Final = replace(PUBLIC, name="business", url="wss://ws.okx.com:8443/ws/v5/business")


def _topic(channel: str) -> Callable[[str], str]:
    return lambda id: f"{channel} {id}"


def _named(channel: str) -> Callable[[str], str | None]:
    """The way back."""
    return lambda topic: topic.removeprefix(f"{channel} ") if topic.startswith(f"{channel} ") else None


_WHOLE: Final = BookShape(
    bids=("data.0.bids",), asks=("data.0.asks",), last=Id("data.0.seqId", optional=True), time=Time("data.0.ts")
)
_CHECKED: Final = Checksum("checksum", depth=25)

# Ids are chained by equality only: they jump, repeat while nothing changes, may fall after maintenance. A whole book
# comes once a subscription, so a gap needs a new one. The checksum is no proof: since 2026-06-23 it is 0.
BOOKS: Final = BookChannel(
    name="books",
    endpoint="public",
    topic=_topic("books"),
    matches=_named("books"),
    shape=BookShape(
        route=ROUTE,
        each="data",
        kind=Kind(path="/action", snapshot=("snapshot",), delta=("update",)),
        bids=("bids",),
        asks=("asks",),
        last=Id("seqId"),
        prev=Id("prevSeqId", none=-1),
        time=Time("ts"),
        checksum=_CHECKED,
        window=Window(400),
    ),
    snapshot=_WHOLE,  # the call `book` answers in this form
    rule=SyncRule(seed=Seed.STREAM, chain=Chain.PREV, proof=(Proof.SEQUENCE,)),
)

# The form that is announced for 2026-08 and was not confirmed since: no whole book in the stream, the first change
# spans the snapshot's id. While the stream still begins with a whole book, that seeds this one too.
SEEDED: Final = replace(
    BOOKS,
    name="books_rest",
    snapshot=replace(_WHOLE, last=Id("data.0.seqId")),
    rule=SyncRule(
        seed=Seed.REST, chain=Chain.PREV, bridge=Bridge.PREV_RANGE, proof=(Proof.SEQUENCE,),
        resync=Resync.REFETCH, pace=Pace(count=5, per=60, spacing=1),
    ),
    rest=rest.seed, depths=(rest.LEVELS,), snapshot_of=rest.asked_for,
)  # fmt: skip


# The best five, whole each time.
BOOKS5: Final = BookChannel(
    name="books5",
    endpoint="public",
    topic=_topic("books5"),
    matches=_named("books5"),
    shape=BookShape(route=ROUTE, each="data", bids=("bids",), asks=("asks",), last=Id("seqId"), time=Time("ts")),
    rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,), resync=Resync.RESUBSCRIBE),
)


def _facts(name: str, channel: str, read: Any, **more: Any) -> FactChannel:
    """A topic of one instrument."""
    return FactChannel(name, "public", lambda id, option: f"{channel} {id}", read, ROUTE, each="data", **more)


FACTS: Final = (
    _facts("trades", "trades", wire.trades),
    _facts("quotes", "bbo-tbt", wire.quotes),
    FactChannel(
        "bars", "business", lambda id, option: f"candle{wire.INTERVALS[option or '1m']} {id}", wire.bars, ROUTE,
        each="data", options=tuple(wire.INTERVALS),
    ),
    _facts("ticker", "tickers", wire.ticker),
    _facts("mark_prices", "mark-price", wire.marks, life=Repeats(60)),  # every 10 s, changed or not
    _facts("funding", "funding-rate", wire.rates),
    _facts("open_interest", "open-interest", wire.interests),
    FactChannel(
        "liquidations", "public", lambda id, option: f"liquidation-orders {wire.kind_of(id)}", wire.liquidations,
        ("/arg.channel", "/arg.instType"), each="data",
    ),
    FactChannel(
        "greeks", "public", lambda id, option: f"opt-summary {wire.family_of(id)}", wire.greeks,
        ("/arg.channel", "/arg.instFamily"), each="data",
    ),
)  # fmt: skip


def _region(name: str, rest_host: str, stream: str, demo: str) -> tuple[Environment, Environment]:
    """A region's own hosts, and its demo: that is at the same REST host, and told by a header."""
    there = {"www.okx.com": rest_host, "ws.okx.com:8443": f"{stream}.okx.com:8443"}
    hosts = {live: host for live, host in there.items() if live != host}
    header = {"x-simulated-trading": "1"}
    word = "demo" if name == "live" else f"{name}-demo"
    return Environment(name, hosts), Environment(word, {**hosts, "ws.okx.com:8443": f"{demo}.okx.com:8443"}, header)


OKX: Final = Venue(
    name="okx",
    exchange="okx",
    kind="mixed",
    endpoints=(PUBLIC, BUSINESS),
    books=(BOOKS, BOOKS5, SEEDED),
    facts=FACTS,
    calls=rest.CALLS,
    answers=rest.ANSWERS,
    rest="https://www.okx.com",
    pools=(rest.ONE, rest.TEN, rest.TWENTY, rest.FORTY, rest.SIXTY, rest.HUNDRED, CONNECTS),
    trading=replace(private.TRADING, socket=orders.socket(PUBLIC)),
    account=account.stream(PUBLIC),
    environments=(
        *_region("live", "www.okx.com", "ws", "wspap"),
        *_region("eea", "eea.okx.com", "wseea", "wseeapap"),
        *_region("us", "us.okx.com", "wsus", "wsuspap"),
    ),
    eras=(
        Era(
            "checksum",
            until="2023-01-01",  # by then there were ids; when they came is not known
            books=(
                replace(
                    BOOKS,
                    shape=replace(BOOKS.shape, last=None, prev=None, checksum=replace(_CHECKED, when="present")),
                    rule=SyncRule(seed=Seed.STREAM, proof=(Proof.CHECKSUM,)),
                ),
            ),
        ),
    ),
    aliases=("ws.okx.com", "www.okx.com", "wsaws.okx.com", "wseea.okx.com", "wsus.okx.com", "ws.okex.com"),
    listing=listing,
    sign=SIGN,
    public=OPEN,
    proof_from="API v5 change log 2026-02-12, sequence of books; notice 2026-05-21, checksum",
)

VENUES: Final = (OKX,)
