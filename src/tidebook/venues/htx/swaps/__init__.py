"""HTX's swaps: USDT-margined contracts, perpetual and dated (linear), and coin-margined perpetuals (inverse).

Facts: HTX's pages for USDT-margined contracts as of 2025-11, huobiapi/docs usdt_swap_en and coin_margined_swap_en
(2021-06). Sizes are contracts. Each kind has a socket for its market and one, of another protocol, for what happens to
its contracts; index and mark prices of both come by a third.
"""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from tidebook.venue import (
    BookChannel,
    BookShape,
    Chain,
    Codec,
    Endpoint,
    FactChannel,
    Id,
    Kind,
    Number,
    Ping,
    Proof,
    Resync,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
    Window,
)
from tidebook.venues.htx.recorded import data_topic, sent_topics
from tidebook.venues.htx.sign import OPEN, SIGN
from tidebook.venues.htx.streams import PING, SUBSCRIBING, facts, middle, tick, whole
from tidebook.venues.htx.swaps import rest, wire
from tidebook.venues.htx.swaps.recorded import listing
from tidebook.venues.htx.swaps.refusals import answers

# At most 40 subscriptions in a second.
MARKET: Final = Endpoint(
    "market", "wss://api.hbdm.com/linear-swap-ws", replace(SUBSCRIBING, pace=0.03), PING, codec=Codec.GZIP
)
# The same socket, where each subscription says that it wants changes: without that word whole books come.
CHANGES: Final = replace(
    MARKET,
    name="changes",
    subscribing=replace(
        SUBSCRIBING,
        subscribe=Template('{"sub":"$topic","data_type":"incremental","id":"$id"}'),
        unsubscribe=Template('{"unsub":"$topic","data_type":"incremental","id":"$id"}'),
        pace=0.03,
    ),
)
INDEX: Final = replace(MARKET, name="index", url="wss://api.hbdm.com/ws_index")
# What happens to contracts. Without five of its answers it closes; the stamps of pings are text there.
EVENTS: Final = replace(
    MARKET,
    name="events",
    url="wss://api.hbdm.com/linear-swap-notification",
    subscribing=Subscribing(
        subscribe=Template('{"op":"sub","cid":"$id","topic":"$topic"}'),
        ack=Template('{"op":"sub","cid":"$id","topic":"$topic","err-code":0}'),
        unsubscribe=Template('{"op":"unsub","cid":"$id","topic":"$topic"}'),
        unsubscribed=Template('{"op":"unsub","cid":"$id","topic":"$topic","err-code":0}'),
        refusals=(Template('{"op":"sub","cid?":"$id","topic?":"$topic","err-code":"$code","err-msg":"$text"}'),),
        pace=0.03,
    ),
    ping=Ping(
        by="server",
        form="message",
        every=5,
        deadline=15,
        ask=Template('{"op":"ping","ts":"$n"}'),
        answer=Template('{"op":"pong","ts":"$n"}'),
        prefix=b'{"op":"ping"',
    ),
    notices=(Template('{"op":"close"}'),),
)

_SIZES: Final = tuple(f"depth.size_{levels}.high_freq" for levels in (20, 150))

# Looked at every 30 ms, told where it changed; a side that did not may be absent. Each topic counts its own versions,
# and each connection begins anew with a whole book.
HIGH_FREQ: Final = BookChannel(
    name="high_freq",
    endpoint="changes",
    topic=lambda instrument: f"market.{instrument}.depth.size_150.high_freq",
    matches=lambda topic: middle(topic, _SIZES),
    shape=BookShape(
        route=("ch",),
        kind=Kind(path="tick.event", snapshot=("snapshot",), delta=("update",)),
        bids=("tick.bids",),
        asks=("tick.asks",),
        number=Number.EITHER,
        last=Id("tick.version"),
        time=Time("ts"),
        window=Window(150),
    ),
    rule=SyncRule(seed=Seed.STREAM, chain=Chain.NEXT, proof=(Proof.SEQUENCE,), resync=Resync.RESUBSCRIBE),
)

# Whole books of 150 levels, or 20 (6 to 13, 18, 19), each second at least. The call `book` answers in this form.
STEP: Final = replace(
    whole("depth", "market", "depth.step0", tuple(f"depth.step{n}" for n in range(20)), tick("tick.version")),
    snapshot=tick("tick.version"),
)


def _event(name: str, ending: str, read: Any) -> FactChannel:
    """A topic of the other protocol; its answers name topics too, so that the word for a push is part of the key."""
    return FactChannel(
        name, "events", lambda instrument, option: f"public.{instrument}.{ending}", read, ("op", "topic"),
        key=lambda topic: f"notify {topic}".encode(),
    )  # fmt: skip


def _facts(*, linear: bool) -> tuple[FactChannel, ...]:
    return (
        facts("trades", "trade.detail", wire.trades),
        facts("quotes", "bbo", wire.quotes),
        facts("bars", "kline.", partial(wire.bars, linear=linear), wire.PERIODS),
        facts("ticker", "detail", partial(wire.ticker, linear=linear)),
        facts("mark_prices", f"mark_price.{wire.MARK_PERIOD}", wire.mark_prices, endpoint="index"),
        _event("funding", "funding_rate", wire.funding),
        _event("liquidations", "liquidation_orders", wire.liquidations),
    )


def _aliases(*paths: str) -> tuple[str, ...]:
    """Where a venue is at hosts that it shares: nothing else there begins so."""
    hosts = ("api.hbdm.com", "api.hbdm.vn", "api.btcgateway.pro")
    shared = ("ws_index", "api/v1/timestamp")
    return tuple(f"{host}/{path}" for host in hosts for path in (*paths, *shared))


LINEAR: Final = Venue(
    name="htx.linear",
    exchange="htx",
    kind="linear",
    endpoints=(MARKET, CHANGES, INDEX, EVENTS),
    books=(HIGH_FREQ, STEP),
    facts=_facts(linear=True),
    calls=rest.calls(rest.LINEAR),
    answers=answers(rest.LINEAR.info),
    rest=rest.SITE,
    pools=(rest.LINEAR.info, rest.MARKET),
    aliases=_aliases("linear-swap-", "v2/linear-swap-", "v5/", "ws/v5/", "index/market/history/linear_swap_"),
    sent_topics=sent_topics,
    data_topic=data_topic,
    listing=partial(listing, "/linear-swap-api/v1/swap_contract_info", linear=True),
    symbol=str,
    sign=SIGN,
    public=OPEN,
    proof_from="USDT-margined contracts 2025-11, Subscribe Incremental Market Depth Data",
)


def _inverse(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, url=endpoint.url.replace("/linear-swap-", "/swap-"))


INVERSE: Final = replace(
    LINEAR,
    name="htx.inverse",
    kind="inverse",
    endpoints=tuple(map(_inverse, LINEAR.endpoints)),
    facts=_facts(linear=False),
    calls=rest.calls(rest.INVERSE),
    answers=answers(rest.INVERSE.info),
    pools=(rest.INVERSE.info, rest.MARKET),
    aliases=_aliases("swap-", "index/market/history/swap_"),
    listing=partial(listing, "/swap-api/v1/swap_contract_info", linear=False),
    proof_from="huobiapi/docs coin_margined_swap_en 2021-06, Subscribe Incremental Market Depth Data",
)

VENUES: Final = (LINEAR, INVERSE)
