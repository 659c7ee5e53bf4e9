"""An account without asyncio, as it happens."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from tidebook.client import account, stores
from tidebook.core.trading import Row
from tidebook.errors import TidebookError
from tidebook.model.market import State
from tidebook.model.orders import Balance, Fill, Leg, Margin, Order, Position
from tidebook.threads.opened import Home, Opened
from tidebook.threads.subscription import Subscription

R = TypeVar("R", bound=Row)


class Account(Opened[account.Account]):
    """One account, live, at one venue or at all of an exchange: ``with market.account(venue=…) as account: …``

    `orders`, `positions`, `balances` and `fills` are stores of rows that never change, to be read from any thread.
    """

    def __init__(self, home: Home, thing: account.Account) -> None:
        super().__init__(home, thing)
        self.orders: Store[Order] = Store(home, thing.orders)
        self.positions = Positions(home, thing.positions)
        self.balances: Store[Balance] = Store(home, thing.balances)
        self.fills: Store[Fill] = Store(home, thing.fills)

    @property
    def venue(self) -> str:
        """The venue's name; before it is opened, what was asked for."""
        return self._thing.venue

    @property
    def state(self) -> State:
        """``syncing`` until it has all, ``live``, ``stale`` from when its connection is lost until all is fetched."""
        return self._thing.state

    @property
    def failed(self) -> dict[str, TidebookError]:
        """Why it is not there at some of an exchange's venues, by their names; the others go on without these."""
        return self._home.look(lambda: self._thing.failed)

    @property
    def complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return self._home.look(lambda: self._thing.complete)

    @property
    def age(self) -> float:
        """Seconds since it was last told something."""
        return self._thing.age

    @property
    def proof_age(self) -> float:
        """Seconds since its connection was last heard, be it by a ping."""
        return self._home.look(lambda: self._thing.proof_age)

    @property
    def unresolved(self) -> dict[str, str]:
        """Orders of this process at this venue of which nobody knows what became of them: by client id."""
        return self._home.look(lambda: self._thing.unresolved)

    @property
    def lost(self) -> int:
        """Items that readers of its changes were too slow for."""
        return self._home.look(lambda: self._thing.lost)


class Store(Generic[R]):
    """Rows of one kind, the newest of each. From any thread, also inside a callback; `wait` not there."""

    def __init__(self, home: Home, store: "stores.Store[R]") -> None:
        self._home = home
        self._store = store

    def get(self, name: str, *, symbol: str | None = None) -> R | None:
        """One row by its name, None where there is none: of orders the client's id or the venue's, of fills the
        venue's id, of balances the currency, of positions the symbol.
        """
        return self._home.look(lambda: self._store.get(name, symbol=symbol))

    def find(self, **fields: Any) -> list[R]:
        """All rows that have these values, the oldest first. Raises UsageError for a field that rows do not have."""
        return self._home.look(lambda: self._store.find(**fields))

    def wait(
        self,
        name: str | None = None,
        *,
        until: Callable[[R], object] | None = None,
        timeout: float | None = 30.0,
        **fields: Any,
    ) -> R:
        """The first row, of what is there or comes, that has this name and these values, and of which `until` holds.

        `until` is called in the thread. Raises Timeout after `timeout` seconds (None: never), and what has ended the
        account; UsageError inside a callback.
        """
        return self._home.thread.call(self._store.wait(name, until=until, timeout=timeout, **fields))

    def watch(self, **fields: Any) -> Subscription[R]:
        """Each row that is new, or has changed, from when it is opened, if it has these values."""
        return Subscription(self._home, self._store.watch(**fields))

    def __len__(self) -> int:
        return self._home.look(lambda: len(self._store))

    def __iter__(self) -> Iterator[R]:
        return iter(self._home.look(lambda: list(self._store)))

    def __repr__(self) -> str:
        return repr(self._store)


class Positions(Store[Position]):
    """Positions by their symbol: one of each, or in the hedge mode two, the legs ``long`` and ``short``."""

    def __init__(self, home: Home, store: "stores.Positions") -> None:
        super().__init__(home, store)
        self._positions = store

    def get(
        self, name: str, *, symbol: str | None = None, leg: Leg | None = None, margin: Margin | None = None
    ) -> Position | None:
        """The position of a symbol, None where none is known. Raises UsageError without a `leg` where the account has
        the symbol in the hedge mode: ``get(symbol, leg="long")`` is one of two then, ``find(symbol=…)`` has both. So
        it is with `margin`, where the account holds one across its margin (``"cross"``) and one with its own.
        """
        return self._home.look(lambda: self._positions.get(name, symbol=symbol, leg=leg, margin=margin))
