"""An order as a venue has told of it, and what can be done with it: one that was sent, changed, or asked for."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from msgspec.structs import replace

from tidebook.client.columns import FILLS
from tidebook.client.tables import Table
from tidebook.client.waits import within
from tidebook.errors import NetworkError, OrderNotFound, VenueError
from tidebook.io.clock import now
from tidebook.model.orders import Amount, Fill, Order

_FIRST, _MOST = 0.25, 5.0
"""Seconds between two looks at an order that is still open."""
TRIES: Final = 10
_YOUNG_NS: Final = 10_000_000_000


class Sent(Order, frozen=True, kw_only=True, eq=False):
    """An `Order` as it was when its venue told of it; `done`, `cancel`, `amend` and `fills` ask anew.

    It is equal to any order that says the same.
    """

    trader: Any = None  # a Trader of the venue alone

    async def refresh(self) -> "Sent":
        """What it is now. Raises OrderNotFound, NetworkError."""
        found: Sent = await self.trader.fetch_order(self)
        return found

    async def done(self, timeout: float | None = 30.0) -> "Sent":
        """Wait until it has ended (filled, cancelled, expired, rejected): what it is then.

        Where an account is open at its venue, what that is told decides and nothing is asked; it is waited for also
        while its connection is away. Else the venue is asked again and again, at most every quarter of a second, less
        often later; what fails on the way is asked anew. Raises Timeout after `timeout` seconds (None: never), and
        OrderNotFound where the venue knows nothing of it. Cancelled, or too late, the order stands as it does.
        """
        order: Order = self
        wait = _FIRST
        async with within(timeout, f"{self.client_id or self.id} has not ended"):
            while order.open:
                if (told := self.trader._told(self)) is not None:
                    orders, order = told
                    if order.open:
                        await orders._stirred()
                    continue
                try:
                    with _unless_it_stays():
                        order = await self.refresh()
                except OrderNotFound:  # what was just taken may not be known everywhere yet
                    if now().wall_ns - self.received_ns > _YOUNG_NS:
                        raise
                if order.open:
                    await asyncio.sleep(wait)
                    wait = min(wait * 1.5, _MOST)
        return order if isinstance(order, Sent) else sent(order, self.trader)

    async def cancel(self) -> "Sent":
        """Cancel what is left of it: as it is then. Raises OrderNotFound where it has ended before."""
        found: Sent = await self.trader.cancel(self)
        return found

    async def amend(self, *, size: Amount | None = None, price: Amount | None = None) -> "Sent":
        """Change it where it stands: as it is then. Raises UsageError where its venue cannot."""
        found: Sent = await self.trader.amend(self, size=size, price=price)
        return found

    async def fills(self) -> Table[Fill]:
        """Its trades so far. What fails on the way is asked for anew, `TRIES` times at most."""
        wait = _FIRST
        for _ in range(TRIES):
            with _unless_it_stays():
                return await self._fills()
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, _MOST)
        return await self._fills()

    async def _fills(self) -> Table[Fill]:
        found: Table[Fill] = await self.trader.fetch_fills(self.symbol, order_id=self.id)
        mine = [fill for fill in found if fill.order_id == self.id]
        return Table(FILLS, [replace(fill, leg=self.leg) if fill.leg is None else fill for fill in mine])

    def __eq__(self, other: object) -> bool:
        return alike(self, other)

    def __hash__(self) -> int:
        return hash(bare(self))

    def __reduce__(self) -> tuple[Any, ...]:
        # Elsewhere it is an order, with which nothing can be done.
        return _order, ({name: getattr(self, name) for name in FIELDS},)


FIELDS: Final = Order.__struct_fields__


@contextmanager
def _unless_it_stays() -> Iterator[None]:
    """What a question may meet and the next one not: the network, a venue that is late or busy."""
    try:
        yield
    except (NetworkError, VenueError) as error:
        if error.retry == "never" or isinstance(error, OrderNotFound):
            raise


def _order(fields: Mapping[str, Any]) -> Order:
    return Order(**fields)


def bare(order: Order) -> Order:
    """The order alone, with which nothing can be done."""
    return Order(**{name: getattr(order, name) for name in FIELDS})


def alike(one: Order, other: object) -> bool:
    """Whether two orders say the same, whatever can be done with them."""
    return isinstance(other, Order) and all(getattr(one, name) == getattr(other, name) for name in FIELDS)


def place_of(order: Order) -> str:
    """The place where an order is, with its account, as its market names it; empty where no market has told of it."""
    asynchronous = getattr(order, "asks", order)
    name: str = getattr(getattr(asynchronous, "trader", None), "name", "")
    return name


def sent(order: Order, trader: Any) -> Sent:
    return Sent(**{name: getattr(order, name) for name in FIELDS}, trader=trader)
