"""OKX: what a recording says of instruments. Rows of 2022 have no `instFamily`, and those of spot no `uly`."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from tidebook.errors import DecodeError, UsageError
from tidebook.model.number import parse
from tidebook.model.symbol import canonical
from tidebook.venues.okx import wire


class Name(
    msgspec.Struct,
    rename={
        "id": "instId", "base": "baseCcy", "quote": "quoteCcy", "settle": "settleCcy", "expires": "expTime",
        "strike": "stk", "right": "optType",
    },
):  # fmt: skip
    """One row of a list of instruments."""

    id: str
    base: str = ""
    quote: str = ""
    settle: str = ""
    uly: str = ""
    expires: str = ""
    strike: str = ""
    right: str = ""


_NAMES = msgspec.json.Decoder(wire.Push[Name])


def _symbol(one: Name) -> str:
    if wire.kind_of(one.id) == "SPOT":
        return canonical(one.base, one.quote)
    base, _, quote = one.uly.partition("-")
    return canonical(
        base, quote, settle=one.settle, expiry_ns=wire.at_ns(one.expires) if one.expires else None,
        strike=parse(one.strike) if one.strike else None,
        right=None if not one.strike else "call" if one.right == "C" else "put",
    )  # fmt: skip


def listing(url: str, body: bytes) -> Mapping[str, str]:
    """Canonical symbols by id; a row that makes none is left out."""
    if urlsplit(url).path != "/api/v5/public/instruments":
        return {}
    try:
        rows = _NAMES.decode(body).data
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    found: dict[str, str] = {}
    for one in rows:
        try:
            found[one.id] = _symbol(one)
        except (DecodeError, UsageError):
            continue
    return found
