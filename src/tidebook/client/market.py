"""The market: what `tidebook.connect(...)` gives. A noun opens a live subscription, `fetch_…` asks once."""

import asyncio
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from tidebook import engine as engines
from tidebook.client.book import Book, Stale
from tidebook.client.consolidated import Consolidated
from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.client.subscription import Slow, Subscription
from tidebook.client.symbols import is_glob, resolve
from tidebook.client.tables import BARS, INSTRUMENTS, TICKERS, TRADES, Table
from tidebook.core.channel import FactChannel, Question
from tidebook.core.options import Options
from tidebook.core.stream import Flow, Stream
from tidebook.engine import Choice
from tidebook.errors import SubscriptionFailed, UnknownSymbol, UnknownVenue, UsageError, VenueUnavailable
from tidebook.io.place import loopback
from tidebook.model import place as places
from tidebook.model.facts import Bar, Fact, Instrument, Quote, Ticker, Trade
from tidebook.model.health import Health
from tidebook.model.market import State
from tidebook.model.place import At
from tidebook.venues import every

F = TypeVar("F", bound=Fact)
HEALTH_RING = 1_000
SLOW: Mapping[str, Slow] = {"ticker": "conflate"}


class Reader(ABC):
    """The nouns and verbs of public market data, over some venues. Shared by `Market` and `market["binance"]`."""

    @abstractmethod
    def _venues(self, venue: str | None) -> list[VenueAt]:
        """The connected venues that `venue` names, all with None. Raises UsageError."""

    @property
    @abstractmethod
    def _timeout(self) -> float:
        """Seconds to wait for a venue."""

    # Symbols ------------------------------------------------------------------

    def _exchanges(self, venue: str | None) -> dict[str, list[VenueAt]]:
        grouped: dict[str, list[VenueAt]] = {}
        for one in self._venues(venue):
            grouped.setdefault(str(one.at), []).append(one)
        return grouped

    async def _one(self, symbol: str, venue: str | None) -> tuple[VenueAt, Instrument]:
        """The one venue and instrument that is meant. Raises UsageError naming the choices where there are several."""
        if is_glob(symbol):
            raise UsageError(f"{symbol!r} is a pattern; here one symbol is wanted")
        grouped = self._exchanges(venue)
        if len(grouped) > 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(grouped)}", symbol=symbol)
        ((name, ones),) = grouped.items()
        await _usable(ones, self._timeout)
        instrument = resolve(symbol, [one.listing for one in ones], name)
        return next(one for one in ones if one.declared.name == instrument.venue), instrument

    async def _several(self, symbols: Sequence[str], venue: str | None) -> list[tuple[VenueAt, Instrument]]:
        """All that is meant: each symbol on every venue that lists it, globs on all."""
        found: list[tuple[VenueAt, Instrument]] = []
        grouped = self._exchanges(venue)
        await _usable([one for ones in grouped.values() for one in ones], self._timeout, some=len(grouped) > 1)
        for symbol in symbols:
            matches: list[tuple[VenueAt, Instrument]] = []
            refusal: UnknownSymbol | None = None
            for name, ones in grouped.items():
                if is_glob(symbol):
                    matches += [(one, row) for one in ones for row in one.listing.glob(symbol)]
                    continue
                try:
                    row = resolve(symbol, [one.listing for one in ones], name)
                except UnknownSymbol as error:
                    refusal = refusal or error
                    continue
                matches.append((next(one for one in ones if one.declared.name == row.venue), row))
            if not matches:
                raise refusal or UnknownSymbol(f"no symbol matches {symbol!r}", symbol=symbol)
            found += matches
        return found

    # Live ---------------------------------------------------------------------

    def book(
        self, symbol: str, *, venue: str | None = None, kind: str | None = None, timeout: float = 30.0,
        require: str | None = None, stale: Stale = "sleep",
    ) -> Book:  # fmt: skip
        """A live order book. Entering waits until it is readable, `timeout` seconds at most; then SubscriptionFailed.

        `kind` names one of the venue's ways of publishing books (the first by default); `require="live"` refuses
        a book that nothing proves. `stale`: what iterating does while the book is not current: ``sleep``, ``raise``
        (BookNotLive at once) or ``yield`` the change of state.
        """
        return _Book(self, symbol, venue, kind, timeout, None if require is None else State(require), stale)

    def trades(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Trade]:
        """Every trade. `trade.side` is the taker's."""
        return self._facts("trades", symbols, venue, slow)

    def quotes(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Quote]:
        """Every change of the best bid or ask."""
        return self._facts("quotes", symbols, venue, slow)

    def bars(
        self, *symbols: str | Sequence[str], interval: str = "1m", venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Bar]:
        """Bars as they form; `bar.finished` says which can change no more."""
        return self._facts("bars", symbols, venue, slow, interval)

    def ticker(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Ticker]:
        """The last 24 hours, as often as the venue sends them; the newest of each symbol."""
        return self._facts("ticker", symbols, venue, slow)

    def _facts(
        self,
        name: str,
        symbols: Sequence[str | Sequence[str]],
        venue: str | None,
        slow: Slow | None,
        option: str | None = None,
    ) -> "Subscription[Any]":
        flat: list[str] = []
        for given in symbols:
            flat.extend([given] if isinstance(given, str) else given)
        if not flat:
            raise UsageError(f"{name}: of which symbol?")
        if any(not isinstance(symbol, str) for symbol in flat):
            raise UsageError(f"{name}: symbols are texts: {name}('BTC/USDT', 'ETH/USDT')")
        return _Subscription(self, name, flat, venue, slow or SLOW.get(name, "error"), option)

    def consolidated(self, symbol: str, *, timeout: float = 30.0) -> Consolidated:
        """The best prices of a symbol on every connected venue that lists it, side by side.

        Entering waits until one book is readable. Raises UnknownSymbol where no venue lists it.
        """
        return Consolidated(symbol, lambda changed: self._books_of(symbol, timeout, changed))

    async def _books_of(
        self, symbol: str, timeout: float, changed: Callable[[Book], object]
    ) -> tuple[list[Book], list[BaseException]]:
        """The books of one symbol on all venues: those that came, and why others did not."""
        places = [str(one.at) for one, _ in await self._several([symbol], None)]
        books = [self.book(symbol, venue=place, timeout=timeout, stale="yield") for place in places]
        for book in books:
            book.on(changed)
        done = await asyncio.gather(*(book._enter() for book in books), return_exceptions=True)
        failures = [one for one in done if isinstance(one, BaseException)]
        opened = [book for book, one in zip(books, done, strict=True) if not isinstance(one, BaseException)]
        return opened, failures

    # Once ---------------------------------------------------------------------

    async def fetch_instruments(self, *patterns: str, venue: str | None = None) -> Table[Instrument]:
        """The instruments that match (all without patterns), as loaded when the venue was opened."""
        ones = self._venues(venue)
        await _usable(ones, self._timeout, some=len(ones) > 1)
        rows = [row for one in ones for row in one.listing.by_symbol.values()]
        if not patterns:
            return Table(INSTRUMENTS, rows)
        chosen = [await self._several([pattern], venue) for pattern in patterns]
        return Table(INSTRUMENTS, [row for found in chosen for _, row in found])

    async def fetch_time(self, *, venue: str | None = None) -> int:
        """The venue's clock, ns UTC."""
        ones = self._venues(venue)
        if len(ones) != 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(str(one.at) for one in ones)}")
        answer: int = await ones[0].fetch("time", Question())
        return answer

    async def fetch_trades(self, symbol: str, *, limit: int | None = None, venue: str | None = None) -> Table[Trade]:
        """The newest trades, oldest first."""
        rows: list[Trade] = await self._ask("trades", symbol, venue, limit=limit)
        return Table(TRADES, rows, symbol)

    async def fetch_bars(
        self, symbol: str, interval: str = "1m", *, limit: int | None = None, start_ns: int | None = None,
        end_ns: int | None = None, venue: str | None = None,
    ) -> Table[Bar]:  # fmt: skip
        """One page of bars, oldest first."""
        rows: list[Bar] = await self._ask(
            "bars", symbol, venue, limit=limit, interval=interval, start_ns=start_ns, end_ns=end_ns
        )
        return Table(BARS, rows, f"{symbol} {interval}")

    async def fetch_ticker(self, symbol: str, *, venue: str | None = None) -> Ticker:
        """The last 24 hours."""
        answer: Ticker = await self._ask("ticker", symbol, venue)
        return answer

    async def fetch_tickers(self, *, venue: str | None = None) -> Table[Ticker]:
        """The last 24 hours of every symbol."""
        ones = self._venues(venue)
        await _usable(ones, self._timeout)
        pages = await asyncio.gather(*(one.fetch("tickers", Question()) for one in ones))
        return Table(TICKERS, [row for page in pages for row in page])

    async def _ask(self, name: str, symbol: str, venue: str | None, **question: Any) -> Any:
        one, instrument = await self._one(symbol, venue)
        return await one.fetch(name, Question(instrument=instrument.id, **question))


