"""Keys of accounts that programs trade with."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tidebook.model.credentials import Credentials


def pair(kind: str) -> tuple[Credentials, str]:
    """A key, "rsa" or "ed25519", that signs as one of a pair, its secret the private one in PEM, and the public one."""
    private = generate_private_key(65537, 2048) if kind == "rsa" else Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Credentials.of(f"{kind}-key", secret, source="the test"), public


def told_of(key: Credentials) -> dict[str, str]:
    """A key as a program is told of it."""
    found = {"KEY": key.key.reveal(), "SECRET": key.secret.reveal()}
    if key.passphrase is not None:
        found["PASSPHRASE"] = key.passphrase.reveal()
    return {f"TIDEBOOK_PEERS_{name}": value for name, value in found.items()}
