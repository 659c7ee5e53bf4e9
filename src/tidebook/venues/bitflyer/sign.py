"""How bitFlyer's requests are signed: lightning.bitflyer.com/docs, "Authentication" and "Realtime API".

The documents' time is in seconds or milliseconds; here it is milliseconds.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

_NAMES: Final = (
    "getmarkets", "markets", "getboard", "board", "getticker", "ticker", "getexecutions", "executions",
    "getboardstate", "gethealth", "getfundingrate", "getcorporateleverage", "getchats",
)  # fmt: skip
OPEN: Final = known_public(
    *(f"/v1/{name}" for name in _NAMES),
    *(f"/v1/{name}/{region}" for name in ("getmarkets", "markets", "getchats") for region in ("usa", "eu")),
)


def scheme(
    *, time: Callable[[Stamp], int] = lambda stamp: stamp.ms, nonce: Callable[[Stamp], str] = lambda stamp: stamp.text
) -> Scheme:
    """`time` in seconds or milliseconds; `nonce` is a login's, 16 to 255 characters."""
    return Scheme("bitflyer", partial(_rest, time), login=partial(_login, time, nonce))


def _rest(time: Callable[[Stamp], int], request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    at = time(stamp)
    text = f"{at}{request.method}{target(request.url).line}{text_of(request)}"
    secrets = {
        "ACCESS-KEY": credentials.key.reveal(),
        "ACCESS-TIMESTAMP": str(at),
        "ACCESS-SIGN": mac_hex(credentials, text),
    }
    return signed(request, secrets)


def _login(
    time: Callable[[Stamp], int], nonce: Callable[[Stamp], str], url: str, credentials: Credentials, stamp: Stamp
) -> Secret:
    del url
    at, once = time(stamp), nonce(stamp)
    params = {
        "api_key": credentials.key.reveal(),
        "timestamp": at,
        "nonce": once,
        "signature": mac_hex(credentials, f"{at}{once}"),
    }
    return Secret(compact({"jsonrpc": "2.0", "method": "auth", "params": params, "id": "login"}))


SIGN: Final = scheme()
