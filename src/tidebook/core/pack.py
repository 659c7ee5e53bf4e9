"""MessagePack, as the JSON that it stands for: what reads and writes JSON need not know of it.

Doubles become the shortest text that is the same double. Instants (the extension of type −1) become ISO 8601 text in
UTC with nanoseconds, which a datetime would cut. What JSON has no word for is refused.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from tidebook.errors import DecodeError
from tidebook.model.wire import SEC, iso

DEEPEST: Final = 32
_MAP: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])
_PLAIN: Final = msgspec.msgpack.Decoder(str | int | float | bool | None)
_STAMPS: Final = {b"\xd6\xff": (2, 4), b"\xd7\xff": (2, 8), b"\xc7\x0c\xff": (3, 12)}
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


def unpack(frame: bytes) -> bytes:
    """The JSON of a message. Raises DecodeError ``malformed``, ``number`` or ``too_deep``."""
    try:
        return msgspec.json.encode(_value(frame, 0))
    except RecursionError:
        raise DecodeError("too_deep", "nested deeper than can be read") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DecodeError("malformed", f"no MessagePack: {error}") from None


def pack(data: bytes, times: Collection[str] = ()) -> bytes:
    """The MessagePack of JSON; ISO text under one of these keys as an instant."""
    return msgspec.msgpack.encode(_packed(msgspec.json.decode(data), times))


def _value(raw: bytes, depth: int) -> Any:
    if depth > DEEPEST:
        raise DecodeError("too_deep", f"nested deeper than {DEEPEST}")
    head = raw[0] if raw else 0xC1
    if 0x80 <= head <= 0x8F or head in (0xDE, 0xDF):
        return {name: _value(bytes(inner), depth + 1) for name, inner in _MAP.decode(raw).items()}
    if 0x90 <= head <= 0x9F or head in (0xDC, 0xDD):
        return [_value(bytes(inner), depth + 1) for inner in _LIST.decode(raw)]
    if 0xC7 <= head <= 0xC9 or 0xD4 <= head <= 0xD8:
        return _stamp(raw)
    value = _PLAIN.decode(raw)
    if isinstance(value, float) and value - value != 0:
        raise DecodeError("number", f"{value} is no number")
    return value


def _stamp(raw: bytes) -> str:
    """An instant, in one of its three forms."""
    form = next(((start, size) for head, (start, size) in _STAMPS.items() if raw.startswith(head)), None)
    if form is None or len(raw) != sum(form):
        raise DecodeError("malformed", "an extension that is no instant")
    body = raw[form[0] :]
    if len(body) == 12:
        ns, seconds = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:], "big", signed=True)
    elif len(body) == 8:
        ns, seconds = divmod(int.from_bytes(body, "big"), 1 << 34)
    else:
        ns, seconds = 0, int.from_bytes(body, "big")
    if ns >= SEC or not 0 <= seconds <= _LATEST:
        raise DecodeError("number", "an instant that is none")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"


def _packed(value: Any, times: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_packed(inner, times) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _instant(inner) if name in times and isinstance(inner, str) else _packed(inner, times)
        for name, inner in cast("dict[str, Any]", value).items()
    }


def _instant(text: str) -> msgspec.msgpack.Ext:
    seconds, ns = divmod(iso(text), SEC)
    return msgspec.msgpack.Ext(-1, (ns << 34 | seconds).to_bytes(8, "big"))
