"""How HTX's requests are signed, and those of BitTrade, which is the same scheme at another host: huobiapi/docs v1_en,
"Authentication", and "WebSocket Asset and Order, Authentication"."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, escaped, iso_seconds, mac_base64, signed, target
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public(
    "/market/", "/v1/common/", "/v2/market-status", "/v2/reference/currencies", "/v2/settings/common/",
    "/v1/settings/common/", "/linear-swap-ex/market/", "/swap-ex/market/", "/v2/linear-swap-ex/market/",
    "/v2/swap-ex/market/", "/index/market/history/",
    "/linear-swap-api/v1/swap_contract_info", "/linear-swap-api/v1/swap_index", "/linear-swap-api/v1/swap_price_limit",
    "/linear-swap-api/v1/swap_open_interest", "/linear-swap-api/v1/swap_funding_rate",
    "/linear-swap-api/v1/swap_batch_funding_rate", "/linear-swap-api/v1/swap_historical_funding_rate",
    "/linear-swap-api/v3/swap_liquidation_orders", "/linear-swap-api/v1/swap_query_elements",
    "/swap-api/v1/swap_contract_info", "/swap-api/v1/swap_index", "/swap-api/v1/swap_price_limit",
    "/swap-api/v1/swap_open_interest", "/swap-api/v1/swap_funding_rate", "/swap-api/v1/swap_batch_funding_rate",
    "/swap-api/v1/swap_historical_funding_rate", "/swap-api/v3/swap_liquidation_orders",
    "/swap-api/v1/swap_query_elements", "/api/v1/timestamp", "/heartbeat/",
)  # fmt: skip


def _names(credentials: Credentials, stamp: Stamp) -> dict[str, str]:
    return {
        "AccessKeyId": credentials.key.reveal(),
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": iso_seconds(stamp.wall_ns),
    }


def _signature(credentials: Credentials, method: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """The host's name, without a port, and the path are signed too, and what follows them sorted by names,
    percent-encoded in upper case."""
    where = target(url)
    host = urlsplit(url).hostname or ""
    pairs = "&".join(f"{name}={value}" for name, value in sorted((escaped(n), escaped(v)) for n, v in params))
    return mac_base64(credentials, f"{method}\n{host}\n{where.path}\n{pairs}")


def _rest(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    """All of it is in the query; a body is not signed."""
    query = target(request.url).query
    pairs = (one.partition("=") for one in query.split("&") if one)
    given = [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
    own = _names(credentials, stamp)
    if {*own, "Signature"} & {name for name, _ in given}:
        raise UsageError("a request is signed once, and this one has names of a signature already")
    signature = _signature(credentials, request.method, request.url, [*given, *own.items()])
    tail = "&".join(f"{name}={escaped(value)}" for name, value in {**own, "Signature": signature}.items())
    glue = "&" if query else "" if request.url.endswith("?") else "?"
    return signed(replace(request, signed=Secret(glue + tail)), {})


def _login(url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    """The second version of spot's stream has names of its own; all other streams have those of REST."""
    if target(url).path in ("/ws/v2", "/ws/trade"):
        key = credentials.key.reveal()
        own = {"accessKey": key, "signatureMethod": "HmacSHA256", "signatureVersion": "2.1"}
        own["timestamp"] = iso_seconds(stamp.wall_ns)
        params = {"authType": "api", **own, "signature": _signature(credentials, "GET", url, own.items())}
        return Secret(compact({"action": "req", "ch": "auth", "params": params}))
    own = _names(credentials, stamp)
    return Secret(
        compact({"op": "auth", "type": "api", **own, "Signature": _signature(credentials, "GET", url, own.items())})
    )


SIGN: Final = Scheme("htx", _rest, login=_login)
