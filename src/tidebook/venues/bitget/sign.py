"""How Bitget's requests are signed: bitget.com/api-doc/common, "Signature" and "WebSocket, Login".

A stream's time is in seconds: the document's text says milliseconds, its examples and the clients that work do not.
"""

from functools import partial
from typing import Final
from urllib.parse import unquote

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, mac_base64, passphrase, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public(
    "/api/v2/public/time", "/api/v2/public/annoucements", "/api/v2/spot/public/", "/api/v2/spot/market/",
    "/api/v2/mix/market/", "/api/v3/public/", "/api/v3/market/",
)  # fmt: skip


def scheme(*, decoded: bool = True) -> Scheme:
    """`decoded`: the query is signed without percent signs."""
    return Scheme("bitget", partial(_rest, decoded), login=_login, wants_passphrase=True)


def _rest(decoded: bool, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    line = target(request.url).line
    text = f"{stamp.ms}{request.method}{unquote(line) if decoded else line}{text_of(request)}"
    secrets = {
        "ACCESS-KEY": credentials.key.reveal(),
        "ACCESS-SIGN": mac_base64(credentials, text),
        "ACCESS-TIMESTAMP": str(stamp.ms),
        "ACCESS-PASSPHRASE": passphrase(credentials),
    }
    return signed(request, secrets)


def _login(url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    one = {
        "apiKey": credentials.key.reveal(),
        "passphrase": passphrase(credentials),
        "timestamp": str(stamp.seconds),
        "sign": mac_base64(credentials, f"{stamp.seconds}GET/user/verify"),
    }
    return Secret(compact({"op": "login", "args": [one]}))


SIGN: Final = scheme()
