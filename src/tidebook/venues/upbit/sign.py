"""How Upbit's requests are signed: docs.upbit.com/kr, "인증" (2026). A token for each request, made with the secret;
its own example is of HS512, the clients that are known to work make HS256."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, Literal
from urllib.parse import unquote

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp, jwt
from tidebook.core.sign.parts import digest, signed, target, text_of
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public(
    "/v1/market/all", "/v1/candles/", "/v1/trades/ticks", "/v1/ticker", "/v1/ticker/all", "/v1/orderbook",
    "/v1/orderbook/instruments", "/v1/orderbook/supported_levels",
)  # fmt: skip


def scheme(alg: Literal["HS256", "HS512"] = "HS256") -> Scheme:
    return Scheme("upbit", partial(_rest, alg), handshake=partial(_handshake, alg))


def _rest(alg: str, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    """Of a query, or of a body, the hash is taken as text: ``name=value`` in the order sent, nothing encoded."""
    query = unquote(target(request.url).query)
    body = text_of(request)
    if body.lstrip().startswith("{"):
        body = "&".join(f"{name}={value}" for name, value in _pairs(body))
    said = "&".join(filter(None, (query, unquote(body) if request.body[:1] != b"{" else body)))
    return signed(request, {"Authorization": _bearer(alg, credentials, stamp, said)})


def _handshake(alg: str, url: str, credentials: Credentials, stamp: Stamp) -> Mapping[str, Secret]:
    del url
    return {"Authorization": Secret(_bearer(alg, credentials, stamp, ""))}


def _bearer(alg: str, credentials: Credentials, stamp: Stamp, said: str) -> str:
    claims = {"access_key": credentials.key.reveal(), "nonce": stamp.uuid}
    if said:
        claims |= {"query_hash": digest(said, "sha512").hex(), "query_hash_alg": "SHA512"}
    return f"Bearer {jwt.by_secret(claims, credentials.secret.reveal(), alg)}"


def _pairs(body: str) -> Iterator[tuple[str, str]]:
    """What a JSON object says, numbers as they are written."""
    found: Any = None
    with contextlib.suppress(ValueError):
        found = json.loads(body, parse_int=str, parse_float=str)
    if not isinstance(found, dict):
        raise UsageError("a body is a JSON object, or a form")
    for name, value in found.items():
        if isinstance(value, list):
            yield from ((f"{name}[]", _plain(one)) for one in value)
        else:
            yield name, _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


SIGN: Final = scheme()
