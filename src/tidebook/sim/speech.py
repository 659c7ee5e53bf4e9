"""One generic JSON dialect, in which every combination can be spoken; and the plan by which a client understands it.

The stamp ``t`` of a message is the version of the book that it leads to: by it a copy can be held against the truth
also where the combination has no sequence numbers at all.
"""

import gzip
import json
import zlib
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from tidebook.core.effects import Request
from tidebook.core.endpoint import ConnectionOnly, Endpoint, Life, Lifetime, Ping, Pool, Repeats, Subscribing, Template
from tidebook.core.plan import BookPlan, RestSeed
from tidebook.engine.rule import Scope, Seed
from tidebook.engine.shape import BookShape, Codec, Id, Kind, Number, Order, Time, TimeUnit, Window
from tidebook.sim.combinations import Combination
from tidebook.sim.truth import ASK, BID, Side, Truth

URL: Final = "wss://world.invalid/stream"
REST_POOL: Final = Pool("rest", "ip", 100, 10.0)
REST_WEIGHT: Final = 5

_ACK_ID: Final = Template('{"ok":"sub","id":"#id"}')
_ACK_NAME: Final = Template('{"ok":"sub","ch":"$topic","id":"#id"}')
_ACK_NAMES: Final = Template('{"ok":"sub","chs":"@topics","id":"#id"}')
_ONE: Final = ('{"op":"sub","ch":"$topic","id":"#id"}', '{"op":"unsub","ch":"$topic","id":"#id"}')
_MANY: Final = ('{"op":"sub","chs":"@topics","id":"#id"}', '{"op":"unsub","chs":"@topics","id":"#id"}')
REFUSAL: Final = Template('{"no":"$text","id":"#id"}')
SERVER_PING: Final = Template('{"ping":"#n"}')
SERVER_PONG: Final = Template('{"pong":"#n"}')
CLIENT_PING: Final = Template('{"op":"ping"}')
NOTICE: Final = Template('{"bye":"#n"}')
ASK_WHOLE: Final = Template('{"op":"whole","ch":"$topic","id":"#id"}')


def price_text(price: int) -> str:
    return f"{price // 100}.{price % 100:02d}"


def size_text(size: int) -> str:
    """Sizes are written in two ways, chosen by the size itself: all three decimals, or without trailing zeros."""
    text = f"{size // 1000}.{size % 1000:03d}"
    return text if size % 2 or not size else text.rstrip("0").rstrip(".")


def rows(side: Side) -> list[list[str]]:
    return [[price_text(price), size_text(size)] for price, size in side.items()]


@dataclass(frozen=True, slots=True)
class Style:
    """What is free in a venue's ways and drawn from the seed."""

    codec: Codec
    acks: str  # id · name · many · names
    pings: str  # server · client
    life: Life
    pace: float
    omit: bool  # an unchanged side is left out
    books_per_connection: int

    @classmethod
    def draw(cls, rng: Random, combination: Combination, repeats: float | None) -> "Style":
        counted = combination.rule.scope is Scope.CONNECTION
        aside = combination.rule.seed is Seed.SIDE
        life: Life = ConnectionOnly() if repeats is None else Repeats(repeats)
        return cls(
            codec=rng.choice((Codec.TEXT, Codec.TEXT, Codec.GZIP)),
            # An answer that names its channel where data does is read as a book: where frames are counted it is not
            # counted then, and where a whole book needs no id it is an empty one.
            acks=rng.choice(("id", "many", "names") if counted or aside else ("id", "name", "many", "names")),
            pings="client" if counted else rng.choice(("server", "client")),
            life=life,
            pace=rng.choice((0.0, 0.0, 0.1)),
            omit=rng.random() < 0.5,
            books_per_connection=rng.choice((1, 2, 3)),
        )


