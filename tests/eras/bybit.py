"""Bybit: the book of v5, and of v2 that is retired.

Facts: bybit-exchange/docs as of 2026-07-24. For v2 there is no document left: its recording and the recording's
rule say how it was.
"""

import json
from dataclasses import replace

from tidebook.venue import (
    BookChannel,
    BookShape,
    Chain,
    Endpoint,
    Era,
    Id,
    Kind,
    Number,
    Ping,
    Proof,
    Remove,
    Row,
    Rows,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    TimeUnit,
    Venue,
)

SETS = {"BYBIT": "bybit:v2", "BYBIT@2025-06-13": "bybit", "BYBIT_OB500@2024-12-01": "bybit"}

SUBSCRIBE = Template('{"op":"subscribe","args":"@topics"}')
_SUBSCRIBING = Subscribing(
    subscribe=Template('{"req_id":"$id","op":"subscribe","args":"@topics"}'),
    ack=Template('{"req_id":"$id","success":true,"op":"subscribe"}'),
    unsubscribe=Template('{"req_id":"$id","op":"unsubscribe","args":"@topics"}'),
    unsubscribed=Template('{"req_id":"$id","success":true,"op":"unsubscribe"}'),
    refusals=(Template('{"req_id":"$id","success":false,"ret_msg":"$text"}'),),
    topics_per_message=10,
)
_PING = Ping(
    "client", "message", 20, 20, Template('{"req_id":"$id","op":"ping"}'), Template('{"ret_msg":"pong","op":"ping"}'),
    always=True,
)  # fmt: skip
LINEAR = Endpoint("linear", "wss://stream.bybit.com/v5/public/linear", _SUBSCRIBING, _PING, max_bytes=21_000)
SPOT = replace(LINEAR, name="spot", url="wss://stream.bybit.com/v5/public/spot")


def _sent(message: str) -> tuple[str, ...]:
    slots = SUBSCRIBE.match(json.loads(message))
    return () if slots is None else tuple(slots["topics"])


# Every message of a topic counts one up; 1 means that the service has restarted, and that this is a whole book.
V5 = BookChannel(
    name="linear",
    endpoint="linear",
    topic=lambda symbol: f"orderbook.200.{symbol}",
    matches=lambda topic: topic.rpartition(".")[2] if topic.startswith("orderbook.") else None,
    shape=BookShape(
        route=("topic",),
        kind=Kind(sentinel=("data.u", 1), path="type", snapshot=("snapshot",), delta=("delta",)),
        bids=("data.b",),
        asks=("data.a",),
        last=Id("data.u"),
        time=Time("cts"),
    ),
    rule=SyncRule(seed=Seed.STREAM, chain=Chain.NEXT, proof=(Proof.SEQUENCE,)),
)


def _v2(name: str, whole: str) -> BookChannel:
    """`whole` is where whole books have their rows. The counter jumps: a lost message cannot be noticed."""
    route = ("topic", "type")
    row = Row(price="price", size="size", side="side")
    id_, time = Id("cross_seq"), Time("timestamp_e6", TimeUnit.US)
    delta = BookShape(
        route=route, kind=Kind(default="delta"), row=row, bid_words=("Buy",), ask_words=("Sell",),
        rows=(Rows("data.delete", action="delete"), Rows("data.update"), Rows("data.insert")),
        remove=Remove.ACTION, remove_words=("delete",), number=Number.EITHER, last=id_, time=time,
    )  # fmt: skip
    return BookChannel(
        name=name,
        endpoint=name,
        topic=lambda symbol: f"orderBookL2_25.{symbol}",
        matches=lambda topic: topic.removeprefix("orderBookL2_25.") if topic.startswith("orderBookL2_25.") else None,
        shape=delta,
        # One kind of contract has its whole books where the other has objects: they are known by their own key.
        snapshot=replace(delta, kind=Kind(default="snapshot"), rows=(Rows(whole),), remove=Remove.SIZE),
        key=lambda topic: f"{topic} delta".encode(),
        reply_key=lambda topic: f"{topic} snapshot".encode(),
        rule=SyncRule(seed=Seed.STREAM, chain=Chain.RISING),
    )


VENUES = (
    Venue(
        name="bybit",
        exchange="bybit",
        kind="mixed",
        endpoints=(LINEAR, SPOT),
        books=(V5, replace(V5, name="spot", endpoint="spot")),
        eras=(
            Era(
                "v2",
                until="2023-10-01",
                endpoints=(
                    replace(LINEAR, url="wss://stream.bybit.com/realtime_public"),
                    replace(LINEAR, name="inverse", url="wss://stream.bybit.com/realtime"),
                ),
                books=(_v2("linear", "data.order_book"), _v2("inverse", "data")),
            ),
        ),
        aliases=("stream.bybit.com", "stream.bytick.com", "stream.bybit.kz", "stream.bybit.tr", "stream.bybit.id"),
        sent_topics=_sent,
        data_topic=lambda message: message[10 : message.index('"', 10)] if message.startswith('{"topic":"') else None,
    ),
)
