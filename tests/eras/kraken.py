"""Kraken spot: objects since its second protocol, lists with the channel's name at the end in the first."""

from dataclasses import replace

from tidebook.venue import (
    BookChannel,
    BookShape,
    Checksum,
    Digits,
    Endpoint,
    Era,
    Kind,
    Number,
    Order,
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
    Window,
)

V2 = Endpoint(
    "v2", "wss://ws.kraken.com/v2",
    Subscribing(
        Template('{"method":"subscribe","params":{"channel":"book","symbol":"@topics","depth":1000},"req_id":"#id"}'),
        Template('{"method":"subscribe","result":{"channel":"book","symbol":"$topic"},"success":true}'),
        Template('{"method":"unsubscribe","params":{"channel":"book","symbol":"@topics","depth":1000},"req_id":"#id"}'),
        Template('{"method":"unsubscribe","result":{"channel":"book","symbol":"$topic"},"success":true}'),
        refusals=(Template('{"method":"subscribe","success":false,"error":"$text","symbol?":"$topic","req_id?":"#id"}'),),
        topics_per_message=100,
    ),
    Ping(
        by="client", form="message", every=10, deadline=10,
        ask=Template('{"method":"ping","req_id":"#id"}'), answer=Template('{"method":"pong"}'),
    ),
)  # fmt: skip


def _checksum(*paths: str) -> Checksum:
    return Checksum(paths, 10, Order.ASKS_THEN_BIDS, Digits.BARE, joiner="", when="present")


# Levels pushed out of the window are not taken back: the client cuts them, or they come up again later.
BOOK = BookChannel(
    name="book", endpoint="v2", topic=str,
    matches=lambda topic: topic if "/" in topic else None,
    shape=BookShape(
        route=("channel", "data.0.symbol"), kind=Kind(path="type", snapshot=("snapshot",), delta=("update",)),
        bids=("data.0.bids",), asks=("data.0.asks",), row=Row("price", "qty"), number=Number.JSON,
        time=Time("data.0.timestamp", TimeUnit.ISO), checksum=_checksum("data.0.checksum"),
        window=Window(1000, "client"),
    ),
    key=lambda topic: f"book {topic}".encode(),
    rule=SyncRule(Seed.STREAM, proof=(Proof.CHECKSUM,)),
)  # fmt: skip

V1 = replace(
    V2, name="v1", url="wss://ws.kraken.com",
    subscribing=Subscribing(
        Template('{"event":"subscribe","pair":"@topics","subscription":{"name":"book","depth":1000},"reqid?":"#id"}'),
        Template('{"event":"subscriptionStatus","status":"subscribed","channelName":"book-1000","pair":"$topic"}'),
        Template('{"event":"unsubscribe","pair":"@topics","subscription":{"name":"book","depth":1000},"reqid?":"#id"}'),
        Template('{"event":"subscriptionStatus","status":"unsubscribed","channelName":"book-1000","pair":"$topic"}'),
        refusals=(Template('{"event":"subscriptionStatus","status":"error","errorMessage":"$text","pair?":"$topic"}'),),
        topics_per_message=100,
    ),
    ping=replace(V2.ping, ask=Template('{"event":"ping","reqid":"#id"}'), answer=Template('{"event":"pong"}')),
)  # fmt: skip

# [channel, {sides}, name, pair], or with an object for each side; the checksum is in the last. None in a whole book.
BOOK_V1 = replace(
    BOOK, endpoint="v1",
    shape=BookShape(
        route=("-2", "-1"), kind=Kind(snapshot_keys=("1.as", "1.bs"), delta_keys=("1.a", "1.b")),
        bids=("1.bs", "1.b", "2.b"), asks=("1.as", "1.a", "2.a"), checksum=_checksum("1.c", "2.c"),
        window=Window(1000, "client"),
    ),
    key=lambda topic: f"book-1000 {topic}".encode(),
)  # fmt: skip


def _topic(message: str) -> str | None:
    """Of a push of the second protocol; what names it stands in front."""
    head = '{"channel":"book","type":"'
    name = message[len(head) :].split('"symbol":"', 1) if message.startswith(head) else []
    return name[1].split('"', 1)[0] if len(name) > 1 else None


KRAKEN = Venue(
    name="kraken.books", exchange="kraken", kind="spot", endpoints=(V2,), books=(BOOK,),
    # Frozen, and still spoken when this was written down.
    eras=(Era("v1", "2026-11-01", (BOOK_V1,), (V1,)),), aliases=("ws.kraken.com",), data_topic=_topic,
    proof_from="the captures KRAKEN of 2021-04-17 and KRAKEN_V2, and the rules of their oracles",
)  # fmt: skip

VENUES = (KRAKEN,)
SETS = {"KRAKEN": "kraken.books:v1", "KRAKEN_V2": "kraken.books"}
