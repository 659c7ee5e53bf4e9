"""Bybit: what a recording says of subscriptions and instruments; and the protocol before v5.

Of v2 there is no document left: its recording, and the rule that came with it, say how it was.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from tidebook.core.rest import Odd
from tidebook.errors import TidebookError
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
    Remove,
    Row,
    Rows,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    TimeUnit,
)
from tidebook.venues.bybit.rest import INSTRUMENTS, Category


def listing(category: Category, url: str, body: bytes) -> Mapping[str, str]:
    """Canonical symbols by id."""
    parts = urlsplit(url)
    if parts.path != "/v5/market/instruments-info" or parse_qs(parts.query).get("category") != [category]:
        return {}
    try:
        return {one.id: one.symbol for one in INSTRUMENTS[category](body, "") if not isinstance(one, Odd)}
    except TidebookError:
        return {}


class Said(msgspec.Struct, tag_field="op", tag="subscribe"):
    """What a client sends to subscribe."""

    args: list[str]


def sent_topics(message: str) -> tuple[str, ...]:
    """The topics that a client's message subscribes."""
    try:
        return tuple(msgspec.json.decode(message, type=Said).args)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return ()


class Headed(msgspec.Struct):
    topic: str


def data_topic(message: str) -> str | None:
    """The topic of a push: its keys come in any order."""
    try:
        return msgspec.json.decode(message, type=Headed).topic
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None


# ---- v2

_SUBSCRIBING: Final = Subscribing(
    subscribe=Template('{"op":"subscribe","args":"@topics"}'),
    ack=Template('{"success":true,"request":{"op":"subscribe","args":"@topics"}}'),
)
_PING: Final = Ping("client", "message", 20, 20, Template('{"op":"ping"}'), always=True)
_HEAD: Final = "orderBookL2_25."


def _former(path: str, whole: str) -> Era:
    """`whole` is where whole books have their rows. The counter jumps: a lost message cannot be noticed."""
    shape = BookShape(
        route=("topic", "type"), kind=Kind(default="delta"), row=Row(price="price", size="size", side="side"),
        bid_words=("Buy",), ask_words=("Sell",),
        rows=(Rows("data.delete", action="delete"), Rows("data.update"), Rows("data.insert")),
        remove=Remove.ACTION, remove_words=("delete",), number=Number.EITHER, last=Id("cross_seq"),
        time=Time("timestamp_e6", TimeUnit.US),
    )  # fmt: skip
    book = BookChannel(
        name="depth",
        endpoint="stream",
        topic=lambda symbol: _HEAD + symbol,
        matches=lambda topic: topic.removeprefix(_HEAD) if topic.startswith(_HEAD) else None,
        shape=shape,
        # Where one kind of contract has objects the other has whole books: these are known by their own key.
        snapshot=replace(shape, kind=Kind(default="snapshot"), rows=(Rows(whole),), remove=Remove.SIZE),
        key=lambda topic: f"{topic} delta".encode(),
        reply_key=lambda topic: f"{topic} snapshot".encode(),
        rule=SyncRule(seed=Seed.STREAM, chain=Chain.RISING),
    )
    endpoint = Endpoint("stream", f"wss://stream.bybit.com/{path}", _SUBSCRIBING, _PING)
    return Era("v2", until="2023-10-01", endpoints=(endpoint,), books=(book,))


V2: Final = {
    "linear": _former("realtime_public", "data.order_book"),
    "inverse": _former("realtime", "data"),
}
