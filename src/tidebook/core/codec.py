"""What a session undoes before the engine sees a frame."""

import zlib

from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError


def inflate(frame: bytes, codec: Codec, cap: int) -> bytes:
    """Undo an endpoint's codec. Raises DecodeError ``too_large`` while inflating, or ``malformed``."""
    machine = zlib.decompressobj(31 if codec is Codec.GZIP else -15)
    try:
        plain = machine.decompress(frame, cap + 1)
    except zlib.error as error:
        raise DecodeError("malformed", f"not {codec}: {error}") from None
    if len(plain) > cap:
        raise DecodeError("too_large", f"more than {cap} bytes when inflated")
    if not machine.eof or machine.unused_data:
        raise DecodeError("malformed", f"not one whole {codec} stream")
    return plain


def head(frame: bytes, codec: Codec, most: int) -> bytes:
    """The first `most` bytes of what a frame inflates to; empty where it does not inflate."""
    try:
        return zlib.decompressobj(31 if codec is Codec.GZIP else -15).decompress(frame, most)
    except zlib.error:
        return b""
