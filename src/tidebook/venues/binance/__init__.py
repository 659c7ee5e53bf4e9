"""Binance: spot, and Binance.US, which speaks the same API at its own hosts; derivatives are in their own folders.

Facts: the venue's spot API documentation as of 2026-07-21; of Binance.US: its own as of 2023-09-06.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Endpoint,
    Environment,
    FactChannel,
    Id,
    Lifetime,
    Pace,
    Ping,
    Pool,
    Proof,
    RestSeed,
    Resync,
    Seed,
    SyncRule,
    Template,
    Time,
    Venue,
)
from tidebook.venues.binance import account, futures, options, orders, private, rest, wire
from tidebook.venues.binance.answers import answers
from tidebook.venues.binance.recorded import data_topic, listing, sent_topics, url_topics
from tidebook.venues.binance.sign import OPEN, SIGN
from tidebook.venues.binance.streams import CHANGES, SUBSCRIBING, WRAPPED, asked_at, facts, named, partials

CONNECTS = Pool("binance.connects", "ip", 300, 300)
ORDERS = Pool("binance.orders", "account", 50, 10)  # a fill gives its order back; nobody counts on that
_SHUTDOWN = '{"e":"serverShutdown","E":"#E"}'  # before maintenance, since 2026-05-08; how long before is not said

# Five client messages a second, pings included.
STREAMS = Endpoint(
    name="streams",
    url="wss://stream.binance.com:9443/stream",
    subscribing=SUBSCRIBING,
    ping=Ping(by="server", form="frame", every=20, deadline=60),
    max_topics=1024,
    connects=CONNECTS,
    lifetime=Lifetime(24 * 3600, overlap=300, handover="by_ids"),
    notices=(Template(f'{{"stream":"!serverShutdown","data":{_SHUTDOWN}}}'),),
)

# The unwrapped form of the same streams, as it is in older recordings. Only changes can be routed in it: a partial
# book does not say whose it is.
RAW = replace(STREAMS, name="raw", url="wss://stream.binance.com:9443/ws", notices=(Template(_SHUTDOWN),))


def _seed(site: rest.Site) -> Callable[[str, int | None], RestSeed]:
    return partial(rest.seed, rest.of_symbol(f"{site.api}/depth"), site.pool, site.depth, 1000)


DEPTH = BookChannel(
    name="depth",
    endpoint="streams",
    topic=lambda instrument: f"{instrument.lower()}@depth@100ms",
    matches=named("depth", "depth@100ms"),
    shape=CHANGES,
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
    rest=_seed(rest.MAIN),
    depths=(100, 500, 1000, 5000),
    snapshot_of=asked_at("/depth"),
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

# A partial book is whole each time; two messages may carry the same id and still differ in time.
PARTIAL = BookChannel(
    name="partial",
    endpoint="streams",
    topic=lambda instrument: f"{instrument.lower()}@depth20@100ms",
    matches=named(*partials(("", "@100ms"))),
    shape=BookShape(route=WRAPPED, bids=("data.bids",), asks=("data.asks",), last=Id("data.lastUpdateId")),
    rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,), resync=Resync.RESUBSCRIBE),
)


def _facts(site: rest.Site) -> tuple[FactChannel, ...]:
    return (
        facts("trades", "trade", wire.trades),
        facts("agg_trades", "aggTrade", wire.agg_trades),
        facts("quotes", "bookTicker", wire.quotes),
        facts("bars", "kline_", wire.bars, tuple(site.intervals)),
        facts("ticker", "ticker", wire.ticker),
    )


ENVIRONMENTS = (
    Environment("live"),
    Environment("testnet", {
        "api.binance.com": "testnet.binance.vision", "stream.binance.com:9443": "stream.testnet.binance.vision",
        "ws-api.binance.com": "ws-api.testnet.binance.vision",
    }),
    Environment("demo", {
        "api.binance.com": "demo-api.binance.com", "stream.binance.com:9443": "demo-stream.binance.com",
        "ws-api.binance.com": "demo-ws-api.binance.com",
    }),
)  # fmt: skip

SPOT = Venue(
    name="binance.spot",
    exchange="binance",
    kind="spot",
    endpoints=(STREAMS, RAW),
    books=(DEPTH, DEPTH_RAW, PARTIAL),
    facts=_facts(rest.MAIN),
    calls=rest.calls(rest.MAIN),
    answers=answers(rest.MAIN.pool, rest.KINDS),
    rest="https://api.binance.com",
    pools=(rest.MAIN.pool, CONNECTS, ORDERS),
    environments=ENVIRONMENTS,
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
    trading=private.spot(rest.MAIN.api, rest.MAIN.pool, ORDERS, orders.spot(account.API, CONNECTS)),
    account=account.spot(CONNECTS),
    sign=SIGN,
    public=OPEN,
    proof_from="binance-spot-api-docs 2026-07-21, web-socket-streams.md (How to manage a local order book correctly)",
)

# An exchange of its own, with its own limits. It pings every three minutes; what is silent for two of them is dead.
_US_CONNECTS = replace(CONNECTS, name="binance_us.sockets")
_US_STREAMS = replace(
    STREAMS, url="wss://stream.binance.us:9443/stream", connects=_US_CONNECTS,
    ping=Ping(by="server", form="frame", every=180, deadline=400),
)  # fmt: skip
_US_DEPTH = replace(DEPTH, rest=_seed(rest.US))

SPOT_US = replace(
    SPOT,
    name="binance_us.spot",
    exchange="binance_us",
    endpoints=(_US_STREAMS, replace(_US_STREAMS, name="raw", url="wss://stream.binance.us:9443/ws")),
    books=(_US_DEPTH, replace(DEPTH_RAW, rest=_US_DEPTH.rest), PARTIAL),
    facts=_facts(rest.US),
    calls=rest.calls(rest.US),
    answers=answers(rest.US.pool, rest.KINDS),
    rest="https://api.binance.us",
    pools=(rest.US.pool, _US_CONNECTS),
    environments=(Environment("live"),),
    aliases=("stream.binance.us", "api.binance.us"),
    trading=None,
    account=None,  # of 2023, and not looked at since
    proof_from="binance-us-api-docs 2023-09-06, web-socket-streams.md (How to manage a local order book correctly)",
)

VENUES = (SPOT, *futures.VENUES, *options.VENUES, SPOT_US)
