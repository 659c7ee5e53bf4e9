"""How Deribit's requests are signed: docs.deribit.com, "Authentication" (client signature)."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public("/api/v2/public/", methods=("GET", "POST"))


def scheme(*, nonce: Callable[[Stamp], str] = lambda stamp: stamp.text, scope: str | None = None) -> Scheme:
    """`scope` is what a login asks for, ``session:name`` for example."""
    return Scheme("deribit", partial(_rest, nonce), login=partial(_login, nonce, scope), body="query")


def _rest(nonce: Callable[[Stamp], str], request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    once = nonce(stamp)
    text = f"{stamp.ms}\n{once}\n{request.method}\n{target(request.url).line}\n{text_of(request)}\n"
    parts = f"id={credentials.key.reveal()},ts={stamp.ms},nonce={once},sig={mac_hex(credentials, text)}"
    return signed(request, {"Authorization": f"deri-hmac-sha256 {parts}"})


def _login(
    nonce: Callable[[Stamp], str], scope: str | None, url: str, credentials: Credentials, stamp: Stamp
) -> Secret:
    del url
    once = nonce(stamp)
    params: dict[str, Any] = {
        "grant_type": "client_signature",
        "client_id": credentials.key.reveal(),
        "timestamp": stamp.ms,
        "nonce": once,
        "data": "",
        "signature": mac_hex(credentials, f"{stamp.ms}\n{once}\n"),
        **({} if scope is None else {"scope": scope}),
    }
    return Secret(compact({"jsonrpc": "2.0", "id": "login", "method": "public/auth", "params": params}))


SIGN: Final = scheme()
