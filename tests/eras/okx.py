"""OKX: the book as it is chained by ids, and as it was proven by a checksum before it had them.

Facts: OKX's change log and its notice of 2026-05-21 (checksum field), and the recording of 2022.
"""

from dataclasses import replace

from tidebook.venue import (
    BookChannel,
    BookShape,
    Chain,
    Checksum,
    Endpoint,
    Era,
    Id,
    Kind,
    Ping,
    Proof,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
    Window,
)

SETS = {"OKX": "okx:checksum", "OKX_SEQ": "okx"}

PUBLIC = Endpoint(
    name="public",
    url="wss://ws.okx.com:8443/ws/v5/public",
    subscribing=Subscribing(
        subscribe=Template('{"id?":"$id","op":"subscribe","args":"@topics"}'),
        ack=Template('{"id?":"$id","event":"subscribe","arg":"*topic"}'),
        unsubscribe=Template('{"id?":"$id","op":"unsubscribe","args":"@topics"}'),
        unsubscribed=Template('{"id?":"$id","event":"unsubscribe","arg":"*topic"}'),
        refusals=(Template('{"id?":"$id","event":"error","code":"$code","msg":"$text"}'),),
        topics_per_message=500,
        most_bytes=64 << 10,
        pace=8.0,  # 480 an hour: 30 at once, and 450 in an hour
        burst=30,
        each=(
            Template('{"channel":"liquidation-orders","instType":"$instType"}'),
            Template('{"channel":"$channel","instId":"$instId"}'),
        ),
    ),
    ping=Ping("client", "text", 25, 5, ask_text="ping", answer_text="pong"),
    notices=(Template('{"event":"notice","code":"64008"}'),),
)


# Ids are chained by equality only: they jump, repeat while nothing changes, and may fall after maintenance.
BOOKS = BookChannel(
    name="books",
    endpoint="public",
    topic=lambda instrument: f"books {instrument}",
    matches=lambda topic: topic.removeprefix("books ") if topic.startswith("books ") else None,
    shape=BookShape(
        route=("/arg.channel", "/arg.instId"),
        each="data",
        kind=Kind(path="/action", snapshot=("snapshot",), delta=("update",)),
        bids=("bids",),
        asks=("asks",),
        last=Id("seqId"),
        prev=Id("prevSeqId", none=-1),
        time=Time("ts"),
        checksum=Checksum("checksum", depth=25),
        window=Window(400),
    ),
    rule=SyncRule(seed=Seed.STREAM, chain=Chain.PREV, proof=(Proof.SEQUENCE, Proof.CHECKSUM)),
)

VENUES = (
    Venue(
        name="okx",
        exchange="okx",
        kind="mixed",
        endpoints=(PUBLIC,),
        books=(BOOKS,),
        eras=(
            Era(
                "checksum",
                until="2023-01-01",
                books=(
                    replace(
                        BOOKS,
                        shape=replace(
                            BOOKS.shape, last=None, prev=None, checksum=Checksum("checksum", 25, when="present")
                        ),
                        rule=SyncRule(seed=Seed.STREAM, proof=(Proof.CHECKSUM,)),
                    ),
                ),
            ),
        ),
        aliases=("ws.okx.com", "wsaws.okx.com", "wseea.okx.com", "wsus.okx.com", "ws.okex.com"),
    ),
)
