"""BitMEX as its recordings show it, the book only: levels that are named once and spoken of by number."""

from dataclasses import replace

from tidebook.venue import (
    BookChannel,
    BookShape,
    Endpoint,
    Kind,
    Number,
    Ping,
    Remove,
    Row,
    Rows,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Venue,
)

REALTIME = Endpoint(
    "realtime", "wss://www.bitmex.com/realtime",
    Subscribing(
        Template('{"op":"subscribe","args":"@topics"}'),
        Template('{"success":true,"subscribe":"$topic"}'),
        Template('{"op":"unsubscribe","args":"@topics"}'),
        Template('{"success":true,"unsubscribe":"$topic"}'),
        refusals=(Template('{"status":"#code","error":"$text","request":{"op":"subscribe","args":"@topics"}}'),),
        topics_per_message=20,
    ),
    Ping(by="client", form="frame", every=5, deadline=5),
)  # fmt: skip

TABLE = "orderBookL2"


def _key(topic: str) -> bytes:
    return topic.replace(":", " ", 1).encode()


SHAPE = BookShape(
    route=("table", "data.0.symbol"),
    kind=Kind(path="action", snapshot=("partial",), delta=("insert", "update", "delete")), rows=(Rows("data"),),
    row=Row("price", "size", side="side", id="id", action="/action"), bid_words=("Buy",), ask_words=("Sell",),
    remove=Remove.ACTION, remove_words=("delete",), number=Number.JSON,
)  # fmt: skip

# Nothing is counted; a number that was never named is the only sign of a loss. An empty whole book has no row that
# could name its instrument: that stands in its filter then.
BOOK = BookChannel(
    name=TABLE, endpoint="realtime",
    topic=lambda instrument: f"{TABLE}:{instrument}",
    matches=lambda topic: topic.removeprefix(f"{TABLE}:") if topic.startswith(f"{TABLE}:") else None,
    shape=SHAPE, key=_key, snapshot=replace(SHAPE, route=("table", "filter.symbol")), reply_key=_key,
    rule=SyncRule(Seed.STREAM),
)  # fmt: skip

BITMEX = Venue(
    name="bitmex", exchange="bitmex", kind="mixed", endpoints=(REALTIME,), books=(BOOK,),
    aliases=("www.bitmex.com", "ws.bitmex.com"),
    proof_from="the capture BITMEX of 2021-07-22 and the rule of its oracle",
)  # fmt: skip
