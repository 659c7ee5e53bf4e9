"""What an account has, as users read it: stores of rows that never change; a row that has changed is another one."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from tidebook.client.opening import Opening
from tidebook.client.subscription import FACT_BYTES, Subscription
from tidebook.client.waits import within
from tidebook.core.burst import Burst
from tidebook.core.options import Options
from tidebook.core.trading import Row
from tidebook.errors import TidebookError, UsageError
from tidebook.model.health import Health
from tidebook.model.orders import Leg, Margin, Position

R = TypeVar("R", bound=Row)


class Owner(Protocol):
    """The account, as its stores see it."""

    @property
    def _options(self) -> Options: ...
    @property
    def _burst(self) -> Burst: ...
    @property
    def _root(self) -> Opening: ...
    @property
    def venue(self) -> str: ...
    def _tell(self, event: Health) -> None: ...
    def _check(self) -> None:
        """Raises where it was not opened, or is another loop's; what has ended it, where that was an error."""
        ...

    def _check_asked(self, symbol: object) -> None:
        """Raises why there is nothing of a symbol that is asked for."""
        ...


class Store(Generic[R]):
    """Rows of one kind, the newest of each. `rows` gives them, `named` finds one by its name.

    What is asked for by fields is what has these values: ``find(symbol="BTC/USDT", open=True)``.
    """

    def __init__(
        self, owner: Owner, what: str, kind: type[R], rows: Callable[[], Sequence[R]],
        named: Callable[[str, str | None], R | None],
    ) -> None:  # fmt: skip
        self._owner = owner
        self._what = what
        self._kind = kind
        self._rows = rows
        self._named = named
        self._watching: set[Changes[R]] = set()
        self._waiting: set[asyncio.Future[None]] = set()

    def get(self, name: str, *, symbol: str | None = None) -> R | None:
        """One row by its name, None where there is none: of orders the client's id or the venue's, of fills the
        venue's id, of balances the currency, of positions the symbol. Raises UsageError for a currency that several
        wallets of the account have, and why the account is not there at the symbol's venue.
        """
        if symbol is not None:
            self._owner._check_asked(symbol)
        return self._named(name, symbol)

    def find(self, **fields: Any) -> list[R]:
        """All rows that have these values, the oldest first. Raises UsageError for a field that rows do not have."""
        self._check_fields(fields)
        return [row for row in self._rows() if _fits(row, fields)]

    async def wait(
        self, name: str | None = None, *, until: Callable[[R], object] | None = None, timeout: float | None = 30.0,
        **fields: Any,
    ) -> R:  # fmt: skip
        """The first row, of what is there or comes, that has this name and these values, and of which `until` holds.

        Raises Timeout after `timeout` seconds (None: never), and what has ended the account.
        """
        self._check_fields(fields)

        def found() -> R | None:
            rows = self._rows() if name is None else self._with_name(name, fields)
            return next((row for row in rows if _fits(row, fields) and (until is None or until(row))), None)

        async with within(timeout, f"{self._what} of {self._owner.venue}"):
            while True:
                self._owner._check()
                row = found()
                if row is not None:
                    return row
                await self._stirred()

    async def _stirred(self) -> None:
        """Wait until a row has changed, or is there no more, or the account has ended."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            await woken
        finally:
            self._waiting.discard(woken)

    def watch(self, **fields: Any) -> "Changes[R]":
        """Each row that is new, or has changed, from now on, if it has these values. Nothing is dropped: a reader who
        is too slow is told by Overrun how many were lost. What has ended the account is raised once all is read.
        """
        self._check_fields(fields)
        return Changes(self._owner, self._what, fields, self._watching)

    def _with_name(self, name: str, fields: dict[str, Any]) -> Sequence[R]:
        """The row that is waited for, as far as it is there."""
        row = self._named(name, None)
        return () if row is None else (row,)

    def _check_fields(self, fields: dict[str, Any]) -> None:
        for name in fields:
            if name.startswith("_") or not (name in self._kind.__struct_fields__ or hasattr(self._kind, name)):
                raise UsageError(f"{self._what} have no {name!r}")
        if "symbol" in fields:
            self._owner._check_asked(fields["symbol"])

    def _changed(self, row: R) -> None:
        """From the receive path."""
        for watching in tuple(self._watching):
            watching._take(row)
        self._wake()

    def _wake(self) -> None:
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)

    def _end(self, error: TidebookError | None) -> None:
        """No more changes come."""
        for watching in tuple(self._watching):
            watching._ended(error)
        self._wake()

    def __len__(self) -> int:
        return len(self._rows())

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows())

    def __repr__(self) -> str:
        return f"<{len(self)} {self._what} of {self._owner.venue}>"


class Positions(Store[Position]):
    """Positions by their symbol: one of each, or in the hedge mode two, the legs ``long`` and ``short``; where a venue
    has one across the account's margin and one with its own, these apart.
    """

    def __init__(
        self, owner: Owner, rows: Callable[[], Sequence[Position]],
        of: Callable[[str, Leg | None, Margin | None], Position | None],
    ) -> None:  # fmt: skip
        super().__init__(owner, "positions", Position, rows, lambda name, symbol: of(name, None, None))
        self._of = of

    def get(
        self, name: str, *, symbol: str | None = None, leg: Leg | None = None, margin: Margin | None = None
    ) -> Position | None:
        """The position of a symbol, None where none is known. Without a `leg` it is the one of the one-way mode.
        Raises why the account is not there at the symbol's venue: None would say that nothing is held.

        Raises UsageError without one where the account has the symbol in the hedge mode: what it holds are two
        positions then, ``get(symbol, leg="long")`` and ``get(symbol, leg="short")``, and ``find(symbol=…)`` has both.
        So it does without a `margin` where the account holds one across its margin and one with its own: ``"cross"``,
        ``"isolated"``. `wait` for a symbol takes both likewise.
        """
        if leg not in (None, "net", "long", "short"):
            raise UsageError(f'leg={leg!r}: "net", "long" or "short"')
        if margin not in (None, "", "cross", "isolated"):
            raise UsageError(f'margin={margin!r}: "cross" or "isolated"')
        self._owner._check_asked(name)
        return self._of(name, leg, margin)

    def _with_name(self, name: str, fields: dict[str, Any]) -> Sequence[Position]:
        row = self.get(name, leg=fields.get("leg"), margin=fields.get("margin"))
        return () if row is None else (row,)


class Changes(Subscription[R]):
    """Rows of a store as they change. Made by `watch`; what happens before it is opened is not in it."""

    def __init__(self, owner: Owner, what: str, fields: dict[str, Any], watching: "set[Changes[R]]") -> None:
        super().__init__(
            f"changes of {what}", "error", size=lambda row: 2 * FACT_BYTES, options=owner._options, tell=owner._tell,
            burst=owner._burst,
        )  # fmt: skip
        self._owner = owner._root
        self._account = owner
        self._fields = fields
        self._watching = watching

    @property
    def _venue_name(self) -> str:
        return self._account.venue

    async def _open(self) -> None:
        self._account._check()
        self._watching.add(self)

    def _take(self, row: R) -> None:
        if _fits(row, self._fields):
            self._newest = row
            self.deliver([row])

    def _ended(self, error: TidebookError | None) -> None:
        if error is not None:
            self.fail(error)
        else:
            self._queue.end()

    def _quit(self) -> None:
        self._watching.discard(self)


def _fits(row: Row, fields: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in fields.items())
