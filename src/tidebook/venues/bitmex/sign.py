"""How BitMEX's requests were signed: bitmex.com/app/apiKeysUsage (2026). Nothing is sent there: recordings hold it."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret


def scheme(*, good_for: int = 60) -> Scheme:
    """`good_for` in seconds."""
    return Scheme(
        "bitmex", partial(_rest, good_for), login=partial(_login, good_for), handshake=partial(_handshake, good_for)
    )


def _rest(good_for: int, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    until = stamp.seconds + good_for
    text = f"{request.method}{target(request.url).line}{until}{text_of(request)}"
    return signed(request, _headers(credentials, until, text))


def _headers(credentials: Credentials, until: int, text: str) -> dict[str, str]:
    signature = mac_hex(credentials, text)
    return {"api-expires": str(until), "api-key": credentials.key.reveal(), "api-signature": signature}


def _login(good_for: int, url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    until = stamp.seconds + good_for
    args = [credentials.key.reveal(), until, mac_hex(credentials, f"GET/realtime{until}")]
    return Secret(compact({"op": "authKeyExpires", "args": args}))


def _handshake(good_for: int, url: str, credentials: Credentials, stamp: Stamp) -> Mapping[str, Secret]:
    """The same as a login, in the headers of the handshake."""
    del url
    until = stamp.seconds + good_for
    return {name: Secret(value) for name, value in _headers(credentials, until, f"GET/realtime{until}").items()}


SIGN: Final = scheme()
