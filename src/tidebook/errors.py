"""Every exception that Tidebook raises.

::

    TidebookError
    ├── UsageError                 the program asked for something that cannot be
    │   ├── UnknownVenue
    │   │   └── VenueClosed        `closed_on`
    │   ├── UnknownSymbol
    │   ├── AmbiguousSymbol
    │   ├── WrongLoop
    │   └── NoCredentials
    ├── NetworkError               the venue could not be reached as asked
    │   ├── ConnectFailed
    │   ├── RedirectRefused
    │   ├── TlsRefused
    │   └── Timeout
    ├── DecodeError                a message is not what the venue promised; `kind` says how
    ├── VenueError                 the venue answered, and the answer is no
    │   ├── OrderRejected
    │   │   ├── InvalidOrder
    │   │   ├── InsufficientFunds
    │   │   └── PostOnlyWouldTake
    │   ├── OrderNotFound
    │   ├── RateLimited            `retry_at`
    │   ├── Banned                 `until`
    │   ├── NotPermitted
    │   ├── RegionRefused
    │   ├── Maintenance
    │   ├── ClockRefused
    │   └── SignatureRefused
    ├── VenueUnavailable
    ├── SubscriptionFailed
    ├── BookNotLive
    ├── OutcomeUnknown
    └── Overrun                    `lost`

Each carries `venue symbol code text hint retry`. `retry` is one of the words
"safe", "after N s", "never", "ask first". No error holds anything secret:
whoever raises one passes text through `core.redact` first.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

DecodeKind = Literal["malformed", "number", "missing", "repeated", "too_deep", "too_large"]


class TidebookError(Exception):
    """The root of all errors of this package."""

    retry: str = "never"

    def __init__(
        self,
        text: str,
        *,
        venue: str | None = None,
        symbol: str | None = None,
        code: str | None = None,
        hint: str | None = None,
        retry: str | None = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.venue = venue
        self.symbol = symbol
        self.code = code
        self.hint = hint
        if retry is not None:
            self.retry = retry

    def __str__(self) -> str:
        return self.text if self.hint is None else f"{self.text}. {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled as it is: what some of them must be given by name would be missing when they are made anew.
        return _as_it_was, (type(self), self.args), self.__dict__


def _as_it_was(kind: type[TidebookError], args: tuple[object, ...]) -> TidebookError:
    return kind.__new__(kind, *args)


class UsageError(TidebookError):
    """The program asked for something that cannot be; asking again will not help."""


class UnknownVenue(UsageError):
    """No venue has this name."""


class VenueClosed(UnknownVenue):
    """The exchange has shut down on `closed_on` (ISO date). Nothing was opened, sent or looked up."""

    def __init__(self, text: str, *, closed_on: str, venue: str | None = None, hint: str | None = None) -> None:
        super().__init__(text, venue=venue, hint=hint)
        self.closed_on = closed_on


class UnknownSymbol(UsageError):
    """The venue lists no such symbol."""


class AmbiguousSymbol(UsageError):
    """The id names more than one instrument; the text lists them."""


class WrongLoop(UsageError):
    """An object was used outside the loop, thread or process that it belongs to."""


class NoCredentials(UsageError):
    """A private call without a key; nothing was sent."""


class NetworkError(TidebookError):
    """The venue could not be reached in the way that was asked for."""

    retry = "safe"


class ConnectFailed(NetworkError):
    """No connection, or the handshake was refused."""


class RedirectRefused(NetworkError):
    """The server pointed elsewhere. Redirects are never followed."""

    retry = "never"


class TlsRefused(NetworkError):
    """The server's certificate is not trusted."""

    retry = "never"


class Timeout(NetworkError, TimeoutError):
    """No answer, or nothing to read, in time. It is a TimeoutError too."""


