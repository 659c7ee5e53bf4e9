"""How KuCoin's requests are signed: kucoin.com/docs-new, "Authentication". Its private streams take a token in the URL,
which `POST /api/v1/bullet-private` gives."""

from functools import partial
from typing import Final
from urllib.parse import unquote

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import mac_base64, passphrase, signed, target, text_of
from tidebook.model.credentials import Credentials
from tidebook.venue import known_public

_GET: Final = known_public(
    "/api/v1/timestamp", "/api/v1/status", "/api/v1/symbols", "/api/v2/symbols", "/api/v2/symbols/", "/api/v1/markets",
    "/api/v1/market/", "/api/v1/currencies", "/api/v2/currencies", "/api/v3/currencies", "/api/v3/currencies/",
    "/api/v1/prices", "/api/v3/announcements", "/api/v1/contracts/active", "/api/v1/ticker", "/api/v1/allTickers",
    "/api/v1/level2/snapshot", "/api/v1/level2/depth20", "/api/v1/level2/depth100", "/api/v1/trade/history",
    "/api/v1/kline/query", "/api/v1/mark-price/", "/api/v1/index/query", "/api/v1/interest/query",
    "/api/v1/premium/query", "/api/v1/funding-rate/", "/api/v1/contract/funding-rates",
)  # fmt: skip
_POST: Final = known_public("/api/v1/bullet-public", methods=("POST",))


def is_open(method: str, path: str) -> bool:
    """The market's data, and the token of a public stream. A whole book (`v3/market`) wants a key."""
    return _GET(method, path) or _POST(method, path)


def scheme(*, version: int = 2, decoded: bool = True) -> Scheme:
    """`version` is the key's own; `decoded`: the query is signed without percent signs."""
    return Scheme("kucoin", partial(_rest, version, decoded), wants_passphrase=True)


def _rest(version: int, decoded: bool, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    line = target(request.url).line
    text = f"{stamp.ms}{request.method}{unquote(line) if decoded else line}{text_of(request)}"
    secrets = {
        "KC-API-KEY": credentials.key.reveal(),
        "KC-API-SIGN": mac_base64(credentials, text),
        "KC-API-TIMESTAMP": str(stamp.ms),
        "KC-API-PASSPHRASE": mac_base64(credentials, passphrase(credentials)),
        "KC-API-KEY-VERSION": str(version),
    }
    return signed(request, secrets)


SIGN: Final = scheme()
