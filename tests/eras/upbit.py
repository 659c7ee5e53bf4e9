"""Upbit's order books in the short format: binary frames of JSON text, whole each time."""

import json
from typing import Any

from tidebook.venue import (
    BookChannel,
    BookShape,
    Endpoint,
    Number,
    Ping,
    Proof,
    Row,
    Rows,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
)

# A message replaces what was subscribed before, so all topics go into one; there is no answer.
STREAM = Endpoint(
    "stream", "wss://api.upbit.com/websocket/v1",
    Subscribing(
        Template('[{"ticket":"$id"},{"format":"SIMPLE"},{"type":"orderbook","codes":"@topics","isOnlyRealtime":true}]'),
        None,
        refusals=(Template('{"error":{"name":"$code","message":"$text"}}'),),
        topics_per_message=1000,
    ),
    Ping(by="client", form="frame", every=60, deadline=30),
)  # fmt: skip


def _sent(message: str) -> tuple[str, ...]:
    parts: Any = json.loads(message)
    if not isinstance(parts, list):
        return ()
    books = [part for part in parts if isinstance(part, dict) and part.get("type") == "orderbook"]
    return tuple(str(code) for part in books for code in part.get("codes", ()))


ORDERBOOK = BookChannel(
    name="orderbook", endpoint="stream", topic=str, matches=str,
    shape=BookShape(
        route=("ty", "cd"), rows=(Rows("obu"),), row=Row("bp", "bs"), both=Row("ap", "as"),
        skip_zero_price=True,  # thin books are filled up with zeros
        number=Number.JSON, time=Time("tms"),
    ),
    key=lambda topic: f"orderbook {topic}".encode(),
    rule=SyncRule(Seed.EVERY, proof=(Proof.WHOLE,)),
)  # fmt: skip

UPBIT = Venue(
    name="upbit.books", exchange="upbit", kind="spot", endpoints=(STREAM,), books=(ORDERBOOK,),
    aliases=("api.upbit.com",),
    sent_topics=_sent,
    proof_from="the capture UPBIT of 2021-04-17 and the rule of its oracle",
)  # fmt: skip

VENUES = (UPBIT,)
SETS = {"UPBIT": "upbit.books"}