class Market(Reader, Opening):
    """Connected venues. `async with tidebook.connect("binance", "htx") as market`."""

    def __init__(
        self,
        where: Sequence[str | At],
        *,
        at: str | None,
        engine: Choice | None,
        options: Options | None,
        timeout: float,
    ) -> None:
        Opening.__init__(self)
        if not where:
            raise UsageError("connect to what? Name at least one exchange: connect(NAME)")
        self._places = [places.parse(one) for one in where]
        self._declared = {place: _declared(place) for place in self._places}
        self._at_address = at
        self._engine = engines.load(engine)
        self._options = options or Options()
        self._wait = timeout
        self._open_venues: dict[At, list[VenueAt]] = {}
        self._ring: deque[Health] = deque(maxlen=HEALTH_RING)
        self._listeners: list[Callable[[Health], None]] = []
        self._things: set[Opening] = set()

    @property
    def _timeout(self) -> float:
        return self._wait

    async def _open(self) -> None:
        address = self._at_address or os.environ.get("TIDEBOOK_AT")
        for at in self._places:
            remap = loopback(address) if address else _hosts(at, self._declared[at])
            self._open_venues[at] = [
                VenueAt(one, at, self._engine, self._options, remap=remap, on_event=self._emit)
                for one in self._declared[at]
            ]
        ones = self._venues(None)
        await asyncio.wait([asyncio.ensure_future(one.ready.wait()) for one in ones], timeout=self._wait)
        if not any(one.state == "up" for one in ones):
            raise next((one.error for one in ones if one.error is not None), None) or VenueUnavailable(
                f"no venue has answered for {self._wait:g} s: {', '.join(str(one.at) for one in ones)}"
            )

    async def _close(self) -> None:
        things = [*self._things]
        await asyncio.gather(*(thing.close() for thing in things), return_exceptions=True)
        await asyncio.gather(*(one.close() for ones in self._open_venues.values() for one in ones))

    def __getitem__(self, name: str) -> "PlaceMarket":
        """The same market at one place: `market["binance"].trades("BTC/USDT")`."""
        self._venues(name)
        return PlaceMarket(self, name)

    def _venues(self, venue: str | None) -> list[VenueAt]:
        self._check_loop()
        if venue is None:
            return [one for ones in self._open_venues.values() for one in ones]
        wanted = places.parse(venue)
        for at, ones in self._open_venues.items():
            if at == wanted:
                return ones
            if at.account == wanted.account and at.environment == wanted.environment:
                found = [one for one in ones if wanted.venue in (one.declared.name, one.declared.exchange)]
                if found:
                    return found
        raise UsageError(
            f"{venue} is not connected; {', '.join(map(str, self._open_venues))} is. Write connect({venue!r})"
        )

    def health(self) -> Subscription[Health]:
        """What was lost, gained, refused: the newest 1,000 events, then live."""
        return _HealthFeed(self)

    def _emit(self, event: Health) -> None:
        self._ring.append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def __repr__(self) -> str:
        try:
            shown = " ".join(f"{at}={ones[0].state}" for at, ones in self._open_venues.items())
            ones = [one for group in self._open_venues.values() for one in group]
            topics, sockets = sum(one.topics for one in ones), sum(one.sockets for one in ones)
            return f"<Market {shown}, {topics} subscriptions on {sockets} sockets, {self._engine.name} engine>"
        except Exception as error:  # a repr never raises
            return f"<Market ({type(error).__name__})>"


