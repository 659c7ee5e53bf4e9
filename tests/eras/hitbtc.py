"""HitBTC's second protocol, as recorded in July 2021, and the sites that speak it under other names."""

from tidebook.venue import (
    BookChannel,
    BookShape,
    Chain,
    Endpoint,
    Id,
    Kind,
    Ping,
    Proof,
    Row,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    TimeUnit,
    Venue,
)

PUBLIC = Endpoint(
    "public", "wss://api.hitbtc.com/api/2/ws/public",
    Subscribing(
        Template('{"method":"subscribeOrderbook","params":{"symbol":"$topic"},"id":"$id"}'),
        Template('{"jsonrpc":"2.0","result":true,"id":"$id"}'),
        Template('{"method":"unsubscribeOrderbook","params":{"symbol":"$topic"},"id":"$id"}'),
        Template('{"jsonrpc":"2.0","result":true,"id":"$id"}'),
        refusals=(Template('{"jsonrpc":"2.0","error":{"code":"#code","message":"$text"},"id?":"$id"}'),),
        pace=0.1,
    ),
    Ping(by="server", form="frame", every=30, deadline=60),
)  # fmt: skip

BOOK = BookShape(
    route=("method", "params.symbol"), kind=Kind(default="delta"), bids=("params.bid",), asks=("params.ask",),
    row=Row("price", "size"), last=Id("params.sequence"), time=Time("params.timestamp", TimeUnit.ISO),
)  # fmt: skip

# Whole books and changes look the same and come under different words; a whole book may come again at any time.
ORDERBOOK = BookChannel(
    name="orderbook", endpoint="public", topic=str, matches=str,
    shape=BOOK,
    key=lambda topic: f"updateOrderbook {topic}".encode(),
    snapshot=BOOK,
    reply_key=lambda topic: f"snapshotOrderbook {topic}".encode(),
    rule=SyncRule(Seed.STREAM, Chain.NEXT, proof=(Proof.SEQUENCE,)),
)  # fmt: skip

V2 = Venue(
    name="hitbtc_v2", exchange="hitbtc", kind="spot", endpoints=(PUBLIC,), books=(ORDERBOOK,),
    # One engine behind several names: Bitcoin.com, Bequant, FMFW.
    aliases=("api.hitbtc.com/api/2/", "api.exchange.bitcoin.com/api/2/", "api.bequant.io/api/2/", "api.fmfw.io/api/2/"),
    proof_from="the capture HITBTC of 2021-07-15 and the rule of its oracle",
)  # fmt: skip

VENUES = (V2,)
SETS = {"HITBTC": "hitbtc_v2"}
