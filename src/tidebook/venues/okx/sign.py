"""How OKX's requests are signed: docs-v5, "REST Authentication" and "WebSocket, Login"."""

from collections.abc import Callable
from functools import partial
from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, iso_ms, mac_base64, passphrase, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public("/api/v5/market/", "/api/v5/public/", "/api/v5/rubik/", "/api/v5/system/status")


def _whole(stamp: Stamp) -> str:
    return str(stamp.seconds)


def scheme(*, seconds: Callable[[Stamp], str] = _whole) -> Scheme:
    """`seconds` writes a login's time."""
    return Scheme("okx", _rest, login=partial(_login, seconds), wants_passphrase=True)


def _rest(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    at = iso_ms(stamp.wall_ns)
    text = f"{at}{request.method}{target(request.url).line}{text_of(request)}"
    secrets = {
        "OK-ACCESS-KEY": credentials.key.reveal(),
        "OK-ACCESS-SIGN": mac_base64(credentials, text),
        "OK-ACCESS-TIMESTAMP": at,
        "OK-ACCESS-PASSPHRASE": passphrase(credentials),
    }
    return signed(request, secrets)


def _login(seconds: Callable[[Stamp], str], url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    at = seconds(stamp)
    one = {
        "apiKey": credentials.key.reveal(),
        "passphrase": passphrase(credentials),
        "timestamp": at,
        "sign": mac_base64(credentials, f"{at}GET/users/self/verify"),
    }
    return Secret(compact({"op": "login", "args": [one]}))


SIGN: Final = scheme()