class PlaceMarket(Reader):
    """`market["binance"]`: the market with the venue said once."""

    def __init__(self, market: Market, name: str) -> None:
        self._market = market
        self.name = name

    @property
    def _timeout(self) -> float:
        return self._market._timeout

    def _venues(self, venue: str | None) -> list[VenueAt]:
        if venue is not None:
            raise UsageError(f"the venue was said before: {self.name}")
        return self._market._venues(self.name)

    @property
    def state(self) -> str:
        """``up``, ``connecting``, ``retrying(3 s)``, ``refused``."""
        ones = self._venues(None)
        return next((one.state for one in ones if one.state != "up"), "up")

    def __repr__(self) -> str:
        return f"<{self.name} {self.state}>"


class _Subscription(Subscription[Any]):
    """A subscription to a channel of facts, on one or several venues."""

    def __init__(
        self, reader: Reader, name: str, symbols: Sequence[str], venue: str | None, slow: Slow, option: str | None
    ) -> None:
        super().__init__(f"{name} of {', '.join(symbols)}", slow, key=lambda fact: (fact.venue, fact.symbol))
        self._reader = reader
        self._name = name
        self._symbols = symbols
        self._venue = venue
        self._option = option
        self._leaves: list[Callable[[], None]] = []
        self._flows: dict[str, Flow] = {}
        self._settled = asyncio.Event()
        self._error: BaseException | None = None

    async def _open(self) -> None:
        for one, instrument in await self._reader._several(self._symbols, self._venue):
            self._leaves.append(one.join(self._channel(one), instrument, self._option, self.deliver, self._watch))
        try:
            async with asyncio.timeout(self._reader._timeout):
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


