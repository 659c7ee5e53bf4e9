"""Binance's futures: USD-M (linear) and COIN-M (inverse).

Facts: the documentation of both as of 2026-08-21. Since 2026-04-23 the streams of USD-M are split: the book and its
best prices come at /public, all else at /market, and a socket carries one of the two. COIN-M's were never split.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Endpoint,
    Environment,
    Era,
    FactChannel,
    Id,
    Kind,
    Lifetime,
    Pace,
    Ping,
    Pool,
    Proof,
    Repeats,
    Resync,
    Seed,
    SyncRule,
    Time,
    Venue,
)
from tidebook.venues.binance import orders, private
from tidebook.venues.binance.answers import answers
from tidebook.venues.binance.futures import account, rest, wire
from tidebook.venues.binance.recorded import data_topic, reads, sent_topics, url_topics
from tidebook.venues.binance.sign import OPEN, SIGN
from tidebook.venues.binance.streams import CHANGES, SUBSCRIBING, asked_at, facts, named, partials

# Documented for spot; here it is taken over as the safe side. Options are at the same host.
CONNECTS: Final = Pool("binance.fstream", "ip", 300, 300)
ORDERS: Final = Pool("binance.placing", "account", 300, 10)

# Ten client messages a second, pings included. 200 streams by one page, 1024 by another. What has missed two of the
# server's pings is dead.
PUBLIC: Final = Endpoint(
    name="public",
    url="wss://fstream.binance.com/public/stream",
    subscribing=replace(SUBSCRIBING, pace=0.125),
    ping=Ping(by="server", form="frame", every=180, deadline=400),
    max_topics=200,
    connects=CONNECTS,
    lifetime=Lifetime(24 * 3600, overlap=300, handover="by_ids"),
)
MARKET: Final = replace(PUBLIC, name="market", url="wss://fstream.binance.com/market/stream")
UNSPLIT: Final = replace(PUBLIC, url="wss://fstream.binance.com/stream")
WHOLE: Final = replace(PUBLIC, name="streams", url="wss://dstream.binance.com/stream")


def unwrapped(**endpoints: Endpoint) -> tuple[Endpoint, ...]:
    """The same streams without {"stream", "data"}, by new names: what other clients read, and some recordings hold."""
    return tuple(replace(one, name=name, url=f"{one.url.removesuffix('stream')}ws") for name, one in endpoints.items())


SPEEDS: Final = ("", "@0ms", "@100ms", "@500ms")


def _named(*suffixes: str) -> Callable[[str], str | None]:
    """The way back from a stream; options are at the same host, whose ids alone have dashes."""
    instrument_of = named(*suffixes)
    return lambda topic: None if "-" in topic else instrument_of(topic)


# Ids are not contiguous: only `pu` chains. A snapshot may stand inside a message, or exactly between two.
DEPTH: Final = BookChannel(
    name="depth",
    endpoint="public",
    topic=lambda instrument: f"{instrument.lower()}@depth@100ms",
    matches=_named(*(f"depth{speed}" for speed in SPEEDS)),
    shape=replace(CHANGES, prev=Id("data.pu"), time=Time("data.T")),
    snapshot=BookShape(bids=("bids",), asks=("asks",), last=Id("lastUpdateId"), time=Time("T")),
    rule=SyncRule(
        seed=Seed.REST,
        chain=Chain.PREV,
        bridge=Bridge.COVERS,
        proof=(Proof.SEQUENCE,),
        resync=Resync.REFETCH,
        pace=Pace(count=3, per=60, spacing=1),
    ),
    rest=rest.seed(rest.USD),
    depths=rest.LEVELS,
    snapshot_of=asked_at("v1/depth"),
    first_data=600,  # unknown names are acknowledged too; a thin contract is silent for minutes
)

# The best of a book, whole each time, in messages that look like changes: the stream's name alone tells them apart.
PARTIAL: Final = BookChannel(
    name="partial",
    endpoint="public",
    topic=lambda instrument: f"{instrument.lower()}@depth20@100ms",
    matches=_named(*partials(("", "@100ms", "@500ms"))),
    shape=replace(DEPTH.shape, kind=Kind(default="snapshot"), first=None, prev=None),
    rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,), resync=Resync.RESUBSCRIBE),
)

# The same with orders of retail price improvement, which the other books leave out.
RPI: Final = replace(
    DEPTH,
    name="rpi",
    topic=lambda instrument: f"{instrument.lower()}@rpiDepth@500ms",
    matches=_named("rpiDepth@500ms"),
    rest=rest.rpi_seed,
    depths=(1000,),
    snapshot_of=asked_at("v1/rpiDepth"),
)

TRADES: Final = facts("trades", "aggTrade", wire.trades, endpoint="market")
QUOTES: Final = facts("quotes", "bookTicker", wire.quotes, endpoint="public")
BARS: Final = facts("bars", "kline_", wire.usd_bars, wire.INTERVALS, "market")
TICKER: Final = facts("ticker", "ticker", wire.usd_ticker, endpoint="market")
# The venue says the mark price every second, changed or not.
MARKS: Final = replace(
    facts("mark_prices", "markPrice@1s", wire.marks, endpoint="market"), also=("funding",), life=Repeats(60)
)
LIQUIDATIONS: Final = facts("liquidations", "forceOrder", wire.liquidations, endpoint="market")


def _listing(path: str) -> Callable[[str, bytes], Mapping[str, str]]:
    return reads(path, wire.Contracts, lambda info: [(one.symbol, one.name) for one in info.symbols])


def _at_once(*channels: FactChannel) -> tuple[FactChannel, ...]:
    return tuple(replace(channel, endpoint="streams") for channel in channels)


USDM: Final = Venue(
    name="binance.usdm",
    exchange="binance",
    kind="linear",
    endpoints=(PUBLIC, MARKET, *unwrapped(public_raw=PUBLIC, market_raw=MARKET)),
    books=(DEPTH, PARTIAL, RPI),
    facts=(TRADES, QUOTES, BARS, TICKER, MARKS, LIQUIDATIONS),
    calls=rest.calls(rest.USD),
    answers=answers(rest.WEIGHT, rest.KINDS, failed=rest.FAILED),
    rest="https://fapi.binance.com",
    pools=(rest.WEIGHT, rest.FUNDING, CONNECTS, ORDERS),
    environments=(
        Environment("live"),
        Environment(
            "testnet",
            {
                "fapi.binance.com": "testnet.binancefuture.com",
                "fstream.binance.com": "fstream.binancefuture.com",
                "ws-fapi.binance.com": "testnet.binancefuture.com",
            },
        ),
        Environment(
            "demo", {"fapi.binance.com": "demo-fapi.binance.com", "fstream.binance.com": "demo-fstream.binance.com"}
        ),
    ),
    eras=(Era("unsplit", "2026-04-23", endpoints=(UNSPLIT, replace(UNSPLIT, name="market"))),),
    # Portfolio margin is asked at a host of its own, by the same keys and signatures.
    aliases=("fstream.binance.com", "fapi.binance.com", "papi.binance.com"),
    url_topics=url_topics,
    sent_topics=sent_topics,
    data_topic=data_topic,
    listing=_listing("fapi/v1/exchangeInfo"),
    trading=private.futures("https://fapi.binance.com/fapi", "v3", rest.WEIGHT, ORDERS, orders.futures(CONNECTS)),
    account=account.stream("https://fapi.binance.com/fapi", CONNECTS, rest.WEIGHT),
    sign=SIGN,
    public=OPEN,
    proof_from="USD-M futures 2026-08-21, How to manage a local order book correctly",
)

COINM: Final = replace(
    USDM,
    name="binance.coinm",
    kind="inverse",
    endpoints=(WHOLE, *unwrapped(raw=WHOLE)),
    books=(replace(DEPTH, endpoint="streams", rest=rest.seed(rest.COIN)), replace(PARTIAL, endpoint="streams")),
    facts=_at_once(
        TRADES, QUOTES, replace(BARS, read=wire.coin_bars), replace(TICKER, read=wire.coin_ticker), MARKS, LIQUIDATIONS
    ),
    calls=rest.calls(rest.COIN),
    rest="https://dapi.binance.com",
    pools=(rest.WEIGHT, CONNECTS),
    environments=(
        Environment("live"),
        Environment(
            "testnet",
            {"dapi.binance.com": "testnet.binancefuture.com", "dstream.binance.com": "dstream.binancefuture.com"},
        ),
        Environment(
            "demo", {"dapi.binance.com": "demo-dapi.binance.com", "dstream.binance.com": "demo-dstream.binance.com"}
        ),
    ),
    eras=(),
    trading=None,
    account=None,  # sizes are contracts there, margins coins
    aliases=("dstream.binance.com", "dapi.binance.com"),
    listing=_listing("dapi/v1/exchangeInfo"),
    proof_from="COIN-M futures 2026-08-21, How to manage a local order book correctly",
)

VENUES: Final = (USDM, COINM)
