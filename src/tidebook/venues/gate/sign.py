"""How Gate's requests are signed: gate.com/docs/developers/apiv4, "Authentication", and its "WebSocket API"."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, digest, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

_SPOT: Final = ("currencies", "currency_pairs", "tickers", "order_book", "trades", "candlesticks", "time")
_FUTURES: Final = (
    "contracts", "order_book", "trades", "candlesticks", "premium_index", "tickers", "funding_rate", "insurance",
    "contract_stats", "liq_orders", "risk_limit_tiers",
)  # fmt: skip
OPEN: Final = known_public(
    *(f"/api/v4/spot/{name}" for name in _SPOT),
    "/api/v4/spot/currencies/",
    "/api/v4/spot/currency_pairs/",
    *(f"/api/v4/futures/{settle}/{name}" for settle in ("btc", "usdt", "usd1") for name in _FUTURES),
    *(f"/api/v4/futures/{settle}/contracts/" for settle in ("btc", "usdt", "usd1")),
    *(f"/api/v4/delivery/usdt/{name}" for name in _FUTURES),
)


def _whole(stamp: Stamp) -> str:
    return str(stamp.seconds)


def scheme(*, seconds: Callable[[Stamp], str] = _whole, decoded: bool = True) -> Scheme:
    """`seconds` writes a request's time; `decoded`: the query is signed without percent signs."""
    return Scheme("gate", partial(_rest, seconds, decoded), login=_login, request=_request)


def _rest(
    seconds: Callable[[Stamp], str], decoded: bool, request: Request, credentials: Credentials, stamp: Stamp
) -> Request:
    where, at = target(request.url), seconds(stamp)
    query = unquote(where.query) if decoded else where.query
    text = "\n".join((request.method, where.path, query, digest(text_of(request), "sha512").hex(), at))
    secrets = {
        "KEY": credentials.key.reveal(),
        "Timestamp": at,
        "SIGN": mac_hex(credentials, text, "sha512"),
    }
    return signed(request, secrets)


def _login(url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    """For orders over the socket."""
    channel = "spot.login" if target(url).path.startswith("/ws/") else "futures.login"
    message: dict[str, Any] = {"channel": channel, "event": "api", "payload": {"req_id": "login", "req_param": {}}}
    return Secret(compact(_request(message, credentials, stamp)))


def _request(params: Mapping[str, Any], credentials: Credentials, stamp: Stamp) -> Mapping[str, Any]:
    """A whole message: a login, or a subscription of a private channel. Its time is in seconds."""
    said: dict[str, Any] = {"time": stamp.seconds, **params}
    if said.get("event") != "api":
        text = f"channel={said.get('channel')}&event={said.get('event')}&time={said['time']}"
        signature = mac_hex(credentials, text, "sha512")
        return {**said, "auth": {"method": "api_key", "KEY": credentials.key.reveal(), "SIGN": signature}}
    payload: dict[str, Any] = {**said.get("payload", {})}
    text = f"api\n{said.get('channel')}\n{compact(payload.get('req_param', {}))}\n{said['time']}"
    own = {"timestamp": str(said["time"]), "api_key": credentials.key.reveal()}
    return {**said, "payload": {**payload, **own, "signature": mac_hex(credentials, text, "sha512")}}


SIGN: Final = scheme()
