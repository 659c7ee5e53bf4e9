"""Private keys as users have them: PEM, or raw bytes in base64. `cryptography` is imported with the first of them."""

import contextlib
from base64 import b64decode
from functools import lru_cache
from typing import TYPE_CHECKING

from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurveSignatureAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    Key = RSAPrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey


def is_pem(credentials: Credentials) -> bool:
    """Whether the secret is a private key in a text, and not a text by which both sides make HMACs."""
    return credentials.secret.reveal().lstrip().startswith("-----BEGIN")


def key_of(credentials: Credentials) -> "Key":
    """The private key. Raises UsageError for a text that is none, and shows nothing of it."""
    key = _loaded(credentials.secret)
    if key is None:
        raise UsageError(f"the secret of {credentials.source} is no private key in PEM that opens without a password")
    return key


def seed_key(credentials: Credentials) -> "Ed25519PrivateKey":
    """An Ed25519 key given as base64 of its seed, alone or with the public key after it. Raises UsageError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    data = b""
    with contextlib.suppress(ValueError):
        data = b64decode(credentials.secret.reveal(), validate=True)
    if len(data) not in (32, 64):
        raise UsageError(f"the secret of {credentials.source} is neither PEM nor base64 of an Ed25519 key")
    return Ed25519PrivateKey.from_private_bytes(data[:32])


def sign(key: "Key", data: bytes) -> bytes:
    """RSA by PKCS #1 v1.5 with SHA-256, Ed25519, or ECDSA on P-256 with SHA-256 as r‖s (RFC 7518, 3.4).

    ECDSA is made without chance (RFC 6979) where the library below can. Raises UsageError for another curve.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    if isinstance(key, RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    if not isinstance(key.curve, ec.SECP256R1):
        raise UsageError("a key on an elliptic curve is on P-256 here")
    r, s = decode_dss_signature(key.sign(data, _ecdsa()))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@lru_cache(1)
def _ecdsa() -> "EllipticCurveSignatureAlgorithm":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        return ECDSA(SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:  # OpenSSL before 3.2
        return ECDSA(SHA256())


@lru_cache(16)
def _loaded(secret: Secret) -> "Key | None":
    """Opening an RSA key takes longer than signing with it; secrets are equal where their texts are."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    # Variables of an environment hold one line, with \n written out.
    text = secret.reveal().replace("\\n", "\n").strip() + "\n"
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        return None
    return key if isinstance(key, (RSAPrivateKey, Ed25519PrivateKey, EllipticCurvePrivateKey)) else None


def is_edwards(key: "Key") -> bool:
    """Whether it is an Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return isinstance(key, Ed25519PrivateKey)
