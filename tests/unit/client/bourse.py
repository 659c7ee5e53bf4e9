"""An exchange of our own, `bourse`, with four markets, and its server on a loopback socket: it says what a test says.

A message is ``{"ch": TOPIC, "rows": […]}``; a row names its `noun`, its `id` and the fact's numbers, so that what a
client reads can be compared with what was pushed. Topics: ``trades.ID``; ``tickers.ID`` of contracts, which bring four
nouns and say only what has changed; ``liquidations``, one for all; ``options.BASE``, one for all options of it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from tidebook import venues
from tidebook.core.channel import NOUNS, Call, FactChannel, Question, Seen
from tidebook.core.effects import Request
from tidebook.core.endpoint import Endpoint, Ping, Pool, Subscribing, Template
from tidebook.errors import DecodeError
from tidebook.io.clock import now
from tidebook.io.serve import Answer, Asked, Cut, Served, Server
from tidebook.model.facts import Fact, Instrument
from tidebook.model.number import exact
from tidebook.venue import BookChannel, BookShape, Environment, Proof, Seed, SyncRule, Venue

REST: Final = Pool("rest", "ip", 100_000, 60.0)
HOUR: Final = 3_600_000_000_000
FIRST: Final = 1_767_225_600_000_000_000  # when funding was charged first
GENEROUS: Final = 60.0  # seconds that nothing here takes
Row = dict[str, Any]


def fact(row: Row, seen: Seen) -> Fact:
    """A fact of a row: what is not its noun or id are its fields, numbers as text."""
    kind = NOUNS[row["noun"]]
    made: Row = {}
    for name, value in row.items():
        if f"exact_{name}" in kind.__struct_fields__:
            made[f"exact_{name}"] = exact(value)
        elif name not in ("noun", "id"):
            made["id" if name == "trade" else name] = value
    return kind(seen.venue, seen.symbol(row["id"]), None, seen.received_ns, **made)


def rows(frame: bytes, seen: Seen) -> Sequence[Fact]:
    message = json.loads(frame)
    if "rows" not in message:
        raise DecodeError("missing", "no rows")
    return [fact(row, seen) for row in message["rows"]]


class Remembered:
    """Reads messages that say only what changed: what was said before is said again with it."""

    def __init__(self) -> None:
        self._known: dict[str, Row] = {}

    def __call__(self, frame: bytes, seen: Seen) -> Sequence[Fact]:
        found = []
        for row in json.loads(frame)["rows"]:
            known = self._known.setdefault(row["noun"], {})
            known.update(row)
            complete = {"ticker": "last", "mark_prices": "price", "funding": "funding_ns", "open_interest": "size"}
            if complete[row["noun"]] in known:
                found.append(fact(known, seen))
        return found


STREAM = Endpoint(
    "stream",
    "wss://bourse.invalid/",
    Subscribing(
        subscribe=Template('{"op":"sub","topics":"@topics","id":"#id"}'),
        ack=Template('{"ok":"$topic"}'),
        unsubscribe=Template('{"op":"unsub","topics":"@topics","id":"#id"}'),
        unsubscribed=Template('{"left":"$topic"}'),
        refusals=(Template('{"refused":"$topic","text":"$text"}'),),
        topics_per_message=50,
    ),
    Ping(by="server", form="frame", every=60, deadline=600),
)


def endpoint(name: str) -> Endpoint:
    return Endpoint(STREAM.name, f"{STREAM.url}{name}", STREAM.subscribing, STREAM.ping)


def channel(name: str, topic: Any, *also: str, **more: Any) -> FactChannel:
    return FactChannel(name, "stream", topic, rows, ("ch",), also=also, **more)


TRADES = channel("trades", lambda id, option: f"trades.{id}")
BARS = channel("bars", lambda id, option: f"bars.{option}.{id}", options=("1m", "1h"))
CONTRACTS = (
    TRADES,
    channel(
        "ticker", lambda id, option: f"tickers.{id}", "mark_prices", "funding", "open_interest", fresh=Remembered
    ),
    channel("liquidations", lambda id, option: "liquidations"),
)  # fmt: skip
OPTIONS = (channel("greeks", lambda id, option: f"options.{id.partition('-')[0]}", "mark_prices"),)
BOOK = BookChannel(
    name="whole",
    endpoint="stream",
    topic=lambda id: f"book.{id}",
    matches=lambda topic: topic.removeprefix("book.") if topic.startswith("book.") else None,
    shape=BookShape(route=("ch",), bids=("bids",), asks=("asks",)),
    rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,)),
)


def call(venue: str, name: str, read: Any, *, most: int | None = None, ranges: bool = False) -> Call:
    def request(question: Question) -> Request:
        said = (question.instrument, question.limit, question.start_ns, question.end_ns)
        return Request("GET", f"https://bourse.invalid/{venue}/{name}?{json.dumps(said, separators=(',', ':'))}")

    return Call(name, request, read, "rest", lambda question: 1, most=most, ranges=ranges)


def instruments(body: bytes, seen: Seen, question: Question) -> list[Instrument]:
    whole = [{**row, "strike": row.get("strike") and Decimal(row["strike"])} for row in json.loads(body)]
    return [
        Instrument(venue=seen.venue, base="BTC", quote="USDT", active=True, tick=None, step=None, **row)
        for row in whole
    ]  # fmt: skip


def listed(body: bytes, seen: Seen, question: Question) -> list[Fact]:
    return [fact(row, seen) for row in json.loads(body)]


def single(body: bytes, seen: Seen, question: Question) -> Fact:
    return fact(json.loads(body), seen)


def declared(name: str, kind: Any, facts: tuple[FactChannel, ...], *calls: Call) -> Venue:
    return Venue(
        name=f"bourse.{name}", exchange="bourse", kind=kind, endpoints=(endpoint(name),), books=(BOOK,), facts=facts,
        calls=(
            call(name, "instruments", instruments), call(name, "time", lambda body, seen, question: int(body)),
            *calls,
        ),
        rest="https://bourse.invalid", pools=(REST,),
    )  # fmt: skip


SPOT = declared("spot", "spot", (TRADES, BARS, channel("ticker", lambda id, option: f"tickers.{id}")))
LINEAR = declared(
    "linear", "linear", CONTRACTS, call("linear", "funding", listed, most=4, ranges=True),
    call("linear", "funding_now", single), call("linear", "mark_price", single),
    call("linear", "open_interest", single),
)  # fmt: skip
INVERSE = declared("inverse", "inverse", CONTRACTS, call("inverse", "funding", listed, most=4))
OPTION = declared("option", "option", OPTIONS)
# All of them as one venue, whose list is one question for each.
MIXED = replace(
    declared("mixed", "mixed", CONTRACTS),
    calls=(
        replace(
            call("spot", "instruments", instruments),
            parts=tuple(call(name, "instruments", instruments).request for name in ("linear", "option")),
        ),
    ),
    environments=(Environment("live"), Environment("demo", headers={"x-demo": "1"})),
)


def perpetual(base: str, quote: str = "USDT", settle: str = "USDT", kind: str = "linear", id: str = "") -> Row:
    symbol = f"{base}/{quote}:{settle}"
    return {"symbol": symbol, "id": id or f"{base}{quote}", "kind": kind, "settle": settle}


def option(base: str, strike: int, right: str) -> Row:
    words = f"260327-{strike}-{right[0].upper()}"
    return {
        "symbol": f"{base}/USDT:USDT-{words}", "id": f"{base}-{words}", "kind": "option", "settle": "USDT",
        "expiry_ns": FIRST + 85 * 24 * HOUR, "strike": str(strike), "right": right,
    }  # fmt: skip


class Bourse:
    """The server's side. `refused` are the words in which topics and REST calls are.

    `subscribed` are topics by venue and topic as they were asked for, `left` those given up.
    """

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.refused: dict[str, str] = {}
        self.subscribed: list[tuple[str, str]] = []
        self.left: list[tuple[str, str]] = []
        self.asked: list[str] = []  # REST
        self.demo: list[str | None] = []  # what the header of that environment said each time
        self.charged: list[str | None] = [
            str(Decimal(number) / 10_000) for number in range(10)
        ]  # funding, each eighth hour; None: a hole
        self.every = 8 * HOUR
        self.longest: int | None = None  # no rows of a longer range are given
        self.opened: list[str] = []  # venues whose WebSocket was opened
        self.listing: dict[str, list[Row]] = {
            "spot": [{"symbol": f"{base}/USDT", "id": f"{base}USDT", "kind": "spot"} for base in ("BTC", "ETH")],
            "linear": [
                *(perpetual(base) for base in ("BTC", "ETH", "LTC")),
                {**perpetual("BTC"), "symbol": "BTC/USDT:USDT-260327", "id": "BTCUSDT_260327", "expiry_ns": FIRST},
            ],
            "inverse": [perpetual(base, "USD", base, "inverse") for base in ("BTC", "ETH")],
            "option": [option(base, strike, "call") for base in ("BTC", "ETH") for strike in (70000, 80000)],
        }  # fmt: skip
        self._sockets: dict[Served, tuple[str, set[str]]] = {}

    async def http(self, request: Asked) -> Answer:
        venue, name = request.path.strip("/").split("/")
        self.asked.append(f"{venue}/{name}")
        self.demo.append(request.headers.get("x-demo"))
        if venue in self.down:
            raise Cut
        if f"{venue}/{name}" in self.refused:
            return Answer(400, self.refused[f"{venue}/{name}"].encode())
        if name in ("time", "instruments"):
            return Answer(200, json.dumps(now().wall_ns if name == "time" else self.listing[venue]).encode())
        id, limit, start, end = json.loads(request.query.replace("%22", '"').replace("%20", " "))
        if name == "funding":
            return Answer(200, json.dumps(self._charged(id, limit, start, end)).encode())
        bodies: dict[str, Row] = {
            "funding_now": {"noun": "funding", "rate": "0.5", "funding_ns": FIRST + 80 * HOUR, "settled": False},
            "mark_price": {"noun": "mark_prices", "price": "60000.5", "index": "60001"},
            "open_interest": {"noun": "open_interest", "size": "123.45"},
        }
        return Answer(200, json.dumps({**bodies[name], "id": id}).encode())

    def _charged(self, id: str, limit: int | None, start: int | None, end: int | None) -> list[Row]:
        """As venues answer: the oldest from a start, else the newest."""
        found: list[Row] = [
            {"noun": "funding", "id": id, "rate": rate, "funding_ns": FIRST + self.every * n, "settled": True}
            for n, rate in enumerate(self.charged)
            if rate is not None
        ]
        if self.longest is not None:
            last = end or now().wall_ns
            assert start is None or end is None or last - start <= self.longest, "a range that is refused"
            if start is None:
                return [row for row in found if last - self.longest <= row["funding_ns"] < last][-(limit or 4) :]
            end = min(last, start + self.longest)
        found = [row for row in found if (start or 0) <= row["funding_ns"] < (end or 1 << 63)]
        most = limit or 4
        return found[:most] if start is not None else found[-most:]

    async def websocket(self, request: Asked, socket: Served) -> None:
        venue = request.path.strip("/")
        self.opened.append(venue)
        topics: set[str] = set()
        self._sockets[socket] = venue, topics
        try:
            while (data := await socket.receive()) is not None:
                message = json.loads(data)
                for topic in message["topics"]:
                    await socket.send(json.dumps(self._answer(venue, topics, message["op"], topic)))
        finally:
            del self._sockets[socket]

    def _answer(self, venue: str, topics: set[str], op: str, topic: str) -> Row:
        if op == "unsub":
            topics.discard(topic)
            self.left.append((venue, topic))
            return {"left": topic}
        self.subscribed.append((venue, topic))
        if topic in self.refused:
            return {"refused": topic, "text": self.refused[topic]}
        topics.add(topic)
        return {"ok": topic}

    async def push(self, topic: str, *pushed: Row, venue: str = "linear", **more: Any) -> None:
        """To whoever has subscribed it."""
        message = json.dumps({"ch": topic, **({"rows": pushed} if pushed else {}), **more})
        for socket, (name, topics) in [*self._sockets.items()]:
            if name == venue and topic in topics:
                await socket.send(message)

    async def bid_farewell(self, reason: str) -> None:
        """Close all connections, and say why."""
        for socket in [*self._sockets]:
            await socket.close(1008, reason)

    def cut(self) -> None:
        """All connections."""
        for socket in [*self._sockets]:
            socket.abort()


@contextmanager
def known(*declared_here: Venue) -> Iterator[None]:
    """These are venues while it lasts."""
    before = [*venues._further]
    venues.register(*declared_here)
    try:
        yield
    finally:
        venues._further[:] = before
        venues.every.cache_clear()


@asynccontextmanager
async def running(*declared_here: Venue) -> AsyncIterator[tuple[Bourse, str]]:
    """The exchange, and the address at which it is served."""
    bourse = Bourse()
    with known(*(declared_here or (SPOT, LINEAR, INVERSE, OPTION))):
        async with Server(bourse) as server:
            yield bourse, server.at
        assert server.error is None


def closing(id: str, size: str, side: str = "sell") -> Row:
    """A liquidation."""
    return {"noun": "liquidations", "id": id, "side": side, "price": "59000.5", "size": size}


def traded(id: str, trade: str, size: str = "1") -> Row:
    return {"noun": "trades", "id": id, "trade": trade, "side": "buy", "price": "60000", "size": size}


async def soon(count: int = 3) -> None:
    """Let what is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)
