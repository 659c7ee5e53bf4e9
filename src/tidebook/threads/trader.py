"""What is done with an account, without asyncio: orders sent, changed, cancelled, asked after; what it has fetched."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from tidebook import errors
from tidebook.client import ordered
from tidebook.client.asking import Asking
from tidebook.client.checks import Guard
from tidebook.client.columns import ORDERS
from tidebook.client.ranges import Instant
from tidebook.client.raw import RawReply
from tidebook.client.tables import Table
from tidebook.errors import TidebookError
from tidebook.model.orders import Amount, Balance, Fill, Intent, Order, Position
from tidebook.threads.dead_man import DeadManSwitch
from tidebook.threads.orders import Sent, sent, unknown
from tidebook.threads.verbs import Verbs


class Trader(Verbs):
    """Each is what `tidebook.Market` has under its name: arguments, results, errors and timeouts are the same.

    What was sent goes its way where the waiting is ended by Ctrl-C, and stands in `unresolved` until its outcome is
    known. All of it raises UsageError inside a callback, before the market is opened and after it is closed.
    """

    def submit(
        self,
        intent: Intent,
        *,
        guard: Guard | None = None,
        max_age: float | None = None,
        dry_run: bool = False,
        venue: str | None = None,
    ) -> Sent:
        """Send an order: what its venue has made of it, once it was accepted."""
        return self._sent(self._market.submit(intent, guard=guard, max_age=max_age, dry_run=dry_run, venue=venue))

    def submit_many(
        self,
        intents: Sequence[Intent],
        *,
        guard: Guard | None = None,
        max_age: float | None = None,
        venue: str | None = None,
    ) -> list[Sent | TidebookError]:
        """Several at once: one result for each, in order, an Order or the error that `submit` raises."""
        done = self._wait(self._market.submit_many(intents, guard=guard, max_age=max_age, venue=venue))
        return [self._plain(one) for one in done]

    def cancel(
        self, order: Order | str, *, symbol: str | None = None, client_id: str | None = None, venue: str | None = None
    ) -> Sent:
        """Cancel what is left of an order: one of ours, or by the venue's id, or `client_id`, with its symbol."""
        return self._sent(self._market.cancel(order, symbol=symbol, client_id=client_id, venue=venue))

    def cancel_all(self, symbol: str | None = None, *, venue: str | None = None) -> None:
        """Cancel all open orders: of a symbol, or, where the venue can do that, of all."""
        self._wait(self._market.cancel_all(symbol, venue=venue))

    def dead_man(
        self, seconds: float = 30, symbol: str | None = None, *, venue: str | None = None, dry_run: bool = False
    ) -> DeadManSwitch:
        """A dead man's switch: the venue cancels what is open `seconds` after it has heard of this program last."""
        return DeadManSwitch(self._home, self._market.dead_man(seconds, symbol, venue=venue, dry_run=dry_run))

    def amend(
        self,
        order: Order | str,
        *,
        size: Amount | None = None,
        price: Amount | None = None,
        symbol: str | None = None,
        client_id: str | None = None,
        venue: str | None = None,
    ) -> Sent:
        """Change the size or the price of an open order, where its venue can."""
        return self._sent(
            self._market.amend(order, size=size, price=price, symbol=symbol, client_id=client_id, venue=venue)
        )

    def post(
        self,
        where: str,
        params: Mapping[str, Any] | None = None,
        *,
        body: str | bytes | None = None,
        venue: str | None = None,
        weight: int = 1,
    ) -> RawReply:
        """A POST in the venue's own words, signed unless its endpoint is known to be public: see `get`."""
        return self._wait(self._market.post(where, params, body=body, venue=venue, weight=weight))

    def put(
        self,
        where: str,
        params: Mapping[str, Any] | None = None,
        *,
        body: str | bytes | None = None,
        venue: str | None = None,
        weight: int = 1,
    ) -> RawReply:
        """A PUT, otherwise as `post`."""
        return self._wait(self._market.put(where, params, body=body, venue=venue, weight=weight))

    def delete(
        self, where: str, params: Mapping[str, Any] | None = None, *, venue: str | None = None, weight: int = 1
    ) -> RawReply:
        """A DELETE whose `params` are its query, otherwise as `post`."""
        return self._wait(self._market.delete(where, params, venue=venue, weight=weight))

    def fetch_order(
        self, order: Order | str, *, symbol: str | None = None, client_id: str | None = None, venue: str | None = None
    ) -> Sent:
        """What an order is now: one of ours, or by the venue's id, or `client_id`, with its symbol."""
        return self._sent(self._market.fetch_order(order, symbol=symbol, client_id=client_id, venue=venue))

    def fetch_open_orders(self, symbol: str | None = None, *, venue: str | None = None) -> Table[Sent]:
        """All open orders, of a symbol or of all; of every connected venue that takes orders."""
        rows = self._wait(self._market.fetch_open_orders(symbol, venue=venue))
        return Table(ORDERS, [sent(row, self) for row in rows])

    def fetch_balances(self, *, venue: str | None = None) -> Table[Balance]:
        """What the accounts have, without what is 0."""
        return self._wait(self._market.fetch_balances(venue=venue))

    def fetch_positions(self, symbol: str | None = None, *, venue: str | None = None) -> Table[Position]:
        """What is held of contracts, without what is 0."""
        return self._wait(self._market.fetch_positions(symbol, venue=venue))

    def fetch_fills(
        self,
        symbol: str | None = None,
        *,
        start: Instant = None,
        limit: int | None = None,
        order_id: str | None = None,
        venue: str | None = None,
    ) -> Table[Fill]:
        """One's own trades, oldest first: the newest that there are, or from `start` on; or those of one order."""
        return self._wait(self._market.fetch_fills(symbol, start=start, limit=limit, order_id=order_id, venue=venue))

    @property
    def unresolved(self) -> dict[str, str]:
        """Orders of this process, and of its journal, of which nobody knows what became of them: by client id."""
        return self._home.thread.ask(lambda: self._market.unresolved)

    def resolve(self, client_id: str, timeout: float | None = None) -> Sent:
        """Ask what became of one of `unresolved`; with `timeout` again and again, for so many seconds."""
        return self._sent(self._market.resolve(client_id, timeout))

    def settle(self, client_id: str, *, arrived: bool) -> None:
        """Say yourself what became of one of `unresolved`. Nothing checks it: see `Market.settle`."""
        self._home.thread.ask(lambda: self._market.settle(client_id, arrived=arrived))

    def _sent(self, work: Coroutine[Any, Any, ordered.Sent]) -> Sent:
        return sent(self._wait(work), self)

    def _plain(self, result: ordered.Sent | TidebookError) -> Sent | TidebookError:
        if isinstance(result, ordered.Sent):
            return sent(result, self)
        return self._translated(result) if isinstance(result, errors.OutcomeUnknown) else result

    def _translated(self, error: errors.OutcomeUnknown) -> errors.OutcomeUnknown:
        return unknown(error, self._resolved)

    def _resolved(self, asking: Asking, timeout: float | None) -> Sent:
        if not asking.is_over:
            return self._sent(asking(timeout))
        try:
            return sent(asking.told(), self)
        except errors.OutcomeUnknown as error:
            plain = self._translated(error)
        raise plain
