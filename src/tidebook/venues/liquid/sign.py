"""How Liquid's requests were signed: document.liquid.com, "Authentication" (2022). Nothing is sent there."""

from functools import partial
from typing import Any, Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp, jwt
from tidebook.core.sign.parts import compact, signed, target
from tidebook.model.credentials import Credentials, Secret


def scheme(*, issued: bool = False) -> Scheme:
    """With `issued` a token says when it was made, and its nonce is a number and no text."""
    return Scheme("liquid", partial(_rest, issued), login=partial(_login, issued), wants_nonce=True)


def _rest(issued: bool, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    secrets = {"X-Quoine-Auth": _token(issued, target(request.url).line, credentials, stamp)}
    return signed(request, secrets, {"X-Quoine-API-Version": "2"})


def _login(issued: bool, url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    path = "/realtime"
    data = {"path": path, "headers": {"X-Quoine-Auth": _token(issued, path, credentials, stamp)}}
    return Secret(compact({"event": "quoine:auth_request", "data": data}))


def _token(issued: bool, path: str, credentials: Credentials, stamp: Stamp) -> str:
    key = credentials.key.reveal()
    claims: dict[str, Any] = {"path": path, "nonce": str(stamp.nonce), "token_id": key}
    if issued:
        claims = {"path": path, "token_id": key, "iat": stamp.seconds, "nonce": stamp.nonce}
    return jwt.by_secret(claims, credentials.secret.reveal())


SIGN: Final = scheme()
