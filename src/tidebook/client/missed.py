"""What an account's stream did not say, fetched: all that there is after a login, and what turns out to be missing."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from tidebook.client.place import VenueAt
from tidebook.core.account import Holdings, Key
from tidebook.core.clock import SECOND, seconds
from tidebook.core.trading import Act, Inquiry, Ref, Trading
from tidebook.errors import OrderNotFound, OrderRejected, UnknownSymbol
from tidebook.io.clock import now
from tidebook.model import health
from tidebook.model.facts import Instrument
from tidebook.model.health import Health
from tidebook.model.orders import Fill, Order

MARGIN_NS: Final = 60 * SECOND
"""So long before a connection was last heard fills are asked for: clocks differ, and venues book late."""
PAGE: Final = 50
"""Of fills: no venue's page is shorter."""
SUSPECTS: Final = 20
"""So many further symbols are asked for fills, at most, where balances have moved and nobody knows why."""
AT_ONCE: Final = 8
"""Questions under way at a time."""
ALL: Final = ("open_orders", "balances", "positions", "fills")
OF_A_SYMBOL: Final = (UnknownSymbol, OrderRejected)
"""What is refused in these words is so for its symbol: the key is as good as before."""


class Missed:
    """Brings holdings up to what their venue answers. `since_ns`: its time up to which nothing was missed.

    `refused` is what the venue refuses to tell of one symbol, which it may trade no more while our list is older: the
    act, the symbol, and from when on that is missing. It is told of, and asked for again after each login.
    """

    def __init__(self, one: VenueAt, trading: Trading, holdings: Holdings, tell: Callable[[Health], None]) -> None:
        self._one = one
        self._trading = trading
        self._holdings = holdings
        self._tell = tell
        self.since_ns = holdings.began_ns
        self.refused: dict[tuple[str, str], int] = {}
        self._said: set[tuple[str, str]] = set()

    def missing_from(self, venue_ns: int) -> None:
        """From here on (the venue's time), with a margin, something may be missed."""
        self.since_ns = max(self._holdings.began_ns, venue_ns - MARGIN_NS)

    def rename(self, old: str, new: str) -> None:
        """A symbol has a name now: it is asked for by that."""
        for name, symbol in [key for key in self.refused if key[1] == old]:
            self.refused[name, new] = self.refused.pop((name, symbol))

    async def fetch(self, acts: Collection[str]) -> None:
        """What these acts tell, and what is missing besides. Raises the venue's error, NetworkError, DecodeError."""
        holdings = self._holdings
        moved: set[str] = set()
        work: list[Callable[[], Awaitable[None]]] = []
        if "open_orders" in acts:
            work.append(self._fetch_orders)
        if "balances" in acts and self._trading.act("balances") is not None:
            work.append(partial(self._fetch_balances, moved))
        if "positions" in acts and self._trading.act("positions") is not None:
            work.append(self._fetch_positions)
        await _all(work)
        if "fills" in acts:
            asked_ns = self._venue_ns
            await self._fetch_all_fills(moved)
            self.missing_from(asked_ns)  # what comes from then on is told of, or asked for
        for one in holdings.owing:
            since_ns = holdings.began_ns if one.since_ns is None else one.since_ns
            await self._fetch_fills(one.symbol, since_ns - MARGIN_NS)  # what is said of orders' beginnings is rough
        await _all([partial(self._fetch_order, key) for key in holdings.strangers])

    async def _act(self, name: str, about: Any) -> Any:
        act = self._trading.act(name)
        return [] if act is None else await self._one.private.act(act, about)

    async def _rows(self, name: str) -> list[Any]:
        """All rows of an act; where the venue tells of one symbol only, of those of which anything is known."""
        act = self._trading.act(name)
        if act is None or not act.needs:
            return list(await self._act(name, Inquiry()))
        found: list[Any] = []
        for symbol in sorted(self._symbols()):
            with self._unless_refused(name, symbol):
                if (instrument := self._instrument(symbol)) is not None:
                    found += await self._act(name, Inquiry(instrument))
        return found

    @contextmanager
    def _unless_refused(self, name: str, symbol: str | None, since_ns: int = 0) -> Iterator[None]:
        """What is refused for its symbol is skipped, and said once: it must not end what is known of all others."""
        try:
            yield
        except OF_A_SYMBOL as error:
            if symbol is None:
                raise
            self.refused[name, symbol] = min(self.refused.get((name, symbol), since_ns), since_ns)
            if (name, symbol) not in self._said:
                self._said.add((name, symbol))
                reason = f"{name.replace('_', ' ')} are refused, and what is missing there stays unknown: {error}"
                self._tell(health.SubscriptionFailed(self._one.declared.name, symbol, now().wall_ns, "account", reason))
        else:
            if symbol is not None and since_ns <= self.refused.get((name, symbol), -1):
                del self.refused[name, symbol]
                self._said.discard((name, symbol))

    async def _fetch_orders(self) -> None:
        for key in [key for key in self.refused if key[0] == "order"]:
            del self.refused[key]  # of which there is still something to ask is found now
        mark = self._holdings.mark()
        rows: list[Order] = await self._rows("open_orders")
        after = self._holdings.listed(rows, mark)
        await _all([partial(self._fetch_order, (order.symbol, order.id)) for order in after])

    async def _fetch_order(self, key: Key) -> None:
        """What became of an order; one that the venue knows no more is forgotten."""
        instrument = self._instrument(key[0])
        try:
            if instrument is None:
                raise OrderNotFound(f"{key[0]} is not listed any more")
            with self._unless_refused("order", key[0]):
                await self._act("order", Ref(instrument, key[1]))  # `_learned` hears of it
        except OrderNotFound:
            self._holdings.gone(key)

    async def _fetch_balances(self, moved: set[str]) -> None:
        before = {currency: row.total for currency, row in self._holdings.balances.items()}
        mark = self._holdings.mark()
        self._holdings.balanced(await self._act("balances", Inquiry()), mark)
        after = {currency: row.total for currency, row in self._holdings.balances.items()}
        if before:
            moved.update(name for name, total in after.items() if before.get(name, 0) != total)

    async def _fetch_positions(self) -> None:
        mark = self._holdings.mark()
        self._holdings.positioned(await self._rows("positions"), mark)

    async def _fetch_all_fills(self, moved: set[str]) -> None:
        """All since nothing was missed."""
        act = self._trading.act("fills")
        if act is None:
            return
        if not act.needs:
            await self._fetch_fills(None, self.since_ns)
            return
        symbols = self._symbols() | {symbol for name, symbol in self.refused if name == "fills"}
        rows = self._one.listing.by_symbol.values() if len(moved) > 1 else ()
        suspects = [row.symbol for row in rows if {row.base, row.quote} <= moved and row.symbol not in symbols]
        wanted = (*sorted(symbols), *suspects[:SUSPECTS])
        since = {one: min(self.refused.get(("fills", one), self.since_ns), self.since_ns) for one in wanted}
        await _all([partial(self._fetch_fills, one, since[one]) for one in wanted])

    async def _fetch_fills(self, symbol: str | None, since_ns: int) -> None:
        """All fills of a symbol from an instant on, as far back as the venue tells them, answer by answer."""
        instrument, act = None if symbol is None else self._instrument(symbol), self._trading.act("fills")
        if act is None:
            return
        with self._unless_refused("fills", symbol, since_ns):
            if symbol is not None and instrument is None:
                raise UnknownSymbol(f"{symbol} is not listed", venue=self._one.declared.name, symbol=symbol)
            await self._fetch_pages(act, instrument, since_ns)

    async def _fetch_pages(self, act: Act, instrument: Instrument | None, since_ns: int) -> None:
        seen: set[tuple[str, str, str]] = set()
        end_ns = self._venue_ns
        if act.reach is not None:
            since_ns = max(since_ns, end_ns - seconds(act.reach))
        while True:
            rows: Sequence[Fill] = await self._act("fills", Inquiry(instrument, since_ns))
            unknown = self._holdings.unknown(rows)  # an order goes before its fills
            await _all([partial(self._fetch_order, key) for key in unknown])
            self._holdings.told(rows, "answer")
            fresh = {(row.symbol, row.order_id, row.id) for row in rows} - seen
            newest = max((row.venue_ns for row in rows if row.venue_ns is not None), default=since_ns)
            if fresh and len(rows) >= PAGE and newest > since_ns:
                since_ns = newest  # perhaps there are more in this span
            elif act.spans is None or since_ns + seconds(act.spans) >= end_ns:
                return
            else:
                since_ns += seconds(act.spans)
            seen |= fresh

    @property
    def _venue_ns(self) -> int:
        return self._one.clock.wall_ns(now())

    def _symbols(self) -> set[str]:
        """Of which there were orders since nothing was missed, or are."""
        rows = self._holdings.orders()
        since_ns = self.since_ns - MARGIN_NS
        # By the venue's clock where it says when that was: ours may be behind it by more than the margin.
        return {row.symbol for row in rows if row.open or max(row.received_ns, row.venue_ns or 0) >= since_ns}

    def _instrument(self, symbol: str) -> Instrument | None:
        return self._one.listing.find(symbol)


async def _all(work: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all of it, some at a time. Raises the first error when all are over."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(each: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await each()

    done = await asyncio.gather(*map(one, work), return_exceptions=True)
    for error in done:
        if error is not None:
            raise error
