"""Gate, spot and futures: the book that is seeded over REST. Facts: Gate's API v4 as of 2026-09-15."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Endpoint,
    Id,
    Kind,
    Number,
    Ping,
    Pool,
    Proof,
    Request,
    RestSeed,
    Resync,
    Row,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    TimeUnit,
    Venue,
)

SETS = {"GATEIO": "gate.spot", "GATEIO_FUTURES": "gate.linear"}
REST = "https://api.gateio.ws/api/v4"


def _endpoint(product: str, url: str) -> Endpoint:
    channel = f'"channel":"{product}.order_book_update"'
    # Public channels do not look at the time.
    asks = f'{{"time":"#id","id":"#id",{channel},"event":"%s","payload":["$topic","100ms"]}}'
    told = f'{{"id":"#id",{channel},"event":"%s","result":{{"status":"success"}}}}'
    return Endpoint(
        name=product,
        url=url,
        subscribing=Subscribing(
            subscribe=Template(asks % "subscribe"),
            ack=Template(told % "subscribe"),
            unsubscribe=Template(asks % "unsubscribe"),
            unsubscribed=Template(told % "unsubscribe"),
            refusals=(Template('{"id":"#id","error":{"code":"#code","message":"$text"}}'),),
        ),
        ping=Ping(
            "client", "message", 15, 10,
            Template(f'{{"time":"#now","channel":"{product}.ping"}}'), Template(f'{{"channel":"{product}.pong"}}'),
        ),
    )  # fmt: skip


def _sent(message: str) -> tuple[str, ...]:
    asked = json.loads(message)
    if not isinstance(asked, dict) or not str(asked.get("channel")).endswith(".order_book_update"):
        return ()
    return (asked["payload"][0],)


def _asked(url: str) -> str | None:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return query.get("currency_pair", query.get("contract", [None]))[0] if parts.path.endswith("/order_book") else None


# At most 100 levels: deeper snapshots are old, and the channel says nothing of what lies deeper.
SPOT = BookChannel(
    name="spot",
    endpoint="spot",
    topic=lambda pair: pair,
    matches=lambda topic: topic,
    key=lambda topic: f"spot.order_book_update update {topic}".encode(),
    shape=BookShape(
        route=("channel", "event", "result.s"),
        kind=Kind(default="delta"),
        bids=("result.b",),
        asks=("result.a",),
        first=Id("result.U"),
        last=Id("result.u"),
        time=Time("result.t"),
    ),
    snapshot=BookShape(bids=("bids",), asks=("asks",), last=Id("id")),
    rule=SyncRule(
        seed=Seed.REST, chain=Chain.NEXT, bridge=Bridge.COVERS_NEXT, proof=(Proof.SEQUENCE,), resync=Resync.REFETCH
    ),
    rest=lambda pair, limit: RestSeed(
        Request("GET", f"{REST}/spot/order_book?currency_pair={pair}&limit=100&with_id=true"), "public", 1
    ),
    snapshot_of=_asked,
    first_data=120,
)
# Rows are objects, sizes numbers or text, and the snapshot's stamp is in seconds.
ROW = Row(price="p", size="s")
FUTURES = replace(
    SPOT,
    name="futures",
    endpoint="futures",
    key=lambda topic: f"futures.order_book_update update {topic}".encode(),
    shape=replace(SPOT.shape, row=ROW, number=Number.EITHER),
    snapshot=BookShape(
        bids=("bids",), asks=("asks",), row=ROW, number=Number.EITHER, last=Id("id"), time=Time("update", TimeUnit.S)
    ),
    rest=lambda contract, limit: RestSeed(
        Request("GET", f"{REST}/futures/usdt/order_book?contract={contract}&limit=100&with_id=true"), "public", 1
    ),
)

BASE = Venue(
    name="gate.spot",
    exchange="gate",
    kind="spot",
    endpoints=(_endpoint("spot", "wss://api.gateio.ws/ws/v4/"),),
    books=(SPOT,),
    pools=(Pool("public", "ip", 200, 10),),
    aliases=("api.gateio.ws/ws/", "api.gateio.ws/api/v4/spot/"),
    sent_topics=_sent,
)
VENUES = (
    BASE,
    replace(
        BASE,
        name="gate.linear",
        kind="linear",
        endpoints=(_endpoint("futures", "wss://fx-ws.gateio.ws/v4/ws/usdt"),),
        books=(FUTURES,),
        aliases=("fx-ws.gateio.ws", "api.gateio.ws/api/v4/futures/"),
    ),
)
