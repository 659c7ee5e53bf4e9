"""What answers, and what is heard instead of one, say of an order; and the words for that."""

from tidebook.core.effects import Reply
from tidebook.core.intention import Intention
from tidebook.core.trading import Trading
from tidebook.errors import NetworkError, OrderRejected, PostOnlyWouldTake, TidebookError, Timeout
from tidebook.model.orders import Order


def rejected(order: Order, trading: Trading, name: str) -> TidebookError | None:
    """What it means that the venue `name` tells of an order so, where it was taken and rejected all the same."""
    called = order.client_id or order.id
    if trading.cancels_takers and order.post_only and order.status == "cancelled" and not order.filled:
        text = f"{name}: {called} is post-only and was cancelled: it would have taken"
        return PostOnlyWouldTake(text, venue=name, symbol=order.symbol)
    if order.status != "rejected" and (order.reason not in trading.reasons or order.filled):
        return None
    kind = trading.reasons.get(order.reason, OrderRejected)
    text = f"{name}: {called} was rejected ({order.reason or 'no reason is given'})"
    return kind(text, venue=name, symbol=order.symbol, code=order.reason or None)


def is_unsure(reply: Reply, error: TidebookError, trading: Trading) -> bool:
    """Whether a refusal leaves open what became of it."""
    if error.code in trading.unsure:
        return True
    return (reply.status == 408 or reply.status >= 500) and error.retry != "safe"


def words(why: str) -> str:
    """Of a reason, what a user needs."""
    word, _, text = why.partition(": ")
    return "no answer in time" if word == "Timeout" else f"cut after sending ({text.partition(': ')[2] or text or why})"


def answer(error: TidebookError) -> str:
    """What a question has met: a network's reason, or what the venue says."""
    if isinstance(error, Timeout):
        return "no answer in time"
    return f"no answer ({error.text})" if isinstance(error, NetworkError) else error.text


def note(intention: Intention, found: str) -> None:
    """What the newest question has found, behind why nobody knows."""
    intention.why = intention.why.partition("; asked")[0] + (f"; asked, and {found}" if found else "")
