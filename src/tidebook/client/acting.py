"""One act at one venue: which venue and which order are meant, and what is said there."""

import asyncio
import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final

from tidebook.client.finding import Finding, usable
from tidebook.client.ordered import place_of, sent
from tidebook.client.place import VenueAt
from tidebook.core.trading import Act, Inquiry, Ref, Trading
from tidebook.errors import OrderNotFound, UsageError, VenueError
from tidebook.model.facts import Instrument
from tidebook.model.orders import Order

if TYPE_CHECKING:
    from tidebook.client.trader import Trader


class Acting(Finding):
    """What the verbs of accounts go by."""

    @abstractmethod
    def _alone(self, one: VenueAt) -> "Trader":
        """The same at one venue."""

    async def _act(self, one: VenueAt, name: str, about: Inquiry | Ref) -> Any:
        try:
            found = await one.private.act(act_of(one, name), about)
        except VenueError as error:  # venues do not repeat what they were asked
            if error.symbol is None and about.instrument is not None:
                error.symbol = about.instrument.symbol
            if isinstance(error, OrderNotFound) and isinstance(about, Ref) and error.hint is None:
                error.hint = f"Asked for: {about.client_id or about.id}"
            raise
        if isinstance(found, Order):
            return sent(found, self._alone(one))
        return [sent(row, self._alone(one)) for row in found] if name == "open_orders" else found

    async def _ref(
        self, order: Order | str, symbol: str | None, client_id: str | None, venue: str | None
    ) -> tuple[VenueAt, Ref]:
        if isinstance(order, Order):
            one = self._whose(order, venue)
            instrument = await self._at(one, order.symbol)
            return one, Ref(instrument, order.id, order.client_id, side=order.side, kind=order.kind)
        if symbol is None:
            raise UsageError("an order by its id: of which symbol?")
        ids: tuple[object, ...] = (order, client_id or "")
        for id in ids:
            if not isinstance(id, str) or not _ID.fullmatch(id):
                raise UsageError(f"{id!r} is no id of an order")
        if not (order or client_id):
            raise UsageError("which order? Write an Order, the venue's id, or client_id=")
        one, instrument = await self._one(symbol, venue)
        return one, Ref(instrument, order, client_id or "")

    def _whose(self, order: Order, venue: str | None) -> VenueAt:
        """Where an order is. Raises UsageError where that is not meant, or it may be of either of two accounts."""
        own, asked = place_of(order), self._venues(venue)
        found = [one for one in asked if one.declared.name == order.venue and own in ("", one.place)]
        if not found:
            names = ", ".join(one.place for one in asked)
            raise UsageError(f"{order!r} is of {own or order.venue}, and {names} would be asked. Nothing was sent")
        if len(found) > 1:
            names = ", ".join(one.place for one in found)
            raise UsageError(f"{order!r}: of which account? venue= one of {names}. Nothing was sent")
        return found[0]

    async def _at(self, one: VenueAt, symbol: str) -> Instrument:
        """An instrument of a venue that is known. Raises as `_one`."""
        await usable([one], self._timeout)
        ((_, instrument),) = await self._each(symbol, {one.place: [one]})
        return instrument

    async def _with_key(self, venue: str | None) -> list[VenueAt]:
        """The venues that take orders. Raises VenueUnavailable where one has not answered."""
        ones = self._venues(venue)
        found = [one for one in ones if one.declared.trading is not None]
        if not found:
            names = ", ".join(one.place for one in ones)
            raise UsageError(f"orders and accounts of {names} are not built yet")
        await usable(found, self._timeout)  # all of them: what one has is not left out in silence
        return found

    async def _rows(
        self, name: str, symbol: str | None, venue: str | None, *, once: bool = False, may_lack: bool = False,
        start_ns: int | None = None, limit: int | None = None, order_id: str = "",
    ) -> list[Any]:  # fmt: skip
        if symbol is not None:
            one, instrument = await self._one(symbol, venue)
            rows: list[Any] = await self._act(one, name, Inquiry(instrument, start_ns, limit, order_id=order_id))
            return rows
        ones = await self._with_key(venue)
        if may_lack:
            ones = [one for one in ones if trading_of(one, name).act(name) is not None]
        if once:
            ones = list({one.purse: one for one in reversed(ones)}.values())[::-1]
        for one in ones:
            if act_of(one, name).needs:
                raise UsageError(f"{one.declared.name} tells {name.replace('_', ' ')} of one symbol only: of which?")
        answers = await asyncio.gather(
            *(self._act(one, name, Inquiry(None, start_ns, limit, order_id=order_id)) for one in ones),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer  # when all are over: none is left alone
        return [row for answer in answers for row in answer]  # type: ignore[union-attr]


_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{0,128}", re.ASCII)


def trading_of(one: VenueAt, name: str) -> Trading:
    trading = one.declared.trading
    if trading is None:
        raise UsageError(f"{one.declared.name}: {name.replace('_', ' ')} is not built yet", venue=one.declared.name)
    return trading


def act_of(one: VenueAt, name: str) -> Act:
    act = trading_of(one, name).act(name)
    if act is None:
        raise UsageError(f"{one.declared.name} has no {name.replace('_', ' ')}", venue=one.declared.name)
    return act
