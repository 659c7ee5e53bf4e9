"""The live subscriptions of a market: each finds its venues and symbols when it is opened, and joins their topics."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from tidebook.client.book import Book, Stale
from tidebook.client.healths import RING, Healths
from tidebook.client.place import VenueAt
from tidebook.client.subscription import FACT_BYTES, Slow, Subscription
from tidebook.core.channel import FactChannel
from tidebook.core.options import Options
from tidebook.core.stream import Flow, Stream
from tidebook.errors import SubscriptionFailed, UsageError
from tidebook.model.facts import Instrument
from tidebook.model.health import Health
from tidebook.model.market import State


class Finder(Protocol):
    """A market, as a subscription sees it: what a symbol means on its venues."""

    @property
    def _timeout(self) -> float: ...
    @property
    def _options(self) -> Options: ...
    def _tell(self, event: Health) -> None:
        """Health that is found on this side of the queues."""
        ...

    async def _one(self, symbol: str, venue: str | None) -> tuple[VenueAt, Instrument]: ...
    async def _several(self, symbols: Sequence[str], venue: str | None) -> list[tuple[VenueAt, Instrument]]: ...


class FactFeed(Subscription[Any]):
    """A subscription to a channel of facts, on one or several venues."""

    def __init__(
        self, finder: Finder, name: str, symbols: Sequence[str], venue: str | None, slow: Slow, option: str | None
    ) -> None:
        super().__init__(
            f"{name} of {', '.join(symbols)}", slow, key=lambda fact: (fact.venue, fact.symbol),
            size=lambda fact: FACT_BYTES, options=finder._options, tell=finder._tell,
        )  # fmt: skip
        self._finder = finder
        self._name = name
        self._symbols = symbols
        self._venue = venue
        self._option = option
        self._leaves: list[Callable[[], None]] = []
        self._flows: dict[str, Flow] = {}
        self._settled = asyncio.Event()
        self._error: BaseException | None = None

    async def _open(self) -> None:
        for one, instrument in await self._finder._several(self._symbols, self._venue):
            self._leaves.append(one.join(self._channel(one), instrument, self._option, self.deliver, self._watch))
        try:
            async with asyncio.timeout(self._finder._timeout):
                await self._settled.wait()
        except TimeoutError:
            open_now = [topic for topic, flow in self._flows.items() if flow is not Flow.OPEN]
            raise SubscriptionFailed(f"{self.what}: no answer for {', '.join(open_now)}") from None
        if self._error is not None:
            raise self._error

    def _channel(self, one: VenueAt) -> FactChannel:
        channel = one.declared.channel(self._name)
        if channel is None:
            raise UsageError(f"{one.declared.name} has no {self._name}", venue=one.declared.name)
        if channel.options and self._option not in channel.options:
            raise UsageError(
                f"{one.declared.name} has no interval {self._option!r}. It has: {' '.join(channel.options)}"
            )
        return channel

    def _watch(self, stream: Stream) -> None:
        self._flows[f"{stream.plan.venue} {stream.plan.topic}"] = stream.flow
        if stream.flow is Flow.FAILED:
            self._error = stream.error
            self._settled.set()
            if stream.error is not None:
                self.fail(stream.error)
        elif all(flow is Flow.OPEN for flow in self._flows.values()) and len(self._flows) >= len(self._leaves):
            self._settled.set()

    @property
    def state(self) -> str:
        return "open" if all(flow is Flow.OPEN for flow in self._flows.values()) else "interrupted"

    async def _close(self) -> None:
        await super()._close()
        for leave in self._leaves:
            leave()
        self._leaves.clear()


class HealthFeed(Subscription[Health]):
    """The ring, then live events."""

    def __init__(self, healths: Healths, options: Options) -> None:
        super().__init__("health", "drop", options=replace(options, queue_items=RING))
        self._healths = healths

    async def _open(self) -> None:
        self.deliver([*self._healths.ring])
        self._healths.listeners.append(self._take)

    def _take(self, event: Health) -> None:
        self.deliver([event])

    async def _close(self) -> None:
        await super()._close()
        if self._take in self._healths.listeners:
            self._healths.listeners.remove(self._take)


class LiveBook(Book):
    """A book whose venue is found when it is opened: instruments are known only then."""

    def __init__(
        self, finder: Finder, symbol: str, venue: str | None, kind: str | None, timeout: float,
        require: State | None, stale: Stale, limit: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(symbol, venue or "", timeout=timeout, require=require, stale=stale)
        self._limit = limit
        self._finder = finder
        self._asked_venue = venue
        self._kind = kind

    async def _open(self) -> None:
        one, instrument = await self._finder._one(self.symbol, self._asked_venue)
        books = {channel.name: channel for channel in one.declared.books}
        kind = self._kind or next(iter(books))
        if kind not in books:
            raise UsageError(f"{one.declared.name} has no book {kind!r}. It has: {', '.join(books)}")
        channel = books[kind]
        name = channel.topic(instrument.id)
        self.bind(
            instrument.symbol, one.declared.name, one.engine.name,
            partial(one.attach, channel, instrument, limit=self._limit), partial(one.detach, name),
        )  # fmt: skip
        await super()._open()
