"""How bitbank's requests are signed: bitbank-api-docs, rest-api.md, "Authorization" (2025-12-23). Of its two ways the
window of time is the one that bears requests which overtake each other."""

from functools import partial
from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import header, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials
from tidebook.venue import known_public

_WINDOW: Final = "ACCESS-TIME-WINDOW"
_LISTS: Final = known_public("/v1/spot/status", "/v1/spot/pairs", "/tickers", "/tickers_jpy")
_OF_A_PAIR: Final = frozenset({"ticker", "depth", "transactions", "candlestick", "circuit_break_info"})


def is_open(method: str, path: str) -> bool:
    """``/{pair}/{what}`` at the public host, and two lists at the private one."""
    parts = path.split("/")
    return _LISTS(method, path) or (
        method == "GET" and len(parts) > 2 and parts[1] not in ("v1", "") and parts[2] in _OF_A_PAIR
    )


def by_window(*, window_ms: int | None = 5000) -> Scheme:
    """`window_ms` is told to the venue where the caller's headers say no other; none is signed as nothing."""
    return Scheme("bitbank", partial(_by_window, window_ms), window_ms=window_ms)


def by_nonce() -> Scheme:
    """The older way, in which each request's number is higher than that before it."""
    return Scheme("bitbank", _by_nonce, wants_nonce=True)


def _by_window(window_ms: int | None, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    given = header(request, _WINDOW)
    window = given if given is not None else "" if window_ms is None else str(window_ms)
    secrets = _signed(request, credentials, f"{stamp.ms}{window}") | {"ACCESS-REQUEST-TIME": str(stamp.ms)}
    return signed(request, secrets, {_WINDOW: window} if window and given is None else None)


def _by_nonce(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    return signed(request, _signed(request, credentials, str(stamp.nonce)) | {"ACCESS-NONCE": str(stamp.nonce)})


def _signed(request: Request, credentials: Credentials, before: str) -> dict[str, str]:
    said = target(request.url).line if request.method == "GET" else text_of(request)
    return {"ACCESS-KEY": credentials.key.reveal(), "ACCESS-SIGNATURE": mac_hex(credentials, before + said)}


SIGN: Final = by_window()
