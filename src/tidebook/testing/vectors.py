"""Signing vectors: what a source signed, and our own scheme set up as that source was.

A vector shows a request as another library, or a venue's document, sent it. `unsigned` takes off what a signer adds,
and nothing else; so the bytes that are signed are the source's own.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final
from urllib.parse import unquote, urlencode

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.model.credentials import Credentials, Secret

# Names that vectors have for what is one scheme here.
NAMES: Final = {
    "binance_us": "binance", "binanceus": "binance", "huobi": "htx", "bittrade": "htx", "okj": "okx", "gateio": "gate",
    "ftxus": "ftx", "ftx_us": "ftx", "gmo": "gmocoin",
}  # fmt: skip
# Where both times are given and do not fit, these venues mean the one in seconds.
IN_SECONDS: Final = frozenset({"bitmex", "coinbase", "gate", "htx", "phemex"})


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector, read: `of` its fields, with nothing where one is absent."""

    of: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self.of.get(name)
        return "" if value is None else str(value)

    @property
    def id(self) -> str:
        return self.text("id") or "?"

    @property
    def venue(self) -> str:
        name = self.text("venue").lower()
        return NAMES.get(name, name)

    @property
    def expected(self) -> Mapping[str, Any]:
        return self._mapping("expected")

    @property
    def headers(self) -> Mapping[str, str]:
        return {str(name): str(value) for name, value in (self.expected.get("headers") or {}).items()}

    def header(self, name: str) -> str | None:
        return next((value for one, value in self.headers.items() if one.lower() == name.lower()), None)

    @property
    def url(self) -> str:
        """The URL as it was sent."""
        if self.expected.get("url"):
            return str(self.expected["url"])
        params = self._mapping("params")
        return self.text("url") + (f"?{urlencode(params)}" if params and self.text("method") != "WS" else "")

    @property
    def body(self) -> str:
        """The body as it was sent."""
        body = self.expected.get("body")
        return "" if body is None else body if isinstance(body, str) else json.dumps(body)

    @property
    def message(self) -> Any:
        """The message to a socket, or None."""
        said = self.expected.get("ws_message")
        return json.loads(said) if isinstance(said, str) else said

    @property
    def is_socket(self) -> bool:
        return self.text("method").upper() in ("WS", "") or self.message is not None

    @property
    def credentials(self) -> Credentials:
        given = self._mapping("credentials")
        secret = next((given[name] for name in ("secret", "privateKeyPem", "privateKey") if given.get(name)), "")
        passphrase = given.get("passphrase") or given.get("password")
        return Credentials(
            Secret(str(given.get("apiKey") or given.get("walletAddress") or "")), Secret(str(secret)),
            None if passphrase is None else Secret(str(passphrase)), source="the vector",
        )  # fmt: skip

    @property
    def stamp(self) -> Stamp:
        ms, seconds = self.of.get("timestamp_ms"), self.of.get("timestamp_s")
        if ms is None or (seconds is not None and int(ms) // 1000 != int(seconds) and self.venue in IN_SECONDS):
            ms = int(float(seconds or 0) * 1000)
        nonce = self.text("nonce")
        digits = nonce.replace("-", "")
        draw = bytes.fromhex(digits) if re.fullmatch(r"[0-9a-fA-F]{32}", digits) else b"\0" * 16
        return Stamp(int(ms) * 1_000_000, int(nonce) if nonce.isdecimal() else 0, draw)

    @property
    def good_for(self) -> int | None:
        """From the time in seconds until it expires."""
        expires = self.text("expires") or self.header("api-expires") or self.header("x-phemex-request-expiry") or ""
        return int(expires) - self.stamp.seconds if expires.isdecimal() else None

    @property
    def signs_encoded(self) -> bool:
        """Whether the source signed the query with its percent signs."""
        query = self.url.partition("?")[2]
        return unquote(query) != query and query in self.text("string_to_sign")

    @property
    def signs_decoded(self) -> bool:
        query = self.url.partition("?")[2]
        return unquote(query) != query and unquote(query) in self.text("string_to_sign")

    @property
    def claims(self) -> Mapping[str, Any]:
        return self._mapping("jwt_payload")

    def _mapping(self, name: str) -> Mapping[str, Any]:
        value = self.of.get(name)
        return value if isinstance(value, dict) else {}


# ---- our scheme, as the source's was


def scheme_of(vector: Vector) -> Scheme:
    """Raises KeyError for a venue without a scheme."""
    module = import_module(f"tidebook.venues.{vector.venue}.sign") if vector.venue in VENUES else None
    if module is None:
        raise KeyError(vector.venue)
    choose = CHOICES.get(vector.venue)
    found: Scheme = module.SIGN if choose is None else choose(module, vector)
    return found


def _binance(module: Any, vector: Vector) -> Any:
    return module.scheme(place="body" if "signature=" in vector.body else "query")


def _bybit(module: Any, vector: Vector) -> Any:
    window = vector.header("X-BAPI-RECV-WINDOW") or ((vector.message or {}).get("header") or {}).get(
        "X-BAPI-RECV-WINDOW"
    )
    args = (vector.message or {}).get("args") or ["", ""]
    expires = vector.text("expires") or str(args[1])
    good_for = int(expires) - vector.stamp.ms if expires.isdecimal() else 10_000
    return module.scheme(window_ms=None if window is None else int(window), good_for_ms=good_for)


def _exactly(stamp: Stamp) -> str:
    return repr(stamp.ms / 1000)


def _okx(module: Any, vector: Vector) -> Any:
    written = json.dumps((vector.message or {}).get("args", []))
    return module.scheme(seconds=_exactly) if _exactly(vector.stamp) in written else module.SIGN


def _gate(module: Any, vector: Vector) -> Any:
    seconds = {"seconds": _exactly} if "." in (vector.header("Timestamp") or "") else {}
    return module.scheme(**seconds, decoded=not vector.signs_encoded)


def _kucoin(module: Any, vector: Vector) -> Any:
    version = vector.header("KC-API-KEY-VERSION")
    return module.scheme(version=int(version or 2), decoded=not vector.signs_encoded)


def _bitget(module: Any, vector: Vector) -> Any:
    return module.scheme(decoded=not vector.signs_encoded)


def _phemex(module: Any, vector: Vector) -> Any:
    return module.scheme(good_for=60 if vector.good_for is None else vector.good_for, decoded=vector.signs_decoded)


def _bitmex(module: Any, vector: Vector) -> Any:
    return module.scheme(good_for=60 if vector.good_for is None else vector.good_for)


def _coinbase(module: Any, vector: Vector) -> Any:
    claims = module.platform_claims if "aud" in vector.claims else module.claims
    return module.scheme(claims=claims, nonce=lambda _: vector.text("nonce"))


def _deribit(module: Any, vector: Vector) -> Any:
    scope = ((vector.message or {}).get("params") or {}).get("scope")
    return module.scheme(nonce=lambda _: vector.text("nonce"), scope=scope)


def _bitflyer(module: Any, vector: Vector) -> Any:
    shown = vector.header("ACCESS-TIMESTAMP") or str(((vector.message or {}).get("params") or {}).get("timestamp", ""))
    in_seconds = len(shown) == len(str(vector.stamp.seconds))
    return module.scheme(
        time=lambda stamp: stamp.seconds if in_seconds else stamp.ms, nonce=lambda _: vector.text("nonce")
    )


def _bitbank(module: Any, vector: Vector) -> Any:
    if vector.header("ACCESS-REQUEST-TIME") is None:
        return module.by_nonce()
    window = vector.header("ACCESS-TIME-WINDOW")
    return module.by_window(window_ms=None if window is None else int(window))


def _hitbtc(module: Any, vector: Vector) -> Any:
    window = ((vector.message or {}).get("params") or {}).get("window")
    said = (vector.header("Authorization") or "").removeprefix("HS256 ")
    parts = b64decode(said).decode().split(":") if said else []
    return module.scheme(window_ms=int(parts[3]) if len(parts) > 3 else window)


def _upbit(module: Any, vector: Vector) -> Any:
    header = vector.of.get("jwt_header") or {}
    return module.scheme("HS512" if header.get("alg", vector.text("algorithm")[4:9]) == "HS512" else "HS256")


def _liquid(module: Any, vector: Vector) -> Any:
    return module.scheme(issued="iat" in vector.claims)


def _hyperliquid(module: Any, vector: Vector) -> Any:
    return module.scheme(test="testnet" in vector.url)


CHOICES: Final[Mapping[str, Callable[[Any, Vector], Any]]] = {
    "binance": _binance, "bybit": _bybit, "okx": _okx, "gate": _gate, "kucoin": _kucoin, "bitget": _bitget,
    "phemex": _phemex, "bitmex": _bitmex, "coinbase": _coinbase, "deribit": _deribit, "bitflyer": _bitflyer,
    "bitbank": _bitbank, "hitbtc": _hitbtc, "upbit": _upbit, "liquid": _liquid, "hyperliquid": _hyperliquid,
}  # fmt: skip
VENUES: Final = frozenset({*CHOICES, "alpaca", "htx", "gmocoin", "coincheck", "kraken", "ftx"})


# ---- the request, as the source had it before it was signed


def unsigned(vector: Vector) -> Request:
    """What was sent over HTTP, without what a signer adds."""
    url, body = UNSIGN.get(vector.venue, _same)(vector)
    kind = vector.header("Content-Type")
    headers = {} if kind is None else {"Content-Type": kind}
    return Request(vector.text("method").upper(), url, headers, body.encode())


def _same(vector: Vector) -> tuple[str, str]:
    return vector.url, vector.body


def _without(text: str, names: tuple[str, ...]) -> str:
    return "&".join(one for one in text.split("&") if one.partition("=")[0] not in names)


def _cut(url: str, strip: Callable[[str], str]) -> str:
    path, mark, query = url.partition("?")
    left = strip(query)
    return f"{path}{mark if left else ''}{left}"


def _unsign_binance(vector: Vector) -> tuple[str, str]:
    own = f"timestamp={vector.stamp.ms}"

    def strip(text: str) -> str:
        if "signature=" not in text:
            return text
        left = _without(text, ("signature",))
        # At the end it is the signer's; elsewhere the source put it among the params.
        return left.removesuffix(own).removesuffix("&") if left.endswith(own) else left

    return _cut(vector.url, strip), strip(vector.body)


def _unsign_htx(vector: Vector) -> tuple[str, str]:
    names = ("AccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp", "Signature")
    return _cut(vector.url, lambda query: _without(query, names)), vector.body


def _unsign_kraken(vector: Vector) -> tuple[str, str]:
    return vector.url, re.sub(r"^nonce=\d+(&|$)", "", vector.body)


def _unsign_hyperliquid(vector: Vector) -> tuple[str, str]:
    return vector.url, re.sub(r',\s*"signature"\s*:\s*\{[^}]*\}', "", vector.body)


UNSIGN: Final[Mapping[str, Callable[[Vector], tuple[str, str]]]] = {
    "binance": _unsign_binance, "htx": _unsign_htx, "kraken": _unsign_kraken, "hyperliquid": _unsign_hyperliquid,
}  # fmt: skip
