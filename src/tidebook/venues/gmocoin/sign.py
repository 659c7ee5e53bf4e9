"""How GMO Coin's requests are signed: api.coin.z.com/docs, "Authentication". Its private stream is opened by a token in
the URL, which `POST /private/v1/ws-auth` gives."""

from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials
from tidebook.venue import known_public

OPEN: Final = known_public("/public/")


def _rest(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    """The path without `/private`, and the body of a POST; no query, and no body of another method."""
    body = text_of(request) if request.method == "POST" else ""
    text = f"{stamp.ms}{request.method}{target(request.url).path.removeprefix('/private')}{body}"
    secrets = {
        "API-KEY": credentials.key.reveal(),
        "API-TIMESTAMP": str(stamp.ms),
        "API-SIGN": mac_hex(credentials, text),
    }
    return signed(request, secrets)


SIGN: Final = Scheme("gmocoin", _rest)
