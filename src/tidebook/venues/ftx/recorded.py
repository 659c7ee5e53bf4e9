"""FTX as its recordings show it, the book only. No document is left; `proof_from` says what stands for one."""

from tidebook.venue import (
    BookChannel,
    BookShape,
    Checksum,
    Digits,
    Endpoint,
    Kind,
    Number,
    Ping,
    Proof,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    TimeUnit,
    Venue,
)

FEED = Endpoint(
    "feed", "wss://ftx.com/ws/",
    Subscribing(
        Template('{"op":"subscribe","channel":"orderbook","market":"$topic"}'),
        Template('{"type":"subscribed","channel":"orderbook","market":"$topic"}'),
        Template('{"op":"unsubscribe","channel":"orderbook","market":"$topic"}'),
        Template('{"type":"unsubscribed","channel":"orderbook","market":"$topic"}'),
        refusals=(Template('{"type":"error","code":"#code","msg":"$text"}'),),
    ),
    Ping(
        by="client", form="message", every=15, deadline=15,
        ask=Template('{"op":"ping"}'), answer=Template('{"type":"pong"}'),
    ),
)  # fmt: skip

# Acknowledgements name channel and market where data does; they say no kind, so they are no book messages.
BOOK = BookChannel(
    name="orderbook", endpoint="feed", topic=str, matches=str,
    shape=BookShape(
        route=("channel", "market"), kind=Kind(path="type", snapshot=("partial",), delta=("update",)),
        bids=("data.bids",), asks=("data.asks",), number=Number.JSON, time=Time("data.time", TimeUnit.S),
        checksum=Checksum("data.checksum", 100, digits=Digits.PYTHON, when="present"),
    ),
    key=lambda topic: f"orderbook {topic}".encode(),
    rule=SyncRule(Seed.STREAM, proof=(Proof.CHECKSUM,)),
)  # fmt: skip

FTX = Venue(
    name="ftx", exchange="ftx", kind="mixed", endpoints=(FEED,), books=(BOOK,),
    # The second is the same site; the others spoke the same protocol for other customers.
    aliases=("ftx.com", "ftexchange.com", "ftx.us", "ftxtr.com"),
    proof_from="the capture FTX@2021-07-22 and the rule of its oracle",
)  # fmt: skip