class Speech:
    """How one World's venue speaks."""

    def __init__(self, combination: Combination, style: Style, lifetime: float | None = None) -> None:
        self.combination = combination
        self.style = style
        self.lifetime = lifetime  # seconds, of each connection
        self.endpoint = self._endpoint()
        self.shape, self.whole_shape = self._shapes()
        self.checksums = True  # turned off by a fault: the field stays and is 0

    # ---- for the client

    def _endpoint(self) -> Endpoint:
        style, counted = self.style, self.combination.rule.scope is Scope.CONNECTION
        many = style.acks in ("many", "names")
        sub, unsub = _MANY if many else _ONE
        ack = {"id": _ACK_ID, "many": _ACK_ID, "name": _ACK_NAME, "names": _ACK_NAMES}[style.acks]
        un_ack = Template(ack.text.replace('"sub"', '"unsub"'))
        if style.pings == "server":
            ping = Ping("server", "message", 5, 15, SERVER_PING, SERVER_PONG, b'{"ping":')
        else:
            ping = Ping("client", "message", 5, 5, CLIENT_PING)
        return Endpoint(
            "stream",
            URL,
            Subscribing(
                Template(sub),
                ack,
                Template(unsub),
                un_ack,
                (REFUSAL,),
                topics_per_message=10 if many else 1,
                pace=style.pace,
            ),
            ping,
            codec=style.codec,
            max_topics=style.books_per_connection,
            counter=Id("n") if counted else None,
            lifetime=None if self.lifetime is None else Lifetime(self.lifetime, self.lifetime / 2, "by_ids"),
            notices=(NOTICE,),
        )

    def _shapes(self) -> tuple[BookShape, BookShape | None]:
        combination = self.combination
        ids = combination.ids
        first = Id("U") if ids in ("range", "range_prev") else None
        last = None if ids == "none" else Id("u")
        prev = Id("pu") if ids in ("prev", "range_prev") else None
        time = Time("t", TimeUnit.NS)
        every = combination.rule.seed is Seed.EVERY
        stream = BookShape(
            route=("ch",),
            kind=Kind(default="snapshot") if every else Kind(path="k", snapshot=("s",), delta=("d",)),
            bids=("b",),
            asks=("a",),
            number=Number.TEXT,
            first=None if first is None else Id("U", optional=True),
            last=last,
            prev=None if prev is None else Id("pu", optional=True),
            time=time,
            checksum=combination.checksum,
        )
        if combination.window is not None:
            stream = _windowed(stream, combination.window)
        route = {Seed.REST: (), Seed.REQUEST: ("rep",), Seed.SIDE: ("ch",)}.get(combination.rule.seed)
        if route is None:
            return stream, None
        at = "data." if combination.rule.seed is Seed.REQUEST else ""
        whole = BookShape(
            route=route,
            bids=(at + "b",),
            asks=(at + "a",),
            last=None if last is None else Id(at + "u"),
            time=Time(at + "t", TimeUnit.NS),
        )
        return stream, whole

    def plan(self, name: str) -> BookPlan:
        seed, topic = self.combination.rule.seed, f"book.{name}"
        snapshot_key = {Seed.REQUEST: topic.encode(), Seed.SIDE: f"whole.{name}".encode()}.get(seed)
        rest = None
        if seed is Seed.REST:
            rest = RestSeed(Request("GET", f"https://world.invalid/depth?of={name}"), REST_POOL.name, REST_WEIGHT)
        return BookPlan(
            venue="world",
            symbol=name,
            topic=topic,
            endpoint=self.endpoint,
            shape=self.shape,
            rule=self.combination.rule,
            snapshot=self.whole_shape,
            snapshot_key=snapshot_key,
            side_topic=f"whole.{name}" if seed is Seed.SIDE else None,
            rest=rest,
            ask=ASK_WHOLE if seed is Seed.REQUEST else None,
            life=self.style.life,
            first_data=10.0,
        )

    # ---- for the venue

    def pack(self, message: dict[str, object], count: int | None = None) -> bytes:
        """A frame as it goes over the wire; `count` is the connection's counter."""
        if count is not None:
            message = {**message, "n": count}
        text = json.dumps(message, separators=(",", ":")).encode()
        return gzip.compress(text, 1, mtime=0) if self.style.codec is Codec.GZIP else text

    def change(self, truth: Truth, after: int, until: int, prev: int, shown_from: int) -> dict[str, object]:
        """Versions `after` + 1 … `until`; `shown_from` is earlier than `after` where messages overlap."""
        combination = self.combination
        if combination.rule.seed is Seed.EVERY:
            return self.whole(truth, until, "s")
        if combination.window is not None:
            touched = truth.window_rows(after, until, combination.window)
        else:
            touched = truth.rows(shown_from, until)
        message: dict[str, object] = {"ch": f"book.{truth.name}", "k": "d", "t": until}
        if combination.ids in ("range", "range_prev"):
            message["U"] = truth.ids[min(shown_from + 1, until)]
        if combination.ids != "none":
            message["u"] = truth.ids[until]
        if combination.ids in ("prev", "range_prev"):
            message["pu"] = truth.ids[prev]
        for side, key in ((BID, "b"), (ASK, "a")):
            if touched[side] or not self.style.omit:
                message[key] = rows(touched[side])
        self._add_checksum(message, truth, until)
        return message

    def whole(self, truth: Truth, version: int, kind: str) -> dict[str, object]:
        """A whole book as a message of the stream."""
        body = {"ch": f"book.{truth.name}", "k": kind, **self.body(truth, version)}
        if self.combination.ids in ("prev", "range_prev"):
            body["pu"] = -1
        self._add_checksum(body, truth, version)
        return body

    def body(self, truth: Truth, version: int) -> dict[str, object]:
        """A whole book as it stands in a REST body, a reply or a side channel."""
        bids, asks = truth.window(version, self.combination.window)
        body: dict[str, object] = {"t": version}
        if self.combination.ids != "none":
            body["u"] = truth.ids[version]
        return {**body, "b": rows(bids), "a": rows(asks)}

    def _add_checksum(self, message: dict[str, object], truth: Truth, version: int) -> None:
        rule = self.combination.checksum
        if rule is None:
            return
        if not self.checksums:
            if rule.when == "nonzero":
                message["crc"] = 0
            return
        bids, asks = truth.states[version]
        best = [(p, bids[p]) for p in sorted(bids, reverse=True)], [(p, asks[p]) for p in sorted(asks)]
        message["crc"] = _crc(best[BID][: rule.depth], best[ASK][: rule.depth], rule.order)


def _windowed(shape: BookShape, levels: int) -> BookShape:
    return replace(shape, window=Window(levels, "client"))


def _crc(bids: list[tuple[int, int]], asks: list[tuple[int, int]], order: Order) -> int:
    """The two checksums of `combinations.py`, computed from the truth."""
    if order is Order.ASKS_THEN_BIDS:
        texts = [price_text(p) + " " + size_text(s) for p, s in asks + bids]
        return zlib.crc32("".join(part.replace(".", "").lstrip("0") for t in texts for part in t.split()).encode())
    parts: list[str] = []
    for at in range(max(len(bids), len(asks))):
        for side in (bids, asks):
            if at < len(side):
                parts += [price_text(side[at][0]), size_text(side[at][1])]
    return zlib.crc32(":".join(parts).encode())
