"""One client's connection to a served venue: what it subscribed, what it is sent, whether it still answers."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from gzip import compress
from itertools import groupby
from typing import Any, Final, Protocol, cast

from tidebook.core.dialect import Dialect, Said
from tidebook.core.endpoint import Endpoint, Subscribing, Template
from tidebook.core.pack import pack, unpack
from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError, UsageError
from tidebook.io.serve import Served
from tidebook.model.credentials import SIMULATOR
from tidebook.sim.server.limits import Rate
from tidebook.sim.server.samples import Page, Sheet
from tidebook.sim.server.tally import Tally

QUEUE: Final = 20_000  # messages that wait for a client that does not read, before it is cut
POLICY: Final = 1008
GOING: Final = 1001


class Address(Protocol):
    """What a connection leads to, as it sees it: see `Front` and `Door`."""

    @property
    def dialect(self) -> Dialect: ...
    @property
    def sheets(self) -> Mapping[str, Sheet | Page]: ...
    @property
    def tally(self) -> Tally: ...
    @property
    def now_ms(self) -> int: ...
    def count_in(self, endpoint: Endpoint) -> int: ...
    def ask_topic(self, line: "Line", topic: str) -> None: ...
    def refusal(self, line: "Line", topic: str) -> tuple[str, str] | None: ...
    def joined(self, line: "Line", topic: str) -> None: ...
    def left(self, line: "Line", topic: str) -> None: ...
    def asked(self, line: "Line", message: Mapping[str, Any], plain: Mapping[str, Any]) -> bool: ...


class Line:
    """See the module. `wrapped` and `codec` say in which of its forms it takes a message."""

    def __init__(self, front: Address, socket: Served, endpoint: Endpoint) -> None:
        self.front = front
        self.socket = socket
        self.endpoint = endpoint
        self.codec = endpoint.codec
        self.wrapped = endpoint.name in front.dialect.wrapped
        self.topics: dict[str, None] = {}
        self.is_in = endpoint.login is None
        self._queue: deque[tuple[str | bytes, bool]] = deque()
        self._some = asyncio.Event()
        pace = front.dialect.pace
        self._rate = None if pace is None else Rate(pace, [])
        self._answered = 0
        self._ends = asyncio.Event()
        self._ends_at: float | None = None

    # ---- sending

    def push(self, message: str | bytes, *, of_topic: bool = False) -> None:
        """Queue a message that is in this line's form; those of topics may go together."""
        self._queue.append((message, of_topic))
        self._some.set()
        if len(self._queue) > QUEUE:
            self.socket.abort()

    def say(self, data: bytes) -> None:
        """Queue JSON of which nobody else gets the same."""
        self.push(form(data, self.codec))

    async def talk(self) -> None:
        """Until either side ends it."""
        await self.socket.accept()
        work = (self._write(), self._ping(), self._end(), self._wait_for_login())
        tasks = [asyncio.create_task(one) for one in work]
        try:
            while (message := await self.socket.receive()) is not None:
                message = self._read(message)
                if not await (self._hear(message) if self.is_in else self._log_in(message)):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _read(self, message: str | bytes) -> str | bytes:
        """A client's message without the endpoint's form; as it is where it has none of it."""
        if self.endpoint.encode is None:
            return message
        try:
            return unpack(_bytes(message))
        except DecodeError:
            return b""

    async def _write(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self._some.wait()
                self._some.clear()
                batch = [*self._queue]
                self._queue.clear()
                await self.socket.send_many(self._formed(batch))

    def _formed(self, batch: Sequence[tuple[str | bytes, bool]]) -> list[str | bytes]:
        """As the endpoint sends them."""
        frames = self._together(batch)
        if self.endpoint.encode is None:
            return frames
        return [pack(_bytes(one), self.front.dialect.times) for one in frames]

    def _together(self, batch: Sequence[tuple[str | bytes, bool]]) -> list[str | bytes]:
        """Those that follow each other and may be one frame are one."""
        joined = self.front.dialect.joined
        if joined is None:
            return [message for message, _ in batch]
        frames: list[str | bytes] = []
        for of_topic, row in groupby(batch, key=lambda one: one[1]):
            messages = [message for message, _ in row]
            frames += [form(joined([_bytes(one) for one in messages]), self.codec)] if of_topic else messages
        return frames

    # ---- the login

    async def _wait_for_login(self) -> None:
        """Greet, and give up whoever does not log in."""
        login = self.endpoint.login
        if login is None:
            return
        if login.after is not None:
            self.say(login.after.print())
        with suppress(ConnectionError):
            await asyncio.sleep(login.timeout)
            if not self.is_in:
                await self._turn_away(self.front.dialect.no_answer)

    async def _turn_away(self, why: tuple[str, str]) -> None:
        self._deny(*why)
        await self.socket.send_many(self._formed([*self._queue]))
        self._queue.clear()
        await self.socket.close(POLICY, why[1])

    def _deny(self, code: str, text: str) -> None:
        login = self.endpoint.login
        if login is not None and login.refusals:
            self.say(login.refusals[0].print(code=code, text=text))

    async def _log_in(self, text: str | bytes) -> bool:
        """What is said before the login; False when it was the last."""
        login, dialect = self.endpoint.login, self.front.dialect
        assert login is not None
        assert isinstance(login.ask, Template), "signed ones are no facts' and have a counter of their own"
        slots = login.ask.match(_json(text))
        if slots is None:
            self._deny(*dialect.no_login)
            return True
        if slots != {name: SIMULATOR.slots[name] for name in slots}:
            await self._turn_away(dialect.no_key)
            return False
        if dialect.connections is not None and self.front.count_in(self.endpoint) >= dialect.connections:
            await self._turn_away(dialect.no_place)
            return False
        self.is_in = True
        self.say(login.ok.print())
        return True

    async def _ping(self) -> None:
        ping = self.endpoint.ping
        if ping.by != "server":
            return
        clock = asyncio.get_running_loop().time
        heard, since = self._answers(), clock()
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(min(ping.every, since + ping.deadline - clock()))
                if heard != self._answers():
                    heard, since = self._answers(), clock()
                elif clock() >= since + ping.deadline:
                    self.socket.abort()
                    return
                if ping.form == "text":
                    self.say(ping.ask_text.encode())
                elif ping.ask is None:
                    await self.socket.ping(str(self.front.now_ms).encode())
                else:
                    self.say(ping.ask.print(n=self.front.now_ms))

    def announce_end(self) -> None:
        """Say that it will be closed, where the venue says that."""
        for notice in self.endpoint.notices[:1]:
            self.say(notice.print(**dict.fromkeys(notice.slots, self.front.now_ms)))

    def end_in(self, wait: float) -> None:
        """Close it in so many seconds, if it is not to be closed before."""
        at = asyncio.get_running_loop().time() + wait
        self._ends_at = at if self._ends_at is None else min(at, self._ends_at)
        self._ends.set()

    async def _end(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._ends_at is None or clock() < self._ends_at:
            wait = None if self._ends_at is None else self._ends_at - clock()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._ends.wait()
            self._ends.clear()
        await self.socket.close(GOING, "going away")

    def _answers(self) -> int:
        return self.socket.pongs + self._answered

    # ---- hearing

    async def _hear(self, text: str | bytes) -> bool:
        """One message of the client; False when this is its last."""
        if self._rate is not None and not self._rate.pass_(asyncio.get_running_loop().time()):
            await self.socket.close(POLICY, "too many requests")
            return False
        words = self.endpoint.subscribing
        if self.endpoint.ping.form == "text" and self._beat_of_text(text):
            return True
        message = _json(text)
        if not isinstance(message, dict):
            self._refuse({}, (), *self.front.dialect.not_understood)
        elif words is not None and words.most_bytes is not None and len(_bytes(text)) > words.most_bytes:
            self._refuse(cast("dict[str, Any]", message), (), *self.front.dialect.too_many)
        else:
            self._obey(cast("dict[str, Any]", message))
        return True

    def _beat_of_text(self, text: str | bytes) -> bool:
        """Whether a message was the client's part of pings by bare words."""
        ping = self.endpoint.ping
        if _bytes(text) != (ping.ask_text if ping.by == "client" else ping.answer_text).encode():
            return False
        if ping.by == "client":
            self.say(ping.answer_text.encode())
        else:
            self._answered += 1
        return True

    def _beat(self, message: dict[str, Any]) -> bool:
        """Whether it was the client's part of pings by message."""
        ping = self.endpoint.ping
        if ping.answer is None:
            return False
        if ping.by == "server":
            fits = ping.answer.match(message) is not None
            self._answered += fits
            return fits
        if ping.ask is None or ping.ask.match(any_id(message, ping.ask)) is None:
            return False
        said = ping.answer.print(**_id_of(message, ping.ask, ping.answer), now=self.front.now_ms)
        self.say(with_id(said, message, ping.answer, ping.ask))
        return True

    def _obey(self, message: dict[str, Any]) -> None:
        words = self.endpoint.subscribing
        if self._beat(message):
            return
        if words is not None and (slots := words.read(words.subscribe, any_id(message, words.subscribe))) is not None:
            self._subscribe(message, slots.get("topics", []))
            return
        leave = None if words is None else words.unsubscribe
        if words is not None and leave and (slots := words.read(leave, any_id(message, leave))) is not None:
            self._unsubscribe(message, slots.get("topics", []))
        elif self.front.asked(self, message, {**message, "id": 0}):
            self.front.tally.ask(f"message {_shown(message)}", answered=True)
        else:
            said = self.front.dialect.other(message, tuple(self.topics))
            self.front.tally.ask(f"message {_shown(message)}", answered=said is not None)
            if said is None:
                self._refuse(message, (), *self.front.dialect.not_understood)
            else:
                self.answer(said)

    def answer(self, said: Said) -> None:
        """Say what a dialect says."""
        if said.wrapped is not None:
            self.wrapped = said.wrapped
        self.say(self.front.sheets[said.sample].print(said.values))

    def _subscribe(self, message: Mapping[str, Any], topics: list[str]) -> None:
        words = self.endpoint.subscribing
        assert words is not None
        if self._is_full(words, {*self.topics, *topics}):
            self._refuse(message, topics, *self.front.dialect.too_many)
            return
        for topic in topics:
            self.front.ask_topic(self, topic)
        refused = {topic: why for topic in topics if (why := self._refusal(words, topic)) is not None}
        good = [topic for topic in topics if topic not in refused]
        if words.answers_each:
            for topic in topics:
                if topic in refused:
                    self._refuse(message, [topic], *refused[topic])
                else:
                    self._print(message, words.ack, [topic])
                    self.join(topic)
            return
        if refused and (words.ack is None or "failed" not in words.ack.slots):
            topic, why = next(iter(refused.items()))
            self._refuse(message, [topic], *why)
            return
        answered = [*dict.fromkeys([*self.topics, *good])] if words.is_complete else good
        self._print(message, words.ack, answered, list(refused))
        for topic in good:
            self.join(topic)

    def _refusal(self, words: Subscribing, topic: str) -> tuple[str, str] | None:
        """Why a topic is refused; what is none is, also where the venue takes topics that it does not know."""
        refused = self.front.refusal(self, topic)
        return refused or (None if self._can_say(words, topic) else self.front.dialect.not_understood)

    def _is_full(self, words: Subscribing, topics: set[str]) -> bool:
        """Whether so many topics are more than a connection may have."""
        most = self.endpoint.max_bytes
        if len(topics) > self.endpoint.max_topics:
            return True
        return most is not None and sum(words.bytes_of(one) for one in topics if self._can_say(words, one)) > most

    @staticmethod
    def _can_say(words: Subscribing, topic: str) -> bool:
        try:
            words.check(topic)
        except UsageError:
            return False  # it will be refused
        return True

    def _unsubscribe(self, message: Mapping[str, Any], topics: list[str]) -> None:
        words = self.endpoint.subscribing
        assert words is not None
        topics = [topic for topic in topics if self._can_say(words, topic)]
        for topic in topics:
            self.topics.pop(topic, None)
            self.front.left(self, topic)
        template = words.unsubscribed or words.ack
        if words.answers_each and template is not None and "topic" in template.slots:
            for topic in topics:
                self._print(message, template, [topic])
        else:
            self._print(message, template, [*self.topics] if words.is_complete else topics)

    def join(self, topic: str) -> None:
        self.topics[topic] = None
        self.front.joined(self, topic)

    def _refuse(self, message: Mapping[str, Any], topics: Sequence[str], code: str, text: str) -> None:
        words = self.endpoint.subscribing
        if words is None or not words.refusals:
            return
        refusal = words.refusals[0]
        slots: dict[str, Any] = {"code": code, "text": text, **_id_of(message, words.subscribe, refusal)}
        topics = [topic for topic in topics if self._can_say(words, topic)]
        self.say(with_id(words.print(refusal, topics, **slots), message, refusal, words.subscribe))

    def _print(
        self, message: Mapping[str, Any], template: Template | None, topics: Sequence[str], failed: Sequence[str] = ()
    ) -> None:
        words = self.endpoint.subscribing
        if template is None or words is None:
            return
        failed = [topic for topic in failed if self._can_say(words, topic)]
        said = words.print(template, topics, failed, **_id_of(message, words.subscribe, template))
        self.say(with_id(said, message, template, words.subscribe))


def form(data: bytes, codec: Codec) -> str | bytes:
    """JSON as it goes over the socket."""
    return compress(data, 1, mtime=0) if codec is Codec.GZIP else data.decode()


def _json(text: str | bytes) -> Any:
    """The value of a message, None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, UnicodeDecodeError, RecursionError):
        return None


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="surrogatepass")


def _shown(message: Mapping[str, Any]) -> str:
    """What kind of message it is: its words without its numbers."""
    return " ".join(str(value)[:40] for key, value in message.items() if key != "id" and isinstance(value, str))


def _key_of(template: Template) -> str:
    """Under which key a client's message of this template has its id."""
    return template.key_of("id") or "id"


def _id_of(message: Mapping[str, Any], question: Template, answer: Template) -> dict[str, Any]:
    """The slot of an answer's id, to be filled with the question's; left out where there is none and that may be."""
    may_lack = any(place.optional for place in answer.places if place.name == "id")
    return {} if may_lack and _key_of(question) not in message else {"id": 0}


def any_id(message: Mapping[str, Any], template: Template) -> dict[str, Any]:
    """A client's id of any kind fits, or none; it is given back as it came."""
    return {**message, _key_of(template): 0}


def with_id(answer: bytes, message: Mapping[str, Any], template: Template, question: Template) -> bytes:
    """An answer with the question's id."""
    value, key = json.loads(answer), template.key_of("id") or "id"
    if isinstance(value, dict) and key in value:
        value[key] = message.get(_key_of(question))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