class DecodeError(TidebookError):
    """A message that is not what its venue promised; it was applied not at all.

    `kind` is one of:

    - ``malformed``: not JSON, not UTF-8, bytes after the value, or a value of another type than the shape expects
    - ``number``: a number that is not finite, exact, in range, or of the right sign
    - ``missing``: a field that the shape needs is absent
    - ``repeated``: a key stands twice where the shape reads it
    - ``too_deep``: nested deeper than 32
    - ``too_large``: longer than the cap, also while inflating
    """

    def __init__(
        self,
        kind: DecodeKind,
        text: str,
        *,
        excerpt: str | None = None,
        venue: str | None = None,
        symbol: str | None = None,
    ) -> None:
        super().__init__(text, venue=venue, symbol=symbol)
        self.kind: DecodeKind = kind
        self.excerpt = excerpt

    def __str__(self) -> str:
        shown = "" if self.excerpt is None else f": {self.excerpt}"
        return f"{self.kind}: {self.text}{shown}"


class VenueError(TidebookError):
    """The venue answered with an error; `code` is the venue's own."""

    retry = "ask first"


class OrderRejected(VenueError):
    """The venue did not take the order."""

    retry = "never"


class InvalidOrder(OrderRejected):
    """The order breaks a rule of the instrument."""


class InsufficientFunds(OrderRejected):
    """The account cannot pay for it."""


class PostOnlyWouldTake(OrderRejected):
    """A post-only order would have traded at once."""


class OrderNotFound(VenueError):
    """The venue knows no such order."""


class RateLimited(VenueError):
    """Too many requests; `retry_at` is the wall time (ns, UTC) before which nothing is sent."""

    def __init__(self, text: str, *, retry_at: int, venue: str | None = None) -> None:
        super().__init__(text, venue=venue)
        self.retry_at = retry_at


class Banned(VenueError):
    """The venue refuses this address until `until` (wall ns, UTC)."""

    def __init__(self, text: str, *, until: int, venue: str | None = None) -> None:
        super().__init__(text, venue=venue)
        self.until = until


class NotPermitted(VenueError):
    """The key may not do this."""

    retry = "never"


class RegionRefused(VenueError):
    """The venue refuses this address's country."""

    retry = "never"


class Maintenance(VenueError):
    """The venue is closed for maintenance."""


class ClockRefused(VenueError):
    """The request's time stamp was outside the venue's window, or its nonce not above the last one.

    Both are a number that says when, both are refused before anything else is looked at, and both times signing anew
    is all that is needed. The signature itself was right: what is wrong with one never gets better.
    """

    retry = "safe"


class SignatureRefused(VenueError):
    """The venue did not accept the signature."""

    retry = "never"


class VenueUnavailable(TidebookError):
    """The venue has not answered; it is being retried."""

    retry = "safe"


class SubscriptionFailed(TidebookError):
    """A subscription was refused, or acknowledged and then silent."""

    retry = "ask first"


class BookNotLive(TidebookError):
    """The book may not be read as current; the text says since when, why, and what is being done."""

    retry = "safe"


class OutcomeUnknown(TidebookError):
    """The venue has not said whether an order arrived. Ask; never send it again. `client_id` is what it was sent as."""

    retry = "ask first"

    def __init__(
        self, text: str, *, client_id: str = "", venue: str | None = None, symbol: str | None = None,
        hint: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(text, venue=venue, symbol=symbol, hint=hint)
        self.client_id = client_id
        self.asking: Callable[[float | None], Awaitable[Any]] | None = None

    async def resolve(self, timeout: float | None = None) -> Any:
        """Ask the venue what became of it: its Order. With `timeout` it is asked again and again for so many seconds.

        Once that is known, by whatever way, it is told as often as you ask, also when the market is closed. Raises the
        venue's refusal, NetworkError where it never arrived, and OutcomeUnknown again where there is no answer yet, or
        in another process than the one that sent it; WrongLoop in another loop as long as it is not known.
        """
        if self.asking is None:
            raise self
        return await self.asking(timeout)

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_it_was, (type(self), self.args), {**self.__dict__, "asking": None}


class Overrun(TidebookError):
    """A reader was too slow; `lost` items were not delivered."""

    def __init__(self, text: str, *, lost: int, venue: str | None = None, symbol: str | None = None) -> None:
        super().__init__(text, venue=venue, symbol=symbol)
        self.lost = lost
