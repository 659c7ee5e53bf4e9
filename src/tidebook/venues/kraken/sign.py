"""How Kraken's requests are signed: docs.kraken.com/api, "Spot REST Authentication". Its streams take a token, which
`POST /0/private/GetWebSocketsToken` gives."""

from dataclasses import replace
from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import base64, digest, mac, object_of, secret_bytes, signed, target, text_of
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials
from tidebook.venue import known_public

OPEN: Final = known_public("/0/public/", methods=("GET", "POST"))


def _rest(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    """The nonce is a parameter in the body, whatever form that has; one that stands there is kept."""
    if request.method != "POST":
        raise UsageError("what is private is asked with POST here")
    nonce, body = _with_nonce(request, str(stamp.nonce))
    request = replace(request, body=body.encode())
    text = target(request.url).path.encode() + digest(f"{nonce}{body}", "sha256")
    secrets = {
        "API-Key": credentials.key.reveal(),
        "API-Sign": base64(mac(secret_bytes(credentials), text, "sha512")),
    }
    return signed(request, secrets)


def _with_nonce(request: Request, nonce: str) -> tuple[str, str]:
    body = text_of(request)
    if body.lstrip().startswith("{"):
        found = object_of(request)
        if "nonce" in found:
            return str(found["nonce"]), body
        rest = body.lstrip()[1:]
        return nonce, f'{{"nonce":"{nonce}"{"," if found else ""}{rest}'
    there = next((value for name, _, value in (one.partition("=") for one in body.split("&")) if name == "nonce"), None)
    return (there, body) if there is not None else (nonce, "&".join(filter(None, [f"nonce={nonce}", body])))


SIGN: Final = Scheme("kraken", _rest, body="form", wants_nonce=True)
