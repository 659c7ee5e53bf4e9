"""How HitBTC's requests are signed: api.hitbtc.com, version 3, "HS256" and "Socket login" (2026)."""

from functools import partial
from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import base64, compact, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public("/api/3/public/")


def scheme(*, window_ms: int | None = None) -> Scheme:
    """`window_ms` is for how long a request is good, where the venue's own measure does not do."""
    return Scheme("hitbtc", partial(_rest, window_ms), login=partial(_login, window_ms), window_ms=window_ms)


def _rest(window_ms: int | None, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    at = [str(stamp.ms), *([] if window_ms is None else [str(window_ms)])]
    text = f"{request.method}{target(request.url).line}{text_of(request)}{''.join(at)}"
    said = ":".join([credentials.key.reveal(), mac_hex(credentials, text), *at])
    return signed(request, {"Authorization": f"HS256 {base64(said.encode())}"})


def _login(window_ms: int | None, url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    window = {} if window_ms is None else {"window": window_ms}
    text = f"{stamp.ms}{'' if window_ms is None else window_ms}"
    params = {"type": "HS256", "api_key": credentials.key.reveal(), "timestamp": stamp.ms, **window}
    params["signature"] = mac_hex(credentials, text)
    return Secret(compact({"method": "login", "params": params, "id": 1}))


SIGN: Final = scheme()
