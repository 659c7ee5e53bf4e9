"""Reading the messages that are no books: the words for their fields, and one way from msgspec's errors to ours.

A venue's structs annotate numbers with these names and with no others, so that no amount of money passes through a
float and no number of unknown size becomes an int.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Final, TypeVar

import msgspec

from tidebook.errors import DecodeError

Num = str
"""A number that the venue sends as text; `model.number.exact` reads it."""

BareNum = msgspec.Raw
"""A number as it was sent, bare or as text; `model.number.exact_raw` reads it."""

BareId = msgspec.Raw
"""An id as it was sent, bare or as text, of more digits than 64 bits hold; `whole` reads it."""

Ms = Annotated[int, msgspec.Meta(ge=0, le=(2**63 - 1) // 1_000_000)]
"""An instant in milliseconds since 1970, UTC, that fits 64 bits in nanoseconds."""

Secs = Annotated[int, msgspec.Meta(ge=0, le=(2**63 - 1) // 1_000_000_000)]
"""The same in seconds."""

Iso = str
"""An instant as ISO 8601 text, UTC, to the nanosecond; `iso` reads it."""

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number that names or orders something."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""How many there were."""

Code = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A code of the venue, of either sign."""

Places = Annotated[int, msgspec.Meta(ge=0, le=38)]
"""How many digits stand behind a point."""

MS: Final = 1_000_000
SEC: Final = 1_000_000_000

T = TypeVar("T")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_WHOLE = re.compile(rb'("?)([0-9]{1,38})\1')
_MISSING = ("Object missing required field", "of at least length")


def word(words: Mapping[str, T], said: str, what: str) -> T:
    """What one of a venue's words means. Raises DecodeError ``malformed`` for one that its documents do not have."""
    if said not in words:
        raise DecodeError("malformed", f"{said!r} is no {what} that was documented")
    return words[said]


def decode(decoder: msgspec.json.Decoder[T], frame: bytes) -> T:
    """The message. Raises DecodeError ``missing``, ``too_deep``, or ``malformed`` for everything else that is wrong."""
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        text = str(error)
        raise DecodeError("missing" if any(word in text for word in _MISSING) else "malformed", text) from None
    except RecursionError:
        raise DecodeError("too_deep", "nested deeper than can be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError("malformed", str(error)) from None


def iso(text: Iso) -> int:
    """ns since 1970 of a text like 2026-11-20T12:00:00.123456789Z. Raises DecodeError ``number`` for any other."""
    match = _ISO.fullmatch(text)
    if match is not None:
        day, hour, minute, second, fraction = match.groups()
        days, seconds = _days(day), int(hour) * 3600 + int(minute) * 60 + int(second)
        if days is not None and int(hour) < 24 and int(minute) < 60 and int(second) < 60:
            return (days * 86_400 + seconds) * SEC + int((fraction or "").ljust(9, "0"))
    raise DecodeError("number", f"not a time: {text[:40]!r}")


@lru_cache(16)
def _days(day: str) -> int | None:
    """Days since 1970, within what 64 bits of nanoseconds hold; None for what is no such day."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return None
    return found.toordinal() - _EPOCH if 1970 <= found.year <= 2261 else None


def whole(raw: BareId) -> str:
    """The digits of an id, sent bare or as text. Raises DecodeError ``number`` for anything else."""
    match = _WHOLE.fullmatch(bytes(raw))
    if match is None:
        raise DecodeError("number", f"not an id: {bytes(raw)[:40]!r}")
    return match[2].decode()
