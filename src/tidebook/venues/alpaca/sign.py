"""How Alpaca's requests say who asks: docs.alpaca.markets, "Authentication".

Nothing is signed: key and secret are sent.
"""

from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, signed, target
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public(
    "/v1beta3/crypto/us/", "/v1beta3/crypto/us-1/", "/v1beta3/crypto/eu-1/", "/v1beta1/crypto-perps/global/"
)


def _rest(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    del stamp
    held = {"APCA-API-KEY-ID": credentials.key.reveal(), "APCA-API-SECRET-KEY": credentials.secret.reveal()}
    return signed(request, held)


def _login(url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    """Market data and the account's own stream (`/stream`) want other words."""
    del stamp
    key, secret = credentials.key.reveal(), credentials.secret.reveal()
    if target(url).path == "/stream":
        return Secret(compact({"action": "authenticate", "data": {"key_id": key, "secret_key": secret}}))
    return Secret(compact({"action": "auth", "key": key, "secret": secret}))


SIGN: Final = Scheme("alpaca", _rest, login=_login)
