"""Bitget v1, which went offline on 2025-11-28. Facts: the recording of 2022 and its rule. Today's book is another."""

import json
from dataclasses import replace

from tidebook.venue import (
    BookChannel,
    BookShape,
    Checksum,
    Endpoint,
    Era,
    Kind,
    Ping,
    Proof,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
)

SETS = {"BITGET": "bitget.books:v1"}


def _endpoint(product: str, path: str) -> Endpoint:
    asks = f'{{"op":"%s","args":[{{"instType":"{product.upper()}","channel":"books","instId":"$topic"}}]}}'
    told = f'{{"event":"%s","arg":{{"instType":"{product}","channel":"books","instId":"$topic"}}}}'
    return Endpoint(
        name=product,
        url=f"wss://ws.bitget.com/{path}/v1/stream",
        subscribing=Subscribing(
            subscribe=Template(asks % "subscribe"),
            ack=Template(told % "subscribe"),
            unsubscribe=Template(asks % "unsubscribe"),
            unsubscribed=Template(told % "unsubscribe"),
            refusals=(Template('{"event":"error","code":"$code","msg":"$text"}'),),
        ),
        ping=Ping("client", "message", 30, 10, Template('"ping"'), Template('"pong"')),
    )


def _sent(message: str) -> tuple[str, ...]:
    asked = json.loads(message)
    if not isinstance(asked, dict) or asked.get("op") != "subscribe":
        return ()
    return tuple(one["instId"] for one in asked["args"] if one.get("channel") == "books")


SP = BookChannel(
    name="sp",
    endpoint="sp",
    topic=lambda symbol: symbol,
    matches=lambda topic: topic,
    key=lambda topic: f"sp books {topic}".encode(),
    shape=BookShape(
        route=("/arg.instType", "/arg.channel", "/arg.instId"),
        each="data",
        kind=Kind(path="/action", snapshot=("snapshot",), delta=("update",)),
        bids=("bids",),
        asks=("asks",),
        time=Time("ts"),
        checksum=Checksum("checksum", depth=25, when="present"),
    ),
    rule=SyncRule(seed=Seed.STREAM, proof=(Proof.CHECKSUM,)),
)

VENUES = (
    Venue(
        name="bitget.books",
        exchange="bitget.books",
        kind="mixed",
        endpoints=(_endpoint("sp", "spot"), _endpoint("mc", "mix")),
        books=(),
        eras=(
            Era(
                "v1",
                until="2025-11-28",
                books=(SP, replace(SP, name="mc", endpoint="mc", key=lambda topic: f"mc books {topic}".encode())),
            ),
        ),
        aliases=("ws.bitget.com",),
        sent_topics=_sent,
    ),
)
