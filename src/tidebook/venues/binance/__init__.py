"""Binance spot. Facts: the venue's spot API documentation as of 2026-07-21."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Endpoint,
    Environment,
    FactChannel,
    Id,
    Kind,
    Lifetime,
    Pace,
    Ping,
    Pool,
    Proof,
    Question,
    RestSeed,
    Resync,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
)
from tidebook.venues.binance import wire
from tidebook.venues.binance.recorded import data_topic, listing, sent_topics, url_topics
from tidebook.venues.binance.rest import ANSWERS, CALLS, WEIGHT, depth, levels_weight

CONNECTS = Pool("binance.connects", "ip", 300, 300)
_SHUTDOWN = '{"e":"serverShutdown","E":"#E"}'  # before maintenance, since 2026-05-08; how long before is not said

# Unknown streams are acknowledged all the same; five client messages a second, pings included.
STREAMS = Endpoint(
    name="streams",
    url="wss://stream.binance.com:9443/stream",
    subscribing=Subscribing(
        subscribe=Template('{"method":"SUBSCRIBE","params":"@topics","id":"#id"}'),
        ack=Template('{"result":null,"id":"#id"}'),
        unsubscribe=Template('{"method":"UNSUBSCRIBE","params":"@topics","id":"#id"}'),
        refusals=(Template('{"code":"#code","msg":"$text","id?":"#id"}'),),
        topics_per_message=100,
        pace=0.25,
    ),
    ping=Ping(by="server", form="frame", every=20, deadline=60),
    max_topics=1024,
    connects=CONNECTS,
    lifetime=Lifetime(24 * 3600, overlap=300, handover="by_ids"),
    notices=(Template(f'{{"stream":"!serverShutdown","data":{_SHUTDOWN}}}'),),
)

# The unwrapped form of the same streams, as it is in older recordings. Only changes can be routed in it: a partial
# book does not say whose it is.
RAW = replace(STREAMS, name="raw", url="wss://stream.binance.com:9443/ws", notices=(Template(_SHUTDOWN),))

_WRAPPED = ("stream",)


def _depth(instrument: str, limit: int | None) -> RestSeed:
    limit = limit or 1000
    return RestSeed(depth(Question(instrument, limit=limit)), WEIGHT.name, levels_weight(limit))


def _depth_of(url: str) -> str | None:
    """For which instrument a snapshot's URL asks. Older versions of the path are understood too."""
    parts = urlsplit(url)
    if not parts.path.endswith("/depth"):
        return None
    symbol = parse_qs(parts.query).get("symbol")
    return symbol[0].upper() if symbol else None


def _stream_of(suffixes: tuple[str, ...], topic: str) -> str | None:
    symbol, _, rest = topic.partition("@")
    return symbol.upper() if rest in suffixes and symbol else None


DEPTH = BookChannel(
    name="depth",
    endpoint="streams",
    topic=lambda instrument: f"{instrument.lower()}@depth@100ms",
    matches=lambda topic: _stream_of(("depth", "depth@100ms"), topic),
    shape=BookShape(
        route=_WRAPPED,
        kind=Kind(default="delta"),
        bids=("data.b",),
        asks=("data.a",),
        first=Id("data.U"),
        last=Id("data.u"),
        time=Time("data.E"),
    ),
    snapshot=BookShape(bids=("bids",), asks=("asks",), last=Id("lastUpdateId")),
    rule=SyncRule(
        seed=Seed.REST,
        chain=Chain.NEXT,
        bridge=Bridge.COVERS_NEXT,
        proof=(Proof.SEQUENCE,),
        resync=Resync.REFETCH,
        empty_id=-1,
        pace=Pace(count=3, per=60, spacing=1),
    ),
    rest=_depth,
    depths=(100, 500, 1000, 5000),
    snapshot_of=_depth_of,
    first_data=120,  # unknown names are acknowledged too; in a quiet market nothing comes for a while
)


def _raw_key(topic: str) -> bytes:
    return f"depthUpdate {topic.partition('@')[0].upper()}".encode()


DEPTH_RAW = replace(
    DEPTH,
    name="depth_raw",
    endpoint="raw",
    shape=replace(
        DEPTH.shape,
        route=("e", "s"),
        bids=("b",),
        asks=("a",),
        first=Id("U"),
        last=Id("u"),
        time=Time("E"),
    ),
    key=_raw_key,
)

_PARTIAL = tuple(f"depth{n}{speed}" for n in (5, 10, 20) for speed in ("", "@100ms"))

# A partial book is whole each time; two messages may carry the same id and still differ in time.
PARTIAL = BookChannel(
    name="partial",
    endpoint="streams",
    topic=lambda instrument: f"{instrument.lower()}@depth20@100ms",
    matches=lambda topic: _stream_of(_PARTIAL, topic),
    shape=BookShape(route=_WRAPPED, bids=("data.bids",), asks=("data.asks",), last=Id("data.lastUpdateId")),
    rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,), resync=Resync.RESUBSCRIBE),
)


def _facts(name: str, stream: str, read: Any, options: tuple[str, ...] = ()) -> FactChannel:
    """A stream of one symbol; `stream` ends where the option follows."""
    return FactChannel(
        name, "streams", lambda instrument, option: f"{instrument.lower()}@{stream}{option or ''}", read, _WRAPPED,
        options=options,
    )  # fmt: skip


FACTS = (
    _facts("trades", "trade", wire.trades),
    _facts("agg_trades", "aggTrade", wire.agg_trades),
    _facts("quotes", "bookTicker", wire.quotes),
    _facts("bars", "kline_", wire.bars, wire.INTERVALS),
    _facts("ticker", "ticker", wire.ticker),
)

SPOT = Venue(
    name="binance.spot",
    exchange="binance",
    kind="spot",
    endpoints=(STREAMS, RAW),
    books=(DEPTH, DEPTH_RAW, PARTIAL),
    facts=FACTS,
    calls=CALLS,
    answers=ANSWERS,
    rest="https://api.binance.com",
    pools=(WEIGHT, CONNECTS),
    environments=(
        Environment("live"),
        Environment(
            "testnet",
            {"api.binance.com": "testnet.binance.vision", "stream.binance.com:9443": "stream.testnet.binance.vision"},
        ),
        Environment(
            "demo", {"api.binance.com": "demo-api.binance.com", "stream.binance.com:9443": "demo-stream.binance.com"}
        ),
    ),
    aliases=(
        "stream.binance.com",
        "api.binance.com",
        "www.binance.com/api/",
        "data-stream.binance.vision",
        "data-api.binance.vision",
        *(f"api{n}.binance.com" for n in ("-gcp", 1, 2, 3, 4)),
    ),
    url_topics=url_topics,
    sent_topics=sent_topics,
    data_topic=data_topic,
    listing=listing,
    proof_from="binance-spot-api-docs 2026-07-21, web-socket-streams.md (How to manage a local order book correctly)",
)

VENUES = (SPOT,)
