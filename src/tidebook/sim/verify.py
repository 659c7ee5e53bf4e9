"""Signatures checked as the venues check them: the second opinion, which shares no code with what signs.

Written from the rules alone and from the raw request: method, host, path and query as they came, headers, body. Each
function takes the whole request and the keys that are known, and gives the key's name or raises `Distrusted`.
Times are those of the exchange's clock.

Documents: Binance rest-api.md (SIGNED Endpoint Security) and web-socket-api.md of 2026-07-21; Bybit v5 guide.mdx
and wss-authentication.mdx of 2026-07-24; OKX docs-v5, REST Authentication and Login; HTX spot and swap API,
Authentication; Alpaca, Authentication and websocket-streaming.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from tidebook.core.private import Distrust, Distrusted
from tidebook.io.serve import Asked

_MS: Final = 1_000_000


class Secrets(NamedTuple):
    """What the venue knows of a key. `secret` may be the public key in PEM, of a pair RSA or Ed25519."""

    secret: str
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Secrets(***)"  # who opens an account of his own may have given a real one


Keys = Mapping[str, Secrets]


def _fail(why: Distrust) -> Distrusted:
    return Distrusted(why)


def _known(keys: Keys, key: str | None) -> Secrets:
    if not key:
        raise _fail("no_key")
    if key not in keys:
        raise _fail("unknown_key")
    return keys[key]


def _same(ours: str, theirs: str) -> None:
    if not hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "replace")):
        raise _fail("signature")


def _number(text: str | None) -> int:
    """A timestamp; one with decimals is cut."""
    whole = "" if text is None else text.partition(".")[0]
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 18):
        raise _fail("no_time")
    return int(whole)


def _window(ts_ms: float, now_ns: int, before_ms: float, after_ms: float) -> None:
    """[now − before, now + after) holds the timestamp."""
    now_ms = now_ns / _MS
    if ts_ms < now_ms - before_ms:
        raise _fail("late")
    if ts_ms >= now_ms + after_ms:
        raise _fail("early")


def _hex(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _b64(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _pairs(text: str) -> dict[str, str]:
    """name=value&… as it came, decoded; the last of a name counts."""
    found: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        name, _, value = part.partition("=")
        found[unquote(name.replace("+", " "))] = unquote(value.replace("+", " "))
    return found


def _without(text: str, name: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith(name + "="))


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise _fail("malformed") from None


def _asymmetric(pem: str, text: str, signature: str) -> None:
    """An RSA (PKCS #1 v1.5, SHA-256) or Ed25519 signature in base64."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = load_pem_public_key(pem.encode())
    try:
        data = base64.b64decode(signature, validate=True)
        if isinstance(public, RSAPublicKey):
            public.verify(data, text.encode(), PKCS1v15(), SHA256())
        elif isinstance(public, Ed25519PublicKey):
            public.verify(data, text.encode())
        else:
            raise _fail("signature")
    except (InvalidSignature, binascii.Error, ValueError):
        raise _fail("signature") from None


# ------------------------------------------------------------------------------------------------ Binance


def _binance_signed(secret: str, payload: str, signature: str) -> None:
    if secret.startswith("-----BEGIN"):
        _asymmetric(secret, payload, signature)
    else:
        _same(_hex(secret, payload), signature.lower())


def _binance_window(values: Mapping[str, str], now_ns: int) -> None:
    ts, window = _number(values.get("timestamp")), values.get("recvWindow", "5000")
    try:
        wide = float(window)
    except ValueError:
        raise _fail("malformed") from None
    if not 0 <= wide <= 60_000:
        raise _fail("malformed")
    _window(ts / 1000 if ts > 10**14 else ts, now_ns, wide, 1000)


def binance(asked: Asked, keys: Keys, now_ns: int) -> str:
    """HMAC (hex, any case), RSA or Ed25519 over the query and the body as sent, without the signature."""
    key, body = asked.headers.get("x-mbx-apikey"), _text(asked.body)
    secret = _known(keys, key).secret
    values = {**_pairs(asked.query), **_pairs(body)}
    _binance_window(values, now_ns)
    if "signature" not in values:
        raise _fail("malformed")
    if not asked.query.isascii():
        raise _fail("signature")  # since 2026-01-15: what is not ASCII is encoded before it is signed
    _binance_signed(secret, _without(asked.query, "signature") + _without(body, "signature"), values["signature"])
    return str(key)


def binance_key(asked: Asked, keys: Keys, now_ns: int) -> str:
    """Of calls that want a key and no signature."""
    key = asked.headers.get("x-mbx-apikey")
    _known(keys, key)
    return str(key)


def binance_message(message: Mapping[str, Any], keys: Keys, now_ns: int) -> str:
    """A request on the WebSocket API: parameters by name, as they are."""
    params = {name: _plain(value) for name, value in _dict(message.get("params")).items()}
    secret = _known(keys, params.get("apiKey")).secret
    _binance_window(params, now_ns)
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
    _binance_signed(secret, payload, params.get("signature", ""))
    return params["apiKey"]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _dict(value: object) -> dict[str, Any]:
    return {str(name): one for name, one in value.items()} if isinstance(value, dict) else {}


# ------------------------------------------------------------------------------------------------ Bybit


def bybit(asked: Asked, keys: Keys, now_ns: int) -> str:
    """Time, key, window, then the query of a GET or the body of a POST, in hex."""
    headers = asked.headers
    key, ts = headers.get("x-bapi-api-key"), headers.get("x-bapi-timestamp")
    secret = _known(keys, key).secret
    wide = headers.get("x-bapi-recv-window", "")
    _window(_number(ts), now_ns, _number(wide) if wide else 5000, 1000)
    sent = asked.query if asked.method == "GET" else _text(asked.body)
    _same(_hex(secret, f"{ts}{key}{wide}{sent}"), headers.get("x-bapi-sign", ""))
    return str(key)


def bybit_message(message: Mapping[str, Any], keys: Keys, now_ns: int) -> str:
    """op auth: the key, the end of its validity in ms, the signature."""
    args = message.get("args")
    if not isinstance(args, list) or len(args) != 3:
        raise _fail("malformed")
    key, expires, signature = (str(one) for one in args)
    secret = _known(keys, key).secret
    if _number(expires) <= now_ns // _MS:
        raise _fail("late")
    _same(_hex(secret, f"GET/realtime{expires}"), signature)
    return key


# ------------------------------------------------------------------------------------------------ OKX


def _okx_words(keys: Keys, key: str | None, passphrase: str | None) -> Secrets:
    known = _known(keys, key)
    if passphrase != known.passphrase:
        raise _fail("passphrase")
    return known


def _iso(text: str | None, form: str) -> float:
    """An instant's text in ms."""
    try:
        return datetime.strptime(text or "", form).replace(tzinfo=UTC).timestamp() * 1000
    except ValueError:
        raise _fail("no_time") from None


def okx(asked: Asked, keys: Keys, now_ns: int) -> str:
    """Time, method, path with query, body; base64."""
    headers = asked.headers
    key, ts = headers.get("ok-access-key"), headers.get("ok-access-timestamp")
    known = _okx_words(keys, key, headers.get("ok-access-passphrase"))
    _window(_iso(ts, "%Y-%m-%dT%H:%M:%S.%fZ"), now_ns, 30_000, 30_000)
    where = asked.path + ("?" + asked.query if asked.query else "")
    _same(
        _b64(known.secret, f"{ts}{asked.method}{where}{_text(asked.body)}"), headers.get("ok-access-sign", "")
    )  # fmt: skip
    return str(key)


def okx_message(message: Mapping[str, Any], keys: Keys, now_ns: int) -> str:
    """op login: seconds, which may have decimals, and a path that is none."""
    args = message.get("args")
    words = _dict(args[0]) if isinstance(args, list) and args else {}
    key, ts = _plain(words.get("apiKey", "")), _plain(words.get("timestamp", ""))
    known = _okx_words(keys, key, words.get("passphrase"))
    _window(_number(ts) * 1000, now_ns, 31_000, 30_000)
    _same(_b64(known.secret, f"{ts}GET/users/self/verify"), _plain(words.get("sign", "")))
    return key


# ------------------------------------------------------------------------------------------------ HTX


def _htx_signed(secret: str, head: str, values: Mapping[str, str], signature: str) -> None:
    rows = [f"{quote(name, safe='-_.~')}={quote(values[name], safe='-_.~')}" for name in sorted(values)]
    _same(_b64(secret, f"{head}\n{'&'.join(rows)}"), signature)


def htx(asked: Asked, keys: Keys, now_ns: int) -> str:
    """Method, host, path, all that is in the query by name; base64. The body is not signed."""
    values = _pairs(asked.query)
    key, signature = values.get("AccessKeyId"), values.pop("Signature", "")
    secret = _known(keys, key).secret
    if (values.get("SignatureMethod"), values.get("SignatureVersion")) != ("HmacSHA256", "2"):
        raise _fail("malformed")
    _window(_iso(values.get("Timestamp"), "%Y-%m-%dT%H:%M:%S"), now_ns, 300_000, 300_000)
    _htx_signed(secret, f"{asked.method}\n{asked.host}\n{asked.path}", values, signature)
    return str(key)


def htx_message(message: Mapping[str, Any], keys: Keys, now_ns: int, host: str = "", path: str = "") -> str:
    """The login of the second version (req auth), or of the first (op auth), signed for the socket's address."""
    if message.get("op") == "auth":
        values = {str(name): _plain(value) for name, value in message.items() if name[:1].isupper()}
        names, version = ("AccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp"), "2"
        signature = values.pop("Signature", "")
    else:
        values = {name: _plain(value) for name, value in _dict(message.get("params")).items()}
        names, version = ("accessKey", "signatureMethod", "signatureVersion", "timestamp"), "2.1"
        signature = values.pop("signature", "")
    values = {name: values.get(name, "") for name in names}
    secret = _known(keys, values[names[0]]).secret
    if (values[names[1]], values[names[2]]) != ("HmacSHA256", version):
        raise _fail("malformed")
    _window(_iso(values[names[3]], "%Y-%m-%dT%H:%M:%S"), now_ns, 300_000, 300_000)
    _htx_signed(secret, f"GET\n{host}\n{path}", values, signature)
    return values[names[0]]


# ------------------------------------------------------------------------------------------------ Alpaca


def alpaca(asked: Asked, keys: Keys, now_ns: int) -> str:
    """Key and secret as they are."""
    key = asked.headers.get("apca-api-key-id")
    _same(_known(keys, key).secret, asked.headers.get("apca-api-secret-key", ""))
    return str(key)


def alpaca_message(message: Mapping[str, Any], keys: Keys, now_ns: int) -> str:
    """Both forms: auth with key and secret, authenticate with both in data."""
    data = _dict(message.get("data"))
    key = _plain(message.get("key") or data.get("key_id") or "")
    _same(_known(keys, key).secret, _plain(message.get("secret") or data.get("secret_key") or ""))
    return key


REQUESTS: Final[Mapping[str, Callable[[Asked, Keys, int], str]]] = {
    "binance": binance, "bybit": bybit, "okx": okx, "htx": htx, "alpaca": alpaca,
}  # fmt: skip
"""Requests over HTTP, by scheme."""

UNSIGNED: Final[Mapping[str, Callable[[Asked, Keys, int], str]]] = {"binance": binance_key}
"""Those that want a key only; where a scheme has no such, they are signed like others."""


def message(scheme: str, said: Mapping[str, Any], keys: Keys, now_ns: int, host: str, path: str) -> str:
    """The key of a message on a socket at this address. Raises Distrusted."""
    if scheme == "htx":
        return htx_message(said, keys, now_ns, host, path)
    return _MESSAGES[scheme](said, keys, now_ns)


_MESSAGES: Final[Mapping[str, Callable[[Mapping[str, Any], Keys, int], str]]] = {
    "binance": binance_message, "bybit": bybit_message, "okx": okx_message, "alpaca": alpaca_message,
}  # fmt: skip
