"""How Binance's requests are signed: rest-api.md and web-socket-api.md, "Request security" (2026-07-21), and the
derivatives' "General Info". Sub-exchanges and Binance US sign alike."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp, pem
from tidebook.core.sign.parts import base64, compact, escaped, joined, mac_hex, signed, target, text_of
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

# The key alone is asked for: streams of a user that are opened by a token in the URL, and older trades.
_KEY_ALONE: Final = re.compile(r"/(listenKey|userDataStream(/isolated)?|historicalTrades)$")

_MARKET: Final = (
    "ping", "time", "exchangeInfo", "depth", "trades", "aggTrades", "klines", "ticker/24hr", "ticker/price",
    "ticker/bookTicker",
)  # fmt: skip
_SPOT: Final = ("uiKlines", "avgPrice", "ticker", "ticker/tradingDay", "executionRules", "referencePrice")
_FUTURES: Final = (
    "rpiDepth", "continuousKlines", "indexPriceKlines", "markPriceKlines", "premiumIndexKlines", "premiumIndex",
    "fundingRate", "fundingInfo", "openInterest", "constituents", "assetIndex", "indexInfo", "insuranceBalance",
)  # fmt: skip
OPEN: Final = known_public(
    *(f"/api/v3/{name}" for name in (*_MARKET, *_SPOT)),
    *(f"/{root}/v1/{name}" for root in ("fapi", "dapi") for name in (*_MARKET, *_FUTURES)),
    *(f"/eapi/v1/{name}" for name in ("index", "mark", "ticker", "exerciseHistory", "blockTrades", *_MARKET)),
    *(f"/eapi/v1/{name}" for name in ("openInterest",)),
    "/fapi/v2/ticker/price",
    "/papi/v1/ping",
    "/futures/data/",
)


def scheme(*, place: Literal["body", "query"] | None = None) -> Scheme:
    """`place` is where the signature goes: the body where there is one, unless it is said."""
    return Scheme("binance", partial(_rest, place), login=_login, request=_request, body="form")


def _rest(place: str | None, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    where, body = target(request.url), text_of(request)
    if _KEY_ALONE.search(where.path):
        return signed(request, _key(credentials))
    names = {one.partition("=")[0] for text in (where.query, body) for one in text.split("&")}
    if "signature" in names:
        raise UsageError("a request is signed once, and this one has a signature already")
    own = [] if "timestamp" in names else [f"timestamp={stamp.ms}"]
    in_body = place == "body" or (place is None and bool(body))
    if in_body:
        body = "&".join([*filter(None, [body]), *own])
        body += f"&signature={escaped(_signature(credentials, where.query + body))}"
        return signed(replace(request, body=body.encode()), _key(credentials))
    query = "&".join([*filter(None, [where.query]), *own])
    signature = escaped(_signature(credentials, query + body))
    tail = "&".join([*own, f"signature={signature}"])
    glue = "&" if where.query else "" if request.url.endswith("?") else "?"
    return signed(replace(request, signed=Secret(glue + tail)), _key(credentials))


def _key(credentials: Credentials) -> Mapping[str, str]:
    return {"X-MBX-APIKEY": credentials.key.reveal()}


def _signature(credentials: Credentials, text: str) -> str:
    """HMAC in hexadecimal digits; RSA and Ed25519, told by the key, in base64."""
    if pem.is_pem(credentials):
        return base64(pem.sign(pem.key_of(credentials), text.encode()))
    return mac_hex(credentials, text)


def _request(params: Mapping[str, Any], credentials: Credentials, stamp: Stamp) -> Mapping[str, Any]:
    """Params of one request on the socket: sorted by name, nothing percent-encoded."""
    whole = {"timestamp": stamp.ms, **params, "apiKey": credentials.key.reveal()}
    text = joined({name: _plain(whole[name]) for name in sorted(whole)})
    return {**whole, "signature": _signature(credentials, text)}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)


def _login(url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    """The stream of a user. A session is logged on with an Ed25519 key alone; others sign the subscription."""
    del url
    method = "userDataStream.subscribe.signature"
    if pem.is_pem(credentials) and pem.is_edwards(pem.key_of(credentials)):
        method = "session.logon"
    return Secret(compact({"id": "login", "method": method, "params": _request({}, credentials, stamp)}))


SIGN: Final = scheme()
