"""What became of an order of which nobody knew: asked as often as anybody likes, and told from then on."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from tidebook.client.opening import Opening
from tidebook.client.ordered import Sent, sent
from tidebook.core.intention import Intention
from tidebook.errors import NetworkError, OutcomeUnknown, UsageError
from tidebook.model.orders import Order


class Outcomes(Protocol):
    """One venue's orders on their way, as they are asked after."""

    def told(self, intention: Intention) -> Order:
        """What its user is told now. Raises as `submit` does."""
        ...

    async def ask(self, intention: Intention, timeout: float | None) -> Order:
        """The same, after its venue was asked where that is wanted."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """`OutcomeUnknown.asking`. `root` is the market that sent it, `trader` what is then done with the order goes by.

    It holds the order's fate itself: what is known of it, however that came to be known, is told for ever.
    """

    outcomes: Outcomes = field(repr=False)
    intention: Intention
    root: Opening = field(repr=False)
    trader: Any = field(repr=False)

    @property
    def is_over(self) -> bool:
        """Whether nobody is to be asked: it is known, or its market is closed. Then `told` says it, anywhere."""
        return self.intention.is_known or self.root._closed

    def told(self) -> Sent:
        """What is known of it, at once. Raises as `submit` does."""
        try:
            return sent(self.outcomes.told(self.intention), self.trader)
        except OutcomeUnknown as error:
            error.asking = self
            raise

    async def __call__(self, timeout: float | None = None) -> Sent:
        """Raises as `submit` does, and WrongLoop where it has to be asked for and this is not its market's loop."""
        check_timeout(timeout)
        if self.is_over:
            return self.told()
        self.root._check_loop()
        try:
            return sent(await self.outcomes.ask(self.intention, timeout), self.trader)
        except OutcomeUnknown as error:
            error.asking = self
            raise


def check_timeout(timeout: object) -> None:
    """Raises UsageError for what is no time to wait."""
    if timeout is not None and (type(timeout) not in (int, float) or not 0 < float(str(timeout)) < 1e9):
        raise UsageError(f"timeout={timeout!r}: seconds, above 0, or None")


def outcome(intention: Intention, name: str, *, closed: bool) -> Order:
    """What became of an order of the venue `name`, as its user is told. Raises what it means where it is no order."""
    wish = intention.wish
    symbol = wish.instrument.symbol
    match intention.state:
        case "accepted" if intention.order is not None:
            return intention.order
        case "refused" | "unsent" if intention.error is not None:
            raise intention.error.with_traceback(None)  # the same one again and again must not grow
        case "unsent":
            raise UsageError(f"{name} was closed before {wish.client_id} ({wish.words}) left", venue=name)
        case "absent" if intention.by_hand:
            text = f"{name}: {wish.client_id} ({wish.words}) never arrived, as somebody said: {intention.why}"
            raise NetworkError(text, venue=name, symbol=symbol)
        case "absent":
            text = f"{name}: {wish.client_id} ({wish.words}) never arrived: {intention.why}, and when its time stamp"
            text += " had run out the venue knew nothing of it"
            raise NetworkError(text, venue=name, symbol=symbol)
    hint = "Don't send it again: await error.resolve()"
    if intention.by_hand:
        hint = "It has arrived, as somebody said: don't send it again"
    elif closed:
        hint = "Don't send it again. Its market is closed: resolve() of one with its journal, or fetch_order, asks"
    text = f"{name.partition('.')[0]} has not said whether {wish.client_id} ({wish.words}) arrived: {intention.why}"
    raise OutcomeUnknown(text, venue=name, symbol=symbol, client_id=wish.client_id, hint=hint)
