"""How Coinbase Advanced's requests are signed: docs.cdp.coinbase.com, "Coinbase App API Key Authentication" (2026).

A token for each request, made with a private key: on P-256 in PEM, or Ed25519 in PEM or base64. A token says which
request it is for, without the query. Its streams take one in each subscription, which is for none.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp, jwt, pem
from tidebook.core.sign.parts import signed, target
from tidebook.model.credentials import Credentials
from tidebook.venue import known_public

OPEN: Final = known_public("/api/v3/brokerage/time", "/api/v3/brokerage/market/")
GOOD_FOR: Final = 120

Claims = Callable[[str, int, str | None, str], Mapping[str, Any]]
"""What a token claims: of the key's name, now in seconds, the request where it is for one, and the algorithm."""


def claims(key: str, now: int, request: str | None, alg: str) -> Mapping[str, Any]:
    """As the venue's own client for this product writes them."""
    del alg
    said: dict[str, Any] = {"sub": key, "iss": "cdp", "nbf": now, "exp": now + GOOD_FOR}
    return said if request is None else {**said, "uri": request}


def platform_claims(key: str, now: int, request: str | None, alg: str) -> Mapping[str, Any]:
    """As for the platform's other products: with an audience, and for Ed25519 keys a list of requests."""
    edwards = alg == "EdDSA"
    audience, issuer = ("cdp_service", "cdp") if edwards else ("retail_rest_api_proxy", "coinbase-cloud")
    said: dict[str, Any] = {"aud": [audience], "iss": issuer, "nbf": now, "exp": now + GOOD_FOR, "sub": key, "iat": now}
    if request is None:
        return said
    return {**said, "uris": [request]} if edwards else {**said, "uri": request}


def scheme(*, claims: Claims = claims, nonce: Callable[[Stamp], str] = lambda stamp: stamp.text) -> Scheme:
    return Scheme("coinbase", partial(_rest, claims, nonce), request=partial(_request, claims, nonce))


def _rest(
    claims: Claims, nonce: Callable[[Stamp], str], request: Request, credentials: Credentials, stamp: Stamp
) -> Request:
    where = target(request.url)
    token = _token(claims, nonce, f"{request.method} {where.host}{where.path}", credentials, stamp)
    return signed(request, {"Authorization": f"Bearer {token}"})


def _request(
    claims: Claims, nonce: Callable[[Stamp], str], params: Mapping[str, Any], credentials: Credentials, stamp: Stamp
) -> Mapping[str, Any]:
    """A whole subscription."""
    return {**params, "jwt": _token(claims, nonce, None, credentials, stamp)}


def _token(
    claims: Claims, nonce: Callable[[Stamp], str], request: str | None, credentials: Credentials, stamp: Stamp
) -> str:
    key = pem.key_of(credentials) if pem.is_pem(credentials) else pem.seed_key(credentials)
    alg = "EdDSA" if pem.is_edwards(key) else "ES256"
    name = credentials.key.reveal()
    header = {"alg": alg, "kid": name, "nonce": nonce(stamp), "typ": "JWT"}
    return jwt.token(header, claims(name, stamp.seconds, request, alg), lambda text: pem.sign(key, text))


SIGN: Final = scheme()
