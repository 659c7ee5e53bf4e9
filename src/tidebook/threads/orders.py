"""An order that was sent, and one of which nobody knows whether it was, without asyncio."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tidebook import errors
from tidebook.client import ordered
from tidebook.client.asking import Asking
from tidebook.client.tables import Table
from tidebook.model.orders import Amount, Fill, Order


class Sent(Order, frozen=True, kw_only=True, eq=False):
    """An `Order` as it was when its venue told of it; `done`, `cancel`, `amend` and `fills` ask anew, and wait.

    They raise UsageError inside a callback.
    """

    trader: Any = None  # the market that sent it
    asks: Any = None  # the same order, asynchronous

    def refresh(self) -> "Sent":
        """What it is now. Raises OrderNotFound, NetworkError."""
        found: Sent = self.trader._sent(self.asks.refresh())
        return found

    def done(self, timeout: float | None = 30.0) -> "Sent":
        """Wait until it has ended (filled, cancelled, expired, rejected): what it is then.

        By what an open account is told, else by asking the venue. Raises Timeout after `timeout` seconds (None:
        never), OrderNotFound where the venue knows nothing of it; the order stands as it does then, as after Ctrl-C.
        """
        found: Sent = self.trader._sent(self.asks.done(timeout))
        return found

    def cancel(self) -> "Sent":
        """Cancel what is left of it: as it is then. Raises OrderNotFound where it has ended before."""
        found: Sent = self.trader._sent(self.asks.cancel())
        return found

    def amend(self, *, size: Amount | None = None, price: Amount | None = None) -> "Sent":
        """Change it where it stands. Raises UsageError where its venue cannot."""
        found: Sent = self.trader._sent(self.asks.amend(size=size, price=price))
        return found

    def fills(self) -> Table[Fill]:
        """Its trades so far."""
        found: Table[Fill] = self.trader._wait(self.asks.fills())
        return found

    def __eq__(self, other: object) -> bool:
        return ordered.alike(self, other)

    def __hash__(self) -> int:
        return hash(ordered.bare(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return self.asks.__reduce__()  # type: ignore[no-any-return]  # elsewhere it is an order and nothing more


def sent(order: ordered.Sent, trader: Any) -> Sent:
    return Sent(**{name: getattr(order, name) for name in ordered.FIELDS}, trader=trader, asks=order)


class OutcomeUnknown(errors.OutcomeUnknown):
    """The same, for programs without asyncio: `resolve` waits for the answer."""

    _resolve: Callable[[float | None], Sent] | None = None

    def resolve(self, timeout: float | None = None) -> Sent:  # type: ignore[override]
        """Ask the venue what became of it: its order. With `timeout` it is asked again and again for so many seconds.

        Once that is known it is told at once, as often as you ask, from any thread, also when the market is closed.
        Raises the venue's refusal, NetworkError where it never arrived, and OutcomeUnknown again where there is no
        answer yet, or in another process than the one that sent it.
        """
        if self._resolve is None:
            raise self
        return self._resolve(timeout)

    def __reduce__(self) -> tuple[Any, ...]:
        made, given, state = super().__reduce__()
        return made, given, {**state, "_resolve": None}


_AWAITED: Final = "await error.resolve()"


def unknown(error: errors.OutcomeUnknown, resolve: Callable[[Asking, float | None], Sent]) -> OutcomeUnknown:
    """The plain one of an asynchronous one."""
    hint = None if error.hint is None else error.hint.replace(_AWAITED, _AWAITED.removeprefix("await "))
    made = OutcomeUnknown(error.text, client_id=error.client_id, venue=error.venue, symbol=error.symbol, hint=hint)
    made.code, made.retry = error.code, error.retry
    made.__cause__ = error.__cause__
    made._resolve = partial(resolve, error.asking) if isinstance(error.asking, Asking) else None
    return made
