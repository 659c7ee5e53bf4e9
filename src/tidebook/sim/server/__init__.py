"""The embedded exchange on a loopback socket: `serve`, and the faults that it can be asked for."""

import asyncio
import datetime as dt
import re
import ssl
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from tidebook.core.dialect import Levels
from tidebook.errors import UsageError
from tidebook.io.serve import Server
from tidebook.io.tls import named_context
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.sim.exchange import Exchange
from tidebook.sim.records import Account
from tidebook.sim.server.faults import Fault, Point
from tidebook.sim.server.seats import READER
from tidebook.sim.server.site import Simulator
from tidebook.sim.server.tally import Tally
from tidebook.sim.wallet import atoms


class Faults:
    """What can go wrong, as calls. Each takes `at`: so many seconds after the exchange's clock began."""

    def __init__(self, simulator: Simulator) -> None:
        self._ask = simulator.fault

    def __call__(self, fault: Fault) -> None:
        self._ask(fault)

    def cut(self, venue: str | None = None, seconds: float = 0.0, *, at: float | None = None) -> None:
        """Cut all connections, and for so many seconds each new one."""
        self._ask(Fault("cut", venue, seconds=seconds, at=at))

    def shutdown(self, venue: str | None = None, seconds: float = 10.0, *, at: float | None = None) -> None:
        """Tell all connections that they will be closed, where the venue tells that, and close them then."""
        self._ask(Fault("shutdown", venue, seconds=seconds, at=at))

    def silence(self, venue: str | None, topic: str, seconds: float, *, at: float | None = None) -> None:
        """Withhold a topic's messages."""
        self._ask(Fault("silence", venue, topic, seconds=seconds, at=at))

    def drop(self, venue: str | None, topic: str, n: int = 1, *, at: float | None = None) -> None:
        """Lose a topic's next messages."""
        self._ask(Fault("drop", venue, topic, count=n, at=at))

    def duplicate(self, venue: str | None, topic: str, n: int = 1, *, at: float | None = None) -> None:
        """Send a topic's next messages twice."""
        self._ask(Fault("duplicate", venue, topic, count=n, at=at))

    def wrong(self, venue: str | None, topic: str, n: int = 1, *, at: float | None = None) -> None:
        """Let a topic's next messages have a wrong number."""
        self._ask(Fault("wrong", venue, topic, count=n, at=at))

    def late_snapshot(self, seconds: float, venue: str | None = None, n: int = 1, *, at: float | None = None) -> None:
        """Answer the next questions for whole books so much later, with the book of when they were asked."""
        self._ask(Fault("late_snapshot", venue, count=n, seconds=seconds, at=at))

    def old_snapshot(self, seconds: float, venue: str | None = None, n: int = 1, *, at: float | None = None) -> None:
        """Answer them with the book of so many seconds before."""
        self._ask(Fault("old_snapshot", venue, count=n, seconds=seconds, at=at))

    def status(
        self, status: int, venue: str | None = None, retry_after: int = 10, n: int = 1, *, at: float | None = None
    ) -> None:
        """Answer the next requests with 429, 418 or an error of the server."""
        self._ask(Fault("status", venue, count=n, status=status, retry_after=retry_after, at=at))

    def order(
        self, point: Point, venue: str | None = None, path: str = "*", n: int = 1, *, seconds: float = 0.0,
        status: int = 503, at: float | None = None,
    ) -> None:  # fmt: skip
        """Let the next calls of who has a key fail at a point, as `Fault` says; `path` may be a pattern with ``*``."""
        self._ask(Fault("order", venue, path, count=n, seconds=seconds, status=status, point=point, at=at))

    def clock(self, seconds: float, venue: str | None = None, *, at: float | None = None) -> None:
        """Let a venue's clock be so far ahead, or behind where that is negative: its hosts', whatever else is there."""
        self._ask(Fault("clock", venue, seconds=seconds, at=at))

    def resume(self, venue: str | None = None, *, at: float | None = None) -> None:
        """End all of it."""
        self._ask(Fault("resume", venue, at=at))


