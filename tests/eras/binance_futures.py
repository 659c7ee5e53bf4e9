"""Binance's futures: the book only. Facts: the venue's documentation of USD-M and COIN-M futures, as of 2026-08-21.

The path of the streams is the one until 2026-04-23 for USD-M; the messages are today's.
"""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from tidebook.venue import BookShape, Bridge, Chain, Endpoint, Id, Pool, Request, RestSeed, SyncRule, Time, Venue
from tidebook.venues.binance import DEPTH, STREAMS
from tidebook.venues.binance.recorded import data_topic, listing, sent_topics, url_topics

SETS = {
    "BINANCE_FUTURES": "binance.usdm",
    "BINANCE_FUTURES@2024-07-18": "binance.usdm",
    "BINANCE_DELIVERY": "binance.coinm",
}


def _symbol_of(topic: str) -> str | None:
    symbol, _, rest = topic.partition("@")
    return symbol.upper() if rest in ("depth", "depth@0ms", "depth@100ms", "depth@500ms") else None


def _asked(url: str) -> str | None:
    parts = urlsplit(url)
    return parse_qs(parts.query).get("symbol", [None])[0] if parts.path.endswith("v1/depth") else None


# Ids are not contiguous: only `pu` chains. A snapshot may stand inside a message, or exactly between two.
USDM = replace(
    DEPTH,
    shape=replace(DEPTH.shape, prev=Id("data.pu"), time=Time("data.T")),
    snapshot=BookShape(bids=("bids",), asks=("asks",), last=Id("lastUpdateId"), time=Time("T")),
    rule=SyncRule(
        DEPTH.rule.seed, Chain.PREV, Bridge.COVERS, proof=DEPTH.rule.proof, resync=DEPTH.rule.resync,
        pace=DEPTH.rule.pace,
    ),
    matches=_symbol_of,
    snapshot_of=_asked,
    rest=lambda symbol, limit: RestSeed(
        Request("GET", f"https://fapi.binance.com/fapi/v1/depth?symbol={symbol}&limit={limit or 1000}"), "weight", 20
    ),
)  # fmt: skip
COINM = replace(
    USDM,
    rest=lambda symbol, limit: RestSeed(
        Request("GET", f"https://dapi.binance.com/dapi/v1/depth?symbol={symbol}&limit={limit or 1000}"), "weight", 20
    ),
)

BASE = Venue(
    name="binance.usdm",
    exchange="binance",
    kind="linear",
    endpoints=(Endpoint("streams", "wss://fstream.binance.com/stream", STREAMS.subscribing, STREAMS.ping),),
    books=(USDM,),
    pools=(Pool("weight", "ip", 2400, 60),),
    aliases=("fstream.binance.com", "fapi.binance.com"),
    url_topics=url_topics,
    sent_topics=sent_topics,
    data_topic=data_topic,
    listing=listing,
)
VENUES = (
    BASE,
    replace(
        BASE,
        name="binance.coinm",
        kind="inverse",
        endpoints=(replace(BASE.endpoints[0], url="wss://dstream.binance.com/stream"),),
        books=(COINM,),
        aliases=("dstream.binance.com", "dapi.binance.com"),
    ),
)
