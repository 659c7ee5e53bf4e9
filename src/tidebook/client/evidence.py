"""Other evidence of an order that its venue does not know by our name for it: it may stand open, or have fills."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from tidebook.core.clock import SECOND, seconds
from tidebook.core.rules import Wish
from tidebook.core.trading import Act, Inquiry, Ref, Trading
from tidebook.errors import OrderNotFound
from tidebook.model.orders import Fill, Order

MARGIN: Final = 60 * SECOND
"""So long before it was sent fills are looked through: clocks differ."""
SPANS, STRANGERS = 32, 20
"""So many answers are asked for at most where one covers a span, and so many orders of fills that do not name it."""

Ask = Callable[[Act, Any], Awaitable[Any]]


async def elsewhere(ask: Ask, trading: Trading, wish: Wish, since_ns: int, now_ns: int) -> Order | None:
    """The order, where it is open, or a fill of `since_ns` or later (wall time) is one of it; None proves nothing.

    Raises the venue's error, NetworkError, DecodeError.
    """
    act = trading.act("open_orders")
    rows: list[Order] = [] if act is None else await ask(act, Inquiry(wish.instrument))
    for row in rows:
        if row.client_id == wish.client_id:
            return row
    order, act = trading.act("order"), trading.act("fills")
    if order is None or act is None:
        return None
    seen: set[str] = set()
    for start_ns in _starts(act, since_ns - MARGIN, now_ns):
        fills: list[Fill] = await ask(act, Inquiry(wish.instrument, start_ns))
        for fill in fills:
            if fill.client_id not in ("", wish.client_id) or fill.side != wish.side or fill.order_id in seen:
                continue
            seen.add(fill.order_id)
            if len(seen) > STRANGERS:
                return None
            try:
                found: Order = await ask(order, Ref(wish.instrument, fill.order_id))
            except OrderNotFound:
                continue
            if wish.client_id in (fill.client_id, found.client_id):
                return found
    return None


def _starts(act: Act, since_ns: int, now_ns: int) -> Iterator[int]:
    """From where on fills are asked for, an answer each; the oldest that the venue still tells first."""
    if act.reach is not None:
        since_ns = max(since_ns, now_ns - seconds(act.reach))
    if act.spans is None:
        yield since_ns
        return
    span_ns = seconds(act.spans)
    since_ns = max(since_ns, now_ns - SPANS * span_ns)
    while since_ns < now_ns:
        yield since_ns
        since_ns += span_ns