class serve:  # noqa: N801 - it reads as a verb: async with serve(seed=1) as sim
    """The embedded exchange on a free loopback port, as an async context manager.

    Arguments:
        seed: of everything. Time begins with the first question; with one seed every run begins alike.
        venues: of venues or exchanges; all that it can speak when it is None.
        symbols: these markets begin with the clock, where they are listed; others when they are first asked for.
        port: 0 is any free one.
        speed: so many seconds of the exchange in one of ours.
        lives: a connection is closed after the life that its endpoint declares, times this.
        date: the day whose protocol the venues speak, ``"2026-02-19"``; today's when it is None. What was retired by
            then answers as the venue answers since. The venues' clocks show the time of this machine all the same.
        tls: a server's context; or one for each name of `hosts`, of which a client's SNI chooses and any other
            name is refused. What then comes in is TLS alone.

    `at` is the address, for ``connect(at=…)`` and TIDEBOOK_AT. `exchange` is the truth, its venues are called as
    Tidebook calls them (``exchange.book("binance.spot", "BTC/USDT")``). `faults` lets things go wrong.
    Raises UsageError for a date that is none, for a venue that it cannot speak and a symbol that none lists. Leaving
    it closes all connections within half a second; raises what was a bug of the simulator.
    """

    def __init__(
        self,
        seed: int = 1,
        venues: Iterable[str] | None = None,
        *,
        symbols: Iterable[str] = (),
        port: int = 0,
        speed: float = 1.0,
        lives: float = 1.0,
        date: str | dt.date | None = None,
        tls: ssl.SSLContext | Mapping[str, ssl.SSLContext] | None = None,
    ) -> None:
        self._simulator = Simulator(seed, venues, symbols, speed=speed, lives=lives, day=_day(date))
        context = named_context(tls) if isinstance(tls, Mapping) else tls
        self._server = Server(self._simulator, port=port, tls=context)
        self._pace: asyncio.Task[None] | None = None
        self.faults = Faults(self._simulator)

    @property
    def at(self) -> str:
        """``"127.0.0.1:8800"``."""
        return self._server.at

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the hosts for which it stands."""
        return self._simulator.hosts

    @property
    def date(self) -> dt.date:
        """The day whose protocol it speaks."""
        return self._simulator.day

    @property
    def tally(self) -> Tally:
        """What was asked so far, and what had no answer."""
        return self._simulator.tally

    @property
    def exchange(self) -> Exchange:
        return self._simulator.exchange

    @property
    def venues(self) -> tuple[str, ...]:
        """The names of the venues that are served."""
        return tuple(self._simulator.fronts)

    def open_account(
        self,
        venue: str,
        key: Credentials,
        balances: Mapping[str, str],
        *,
        may_trade: bool = True,
        public: str = "",
    ) -> Account:
        """A new account with this key and these balances, ``{"USDT": "1000"}``, at a venue and those that share it.

        What it returns is the truth: its `wallet` with the `ledger`, its `records`, `fills` and `positions`, in whole
        numbers. A key that is there already leads to the new account from now on. `public`, in PEM, is the other
        one of a key that signs as one of a pair (RSA, Ed25519): its secret is not looked at. Raises UsageError for a
        venue that has no accounts here.
        """
        purse = self._purse(venue)
        return self._simulator.tellers.open(purse, key, balances, may_trade=may_trade, public=public)

    def account(self, venue: str, key: Credentials = SIMULATOR) -> Account:
        """The account of a key. Raises UsageError where there is none."""
        found = self._simulator.tellers.keys(self._purse(venue)).get(key.key.reveal())
        if found is None:
            raise UsageError(f"no account of {venue} has this key")
        return found.account

    def deposit(self, venue: str, currency: str, amount: str, key: Credentials = SIMULATOR) -> None:
        """Give an account more of a currency, or less where negative."""
        self._simulator.tellers.house.deposit(self.account(venue, key), currency, atoms(amount))

    def _purse(self, venue: str) -> str:
        front = self._simulator.fronts.get(venue)
        if front is None or front.dialect.private is None:
            raise UsageError(f"{venue} has no accounts here")
        return front.dialect.private.purse

    def relist(self, symbol: str) -> None:
        """Let every venue trade a symbol that it has delisted."""
        for front in self._simulator.fronts.values():
            front.relist(symbol)

    def delist(self, symbol: str) -> None:
        """Let every venue trade a symbol no more: it is not listed, questions about it are refused, streams silent."""
        for front in self._simulator.fronts.values():
            front.delist(symbol)

    def book_at(self, venue: str, symbol: str, update_id: int, depth: int | None = None) -> Levels:
        """The true book after an update of the last minute. Raises KeyError for any other."""
        return self._simulator.fronts[venue].of_symbol(symbol).levels_at(update_id=update_id, depth=depth)

    def books_in(self, venue: str, symbol: str, first_ns: int, last_ns: int, depth: int | None = None) -> list[Levels]:
        """All true books of a span of the venue's time, both ends in it; at most a minute ago, else KeyError."""
        market = self._simulator.fronts[venue].of_symbol(symbol)
        first, last = (market.id_at(at_ns - market.shift_ns) for at_ns in (first_ns, last_ns))
        return [market.levels_at(update_id=number, depth=depth) for number in range(first, last + 1)]

    def skip(self, seconds: float) -> None:
        """Let so much of the exchange's time pass at once; its venues' clocks are ahead by as much from then on.

        What would have happened in it happens, as fast as it can be computed.
        """
        self._simulator.skip(seconds)

    def rest(self) -> None:
        """Let nothing be traded or placed any more: within a second every book that is kept is `exchange`'s."""
        self.exchange.rest()

    async def start(self) -> None:
        await self._server.start()
        self._pace = asyncio.create_task(self._simulator.run())

    async def stop(self) -> None:
        pace, self._pace = self._pace, None
        if pace is not None:
            pace.cancel()
            await asyncio.wait([pace])
        await self._server.stop()
        if pace is not None and not pace.cancelled() and (error := pace.exception()) is not None:
            raise error
        if self._server.error is not None:
            raise self._server.error

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _day(date: str | dt.date | None) -> dt.date | None:
    if not isinstance(date, str):
        return date
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date):
            return dt.date.fromisoformat(date)
    except ValueError:
        pass
    raise UsageError(f"{date!r} is no date. Write it as 2026-02-19")


__all__ = ["READER", "Fault", "Faults", "Tally", "serve"]
