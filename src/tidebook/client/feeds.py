"""The live subscriptions of a market: each finds its venues and symbols when it is opened, and joins their topics."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from tidebook.client.book import Book, Stale
from tidebook.client.healths import RING, Healths
from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.client.sharing import Joined
from tidebook.client.subscription import FACT_BYTES, Slow, Subscription
from tidebook.client.symbols import is_glob, matches
from tidebook.core.burst import Burst
from tidebook.core.channel import FactChannel, check_has, has
from tidebook.core.options import Options
from tidebook.core.stream import Flow, Stream
from tidebook.errors import NotPermitted, SubscriptionFailed, TidebookError, UsageError
from tidebook.model.facts import Instrument
from tidebook.model.health import Health
from tidebook.model.market import State


class Finder(Protocol):
    """A market, as a subscription sees it: what a symbol means on its venues."""

    @property
    def _timeout(self) -> float: ...
    @property
    def _options(self) -> Options: ...
    @property
    def _burst(self) -> Burst: ...
    @property
    def _root(self) -> Opening:
        """What is closed with it, and whose loop it has."""
        ...

    def _tell(self, event: Health) -> None:
        """Health that is found on this side of the queues."""
        ...

    def _venues(self, venue: str | None) -> list[VenueAt]: ...
    def _within(self, place: str) -> str | None: ...
    async def _one(self, symbol: str, venue: str | None) -> tuple[VenueAt, Instrument]: ...
    async def _several(self, symbols: Sequence[str], venue: str | None) -> list[tuple[VenueAt, Instrument]]: ...


class FactFeed(Subscription[Any]):
    """A subscription to a channel of facts, on one or several venues.

    All venues that list a symbol are read, also one that answers only later. Patterns follow what the venues list, as
    far as there are such facts of it; of these a topic that is refused is named in `failed`, and the others go on. When
    nothing is left and every venue refuses the key, patterns end too.
    """

    def __init__(
        self, finder: Finder, name: str, symbols: Sequence[str], venue: str | None, slow: Slow, option: str | None
    ) -> None:
        # Facts are of one size: the bound on bytes is one on their number, and none is measured as it passes.
        options = finder._options
        most = max(1, min(options.queue_items, options.queue_bytes // FACT_BYTES))
        super().__init__(
            f"{name} of {', '.join(symbols)}", slow, key=lambda fact: (fact.venue, fact.symbol),
            options=replace(options, queue_items=most), tell=finder._tell, burst=finder._burst,
        )  # fmt: skip
        self._owner = finder._root
        self.failed: dict[str, BaseException] = {}
        self._finder = finder
        self._name = name
        self._symbols = symbols
        self._globs = [symbol for symbol in symbols if is_glob(symbol)]
        self._wanted: set[str] = set()
        self._venue = venue
        self._option = option
        self._leaves: dict[tuple[str, str], Callable[[], None]] = {}
        self._following: list[Callable[[], None]] = []
        self._denied: set[str] = set()  # venues that refuse the key for good
        self._streams: dict[tuple[str, str], Stream] = {}
        self._settled = asyncio.Event()
        self._error: BaseException | None = None
        self._entered = False

    async def _open(self) -> None:
        venues = self._finder._venues(self._venue)
        names = [one.declared.name for one in venues]
        if not any(one.declared.channel(self._name) for one in venues):
            said = f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} no {self._name}"
            raise UsageError(said, venue=names[0])
        found = await self._finder._several(self._symbols, self._venue)
        self._wanted = {instrument.symbol for _, instrument in found}
        for one in self._finder._venues(self._venue):
            self._following.append(one.follow(partial(self._listed, one)))
        for one, instrument in found:
            if not self._is_followed(instrument.symbol):
                self._join(one, instrument)
            elif has(instrument, self._name):
                self._try(one, instrument)
        self._entered = True
        self._look()
        try:
            async with asyncio.timeout(self._finder._timeout):
                await self._settled.wait()
        except TimeoutError:
            late = [f"{at} {each.plan.topic}" for (at, _), each in self._streams.items() if each.flow is not Flow.OPEN]
            raise SubscriptionFailed(f"{self.what}: no answer for {', '.join(dict.fromkeys(late))}") from None
        if self._error is not None:
            raise self._error

    def _is_followed(self, symbol: str) -> bool:
        """Whether a pattern brought it, or would."""
        return any(matches(symbol, glob) for glob in self._globs)

    def _join(self, one: VenueAt, instrument: Instrument) -> None:
        key = (one.declared.name, instrument.symbol)
        if key not in self._leaves:
            channel = self._channel(one, instrument)
            take, watch, end = self._inlet(*key).take, partial(self._watch, key), partial(self._ended, key)
            self._leaves[key] = lambda: None  # it may be told of the flow before it is joined
            reader = Joined(self._name, instrument.symbol, take, watch, end)
            try:
                self._leaves[key] = one.join(channel, instrument, self._option, reader)
            except BaseException:
                del self._leaves[key]
                raise

    def _try(self, one: VenueAt, instrument: Instrument) -> None:
        """The same for what nobody named: where it cannot be, the others go on."""
        try:
            self._join(one, instrument)
        except TidebookError as error:
            self._without(one.declared.name, instrument.symbol, error)

    def _channel(self, one: VenueAt, instrument: Instrument) -> FactChannel:
        name = one.declared.name
        channel = one.declared.channel(self._name)
        if channel is None:
            raise UsageError(f"{name} has no {self._name}", venue=name)
        check_has(instrument, self._name)
        if channel.options and self._option not in channel.options:
            raise UsageError(f"{name} has no interval {self._option!r}. It has: {' '.join(channel.options)}")
        return channel

    def _watch(self, key: tuple[str, str], stream: Stream) -> None:
        self._streams[key] = stream
        symbol = key[1]
        if stream.flow is Flow.FAILED and stream.error is not None:
            if isinstance(stream.error, NotPermitted) and (self._globs or self._settled.is_set()):
                self._ended(key, stream.error)  # the key itself is refused: nothing more will come
            elif self._globs:
                self.failed[symbol] = stream.error
            elif not self._settled.is_set():
                self._error = stream.error
            # Later on a refusal is passing: the session asks again, and health tells of it.
        elif stream.flow is Flow.OPEN:
            self.failed.pop(symbol, None)
        self._look()

    def _look(self) -> None:
        """Whether all that was asked for is answered."""
        if not self._entered or self._settled.is_set():
            return
        answered = (Flow.OPEN, Flow.FAILED) if self._globs else (Flow.OPEN,)
        streams = self._streams.values()
        if self._error is None and self._globs and all(each.flow is Flow.FAILED for each in streams):
            self._error = next(iter(self.failed.values()), None)
        if self._error is not None or all(each.flow in answered for each in streams):
            self._settled.set()

    def _listed(self, one: VenueAt, came: Sequence[Instrument], gone: Sequence[Instrument]) -> None:
        """A venue lists more, or has come to say what it lists."""
        for instrument in came:
            symbol = instrument.symbol
            if symbol in self._wanted or (self._is_followed(symbol) and has(instrument, self._name)):
                self._try(one, instrument)

    def _ended(self, key: tuple[str, str], error: TidebookError) -> None:
        """A symbol is traded no more, or nothing of it is given to this key."""
        leave = self._leaves.pop(key, None)
        if leave is not None:
            leave()
        self._streams.pop(key, None)
        self._without(*key, error)

    def _without(self, venue: str, symbol: str, error: TidebookError) -> None:
        """There is nothing of it. A pattern goes on as long as a venue could still list something that can be had."""
        self.failed[symbol] = error
        if isinstance(error, NotPermitted):
            self._denied.add(venue)
        if self._leaves or not self._entered:
            return
        ones = [one for one in self._finder._venues(self._venue) if one.declared.channel(self._name) is not None]
        if not self._globs or all(one.declared.name in self._denied for one in ones):
            self.fail(error)

    @property
    def _flowing(self) -> str:
        if not self._entered:
            return "opening"
        return "open" if all(each.flow is Flow.OPEN for each in self._streams.values()) else "interrupted"

    @property
    def _venue_name(self) -> str:
        venues = {venue for venue, _ in self._leaves}
        return next(iter(venues)) if len(venues) == 1 else ""

    def fail(self, error: BaseException) -> None:
        super().fail(error)
        if not self._settled.is_set():  # whoever opens it gets it
            self._error = self._error or error
            self._settled.set()

    def _quit(self) -> None:
        for leave in (*self._leaves.values(), *self._following):
            leave()
        self._leaves.clear()
        self._following.clear()


class HealthFeed(Subscription[Health]):
    """The ring, then live events; of some venues, where `names` says of which, and what concerns all."""

    def __init__(
        self, healths: Healths, options: Options, owner: Opening, names: Callable[[], Collection[str]] | None = None
    ) -> None:
        super().__init__("health", "drop", options=replace(options, queue_items=RING))
        self._owner = owner
        self._healths = healths
        self._names = names
        self._venues: Collection[str] = ()

    async def _open(self) -> None:
        if self._names is not None:
            self._venues = {"", *self._names()}
        self.deliver([event for event in self._healths.ring if self._is_wanted(event)])
        self._healths.listeners.append(self._take)

    def _is_wanted(self, event: Health) -> bool:
        return not self._venues or event.venue in self._venues

    def _take(self, event: Health) -> bool:
        if wanted := self._is_wanted(event):
            self.deliver([event])
        return wanted

    def _quit(self) -> None:
        if self._take in self._healths.listeners:
            self._healths.listeners.remove(self._take)


class LiveBook(Book):
    """A book whose venue is found when it is opened: instruments are known only then."""

    def __init__(
        self, finder: Finder, symbol: str, venue: str | None, kind: str | None = None, *, timeout: float,
        require: State | None = None, stale: Stale = "yield", limit: int | None = None,
        levels: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            symbol, venue or "", timeout=timeout, require=require, stale=stale,
            options=finder._options, tell=finder._tell, burst=finder._burst, levels=levels,
        )  # fmt: skip
        self._owner = finder._root
        self._limit = limit
        self._finder = finder
        self._asked_venue = venue
        self._kind = kind

    @property
    def _known_as(self) -> str:
        return "Book"

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
            instrument.tick,
        )  # fmt: skip
        await super()._open()
