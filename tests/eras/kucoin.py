"""KuCoin spot, the classic feed. Facts: KuCoin's documentation of level2 as of 2026-09-22."""

import json
from urllib.parse import parse_qs, urlsplit

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Endpoint,
    Id,
    Kind,
    Ping,
    Pool,
    Proof,
    Request,
    RestSeed,
    Resync,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
)

SETS = {"KUCOIN": "kucoin.spot"}

SUBSCRIBE = Template('{"id":"$id","type":"subscribe","topic":"$topic","privateChannel":false,"response":true}')
REST = "https://api.kucoin.com/api/v1/market/orderbook/level2_100?symbol="
LEVEL2 = "/market/level2:"
# The address comes with a token from a call; this one is that of the recording.
CLASSIC = Endpoint(
    name="classic",
    url="wss://push-private.kucoin.com/endpoint",
    subscribing=Subscribing(SUBSCRIBE, Template('{"id":"$id","type":"ack"}')),
    ping=Ping("client", "message", 18, 10, Template('{"id":"$id","type":"ping"}'), Template('{"type":"pong"}')),
)


def _sent(message: str) -> tuple[str, ...]:
    slots = SUBSCRIBE.match(json.loads(message))
    if slots is None or not slots["topic"].startswith(LEVEL2):
        return ()
    return tuple(LEVEL2 + symbol.strip() for symbol in slots["topic"].removeprefix(LEVEL2).split(","))


def _asked(url: str) -> str | None:
    parts = urlsplit(url)
    return parse_qs(parts.query).get("symbol", [None])[0] if "/orderbook/level2" in parts.path else None


# A row of price 0 moves the counter and is no level. Rows have sequences of their own, which are not needed: sizes
# are absolute, and a message holds every change of its range.
BOOK = BookChannel(
    name="level2",
    endpoint="classic",
    topic=lambda symbol: LEVEL2 + symbol,
    matches=lambda topic: topic.removeprefix(LEVEL2) if topic.startswith(LEVEL2) else None,
    shape=BookShape(
        route=("topic",),
        kind=Kind(default="delta"),
        bids=("data.changes.bids",),
        asks=("data.changes.asks",),
        skip_zero_price=True,
        first=Id("data.sequenceStart"),
        last=Id("data.sequenceEnd"),
    ),
    snapshot=BookShape(bids=("data.bids",), asks=("data.asks",), last=Id("data.sequence"), time=Time("data.time")),
    rule=SyncRule(
        seed=Seed.REST, chain=Chain.NEXT, bridge=Bridge.COVERS_NEXT, proof=(Proof.SEQUENCE,), resync=Resync.REFETCH
    ),
    rest=lambda symbol, limit: RestSeed(Request("GET", REST + symbol), "public", 2),
    snapshot_of=_asked,
    first_data=120,
)

VENUES = (
    Venue(
        name="kucoin.spot",
        exchange="kucoin",
        kind="spot",
        endpoints=(CLASSIC,),
        books=(BOOK,),
        pools=(Pool("public", "ip", 2000, 30),),
        aliases=("push-private.kucoin.com", "ws-api-spot.kucoin.com", "api.kucoin.com"),
        sent_topics=_sent,
    ),
)
