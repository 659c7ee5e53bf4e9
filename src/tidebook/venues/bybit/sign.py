"""How Bybit's requests are signed: bybit-exchange/docs v5, guide.mdx and websocket/wss-authentication.mdx."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp, pem
from tidebook.core.sign.parts import base64, compact, header, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

_WINDOW: Final = "X-BAPI-RECV-WINDOW"
OPEN: Final = known_public(
    "/v5/market/", "/v5/announcements/index", "/v5/system/status", "/v5/spot-margin-trade/data",
    "/v5/spot-margin-trade/collateral",
)  # fmt: skip


def scheme(*, window_ms: int | None = 5000, good_for_ms: int = 10_000) -> Scheme:
    """`window_ms` is told to the venue where the caller's headers say no other; `good_for_ms` is a login's."""
    return Scheme(
        "bybit", partial(_rest, window_ms), login=partial(_login, good_for_ms), request=partial(_request, window_ms),
        window_ms=window_ms,
    )  # fmt: skip


def _rest(window_ms: int | None, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    given = header(request, _WINDOW)
    window = given if given is not None else "" if window_ms is None else str(window_ms)
    said = text_of(request) if request.method == "POST" else target(request.url).query
    key = credentials.key.reveal()
    secrets = {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": str(stamp.ms),
        "X-BAPI-SIGN": _signature(credentials, f"{stamp.ms}{key}{window}{said}"),
    }
    return signed(request, secrets, {_WINDOW: window} if window and given is None else None)


def _signature(credentials: Credentials, text: str) -> str:
    if pem.is_pem(credentials):
        return base64(pem.sign(pem.key_of(credentials), text.encode()))
    return mac_hex(credentials, text)


def _login(good_for_ms: int, url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    until = stamp.ms + good_for_ms
    args = [credentials.key.reveal(), until, _signature(credentials, f"GET/realtime{until}")]
    return Secret(compact({"op": "auth", "args": args}))


def _request(
    window_ms: int | None, params: Mapping[str, Any], credentials: Credentials, stamp: Stamp
) -> Mapping[str, Any]:
    """A whole message to the socket for orders, which was logged in: only its time is said."""
    del credentials
    window = {} if window_ms is None else {_WINDOW: str(window_ms)}
    return {**params, "header": {"X-BAPI-TIMESTAMP": str(stamp.ms), **window, **params.get("header", {})}}


SIGN: Final = scheme()
