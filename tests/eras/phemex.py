"""Phemex: prices as integers, scaled by the list of products; thirty levels of a side."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from tidebook.venue import (
    BookChannel,
    BookShape,
    Chain,
    Endpoint,
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
    TimeUnit,
    Venue,
    Window,
)

# An unsubscription ends all books of a connection, so it is not declared.
WS = Endpoint(
    "ws", "wss://phemex.com/ws",
    Subscribing(
        Template('{"id":"#id","method":"orderbook.subscribe","params":["$topic"]}'),
        Template('{"error":null,"id":"#id","result":{"status":"success"}}'),
        refusals=(Template('{"error":{"code":"#code","message":"$text"},"id":"#id","result":null}'),),
    ),
    Ping(
        by="client", form="message", every=5, deadline=25,
        ask=Template('{"id":"#id","method":"server.ping","params":[]}'),
        answer=Template('{"error":null,"id":"#id","result":"pong"}'),
    ),
)  # fmt: skip


class Product(msgspec.Struct):
    symbol: str
    price: int | None = msgspec.field(name="priceScale", default=None)


class Products(msgspec.Struct):
    products: list[Product]


class Body(msgspec.Struct):
    data: Products


def _scales(url: str, body: bytes) -> Mapping[str, tuple[int, int]]:
    """Contracts list the scale of their prices; spot prices have 8 places. Sizes are left as they are sent."""
    if not urlsplit(url).path.endswith("/products"):
        return {}
    try:
        products = msgspec.json.decode(body, type=Body).data.products
    except msgspec.MsgspecError:
        return {}
    return {one.symbol: (8 if one.price is None else one.price, 0) for one in products}


# Trades and candles name the instrument where books do; only books say a depth. Ids rise by more than one.
ORDERBOOK = BookChannel(
    name="orderbook", endpoint="ws", topic=str, matches=str,
    shape=BookShape(
        route=("symbol", "depth"), kind=Kind(path="type", snapshot=("snapshot",), delta=("incremental",)),
        bids=("book.bids",), asks=("book.asks",), number=Number.JSON, scaled=True, last=Id("sequence"),
        time=Time("timestamp", TimeUnit.NS), window=Window(30),
    ),
    key=lambda topic: f"{topic} 30".encode(),
    rule=SyncRule(Seed.STREAM, Chain.RISING, proof=(Proof.COMPARE,), resync=Resync.RECONNECT),
)  # fmt: skip

PHEMEX = Venue(
    name="phemex.books", exchange="phemex", kind="mixed", endpoints=(WS,), books=(ORDERBOOK,),
    aliases=("phemex.com", "api.phemex.com"), scales=_scales,
    proof_from="the capture PHEMEX of 2021-07-03 and the rule of its oracle",
)  # fmt: skip

VENUES = (PHEMEX,)
SETS = {"PHEMEX": "phemex.books"}
