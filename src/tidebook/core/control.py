"""Messages that are no channel's: acks, refusals, heartbeats. Read strictly, for anybody may have sent them."""

import json
from typing import Any, Final

MOST: Final = 64 << 10
"""Bytes: no ack or heartbeat is longer."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _number(text: str) -> int | float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse, parse_float=_number).decode


def read(frame: bytes) -> Any:
    """The message's value, or None where it is not one that we would act on."""
    if len(frame) > MOST:
        return None
    try:
        return _decode(frame.decode())
    except (ValueError, RecursionError):
        return None
