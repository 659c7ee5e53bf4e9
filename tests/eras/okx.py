"""OKX: the book as it is chained by ids, and as it was proven by a checksum before it had them.

Facts: OKX's change log and its notice of 2026-05-21 (checksum field), and the recording of 2022.
"""

import json
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
        subscribe=Template('{"op":"subscribe","args":[{"channel":"books","instId":"$topic"}]}'),
        ack=Template('{"event":"subscribe","arg":{"channel":"books","instId":"$topic"}}'),
        unsubscribe=Template('{"op":"unsubscribe","args":[{"channel":"books","instId":"$topic"}]}'),
        unsubscribed=Template('{"event":"unsubscribe","arg":{"channel":"books","instId":"$topic"}}'),
        refusals=(Template('{"event":"error","code":"$code","msg":"$text"}'),),
    ),
    ping=Ping("client", "message", 25, 5, Template('"ping"'), Template('"pong"')),
)


def _sent(message: str) -> tuple[str, ...]:
    asked = json.loads(message)
    if not isinstance(asked, dict) or asked.get("op") != "subscribe":
        return ()
    return tuple(one["instId"] for one in asked["args"] if one.get("channel") == "books")


# Ids are chained by equality only: they jump, repeat while nothing changes, and may fall after maintenance.
BOOKS = BookChannel(
    name="books",
    endpoint="public",
    topic=lambda instrument: instrument,
    matches=lambda topic: topic,
    key=lambda topic: f"books {topic}".encode(),
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
        sent_topics=_sent,
    ),
)
