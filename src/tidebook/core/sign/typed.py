"""Typed data of EIP-712, flat, signed on secp256k1. Its two libraries are an extra, imported on first use."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials

Fields = Sequence[tuple[str, str]]
"""Names and types of a struct, in order."""

DOMAIN: Final[Fields] = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
NOWHERE: Final = "0x" + "0" * 40
_INTEGER: Final = re.compile(r"u?int(\d+)")
_NEEDS: Final = "this venue's signatures need two more packages: pip install coincurve pycryptodome"


class Signature(NamedTuple):
    """ECDSA with the way to find the key: `v` is 27 or 28."""

    r: int
    s: int
    v: int


def keccak(data: bytes) -> bytes:
    """Keccak-256 as Ethereum has it, which is not SHA3-256. Raises UsageError where the extra is not installed."""
    try:
        from Crypto.Hash import keccak as hashes
    except ImportError:
        raise UsageError(_NEEDS) from None
    return hashes.new(digest_bits=256, data=data).digest()


def struct_hash(name: str, fields: Fields, values: Mapping[str, Any]) -> bytes:
    """hashStruct of a struct whose fields are no structs. Raises UsageError for a value that its type does not have."""
    kind = f"{name}({','.join(f'{kind} {field}' for field, kind in fields)})"
    return keccak(keccak(kind.encode()) + b"".join(_word(field, kind, values.get(field)) for field, kind in fields))


def digest(domain: Mapping[str, Any], name: str, fields: Fields, values: Mapping[str, Any]) -> bytes:
    """What is signed of a struct in a domain."""
    return keccak(b"\x19\x01" + struct_hash("EIP712Domain", DOMAIN, domain) + struct_hash(name, fields, values))


def sign(credentials: Credentials, hashed: bytes) -> Signature:
    """Sign 32 bytes, without chance (RFC 6979), s in the lower half. Raises UsageError for a secret that is no key."""
    try:
        from coincurve import PrivateKey
    except ImportError:
        raise UsageError(_NEEDS) from None
    text = credentials.secret.reveal().removeprefix("0x")
    key = None
    with contextlib.suppress(ValueError):
        key = PrivateKey(bytes.fromhex(text)) if len(text) == 64 else None
    if key is None:
        raise UsageError(f"the secret of {credentials.source} is no private key of 64 hexadecimal digits")
    data = key.sign_recoverable(hashed, hasher=None)
    return Signature(int.from_bytes(data[:32], "big"), int.from_bytes(data[32:64], "big"), 27 + data[64])


def _word(field: str, kind: str, value: Any) -> bytes:
    """A value in 32 bytes."""
    found: bytes | None = None
    if kind == "string" and isinstance(value, str):
        found = keccak(value.encode())
    elif kind == "bool" and isinstance(value, bool):
        found = int(value).to_bytes(32, "big")
    elif kind in ("address", "bytes32"):
        found = _bytes(value, 20 if kind == "address" else 32)
    elif (sized := _INTEGER.fullmatch(kind)) and isinstance(value, int) and not isinstance(value, bool):
        signed = not kind.startswith("u")
        bits = int(sized[1]) - signed
        if (-(1 << bits) if signed else 0) <= value < 1 << bits:
            found = value.to_bytes(32, "big", signed=signed)
    if found is None:
        raise UsageError(f"{field} is no {kind}")
    return found


def _bytes(value: Any, size: int) -> bytes | None:
    data = value
    if isinstance(value, str):
        try:
            data = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            return None
    return data.rjust(32, b"\0") if isinstance(data, bytes) and len(data) == size else None
