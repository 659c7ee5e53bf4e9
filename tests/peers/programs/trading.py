"""What every program does with orders, whatever the peer: `traded`, by a `Desk` of the peer."""

import asyncio
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any, Self

import say

KEY = os.environ["TIDEBOOK_PEERS_KEY"]
SECRET = os.environ["TIDEBOOK_PEERS_SECRET"]
PASSPHRASE = os.environ.get("TIDEBOOK_PEERS_PASSPHRASE", "")
SIZE = Decimal("0.01")
PLACES = (0, 7, 31)  # bytes of a signature
KNOCKS = 40
LATEST = 10.0

Facts = dict[str, Any]
Row = tuple[object, ...]


class Refused(Exception):
    """What the venue answered, where a peer has no exceptions of its own, or none that a caller sees."""


class Logged(logging.Handler):
    """Waits for a logger's first warning, entered as a context: some peers tell nobody else of a refused login."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger(name)
        self._first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def emit(self, record: logging.LogRecord) -> None:
        if not self._first.done():
            self._first.set_result(record.getMessage())

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    async def refused(self) -> None:
        """Raises Refused with what is logged, TimeoutError where nothing is."""
        async with asyncio.timeout(LATEST):
            raise Refused(await self._first)


class Desk(ABC):
    """How a peer does it. Facts of an order: id, client, side, price, size, filled, state; None is not told.

    `errors`: its own exceptions of what a venue refuses. `clock`: its requests have times. A row of a fill is its id,
    price, size, fee and currency. `hear` is called with what its stream tells. `by_socket` places an order to buy by a
    message, where the peer and the venue have such a call.
    """

    venue = ""
    errors: tuple[type[Exception], ...] = ()
    clock = True
    streams = True
    by_client_id = True
    nobody = "999999999999"  # an order's id that is none

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.rows: dict[str, dict[str, Row]] = {}
        self.news = asyncio.Event()
        self.by_socket: Callable[[Decimal, str], Awaitable[Facts]] | None = None

    def more(self) -> dict[str, Callable[[], Awaitable[Any]]]:
        """What else it signs: logins, calls by socket."""
        return {}

    async def start(self) -> None: ...  # noqa: B027 (not every peer has something to open)
    async def stop(self) -> None: ...  # noqa: B027

    @abstractmethod
    async def best(self) -> Decimal: ...
    @abstractmethod
    async def place(self, side: str, price: Decimal | None, client: str) -> Facts: ...
    @abstractmethod
    async def by_id(self, id: str) -> Facts: ...
    @abstractmethod
    async def by_client(self, client: str) -> Facts: ...
    @abstractmethod
    async def open(self) -> list[str]: ...
    @abstractmethod
    async def cancel(self, id: str) -> Facts: ...
    @abstractmethod
    async def fills(self, id: str) -> list[Row]: ...
    @abstractmethod
    async def balances(self) -> dict[str, Any]: ...

    def why(self, error: Exception) -> str:
        return f"{type(error).__name__}: {error}"[:400]

    def hear(self, id: str, row: Row | None = None) -> None:
        """Its stream told of an order, and of a fill of it."""
        self.seen.add(id)
        if row is not None:
            self.rows.setdefault(id, {})[str(row[0])] = row
        self.news.set()

    async def until(self, true: Callable[[], bool], seconds: float = LATEST) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            return False
        return True


def order(desk: Desk, what: str, name: str, facts: Facts) -> str:
    say.did(name)
    say.told("order", desk.venue, what=what, name=name, **facts)
    return str(facts["id"])


async def balances(desk: Desk, name: str) -> None:
    rows = await desk.balances()
    say.told("balances", desk.venue, name=name, rows={currency: str(one) for currency, one in rows.items()})


async def rested(desk: Desk, far: Decimal, client: str) -> None:
    """An order far away: placed, seen, cancelled."""
    id = order(desk, "placed", "place", await desk.place("buy", far, client))
    say.told("open", desk.venue, name="open orders", ids=await desk.open())
    order(desk, "queried", "query by id", await desk.by_id(id))
    if desk.by_client_id:
        order(desk, "queried", "query by client id", await desk.by_client(client))
    order(desk, "cancelled", "cancel", {**await desk.cancel(id), "id": id})
    order(desk, "queried", "query of a cancelled one", await desk.by_id(id))
    say.told("open", desk.venue, name="open orders, none", ids=await desk.open())


async def placed_by_socket(desk: Desk, far: Decimal, client: str) -> None:
    if desk.by_socket is not None:
        id = order(desk, "placed", "place by socket", await desk.by_socket(far, client))
        order(desk, "cancelled", "cancel", {**await desk.cancel(id), "id": id})


async def heard(desk: Desk, far: Decimal, client: str) -> None:
    """Wait until its stream tells of orders: some are placed and cancelled until one is told of."""
    for n in range(KNOCKS):
        id = order(desk, "placed", "place", await desk.place("buy", far, f"{client}k{n}"))
        order(desk, "cancelled", "cancel", {**await desk.cancel(id), "id": id})
        if await desk.until(partial(desk.seen.__contains__, id), 0.5):
            say.did("stream of orders")
            return
    say.failed("stream of orders", TimeoutError("no order was told of"))


async def filled(desk: Desk, side: str, price: Decimal | None, client: str) -> None:
    id = order(desk, "placed", "place at the market", await desk.place(side, price, client))
    order(desk, "queried", "query of a filled one", await desk.by_id(id))
    say.told("fills", desk.venue, name="fills by call", id=id, rows=await desk.fills(id))
    if desk.streams:
        await desk.until(lambda: sum(Decimal(str(row[2])) for row in desk.rows.get(id, {}).values()) >= SIZE)
        say.told("streamed", desk.venue, name="fills by stream", id=id, rows=[*desk.rows.get(id, {}).values()])


async def unknown(desk: Desk) -> None:
    for name, call in (("query", desk.by_id), ("cancel", desk.cancel)):
        try:
            await call(desk.nobody)
        except desk.errors as error:
            say.told("unknown", desk.venue, name=f"{name} of no order", why=desk.why(error))
        else:
            say.failed(f"{name} of no order", ValueError("was answered"))


async def refused(desk: Desk, far: Decimal, client: str) -> None:
    """With a byte of the signature changed, at some places, then with the venue's clock an hour ahead."""
    id = order(desk, "placed", "place", await desk.place("buy", far, client))
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "place": lambda: desk.place("buy", far, f"{client}x"), "query": lambda: desk.by_id(id),
        "open orders": desk.open, "cancel": lambda: desk.cancel(id), "balances": desk.balances, **desk.more(),
    }  # fmt: skip
    if (by_socket := desk.by_socket) is not None:
        calls["place by socket"] = lambda: by_socket(far, f"{client}y")
    for what, at in (*(("signature", at) for at in PLACES), *((("clock", 0),) if desk.clock else ())):
        for name, call in calls.items():
            say.told("spoil", desk.venue, what=what, at=at)
            try:
                await call()
            except desk.errors as error:
                say.told("refused", desk.venue, name=f"{name}, {what} {at}", why=desk.why(error))
            except Exception as error:
                say.failed(f"{name}, {what} {at}", error)
            else:
                say.failed(f"{name}, {what} {at}", ValueError("was answered"))
    say.told("spoil", desk.venue, what="", at=0)
    order(desk, "cancelled", "cancel", {**await desk.cancel(id), "id": id})


async def traded(desk: Desk) -> None:
    """All of it."""
    streams = await _tried("the account's stream", desk.start)
    desk.streams = desk.streams and streams
    try:
        bid = await desk.best()
        far = (bid * Decimal("0.6")).quantize(Decimal(1))
        await balances(desk, "balances before")
        await rested(desk, far, "tbrest1")
        await _tried("an unknown order", lambda: unknown(desk))
        if not await _tried("an order by socket", lambda: placed_by_socket(desk, far, "tbsock1")):
            desk.by_socket = None  # what is refused as it is proves nothing when it is refused changed
        if desk.streams:
            await heard(desk, far, "tb")
        await filled(desk, "buy", (bid * Decimal("1.05")).quantize(Decimal(1)), "tbbuy1")
        await filled(desk, "sell", None, "tbsell1")
        await balances(desk, "balances after")
        await refused(desk, far, "tbref1")
    finally:
        await desk.stop()


async def _tried(name: str, call: Callable[[], Awaitable[None]]) -> bool:
    try:
        await call()
    except Exception as error:
        say.failed(name, error)
        return False
    return True
