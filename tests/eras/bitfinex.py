"""Bitfinex: lists without names; what a number stands for is said once, in the answer to the subscription."""

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
    Remove,
    Repeats,
    Resync,
    Row,
    Rows,
    Scope,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Venue,
    Window,
)

_BOOK = '"channel":"book","symbol":"$topic","prec":"P0","freq":"F0","len":"100"'

# With the flag 65536 each list ends with a counter of the connection; the other messages are objects.
WS = Endpoint(
    "ws", "wss://api.bitfinex.com/ws/2",
    Subscribing(
        Template(f'{{"event":"subscribe",{_BOOK}}}'),
        Template(f'{{"event":"subscribed","chanId":"#key",{_BOOK}}}'),
        Template('{"event":"unsubscribe","chanId":"#key"}'),
        Template('{"event":"unsubscribed","status":"OK","chanId":"#key"}'),
        refusals=(Template('{"event":"error","code":"#code","msg":"$text","symbol?":"$topic"}'),),
    ),
    Ping(
        by="client", form="message", every=20, deadline=15,
        ask=Template('{"event":"ping","cid":"#id"}'), answer=Template('{"event":"pong","cid":"#id"}'),
    ),
    max_topics=25,
    says=(Template('{"event":"conf","flags":65536}'),),
    counter=Id("-1", optional=True),
)  # fmt: skip

# [channel, rows or one row, counter]; a row is price, count, size, the size's sign being the side.
BOOK = BookChannel(
    name="book", endpoint="ws", topic=str,
    matches=lambda topic: topic if topic.startswith("t") else None,
    shape=BookShape(
        route=("0",), kind=Kind(nested="1", path="1", ignore=("hb",)), rows=(Rows("1", flat=True),),
        row=Row("0", "2", count="1"), signed=True, remove=Remove.COUNT, number=Number.JSON, window=Window(100),
    ),
    rule=SyncRule(Seed.STREAM, Chain.NEXT, scope=Scope.CONNECTION, proof=(Proof.SEQUENCE,), resync=Resync.RECONNECT),
    life=Repeats(40),
)  # fmt: skip

BITFINEX = Venue(
    name="bitfinex", exchange="bitfinex", kind="mixed", endpoints=(WS,), books=(BOOK,),
    aliases=("api.bitfinex.com", "api-pub.bitfinex.com"),
    proof_from="the capture BITFINEX of 2021-04-17 and the rule of its oracle",
)  # fmt: skip

VENUES = (BITFINEX,)
SETS = {"BITFINEX": "bitfinex"}
