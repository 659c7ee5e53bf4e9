"""The exceptions of python-binance, by their names, and how ours become one of them."""

from dataclasses import dataclass
from typing import Any

import msgspec

from tidebook.errors import Overrun, RegionRefused, SubscriptionFailed, TidebookError, VenueError

__all__ = [
    "BinanceAPIException",
    "BinanceOrderException",
    "BinanceOrderInactiveSymbolException",
    "BinanceOrderMinAmountException",
    "BinanceOrderMinPriceException",
    "BinanceOrderMinTotalException",
    "BinanceOrderUnknownSymbolException",
    "BinanceRegionException",
    "BinanceRequestException",
    "BinanceUnableToConnect",
    "BinanceWebsocketClosed",
    "BinanceWebsocketQueueOverflow",
    "BinanceWebsocketUnableToConnect",
    "NotImplementedException",
    "ReadLoopClosed",
    "UnknownDateFormat",
]


@dataclass(frozen=True, slots=True)
class Response:
    """What the exchange answered, as far as programs read it. `request` is the verb and the path, without the query."""

    status: int
    headers: dict[str, str]
    text: str
    request: str

    @property
    def status_code(self) -> int:
        """The same as `status`, as `requests` calls it."""
        return self.status

    def json(self) -> Any:
        """What the text says. Raises msgspec.DecodeError, which is a ValueError, where it is no JSON."""
        return msgspec.json.decode(self.text)


class BinanceAPIException(Exception):
    """The exchange has refused: its `code` and `message`, the HTTP `status_code`, the `response` and its `request`."""

    def __init__(self, response: Any, status_code: int, text: str) -> None:
        self.code: int = 0
        told = text or f"HTTP {status_code} and no word. A simulator does not have every call"
        self.message: str = f"Invalid JSON error message from Binance: {told}"
        try:
            said = msgspec.json.decode(text)
        except msgspec.DecodeError:
            said = None
        if isinstance(said, dict):
            self.code, self.message = said.get("code", 0), said.get("msg", "")
        self.status_code = status_code
        self.response = response
        self.request = getattr(response, "request", None)
        super().__init__(self.code, self.message)

    def __str__(self) -> str:
        return f"APIError(code={self.code}): {self.message}"


class BinanceRequestException(Exception):
    """There is no answer, or none that can be read; or nothing was sent."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)

    def __str__(self) -> str:
        return f"BinanceRequestException: {self.message}"


class BinanceOrderException(Exception):
    """An order that cannot be placed as it is."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(code, message)

    def __str__(self) -> str:
        return f"BinanceOrderException(code={self.code}): {self.message}"


class _Filter(BinanceOrderException):
    """An order that breaks one of its symbol's rules (-1013)."""

    text = "{}"

    def __init__(self, value: object) -> None:
        super().__init__(-1013, self.text.format(value))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.message)


def _again(kind: "type[_Filter]", message: str) -> "_Filter":
    """What was pickled says what it said."""
    made = kind("")
    made.message, made.args = message, (-1013, message)
    return made


class BinanceOrderMinAmountException(_Filter):
    text = "Amount must be a multiple of {}"


class BinanceOrderMinPriceException(_Filter):
    text = "Price must be at least {}"


class BinanceOrderMinTotalException(_Filter):
    text = "Total must be at least {}"


class BinanceOrderUnknownSymbolException(_Filter):
    text = "Unknown symbol {}"


class BinanceOrderInactiveSymbolException(_Filter):
    text = "Attempting to trade an inactive symbol {}"


class BinanceUnableToConnect(Exception):
    """As many attempts as were allowed have failed. Documents and library call it by two names; it is one class."""


BinanceWebsocketUnableToConnect = BinanceUnableToConnect


class BinanceWebsocketClosed(Exception):
    """The connection ended; it is being opened again."""


class BinanceWebsocketQueueOverflow(Exception):
    """A reader was too slow; `lost` messages were not delivered."""

    def __init__(self, message: str = "", lost: int = 0) -> None:
        self.lost = lost
        super().__init__(message)


class ReadLoopClosed(Exception):
    """Nothing will come any more: it is closed, or its end was said."""


class NotImplementedException(Exception):
    """What this face of the client does not have."""

    def __init__(self, value: object) -> None:
        super().__init__(f"Not implemented: {value}")


class UnknownDateFormat(Exception):
    """A text that is no date."""


class BinanceRegionException(Exception):
    """An endpoint of another top-level domain than the client's."""

    def __init__(self, required_tld: str, actual_tld: str, endpoint_name: str = "endpoint") -> None:
        self.required_tld = required_tld
        self.actual_tld = actual_tld
        self.endpoint_name = endpoint_name
        self.message = (
            f"{endpoint_name} is only available on binance.{required_tld}, "
            f"but client is configured for binance.{actual_tld}"
        )
        super().__init__(required_tld, actual_tld, endpoint_name)

    def __str__(self) -> str:
        return f"BinanceRegionException: {self.message}"


def in_their_words(error: TidebookError, response: Response | None = None) -> Exception:
    """One of the classes above for an error of ours, which becomes its cause."""
    told: Exception
    if response is not None and (response.status >= 400 or isinstance(error, VenueError)):
        told = BinanceAPIException(response, response.status, response.text)
    elif isinstance(error, RegionRefused):
        told = BinanceAPIException(None, 451, msgspec.json.encode({"code": 0, "msg": str(error)}).decode())
    elif isinstance(error, Overrun):
        told = BinanceWebsocketQueueOverflow(str(error), error.lost)
    elif isinstance(error, SubscriptionFailed):
        told = BinanceUnableToConnect(str(error))
    else:
        told = BinanceRequestException(str(error))
    told.__cause__ = error
    return told
