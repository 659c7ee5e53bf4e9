"""HTX (Huobi) spot. Facts: huobiapi/docs v1_en and later notices, as of 2026-06-30."""

from dataclasses import replace
from typing import Any

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Codec,
    Endpoint,
    FactChannel,
    Id,
    Kind,
    Number,
    Pace,
    Ping,
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
from tidebook.venues.htx import wire
from tidebook.venues.htx.recorded import data_topic, listing, sent_topics
from tidebook.venues.htx.rest import ANSWERS, CALLS, REST

# Whole frames are gzip members; heartbeats are messages every 5 s, two missed answers end the connection.
_PING = Ping(
    by="server",
    form="message",
    every=5,
    deadline=15,
    ask=Template('{"ping":"#n"}'),
    answer=Template('{"pong":"#n"}'),
    prefix=b'{"ping":',
)
_SUBSCRIBING = Subscribing(
    subscribe=Template('{"sub":"$topic","id":"$id"}'),
    ack=Template('{"id":"$id","status":"ok","subbed":"$topic"}'),
    unsubscribe=Template('{"unsub":"$topic","id":"$id"}'),
    unsubscribed=Template('{"id":"$id","status":"ok","unsubbed":"$topic"}'),
    refusals=(Template('{"status":"error","id?":"$id","err-code":"$code","err-msg":"$text"}'),),
)
MARKET = Endpoint("market", "wss://api.huobi.pro/ws", _SUBSCRIBING, _PING, codec=Codec.GZIP)
# Incremental depth and the requests for it are served here alone.
FEED = Endpoint("feed", "wss://api.huobi.pro/feed", _SUBSCRIBING, _PING, codec=Codec.GZIP)


def _middle(topic: str, endings: tuple[str, ...]) -> str | None:
    """The instrument in `market.<instrument>.<ending>`."""
    parts = topic.split(".", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "market" and parts[2] in endings else None


def _whole(name: str, endpoint: str, default: str, endings: tuple[str, ...], shape: BookShape) -> BookChannel:
    """A channel whose messages are whole books."""
    return BookChannel(
        name=name,
        endpoint=endpoint,
        topic=lambda instrument: f"market.{instrument}.{default}",
        matches=lambda topic: _middle(topic, endings),
        shape=shape,
        rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,), resync=Resync.RESUBSCRIBE),
        life=Repeats(10),  # each second, or each tenth of one
    )


def _tick(last: str) -> BookShape:
    return BookShape(
        route=("ch",),
        bids=("tick.bids",),
        asks=("tick.asks",),
        number=Number.EITHER,
        last=Id(last, optional=True),
        time=Time("ts"),
    )


# Sent about once a second, changed or not; an equal version is a new message. The call `book` answers in this form.
STEP = replace(
    _whole("depth", "market", "depth.step0", tuple(f"depth.step{n}" for n in range(6)), _tick("tick.version")),
    snapshot=_tick("tick.version"),
)
REFRESH = _whole(
    "refresh", "market", "mbp.refresh.20", tuple(f"mbp.refresh.{n}" for n in (5, 10, 20)), _tick("tick.seqNum")
)

_MBP = tuple(f"mbp.{n}" for n in (5, 20, 150, 400))

# Changes between successive top-N books: a side that did not change may be absent. The snapshot is
# asked for on the same socket; it often lags, so it is asked for again after 100 ms.
MBP = BookChannel(
    name="mbp",
    endpoint="feed",
    topic=lambda instrument: f"market.{instrument}.mbp.150",
    matches=lambda topic: _middle(topic, _MBP),
    shape=BookShape(
        route=("ch",),
        kind=Kind(default="delta"),
        bids=("tick.bids",),
        asks=("tick.asks",),
        number=Number.EITHER,
        last=Id("tick.seqNum"),
        prev=Id("tick.prevSeqNum"),
        time=Time("ts"),
        window=Window(150),
    ),
    snapshot=BookShape(
        # Replies name the same topic as pushes; their status makes the key another one.
        route=("rep", "status"),
        bids=("data.bids",),
        asks=("data.asks",),
        number=Number.EITHER,
        last=Id("data.seqNum"),
    ),
    rule=SyncRule(
        seed=Seed.REQUEST,
        chain=Chain.PREV,
        bridge=Bridge.PREV,
        proof=(Proof.SEQUENCE,),
        resync=Resync.REQUEST,
        pace=Pace(count=60, per=60, spacing=0.1),
    ),
    reply_key=lambda topic: f"{topic} ok".encode(),
    ask=Template('{"req":"$topic","id":"$id"}'),
)


def _facts(name: str, ending: str, read: Any, periods: dict[str, str] | None = None) -> FactChannel:
    """A topic of one instrument; `ending` stops where the period follows."""
    words = periods or {}
    return FactChannel(
        name, "market", lambda instrument, option: f"market.{instrument}.{ending}{words.get(option or '', '')}", read,
        ("ch",), options=tuple(words),
    )  # fmt: skip


FACTS = (
    _facts("trades", "trade.detail", wire.trades),
    _facts("quotes", "bbo", wire.quotes),
    _facts("bars", "kline.", wire.bars, wire.PERIODS),
    _facts("ticker", "ticker", wire.ticker),
)

SPOT = Venue(
    name="htx.spot",
    exchange="htx",
    kind="spot",
    endpoints=(MARKET, FEED),
    books=(STEP, REFRESH, MBP),
    facts=FACTS,
    calls=CALLS,
    answers=ANSWERS,
    rest="https://api.huobi.pro",
    pools=(REST,),
    aliases=("api.huobi.pro", "api-aws.huobi.pro", "api.htx.com"),
    sent_topics=sent_topics,
    data_topic=data_topic,
    listing=listing,
    symbol=str,
    proof_from="huobiapi/docs v1_en: market depth, market by price",
)

VENUES = (SPOT,)
