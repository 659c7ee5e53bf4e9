"""One client's connection to a served venue: what it subscribed, what it is sent, whether it still answers."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from gzip import compress
from typing import TYPE_CHECKING, Any, Final, cast

from tidebook.core.dialect import Said
from tidebook.core.endpoint import Endpoint, Template
from tidebook.engine.shape import Codec
from tidebook.io.serve import Served
from tidebook.sim.server.limits import Rate

if TYPE_CHECKING:
    from tidebook.sim.server.door import Door

QUEUE: Final = 20_000  # messages that wait for a client that does not read, before it is cut
POLICY: Final = 1008


class Line:
    """See the module. `wrapped` and `codec` say in which of its forms it takes a message."""

    def __init__(self, front: "Door", socket: Served, endpoint: Endpoint) -> None:
        self.front = front
        self.socket = socket
        self.endpoint = endpoint
        self.codec = endpoint.codec
        self.wrapped = endpoint.name in front.dialect.wrapped
        self.topics: dict[str, None] = {}
        self._queue: deque[str | bytes] = deque()
        self._some = asyncio.Event()
        pace = front.dialect.pace
        self._rate = None if pace is None else Rate(pace, [])
        self._answered = 0

    # ---- sending

    def push(self, message: str | bytes) -> None:
        """Queue a message that is in this line's form."""
        self._queue.append(message)
        self._some.set()
        if len(self._queue) > QUEUE:
            self.socket.abort()

    def say(self, data: bytes) -> None:
        """Queue JSON of which nobody else gets the same."""
        self.push(form(data, self.codec))

    async def talk(self) -> None:
        """Until either side ends it."""
        await self.socket.accept()
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._ping())]
        try:
            while (message := await self.socket.receive()) is not None:
                if not await self._hear(message):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self._some.wait()
                self._some.clear()
                batch = [*self._queue]
                self._queue.clear()
                await self.socket.send_many(batch)

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
                if ping.ask is None:
                    await self.socket.ping(str(self.front.now_ms).encode())
                else:
                    self.say(ping.ask.print(n=self.front.now_ms))

    def _answers(self) -> int:
        return self.socket.pongs + self._answered

    # ---- hearing

    async def _hear(self, text: str | bytes) -> bool:
        """One message of the client; False when this is its last."""
        if self._rate is not None and not self._rate.pass_(asyncio.get_running_loop().time()):
            await self.socket.close(POLICY, "too many requests")
            return False
        try:
            message = json.loads(text)
        except (ValueError, UnicodeDecodeError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._refuse({}, *self.front.dialect.not_understood)
            return True
        self._obey(cast("dict[str, Any]", message))
        return True

    def _obey(self, message: dict[str, Any]) -> None:
        answer, words = self.endpoint.ping.answer, self.endpoint.subscribing
        if answer is not None and answer.match(message) is not None:
            self._answered += 1
            return
        # A client's id of any kind fits, and is given back as it came.
        plain = {**message, "id": 0}
        if words is not None and (slots := words.subscribe.match(plain)) is not None:
            self._subscribe(message, topics_of(slots))
        elif words is not None and words.unsubscribe and (slots := words.unsubscribe.match(plain)) is not None:
            for topic in (topics := topics_of(slots)):
                self.topics.pop(topic, None)
                self.front.left(self, topic)
            self._print(message, words.unsubscribed or words.ack, topics)
        elif self.front.asked(self, message, plain):
            self.front.tally.ask(f"message {_shown(message)}", answered=True)
        else:
            said = self.front.dialect.other(message, tuple(self.topics))
            self.front.tally.ask(f"message {_shown(message)}", answered=said is not None)
            if said is None:
                self._refuse(message, *self.front.dialect.not_understood)
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
        if len({*self.topics, *topics}) > self.endpoint.max_topics:
            self._refuse(message, *self.front.dialect.too_many)
            return
        for topic in topics:
            self.front.ask_topic(self, topic)
        for topic in topics:
            refused = self.front.refusal(self, topic)
            if refused is not None:
                self._refuse(message, *refused)
                return
        self._print(message, words.ack, topics)
        for topic in topics:
            self.join(topic)

    def join(self, topic: str) -> None:
        self.topics[topic] = None
        self.front.joined(self, topic)

    def _refuse(self, message: Mapping[str, Any], code: str, text: str) -> None:
        words = self.endpoint.subscribing
        if words is not None and words.refusals:
            slots = {"code": code, "text": text, **({"id": 0} if "id" in message else {})}
            self.say(with_id(words.refusals[0].print(**slots), message))

    def _print(self, message: Mapping[str, Any], template: Template | None, topics: list[str]) -> None:
        if template is not None:
            self.say(with_id(template.print(id=0, topic=topics[0] if topics else "", topics=topics), message))


def form(data: bytes, codec: Codec) -> str | bytes:
    """JSON as it goes over the socket."""
    return compress(data, 1, mtime=0) if codec is Codec.GZIP else data.decode()


def _shown(message: Mapping[str, Any]) -> str:
    """What kind of message it is: its words without its numbers."""
    return " ".join(str(value)[:40] for key, value in message.items() if key != "id" and isinstance(value, str))


def topics_of(slots: Mapping[str, Any]) -> list[str]:
    found: list[Any] = slots["topics"] if "topics" in slots else [slots["topic"]]
    return [str(topic) for topic in found]


def with_id(answer: bytes, message: Mapping[str, Any]) -> bytes:
    """An answer with the question's id."""
    value = json.loads(answer)
    if "id" in value:
        value["id"] = message.get("id")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
