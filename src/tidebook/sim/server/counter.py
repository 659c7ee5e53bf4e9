"""A venue's counter: calls of those who have a key, and their private connections."""

import asyncio
import json
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from tidebook.core.dialect import Said
from tidebook.core.private import Call, Cause, Denied, Distrusted, Private, Socket, Words
from tidebook.io.serve import Answer, Asked, Cut, Served
from tidebook.sim import verify
from tidebook.sim.records import Fill, Record
from tidebook.sim.server.faults import Fault
from tidebook.sim.server.limits import Gate
from tidebook.sim.server.line import QUEUE
from tidebook.sim.server.seats import Key, Seat, Tellers

if TYPE_CHECKING:
    from tidebook.sim.server.front import Front

TOPIC: Final = "account"
"""What a private connection says of its own accord is a topic of this name to faults."""


class Counter:
    """See the module. `front` is whose counter it is."""

    def __init__(self, front: "Front", private: Private, tellers: Tellers) -> None:
        self.front = front
        self.private = private
        self.tellers = tellers
        self.lines: set[PrivateLine] = set()
        self._calls = [(_pattern(call.path), call) for call in private.calls]

    # ---- calls

    def serves(self, path: str) -> bool:
        return any(pattern.fullmatch(path) is not None for pattern, _ in self._calls)

    def call(self, request: Asked) -> tuple[Call, Words] | None:
        """The call that a question is, if it is one, and its words."""
        words: dict[str, Any] | None = None
        for pattern, call in self._calls:
            match = pattern.fullmatch(request.path) if call.method == request.method else None
            if match is None:
                continue
            words = words_of(request) if words is None else words
            all_words = {**words, **{name: unquote(value) for name, value in match.groupdict().items()}}
            if call.fits(all_words):
                return call, all_words
        return None

    def fault(self, name: str) -> Fault | None:
        """What goes wrong with a question of this name."""
        return self.front.faults.take("order", self.tellers.exchange.now_ns, name)

    async def http(self, request: Asked, call: Call, words: Words) -> Answer:
        """The answer. Raises Cut where a fault says so."""
        fault = self.fault(request.path)
        if fault is not None and fault.point == "unread":
            raise Cut
        checks = verify.UNSIGNED if call.needs == "key" else verify.REQUESTS
        check = checks.get(self.private.scheme, verify.REQUESTS[self.private.scheme])
        try:
            key = check(request, self.tellers.secrets(self.private.purse), self.front.stamp_ns)
        except Distrusted as error:
            return self.front.answer(self.private.distrusted(error.why))
        seat = self.seat(self.tellers.keys(self.private.purse)[key])
        if fault is not None and fault.point == "read":
            raise Cut
        answer = self._acted(call, seat, words)
        return answer if fault is None else await self._spoilt(fault, seat, answer)

    def seat(self, key: Key) -> Seat:
        return Seat(self.front, self.tellers, key)

    def _acted(self, call: Call, seat: Seat, words: Mapping[str, Any]) -> Answer:
        def act() -> Said:
            if call.needs == "trade" and not seat.may_trade:
                return self.private.denied("permission", words)
            try:
                return call.act(seat, self.front, words)
            except Denied as error:
                return self.private.denied(error.why, words)

        return self.front.spend(self._gate(call, seat), lambda: call.weight, act, words)

    def _gate(self, call: Call, seat: Seat) -> Gate:
        """What a call is counted by: that of its account, where accounts have one."""
        pool = self.private.pool
        if pool is None:
            return self.front.gate("", call.path)
        name = f"{pool.name} {seat.number}" + (f" {call.method} {call.path}" if pool.scope == "endpoint" else "")
        return self.front.gates.setdefault(name, Gate(pool))

    async def _spoilt(self, fault: Fault, seat: Seat, answer: Answer) -> Answer:
        """What becomes of an answer after it was acted upon."""
        if fault.point == "status":
            return self.front.answer(self.private.unsure, fault.status)
        if fault.point == "late":
            await asyncio.sleep(fault.seconds)
            return answer
        if fault.point == "answer":
            return replace(answer, cut_at=len(answer.body) // 2)
        if fault.point == "filled" and seat.placed is not None:
            await self.filled(seat, seat.placed)
        raise Cut

    async def filled(self, seat: Seat, record: Record) -> None:
        """Until an order has a fill or has ended."""
        over = asyncio.Event()

        def hear(cause: Cause, one: Record | None, fill: Fill | None, moved: object) -> None:
            if one is record and (record.fills or record.state != "open"):
                over.set()

        seat.account.listeners.append(hear)
        try:
            if not record.fills and record.state == "open":
                await over.wait()
        finally:
            seat.account.listeners.remove(hear)

    # ---- connections

    def socket(self, request: Asked) -> Socket | None:
        """The private connection that is at an address."""
        return self.private.socket(request.path)

    async def websocket(self, request: Asked, served: Served, socket: Socket, others: Sequence["Counter"] = ()) -> None:
        """Talk with one client until either side ends it. `others` are at this address, too."""
        here = (self, *others)
        for one in here:
            one.front.refuse_cut()
        self.front.tally.ask(f"WS {request.host}{request.path}", answered=True)
        line = PrivateLine(here, request, served, socket)
        where = f"{request.path}?{request.query}"
        text = self.private.by_key(where)
        if text is not None:
            key = self.tellers.listening(text)
            if key is None:
                served.refuse(Answer(400, b""))
                return
            line.enter(key)
        for one in here:
            one.lines.add(line)
        try:
            await line.talk()
        finally:
            for one in here:
                one.lines.discard(line)
            line.leave()


class PrivateLine:
    """One private connection: the `core.private.Session` of its dialect.

    `counters` are those of the venues at its address, one at least: the first speaks, and each has its own faults.
    """

    def __init__(self, counters: Sequence[Counter], request: Asked, served: Served, socket: Socket) -> None:
        self._counters = counters
        self._counter = counters[0]
        self._front = counters[0].front
        self._request = request
        self.served = served
        self._socket = socket
        self._queue: deque[str | bytes] = deque()
        self._some = asyncio.Event()
        self._seat: Seat | None = None
        self._last: Seat | None = None  # who has signed a message
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []
        self.notes: dict[str, Any] = {"url": dict(parse_qsl(request.query))}

    # ---- the session

    @property
    def account(self) -> Seat | None:
        return self._seat

    def trust(self, message: Mapping[str, Any], *, enter: bool) -> Seat:
        """As `core.private.Session` says."""
        counter, request = self._counter, self._request
        purse = counter.private.purse
        name = verify.message(
            counter.private.scheme, message, counter.tellers.secrets(purse), self._front.stamp_ns, request.host,
            request.path,
        )  # fmt: skip
        key = counter.tellers.keys(purse)[name]
        self._last = self.enter(key) if enter else counter.seat(key)
        return self._last

    def enter(self, key: Key) -> Seat:
        """Let a key's account be heard of."""
        self.leave()
        self._seat = seat = self._counter.seat(key)
        seat.account.listeners.append(self._hear)
        return seat

    def leave(self) -> None:
        if self._seat is not None:
            if self._socket.ended is not None:
                self._socket.ended(self)
            self._seat.account.listeners.remove(self._hear)
            self._seat = None

    def end(self) -> None:
        self._ended = True

    # ---- what is said

    def _say(self, said: Iterable[Said]) -> None:
        for one in said:
            data = self._front.printed(one)
            self._queue.append(data if self._socket.binary else data.decode())
            self._some.set()
        if len(self._queue) > QUEUE:
            self.served.abort()

    def _hear(self, cause: Cause, record: Record | None, fill: Fill | None, moved: Iterable[str]) -> None:
        """Something happened to the account."""
        seat = self._seat
        if seat is None:
            return
        said = [*self._socket.tell(self, self._front, seat.happened(cause, record, fill, [*moved]))]
        front = self._front if record is None else self._front_of(record)
        copies = front.faults.copies(TOPIC, self._counter.tellers.exchange.now_ns) if said else 0
        for _ in range(copies):
            self._say(said)

    async def talk(self) -> None:
        await self.served.accept()
        if self._socket.greet is not None:
            self._say(self._socket.greet(self, self._front))
        self._tasks += (asyncio.create_task(one) for one in (self._write(), self._beat()))
        try:
            while not self._ended and (text := await self.served.receive()) is not None:
                await self._answer(text)
            if self._ended:
                await self._flush()
                await self.served.close()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, text: str | bytes) -> None:
        plain = text if isinstance(text, str) else text.decode(errors="replace")
        if plain in self._socket.texts:
            self._queue.append(self._socket.texts[plain])
            self._some.set()
            return
        try:
            message: Any = json.loads(plain)
        except (ValueError, RecursionError):
            message = None
        message = message if isinstance(message, dict) else {}
        name = str(message.get("method") or message.get("op") or message.get("action") or "")
        self._front.tally.ask(f"message {name}", answered=True)
        fault = self._fault(name, self._socket.kind(message))
        if fault is not None and fault.point in ("unread", "read"):
            raise Cut
        before = self._placed()
        said = [*self._socket.hear(self, self._front, message)]
        if fault is None:
            self._say(said)
        else:
            await self._spoil(fault, message, said, self._placed() if self._placed() is not before else None)

    def _fault(self, name: str, kind: str) -> Fault | None:
        """What goes wrong with a message: at the venue that it is about, at any where it is about none."""
        about = [one for one in self._counters if not kind or kind in one.front.kinds]
        return next((fault for one in about if (fault := one.fault(name)) is not None), None)

    def _front_of(self, record: Record) -> "Front":
        """The venue of an order."""
        return next((one.front for one in self._counters if one.front.name == record.venue), self._front)

    async def _spoil(self, fault: Fault, message: Words, said: list[Said], placed: Record | None) -> None:
        """What becomes of an answer after it was acted upon; `placed` is the order that the message has placed."""
        if fault.point == "late":
            asyncio.get_running_loop().call_later(fault.seconds, self._say, said)
            return
        if fault.point == "status" and self._socket.unsure is not None:
            self._say([self._socket.unsure(message)])
            return
        if fault.point == "answer" and said:
            await self._flush()
            data = self._front.printed(said[0])
            await self.served.send_raw(_half(data))
        elif fault.point == "filled" and placed is not None and self._last is not None:
            self._tasks.append(asyncio.create_task(self._cut_when_filled(self._last, placed)))
            return
        raise Cut

    async def _cut_when_filled(self, seat: Seat, placed: Record) -> None:
        """Other messages are answered meanwhile."""
        await self._counter.filled(seat, placed)
        self.served.abort()

    def _placed(self) -> Record | None:
        """The newest order of the account that has spoken last."""
        seat = self._seat or self._last
        return None if seat is None else next(reversed(seat.account.records.values()), None)

    async def _write(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self._some.wait()
                await self._flush()

    async def _flush(self) -> None:
        self._some.clear()
        batch = [*self._queue]
        self._queue.clear()
        await self.served.send_many(batch)

    async def _beat(self) -> None:
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(self._socket.every)
                if self._socket.beat is None:
                    await self.served.ping(str(self._front.now_ms).encode())
                else:
                    self._say([self._socket.beat(self._front)])


def _half(data: bytes) -> bytes:
    """A text frame of which half is there (RFC 6455, 5.2)."""
    size = len(data)
    head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126)) + size.to_bytes(2, "big")
    return head + data[: size // 2]


def _pattern(path: str) -> re.Pattern[str]:
    """``/orders/{id}`` as what fits it."""
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile("".join(f"(?P<{one}>[^/]+)" if at % 2 else re.escape(one) for at, one in enumerate(parts)))


def words_of(request: Asked) -> dict[str, Any]:
    """The query's arguments, then the body's, whether that is a form or JSON; a list is in ``[]``."""
    words: dict[str, Any] = dict(parse_qsl(request.query, keep_blank_values=True))
    body = request.body.decode(errors="replace").strip()
    if not body:
        return words
    if body[0] not in "{[":
        return {**words, **dict(parse_qsl(body, keep_blank_values=True))}
    try:
        found = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        return words
    return {**words, **(found if isinstance(found, dict) else {"[]": found})}
