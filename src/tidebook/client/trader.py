"""What is done with an account: orders sent, changed, cancelled, asked after; balances, positions and fills fetched."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from tidebook.client.acting import Acting, act_of, trading_of
from tidebook.client.asking import Asking
from tidebook.client.checks import Guard, check_clock, check_guard, check_intent, check_taken
from tidebook.client.columns import BALANCES, FILLS, ORDERS, POSITIONS
from tidebook.client.dead_man import DeadManSwitch
from tidebook.client.opening import Opening
from tidebook.client.ordered import Sent, sent
from tidebook.client.place import VenueAt
from tidebook.client.questions import check_limit
from tidebook.client.ranges import Instant, instant_ns
from tidebook.client.raw import RawReply, ask, request_of
from tidebook.client.stores import Store
from tidebook.client.tables import Table
from tidebook.core.intents import IntentNumbers
from tidebook.core.rules import wish
from tidebook.core.trading import Inquiry, Ref
from tidebook.errors import (
    NetworkError,
    OrderNotFound,
    OrderRejected,
    OutcomeUnknown,
    TidebookError,
    UsageError,
)
from tidebook.io.clock import now
from tidebook.model.facts import Instrument
from tidebook.model.health import Health
from tidebook.model.market import State
from tidebook.model.number import plain
from tidebook.model.orders import Amount, Balance, Fill, Intent, Limit, Order, Position, amount


class Trader(Acting):
    """The verbs of accounts, over some venues. Shared by the market and its places."""

    @property
    @abstractmethod
    def _numbers(self) -> IntentNumbers:
        """What orders are called."""

    @property
    @abstractmethod
    def _read_only(self) -> bool:
        """Whether nothing may be done, only looked at."""

    # Doing --------------------------------------------------------------------

    async def submit(
        self, intent: Intent, *, guard: Guard | None = None, max_age: float | None = None, dry_run: bool = False,
        venue: str | None = None,
    ) -> Sent:  # fmt: skip
        """Send an order: what its venue has made of it, once it was accepted.

        It is checked before anything is sent: a number that is not on the instrument's tick or step, or out of its
        bounds, raises InvalidOrder, or is rounded as the intent's `rounding` says. `guard` is a book that must be live
        then, and not older than `max_age` seconds (BookNotLive). With `dry_run` all is checked and nothing is sent; the
        result is the order as it would go, with status ``dry``.

        It is sent at most once. Raises OrderRejected (InvalidOrder, InsufficientFunds, PostOnlyWouldTake …) or another
        refusal of the venue's; NetworkError where it never arrived; OutcomeUnknown where nobody knows, with
        `client_id` and `await error.resolve()`. Cancelled before it has left, it never leaves; cancelled later, it
        goes its way, and stands in `unresolved` until its outcome is known.
        """
        order, handed = await self._submit(intent, guard, max_age, venue, dry_run=dry_run)
        handed()
        return order

    async def submit_many(
        self, intents: Sequence[Intent], *, guard: Guard | None = None, max_age: float | None = None,
        venue: str | None = None,
    ) -> list[Sent | TidebookError]:  # fmt: skip
        """Several at once, each on its own: one result for each, in order, an Order or the error that `submit` raises.

        Raises where no order could be, before any is sent (UsageError, TypeError). Cancelled, as `submit`.
        """
        self._check_allowed()
        for intent in intents:
            check_intent(intent)
        going = [asyncio.ensure_future(self._submit(intent, guard, max_age, venue)) for intent in intents]
        try:
            done = await asyncio.gather(*going, return_exceptions=True)
        except asyncio.CancelledError:
            for one in going:
                one.cancel()
            await asyncio.gather(*going, return_exceptions=True)
            raise
        results: list[Sent | TidebookError] = []
        for result in done:
            if isinstance(result, BaseException) and not isinstance(result, TidebookError):
                kind = type(result).__name__
                error = OutcomeUnknown(f"a bug or a cancellation ({kind}) hides what became of it: see unresolved")
                error.__cause__ = result
                results.append(error)
            elif isinstance(result, TidebookError):
                results.append(result)
            else:
                order, handed = result
                handed()
                results.append(order)
        return results

    async def cancel(
        self, order: Order | str, *, symbol: str | None = None, client_id: str | None = None, venue: str | None = None
    ) -> Sent:
        """Cancel what is left of an order: one of ours, or by the venue's id, or `client_id`, with its symbol.

        Raises OrderNotFound where it is not open any more, and is known to the venue or not; safe to ask again.
        """
        self._check_allowed()
        one, ref = await self._ref(order, symbol, client_id, venue)
        found: Sent = await self._act(one, "cancel", ref)
        return found

    async def cancel_all(self, symbol: str | None = None, *, venue: str | None = None) -> None:
        """Cancel all open orders: of a symbol, or, where the venue can do that, of all.

        By one request, or by one for each symbol, or, where the venue has no such thing, one by one: what fails is
        raised when all have been asked.
        """
        self._check_allowed()
        if symbol is not None:
            one, instrument = await self._one(symbol, venue)
            await self._cancel_all(one, instrument)
            return
        ones = await self._with_key(venue)
        done = await asyncio.gather(*(self._cancel_all(one, None) for one in ones), return_exceptions=True)
        failed = [(one, error) for one, error in zip(ones, done, strict=True) if isinstance(error, BaseException)]
        for one, error in failed[1:]:
            failed[0][1].add_note(f"{one.place}, too: {error}")
        if failed:  # when all have been asked
            raise failed[0][1]

    def dead_man(
        self, seconds: float = 30, symbol: str | None = None, *, venue: str | None = None, dry_run: bool = False
    ) -> DeadManSwitch:
        """A dead man's switch: the venue cancels what is open `seconds` after it has heard of this program last.

        ``async with market.dead_man(30, venue=…)`` arms it, renews it early, and disarms it on leaving; left by an
        exception it stays armed. Entering waits for the venue's word. What it cancels is the venue's affair: all of a
        `symbol`, which is then wanted, or all there is at the venue. With `dry_run` all is checked, and `says` is what
        would be sent. Raises, on entering, UsageError where the venue has no such thing (it names those that have), for
        a time that it does not take, where one is armed already and under `read_only`; the venue's refusal.
        """
        return DeadManSwitch(self, seconds, symbol, venue, dry_run=dry_run)

    async def amend(
        self, order: Order | str, *, size: Amount | None = None, price: Amount | None = None,
        symbol: str | None = None, client_id: str | None = None, venue: str | None = None,
    ) -> Sent:  # fmt: skip
        """Change the size or the price of an open order, where its venue can. Numbers are checked as for `submit`.

        `size` is the whole, with what was filled already. Where the venue puts another order in its place, that is the
        one that is returned: it has another id, and the size that was left to be traded.
        Raises UsageError where the venue cannot (some only let an order become smaller), and for a size that is filled
        already.
        """
        self._check_allowed()
        if size is None and price is None:
            raise UsageError("amend: which size, or which price?")
        one, ref = await self._ref(order, symbol, client_id, venue)
        trading = trading_of(one, "amend")
        if trading.act("amend") is None:
            raise _not_there(ref, "changes no order where it stands")
        # As it is now: what was changed before must not be changed back.
        given = await self.fetch_order(order, symbol=symbol, client_id=client_id, venue=venue)
        size = given.size if size is None else amount("size", size)
        price = given.price if price is None else amount("price", price)
        if size is None or price is None:
            raise UsageError(f"{given!r} has no price and size that could be changed")
        if trading.shrinks and (size, price) == (given.size, given.price):
            return given  # it is so already: the answer was lost, perhaps
        if trading.shrinks and (price != given.price or (given.size is not None and size > given.size)):
            raise _not_there(ref, "lets an order become smaller where it stands, and nothing else")
        if size <= given.filled:
            text = f"size={plain(size)}: {plain(given.filled)} of it is filled already. Nothing was sent"
            raise UsageError(text, venue=one.declared.name, symbol=ref.instrument.symbol)
        checked = wish(
            Limit(ref.instrument.symbol, given.side, size, price, reduce_only=given.reduce_only),
            ref.instrument,
            given.client_id,
        )
        assert checked.size is not None
        assert checked.price is not None
        ref = ref._replace(
            id=given.id, client_id=given.client_id or ref.client_id,  # some venues name it anew where that is not said
            size=plain(checked.size), price=plain(checked.price), side=given.side, filled=plain(given.filled),
        )  # fmt: skip
        found: Sent = await self._act(one, "amend", ref)
        return found

    async def post(
        self, where: str, params: Mapping[str, Any] | None = None, *, body: str | bytes | None = None,
        venue: str | None = None, weight: int = 1,
    ) -> RawReply:  # fmt: skip
        """A POST in the venue's own words, signed unless its endpoint is known to be public: see `get`.

        `params` are written as the venue wants them (JSON, a form, the query), `body` is sent as it is instead. What
        became of it where there is no answer (NetworkError, ``retry`` "ask first") nobody knows: nothing is sent again
        by itself, but what was refused for its time stamp alone.
        """
        return await self._raw("POST", where, params, body, venue, weight)

    async def put(
        self, where: str, params: Mapping[str, Any] | None = None, *, body: str | bytes | None = None,
        venue: str | None = None, weight: int = 1,
    ) -> RawReply:  # fmt: skip
        """A PUT, otherwise as `post`."""
        return await self._raw("PUT", where, params, body, venue, weight)

    async def delete(
        self, where: str, params: Mapping[str, Any] | None = None, *, venue: str | None = None, weight: int = 1
    ) -> RawReply:
        """A DELETE whose `params` are its query, otherwise as `post`."""
        return await self._raw("DELETE", where, params, None, venue, weight)

    # Looking ------------------------------------------------------------------

    async def fetch_order(
        self, order: Order | str, *, symbol: str | None = None, client_id: str | None = None, venue: str | None = None
    ) -> Sent:
        """What an order is now: one of ours, or by the venue's id, or `client_id`, with its symbol.

        Raises OrderNotFound, NetworkError.
        """
        one, ref = await self._ref(order, symbol, client_id, venue)
        found: Sent = await self._act(one, "order", ref)
        return found

    async def fetch_open_orders(self, symbol: str | None = None, *, venue: str | None = None) -> Table[Sent]:
        """All open orders, of a symbol or of all; of every connected venue that takes orders.

        Each can be cancelled, changed and waited for, as what `submit` returns.
        """
        return Table(ORDERS, await self._rows("open_orders", symbol, venue))

    async def fetch_balances(self, *, venue: str | None = None) -> Table[Balance]:
        """What the accounts have, without what is 0. Venues that share a wallet tell of it once."""
        rows: list[Balance] = await self._rows("balances", None, venue, once=True)
        return Table(BALANCES, [row for row in rows if row.total])

    async def fetch_positions(self, symbol: str | None = None, *, venue: str | None = None) -> Table[Position]:
        """What is held of contracts, without what is 0."""
        rows: list[Position] = await self._rows("positions", symbol, venue, may_lack=True)
        return Table(POSITIONS, [row for row in rows if row.size])

    async def fetch_fills(
        self, symbol: str | None = None, *, start: Instant = None, limit: int | None = None,
        order_id: str | None = None, venue: str | None = None,
    ) -> Table[Fill]:  # fmt: skip
        """One's own trades, oldest first: the newest that the venue gives, or from `start` on; or those of one order.

        At most `limit`: the newest, with `start` the first. How far back a venue goes is its own: days on most, see
        the venue's documents.
        """
        check_limit(limit)
        start_ns = instant_ns("start", start, now().wall_ns)
        rows: list[Fill] = await self._rows(
            "fills", symbol, venue, start_ns=start_ns, limit=limit, order_id=order_id or ""
        )
        rows.sort(key=lambda fill: fill.venue_ns or 0)  # those of several venues
        if start_ns is not None:  # a venue may know whole seconds or days only, or no beginning at all
            since_ns = start_ns // 1_000_000 * 1_000_000
            rows = [fill for fill in rows if fill.venue_ns is None or fill.venue_ns >= since_ns]
        if limit is not None:
            rows = rows[-limit:] if start_ns is None else rows[:limit]
        return Table(FILLS, rows)

    @property
    def unresolved(self) -> dict[str, str]:
        """Orders of this process, and of its journal, of which nobody knows what became of them: by client id."""
        return {
            name: f"{found.wish.words} at {one.place}: {found.why}"
            for one in self._venues(None) if one.private.started
            for name, found in one.private.intents.unresolved.items()
        }  # fmt: skip

    async def resolve(self, client_id: str, timeout: float | None = None) -> Sent:
        """Ask what became of one of `unresolved`; with `timeout` again and again, for so many seconds.

        By its client id, and where that the venue does not know that proves nothing (it remembers orders for a while
        only, or says nothing of how long a request may be on its way), among open orders and fills too. That it never
        arrived is said where that is proven. What was unresolved before, also by the journal, is told without a
        question. Raises as `submit` does.
        """
        return await self._asking(self._with_unresolved(client_id), client_id)(timeout)

    def settle(self, client_id: str, *, arrived: bool) -> None:
        """Say yourself what became of one of `unresolved`; the journal has it from then on.

        **Nothing checks this.** It is for the order that no question can settle any more, after you have looked at the
        venue's own page. Said wrongly, there is an order, or a position, that your program knows nothing of. Whoever
        waits for it is told NetworkError where it has not arrived. Where it has, its venue is asked what it made of it:
        an Order, OrderNotFound where there is none, OutcomeUnknown where that is not answered. Raises UsageError for
        one that is not unresolved, or is still on its way.
        """
        if type(arrived) is not bool:
            raise UsageError(f"arrived={arrived!r}: True or False")
        self._with_unresolved(client_id).private.intents.settle(client_id, arrived=arrived)

    def _with_unresolved(self, client_id: str) -> VenueAt:
        for one in self._venues(None):
            if one.private.started and one.private.intents.has(client_id):
                return one
        raise UsageError(f"nothing unresolved is called {client_id!r}")

    def _asking(self, one: VenueAt, client_id: str) -> Asking:
        return one.private.intents.asking(client_id, self._root, self._alone(one))

    # Inside -------------------------------------------------------------------

    async def _submit(
        self, intent: Intent, guard: Guard | None, max_age: float | None, venue: str | None, *, dry_run: bool = False
    ) -> tuple[Sent, Callable[[], None]]:
        """As `submit`; and what is called when its user is handed the order."""
        self._check_allowed()
        check_intent(intent)
        one, instrument = await self._one(intent.symbol, venue)
        trading = trading_of(one, "submit")
        made = wish(intent, instrument, trading.ids.write(number := self._numbers.next()))
        check_taken(made, trading, one)
        if not dry_run:
            one.private.check(act_of(one, "submit").request(made))
            try:
                made = await one.private.addressed(made)
            except NetworkError as error:  # who reads its kind alone would think of the order
                error.hint = error.hint or "That was asked before the order, of which nothing was sent"
                raise
        check = partial(check_guard, guard, max_age, instrument)
        check()
        if dry_run:
            act_of(one, "submit").request(made)
            order = made.order(id="", status="dry", received_ns=now().wall_ns)
            return sent(order, self._alone(one)), lambda: None
        await check_clock(one, trading)
        try:
            order = await one.private.intents.submit(made, number, check)
        except OutcomeUnknown as error:
            error.asking = self._asking(one, error.client_id)
            raise
        return sent(order, self._alone(one)), partial(one.private.intents.handed, made.client_id)

    def _told(self, order: Order) -> tuple[Store[Order], Order] | None:
        """What an open account knows of an order, and the store in which that stands; None where there is none."""
        for account in (account for one in self._venues(None) for account in one.private.accounts):
            row = account.orders.get(order.client_id) if account.state in (State.LIVE, State.STALE) else None
            if row is not None:
                return account.orders, row
        return None

    @property
    @abstractmethod
    def _root(self) -> Opening:
        """What is opened is closed with it."""

    @abstractmethod
    def _tell(self, event: Health) -> None:
        """Something has happened."""

    @abstractmethod
    async def _place(self, venue: str | None, where: str = "") -> VenueAt:
        """The one venue that is meant, by name, or where a URL or a path is that of one alone."""

    async def _raw(
        self, method: str, where: str, params: Mapping[str, Any] | None, body: str | bytes | None,
        venue: str | None, weight: int,
    ) -> RawReply:  # fmt: skip
        self._check_allowed()
        one = await self._place(venue, where)
        return await ask(one, request_of(one.declared, where, params, method, body), weight)

    def _check_allowed(self) -> None:
        """Raises UsageError where nothing may be done, WrongLoop where not from here."""
        self._venues(None)
        if self._read_only:
            raise UsageError("this market is read_only: nothing was sent")

    async def _cancel_all(self, one: VenueAt, instrument: Instrument | None) -> None:
        act = trading_of(one, "cancel_all").act("cancel_all")
        if act is not None and (instrument is not None or not act.needs):
            with suppress(OrderNotFound):  # so some venues say that there was nothing
                await one.private.act(act, Inquiry(instrument))
            return
        rows: list[Order] = await self._act(one, "open_orders", Inquiry(instrument))
        failed: list[TidebookError] = []
        gone = (OrderNotFound,) if act is not None else (OrderNotFound, OrderRejected)  # it has ended in between
        for row in rows if act is None else {row.symbol: row for row in rows}.values():
            try:
                found = await self._at(one, row.symbol)
                with suppress(*gone):
                    if act is not None:
                        await one.private.act(act, Inquiry(found))
                    else:
                        ref = Ref(found, row.id, row.client_id, side=row.side, kind=row.kind)
                        await one.private.act(act_of(one, "cancel"), ref)
            except TidebookError as error:  # the others are to be cancelled all the same
                failed.append(error)
        for other in failed[1:]:
            failed[0].add_note(f"{one.place}, too: {other}")
        if failed:
            raise failed[0]


def _not_there(ref: Ref, what: str) -> UsageError:
    """Of an order that its venue does not change so."""
    name = ref.instrument.venue
    text = f"{name} {what}. Nothing was sent"
    hint = "Cancel it, look at what was filled, and submit what is left"
    return UsageError(text, venue=name, symbol=ref.instrument.symbol, hint=hint)
