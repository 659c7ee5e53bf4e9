"""What signatures are made of: the pieces of a request, digests of texts, times as venues write them."""

import contextlib
import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

from tidebook.core.effects import Request
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret

Hash = Literal["sha256", "sha384", "sha512"]


# ---- the request


class Target(NamedTuple):
    """A URL in pieces, each as it is sent; `host` in lower case and with its port where one is written."""

    host: str
    path: str
    query: str

    @property
    def line(self) -> str:
        """Path and query, as in the first line of the request."""
        return f"{self.path}?{self.query}" if self.query else self.path


def target(url: str) -> Target:
    """The pieces of a URL."""
    rest = url.partition("://")[2].partition("#")[0]
    at = min((place for place in (rest.find("/"), rest.find("?")) if place >= 0), default=len(rest))
    path, _, query = rest[at:].partition("?")
    return Target(rest[:at].rpartition("@")[2].lower(), path or "/", query)


def signed(request: Request, secrets: Mapping[str, str], plain: Mapping[str, str] | None = None) -> Request:
    """The request with what was signed in its headers; a body that says nothing of its type says it now."""
    headers = {**request.headers, **(plain or {})}
    if request.body and not any(name.lower() == "content-type" for name in headers):
        json_like = request.body.lstrip()[:1] in (b"{", b"[")
        headers["Content-Type"] = "application/json" if json_like else "application/x-www-form-urlencoded"
    held = {name: Secret(value) for name, value in secrets.items()}
    return replace(request, headers=headers, secrets={**request.secrets, **held})


def header(request: Request, name: str) -> str | None:
    """What a caller wrote in a header, whatever its case."""
    wanted = name.lower()
    return next((value for one, value in request.headers.items() if one.lower() == wanted), None)


def text_of(request: Request) -> str:
    """The body. Raises UsageError where it is not UTF-8."""
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        pass
    raise UsageError("a body that is signed is text")


def compact(value: object) -> str:
    """JSON without spaces, in the order that is given."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def object_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body, numbers as they are written. Raises UsageError for another body."""
    found: object = None
    with contextlib.suppress(ValueError):
        found = json.loads(request.body)
    if not isinstance(found, dict):
        raise UsageError("a request of this kind has a JSON object as its body")
    return found


def joined(params: Mapping[str, Any]) -> str:
    """``name=value&…`` in the order given, nothing percent-encoded."""
    return "&".join(f"{name}={value}" for name, value in params.items())


def escaped(text: str) -> str:
    """Percent-encoded by RFC 3986, in upper case: all but letters, digits and ``-_.~``."""
    return quote(text, safe="")


# ---- digests


def mac(secret: bytes | str, text: bytes | str, name: Hash = "sha256") -> bytes:
    """HMAC of a text."""
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.digest(key, text.encode() if isinstance(text, str) else text, name)


def mac_hex(credentials: Credentials, text: bytes | str, name: Hash = "sha256") -> str:
    """HMAC by the account's secret, in hexadecimal digits."""
    return mac(credentials.secret.reveal(), text, name).hex()


def mac_base64(credentials: Credentials, text: bytes | str, name: Hash = "sha256") -> str:
    """HMAC by the account's secret, in base64."""
    return base64(mac(credentials.secret.reveal(), text, name))


def digest(data: bytes | str, name: Hash) -> bytes:
    return hashlib.new(name, data.encode() if isinstance(data, str) else data).digest()


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def secret_bytes(credentials: Credentials) -> bytes:
    """A secret that the venue gives out in base64. Raises UsageError for another."""
    try:
        return b64decode(credentials.secret.reveal(), validate=True)
    except ValueError:
        pass
    raise UsageError(f"the secret of {credentials.source} is not base64, as this venue's are")


def passphrase(credentials: Credentials) -> str:
    """Raises UsageError where there is none."""
    if credentials.passphrase is None:
        raise UsageError(f"the key of {credentials.source} has no passphrase, and this venue's have one")
    return credentials.passphrase.reveal()


# ---- times


_SECOND: Final = "%Y-%m-%dT%H:%M:%S"


def iso_seconds(wall_ns: int) -> str:
    """2023-11-14T22:13:20, in UTC."""
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).strftime(_SECOND)


def iso_ms(wall_ns: int) -> str:
    """2023-11-14T22:13:20.250Z"""
    return f"{iso_seconds(wall_ns)}.{wall_ns // 1_000_000 % 1000:03d}Z"
