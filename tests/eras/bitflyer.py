"""bitFlyer Lightning: changes in one channel, whole books in another every few seconds, and nothing that counts."""

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Endpoint,
    Kind,
    Number,
    Ping,
    Proof,
    Row,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Venue,
)

# Without an id in the request there is no answer.
STREAM = Endpoint(
    "stream", "wss://ws.lightstream.bitflyer.com/json-rpc",
    Subscribing(
        Template('{"method":"subscribe","params":{"channel":"$topic"}}'),
        None,
        Template('{"method":"unsubscribe","params":{"channel":"$topic"}}'),
    ),
    Ping(by="server", form="frame", every=30, deadline=90),
)  # fmt: skip

BOARD = "lightning_board_"
WHOLE = "lightning_board_snapshot_"

SHAPE = BookShape(
    route=("params.channel",), kind=Kind(default="delta"), bids=("params.message.bids",),
    asks=("params.message.asks",), row=Row("price", "size"),
    skip_zero_price=True,  # market orders during an auction
    number=Number.JSON,
)  # fmt: skip

# Whole books do not lie exactly between two changes: half of them differ from what the changes made.
BOOK = BookChannel(
    name="board", endpoint="stream",
    topic=lambda instrument: BOARD + instrument,
    matches=lambda topic: topic[len(BOARD) :] if topic.startswith(BOARD) and not topic.startswith(WHOLE) else None,
    shape=SHAPE, snapshot=SHAPE,
    side_topic=lambda instrument: WHOLE + instrument,
    reply_key=lambda topic: f"{WHOLE}{topic.removeprefix(BOARD)}".encode(),
    rule=SyncRule(Seed.SIDE, bridge=Bridge.AFTER, proof=(Proof.COMPARE,)),
)  # fmt: skip

BITFLYER = Venue(
    name="bitflyer.books", exchange="bitflyer", kind="mixed", endpoints=(STREAM,), books=(BOOK,),
    aliases=("ws.lightstream.bitflyer.com",),
    proof_from="the capture BITFLYER of 2021-12-12 and the rule of its oracle",
)  # fmt: skip

VENUES = (BITFLYER,)
SETS = {"BITFLYER": "bitflyer.books"}
