"""JSON Web Tokens (RFC 7519), as small as venues want them."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from tidebook.core.sign.parts import Hash, compact, mac

_HASHES: Final[Mapping[str, Hash]] = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def token(header: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Header and claims in the order given, signed by `sign`."""
    text = f"{_encoded(compact(header).encode())}.{_encoded(compact(claims).encode())}"
    return f"{text}.{_encoded(sign(text.encode()))}"


def by_secret(claims: Mapping[str, Any], secret: str, algorithm: str = "HS256") -> str:
    """A token signed with an HMAC."""
    header = {"alg": algorithm, "typ": "JWT"}
    return token(header, claims, lambda text: mac(secret, text, _HASHES[algorithm]))


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
