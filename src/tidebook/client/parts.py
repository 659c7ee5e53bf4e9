"""An account of an exchange at several of its venues: what each of them tells, read as one."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from tidebook.client.place import VenueAt
from tidebook.client.symbols import may_list
from tidebook.core.trading import Row
from tidebook.errors import TidebookError, UsageError, VenueError
from tidebook.model.market import State
from tidebook.model.orders import Balance, Fill, Leg, Margin, Order, Position

if TYPE_CHECKING:
    from tidebook.client.account import Account

R = TypeVar("R")


class Parts:
    """The accounts at an exchange's venues, all of one key. Those that refuse it are in `failed`, the others are read.

    Venues may share a wallet: one of them speaks for it, and what the others say of balances is the same once more.
    """

    def __init__(self, exchange: str, accounts: Sequence["Account"]) -> None:
        self.exchange = exchange  # as users name it
        self.failed: dict[str, TidebookError] = {}
        self._accounts = list(accounts)
        self._refused: list[Account] = []
        self._choose_speakers()

    async def open(self) -> None:
        """Open each. Raises what a venue could not answer, and why the first was refused where all were."""
        asked = tuple(self._accounts)
        done = await asyncio.gather(*(one._enter() for one in asked), return_exceptions=True)
        for account, result in zip(asked, done, strict=True):
            if not isinstance(result, BaseException):
                continue
            if not isinstance(result, TidebookError) or not _is_refusal(account, result):
                raise result
            self.failed[account.venue] = result
            self._refused.append(account)
            self._accounts.remove(account)
        if not self._accounts:
            raise next(iter(self.failed.values()))
        self._choose_speakers()

    def _choose_speakers(self) -> None:
        """Who speaks for each wallet: the first that has it."""
        self._speakers = [*{_place(one).purse: one for one in reversed(self._accounts)}.values()][::-1]

    def speaks(self, account: "Account", row: Row) -> bool:
        """Whether what a part was told is to be told of the whole."""
        return not isinstance(row, Balance) or account in self._speakers

    def close_soon(self) -> None:
        """Nothing more of them is wanted."""
        for account in self._accounts:
            account.close_soon()

    # What they are ------------------------------------------------------------

    @property
    def state(self) -> State:
        """The worst of theirs."""
        states = {one.state for one in self._accounts}
        return next((one for one in (State.CLOSED, State.SYNCING, State.STALE) if one in states), State.LIVE)

    @property
    def complete(self) -> bool:
        return not self.failed and all(one.complete for one in self._accounts)

    @property
    def age(self) -> float:
        return min(one.age for one in self._accounts)

    @property
    def proof_age(self) -> float:
        return max(one.proof_age for one in self._accounts)

    @property
    def unresolved(self) -> dict[str, str]:
        """Also at venues that have refused the account: they may take orders all the same."""
        ones = (*self._accounts, *self._refused)
        return {name: why for one in ones for name, why in one.unresolved.items()}

    def check_asked(self, symbol: object) -> None:
        """Raises why nothing is known of a symbol: the one venue that lists it, or may, has refused the account."""
        if isinstance(symbol, str) and not any(_lists(_place(one), symbol) for one in self._accounts):
            for one in self._refused:
                if _may_list(_place(one), symbol):
                    raise self.failed[one.venue].with_traceback(None)

    # What they have -----------------------------------------------------------

    def orders(self) -> list[Order]:
        """Oldest first."""
        return _merged((one._orders() for one in self._accounts), lambda row: row.created_ns or row.received_ns)

    def order(self, id: str, symbol: str | None) -> Order | None:
        """By the client's id or the venue's; where several have it, the newest."""
        found = [row for one in self._accounts if (row := one._order(id, symbol)) is not None]
        return max(found, key=lambda row: row.received_ns, default=None)

    def fills(self) -> list[Fill]:
        """Oldest first."""
        return _merged((one._fills() for one in self._accounts), lambda row: row.venue_ns or row.received_ns)

    def balances(self) -> list[Balance]:
        return [row for one in self._speakers for row in one._balances()]

    def balance(self, currency: str) -> Balance | None:
        """Raises UsageError where several wallets have the currency: one row of it would not be the account's."""
        found = [row for one in self._speakers if (row := one._balance(currency, None)) is not None]
        if len(found) > 1:
            where = " and ".join(row.venue for row in found)
            raise UsageError(f"{currency} is in the wallets of {where}: find(currency={currency!r}) has each")
        return found[0] if found else None

    def positions(self) -> list[Position]:
        return [row for one in self._accounts for row in one._positions()]

    def position(self, symbol: str, leg: Leg | None, margin: Margin | None) -> Position | None:
        """One venue lists a symbol. Raises UsageError as an account does where it has two of it."""
        found = (one._position(symbol, leg, margin) for one in self._accounts)
        return next((row for row in found if row is not None), None)


def _is_refusal(account: "Account", error: TidebookError) -> bool:
    """Whether a venue has said no for good; else it could not be asked, or not now."""
    return error is account._failed or (isinstance(error, VenueError) and error.retry == "never")


def _place(account: "Account") -> VenueAt:
    assert account._one is not None, "a part has its venue from the beginning"
    return account._one


def _lists(one: VenueAt, symbol: str) -> bool:
    return one.listing.find(symbol) is not None


def _may_list(one: VenueAt, symbol: str) -> bool:
    """Whether it lists a symbol, as far as it has said what it lists."""
    return _lists(one, symbol) or (not one.is_loaded and may_list(one.declared, symbol))


def _merged(rows: Iterable[Sequence[R]], key: Callable[[R], int]) -> list[R]:
    return sorted((row for each in rows for row in each), key=key)
