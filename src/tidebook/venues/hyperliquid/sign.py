"""How Hyperliquid's actions are signed: hyperliquid.gitbook.io, "Signing", and the fields of the venue's own client.

The secret is a wallet's private key, in hexadecimal digits. What happens on the venue's own chain is signed as a hash
of its MessagePack, in which the order of names counts; what moves money of a user as typed data that a wallet can show.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp, typed
from tidebook.core.sign.parts import compact, object_of, signed, text_of
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials
from tidebook.venue import known_public

OPEN: Final = known_public("/info", methods=("POST",))

_CHAIN: Final = ("hyperliquidChain", "string")
_AMOUNT: Final = ("amount", "string")
_NONCE: Final = ("nonce", "uint64")
_SENT: Final = (_CHAIN, ("destination", "string"), _AMOUNT, ("time", "uint64"))
USER_SIGNED: Final[Mapping[str, tuple[str, typed.Fields]]] = {
    "usdSend": ("UsdSend", _SENT),
    "withdraw3": ("Withdraw", _SENT),
    "spotSend": (
        "SpotSend", (_CHAIN, ("destination", "string"), ("token", "string"), _AMOUNT, ("time", "uint64"))
    ),
    "usdClassTransfer": ("UsdClassTransfer", (_CHAIN, _AMOUNT, ("toPerp", "bool"), _NONCE)),
    "sendAsset": (
        "SendAsset",
        (
            _CHAIN, ("destination", "string"), ("sourceDex", "string"), ("destinationDex", "string"),
            ("token", "string"), _AMOUNT, ("fromSubAccount", "string"), _NONCE,
        ),
    ),
    "approveAgent": ("ApproveAgent", (_CHAIN, ("agentAddress", "address"), ("agentName", "string"), _NONCE)),
    "approveBuilderFee": (
        "ApproveBuilderFee", (_CHAIN, ("maxFeeRate", "string"), ("builder", "address"), _NONCE)
    ),
    "tokenDelegate": (
        "TokenDelegate", (_CHAIN, ("validator", "address"), ("wei", "uint64"), ("isUndelegate", "bool"), _NONCE)
    ),
    "cDeposit": ("CDeposit", (_CHAIN, ("wei", "uint64"), _NONCE)),
    "cWithdraw": ("CWithdraw", (_CHAIN, ("wei", "uint64"), _NONCE)),
    "userDexAbstraction": (
        "UserDexAbstraction", (_CHAIN, ("user", "address"), ("enabled", "bool"), _NONCE)
    ),
    "userSetAbstraction": (
        "UserSetAbstraction", (_CHAIN, ("user", "address"), ("abstraction", "string"), _NONCE)
    ),
    "convertToMultiSigUser": ("ConvertToMultiSigUser", (_CHAIN, ("signers", "string"), _NONCE)),
}  # fmt: skip
_AGENT: Final[typed.Fields] = (("source", "string"), ("connectionId", "bytes32"))
_EXCHANGE: Final = {"name": "Exchange", "version": "1", "chainId": 1337, "verifyingContract": typed.NOWHERE}


def _rest(test: bool, request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    """The body says what is done; its nonce, where it has none, and the signature are put at its end."""
    said, body = object_of(request), text_of(request).rstrip()
    own = _own(said, credentials, stamp, test=test)
    added = compact(own).removeprefix("{")
    return signed(replace(request, body=f"{body.removesuffix('}')}{',' if said else ''}{added}".encode()), {})


def _request(test: bool, params: Mapping[str, Any], credentials: Credentials, stamp: Stamp) -> Mapping[str, Any]:
    """The payload of one action on a socket."""
    return {**params, **_own(params, credentials, stamp, test=test)}


def _own(said: Mapping[str, Any], credentials: Credentials, stamp: Stamp, *, test: bool) -> dict[str, Any]:
    action = said.get("action")
    if not isinstance(action, dict) or "signature" in said:
        raise UsageError("what is signed is an object with an action, once")
    nonce = said.get("nonce", stamp.nonce)
    if action.get("type") in USER_SIGNED:
        hashed = _user_signed(action)
    else:
        hashed = _on_chain(action, nonce, said.get("vaultAddress"), said.get("expiresAfter"), test=test)
    r, s, v = typed.sign(credentials, hashed)
    own = {} if "nonce" in said else {"nonce": nonce}
    return {**own, "signature": {"r": f"{r:#x}", "s": f"{s:#x}", "v": v}}


def _user_signed(action: Mapping[str, Any]) -> bytes:
    name, fields = USER_SIGNED[action["type"]]
    chain: int | None = None
    with contextlib.suppress(TypeError, ValueError):
        chain = int(action.get("signatureChainId", ""), 16)
    if chain is None:
        raise UsageError("signatureChainId is no number in hexadecimal digits")
    domain = {"name": "HyperliquidSignTransaction", "version": "1", "chainId": chain}
    # An agent may be without a name, which is signed as an empty one.
    values = {"agentName": "", **{key: value for key, value in action.items() if value is not None}}
    return typed.digest(
        {**domain, "verifyingContract": typed.NOWHERE}, f"HyperliquidTransaction:{name}", fields, values
    )


def _on_chain(action: Mapping[str, Any], nonce: Any, vault: Any, until: Any, *, test: bool) -> bytes:
    data = msgspec.msgpack.encode(action) + _eight(nonce, "nonce")
    data += b"\0" if vault is None else b"\1" + _address(vault)
    data += b"" if until is None else b"\0" + _eight(until, "expiresAfter")
    source = "b" if test else "a"
    return typed.digest(_EXCHANGE, "Agent", _AGENT, {"source": source, "connectionId": typed.keccak(data)})


def _eight(value: Any, name: str) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise UsageError(f"{name} is no number of 64 bits")
    return value.to_bytes(8, "big")


def _address(value: Any) -> bytes:
    found = b""
    with contextlib.suppress(AttributeError, ValueError):
        found = bytes.fromhex(value.removeprefix("0x"))
    if len(found) != 20:
        raise UsageError("vaultAddress is no address of 40 hexadecimal digits")
    return found


def scheme(*, test: bool = False) -> Scheme:
    """A signature is good on one network alone: the main one, or that for tests."""
    return Scheme("hyperliquid", partial(_rest, test), request=partial(_request, test), wants_nonce=True)


SIGN: Final = scheme()