class _HealthFeed(Subscription[Health]):
    """The ring, then live events."""

    def __init__(self, market: Market) -> None:
        super().__init__("health", "drop")
        self._market = market

    async def _open(self) -> None:
        self.deliver([*self._market._ring])
        self._market._listeners.append(self._take)

    def _take(self, event: Health) -> None:
        self.deliver([event])

    async def _close(self) -> None:
        await super()._close()
        if self._take in self._market._listeners:
            self._market._listeners.remove(self._take)


class _Book(Book):
    """A book whose venue is found when it is opened: instruments are known only then."""

    def __init__(
        self, reader: Reader, symbol: str, venue: str | None, kind: str | None, timeout: float,
        require: State | None, stale: Stale,
    ) -> None:  # fmt: skip
        super().__init__(symbol, venue or "", timeout=timeout, require=require, stale=stale)
        self._reader = reader
        self._asked_venue = venue
        self._kind = kind

    async def _open(self) -> None:
        one, instrument = await self._reader._one(self.symbol, self._asked_venue)
        books = {channel.name: channel for channel in one.declared.books}
        kind = self._kind or next(iter(books))
        if kind not in books:
            raise UsageError(f"{one.declared.name} has no book {kind!r}. It has: {', '.join(books)}")
        channel = books[kind]
        name = channel.topic(instrument.id)
        self.bind(
            instrument.symbol, one.declared.name, one.engine.name,
            partial(one.attach, channel, instrument), partial(one.detach, name),
        )  # fmt: skip
        await super()._open()


async def _usable(ones: Iterable[VenueAt], timeout: float, *, some: bool = False) -> None:
    """Wait for venues. With `some`, one that does not answer does not stop the others."""
    failures: list[Exception] = []
    ready = 0
    for one in ones:
        try:
            await one.usable(timeout)
            ready += 1
        except Exception as error:
            if not some:
                raise
            failures.append(error)
    if some and failures and not ready:
        raise failures[0]


def _declared(at: At) -> list[Any]:
    """The declared venues that a place names."""
    known = every()
    found = [venue for venue in known.values() if at.venue in (venue.name, venue.exchange)]
    if not found:
        names = ", ".join(sorted({venue.exchange for venue in known.values()}))
        raise UnknownVenue(f"no venue is called {at.venue!r}. There are: {names}", venue=at.venue)
    for venue in found:
        if at.environment not in {one.name for one in venue.environments}:
            environments = ", ".join(one.name for one in venue.environments)
            raise UnknownVenue(f"{venue.name} has no environment {at.environment!r}. It has: {environments}")
    return found


def _hosts(at: At, declared: Sequence[Any]) -> Callable[[str], str] | None:
    """The mapper of live hosts to those of an environment, or to `at.hosts`."""
    hosts: dict[str, str] = {}
    for venue in declared:
        for environment in venue.environments:
            if environment.name == at.environment:
                hosts.update(environment.hosts)
    hosts.update(at.hosts)
    if not hosts:
        return None

    def remap(url: str) -> str:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{hosts.get(host, host)}{slash}{path}"

    return remap


def connect(
    *where: str | At, at: str | None = None, engine: Choice | None = None, options: Options | None = None,
    timeout: float = 10.0,
) -> Market:  # fmt: skip
    """Connect to exchanges: `async with connect("binance", "htx") as market`, or `market = await connect("binance")`.

    Each place is ``venue[@account][:environment]``; an exchange's name stands for all its venues. `at` (or the
    variable TIDEBOOK_AT) sends every venue to a simulator or replay server on this machine. `timeout` is how long
    entering waits for venues to answer, in seconds: those that do not are retried and named by `market[…].state`;
    when none does, entering raises VenueUnavailable or the venue's refusal. Raises UnknownVenue before any socket
    opens.
    """
    return Market(where, at=at, engine=engine, options=options, timeout=timeout)
