"""The market without asyncio: what `tidebook.threads.connect(...)` gives."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from tidebook.client import market
from tidebook.client.keys import Given
from tidebook.client.market import Orders
from tidebook.client.stats import Stats
from tidebook.core.options import Options
from tidebook.engine import Choice
from tidebook.errors import TidebookError, UsageError
from tidebook.model.health import Health
from tidebook.model.orders import Order
from tidebook.model.place import At
from tidebook.threads.loop import LoopThread
from tidebook.threads.opened import Home
from tidebook.threads.reader import Reader
from tidebook.threads.recording import Recording
from tidebook.threads.subscription import Subscription
from tidebook.threads.trader import Trader


class Market(Reader, Trader):
    """Connected venues: ``with connect("binance", "htx") as market``, or `start` … `stop`.

    It has one thread of its own, in which everything is received and callbacks are called. It may be used from any
    thread, and beside a running loop, as in a notebook. Inside a callback whatever would wait is refused; `stop`,
    `close` and reading books are not.
    """

    def __init__(self, connected: market.Market) -> None:
        self._market = self._whole = connected
        self._home = Home(LoopThread("tidebook market", self._wind_up), connected._tell)

    # Its life -----------------------------------------------------------------

    def start(self) -> Self:
        """Connect, and wait until venues have answered. Raises as `tidebook.connect` says; it is started once."""
        thread = self._home.thread
        if thread.stopped:
            raise UsageError(f"{thread.name} is closed. Make another one")
        thread.start()
        try:
            thread.call(self._enter())
        except BaseException:
            thread.stop()
            raise
        return self

    async def _enter(self) -> None:
        await self._whole

    def close(self) -> None:
        """Close it and all that was opened out of it, and end its thread. From anywhere; twice is fine.

        Inside a callback it returns at once, and all is closed when that has returned. What async callbacks do then is
        cancelled.
        """
        self._home.thread.stop()

    def stop(self) -> None:
        """The same as `close`."""
        self.close()

    def close_soon(self) -> None:
        """Have it closed, and return at once. From any thread, or a signal's function."""
        self._home.thread.stop(0)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it is closed, by another thread or a callback; whether it is, after at most `timeout` seconds.

        Ctrl-C is heard meanwhile. Raises UsageError inside a callback, and before it is opened.
        """
        return self._home.thread.join(timeout)

    async def _wind_up(self) -> None:
        self._home.end()
        await self._whole.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What it is ---------------------------------------------------------------

    def __getitem__(self, name: str) -> "PlaceMarket":
        """The same market at one place: `market["binance"].trades("BTC/USDT")`. Raises UsageError for any other."""
        return PlaceMarket(self._home, self._home.thread.ask(lambda: self._whole[name]))

    @property
    def stats(self) -> Stats:
        """What it has and has done, in numbers; at once, from any thread. Raises WrongLoop in a forked process."""
        return self._whole.stats

    @property
    def recovered(self) -> Mapping[str, Order | TidebookError]:
        """What became of the orders that the journal held without an end, as far as that is known: by client id."""
        return self._home.look(lambda: self._whole.recovered)

    def record(self, path: str | os.PathLike[str], *, venues: Sequence[str] | None = None) -> Recording:
        """Append all public messages, of all its places or of `venues`, to a file that replays."""
        return Recording(self._home, self._whole.record(path, venues=venues))

    def health(self, *, venue: str | None = None) -> Subscription[Health]:
        """What was lost, gained, refused: the newest 1,000 events, then live; of one place what its venues tell."""
        return Subscription(self._home, self._whole.health(venue=venue))

    def __repr__(self) -> str:
        return repr(self._market)


class PlaceMarket(Reader, Trader):
    """`market["binance"]`: the market with the venue said once."""

    def __init__(self, home: Home, place: market.PlaceMarket) -> None:
        self._home = home
        self._market = self._place = place

    @property
    def name(self) -> str:
        return self._place.name

    def health(self, *, venue: str | None = None) -> Subscription[Health]:
        """As `Market.health`, of this place."""
        return Subscription(self._home, self._place.health(venue=venue))

    @property
    def state(self) -> str:
        """``up``, ``connecting``, ``retrying(3 s)``, ``refused``.

        Of several venues what they have in common, else which are not up: ``NAME=retrying(3 s)``.
        """
        return self._home.thread.ask(lambda: self._place.state)

    def __repr__(self) -> str:
        with suppress(TidebookError):  # not open, or closed in this instant
            return self._home.thread.ask(lambda: repr(self._market))
        return f"<{self.name}>"


def connect(
    *where: str | At,
    at: str | None = None,
    engine: Choice | None = None,
    options: Options | None = None,
    timeout: float = 10.0,
    share: float = 1.0,
    keys: Given | None = None,
    read_only: bool = False,
    journal: str | os.PathLike[str] | None = None,
    orders: Orders = "rest",
) -> Market:
    """`tidebook.connect` without asyncio: ``with connect("binance", "htx") as market: …``

    Arguments, errors and what they mean are the same.
    """
    return Market(
        market.connect(
            *where,
            at=at,
            engine=engine,
            options=options,
            timeout=timeout,
            share=share,
            keys=keys,
            read_only=read_only,
            journal=journal,
            orders=orders,
        )
    )
