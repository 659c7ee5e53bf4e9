"""How Phemex's requests are signed: phemex-api-docs, "REST Request Header" and "User authentication" (2026-07).

The documents decode the secret from base64 before use; the clients that work take it as text, and so is it here.
"""

from functools import partial
from typing import Final
from urllib.parse import unquote

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public("/public/", "/md/", "/exchange/public/", "/api-data/public/")


def scheme(*, good_for: int = 60, decoded: bool = False) -> Scheme:
    """`good_for` in seconds, for requests and logins. With `decoded` the query is signed without percent signs."""
    return Scheme("phemex", partial(_rest, good_for, decoded), login=partial(_login, good_for))


def _rest(good_for: int, decoded: bool, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    where, until = target(request.url), str(stamp.seconds + good_for)
    query = unquote(where.query) if decoded else where.query
    secrets = {
        "x-phemex-access-token": credentials.key.reveal(),
        "x-phemex-request-expiry": until,
        "x-phemex-request-signature": mac_hex(credentials, f"{where.path}{query}{until}{text_of(request)}"),
    }
    return signed(request, secrets)


def _login(good_for: int, url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    key, until = credentials.key.reveal(), stamp.seconds + good_for
    params = ["API", key, mac_hex(credentials, f"{key}{until}"), until]
    return Secret(compact({"method": "user.auth", "params": params, "id": 1}))


SIGN: Final = scheme()
