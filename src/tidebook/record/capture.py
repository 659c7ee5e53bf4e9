"""Recordings: JSON lines, gzipped, in order of arrival.

A line has `t` (epoch seconds), perhaps `t_ns`, `dir` (open, send, recv, http, close), `conn`, `url` and
`msg`: text as it was, or ``{"b64": …}`` for the bytes of a binary frame. Our own recordings have two more: ``begin``,
where a recorder began to write (`msg` says who it is), and ``lost``, where it could not keep up (`msg`: how many
records).
"""

import gzip
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tidebook.errors import UsageError

LINE_MOST: Final = 32 << 20
"""Bytes of a line, unpacked. The largest known, a list of instruments, has 2 MB."""

CONN_MOST: Final = 200
"""Characters of a connection's name."""

_LATEST = 1 << 63


class _Bytes(msgspec.Struct, gc=False):
    b64: str


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """A line as it is written."""

    dir: str
    conn: str
    t: float = 0.0
    t_ns: int | None = None
    url: str = ""
    msg: str | _Bytes = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One line. `number` counts from 1; `at_ns` is the recorder's clock."""

    number: int
    at_ns: int
    dir: str
    conn: str
    url: str
    message: str | bytes


_encode = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder(Line).decode


def lines(at_ns: int, dir: str, conn: str, url: str, messages: Iterable[str | bytes]) -> list[Line]:
    """Lines of a recording, to be `encoded`: messages of one connection that came at once."""
    t = at_ns / 1e9
    return [
        Line(dir, conn, t, at_ns, url, one if isinstance(one, str) else _Bytes(b64encode(one).decode()))
        for one in messages
    ]


def encoded(some: Sequence[Line]) -> bytes:
    """Lines as they stand in a recording, each with its end."""
    return _encode(some)


def records(path: Path, on_cut: Callable[[str], None] | None = None) -> Iterator[Record]:
    """The recording's lines in order.

    A file that ends in the middle, since its recorder was killed or is still writing, is read to its last whole
    record where `on_cut` is given, which is told so once, in words. Raises UsageError, with the number of the line,
    where the file is not such a recording, is cut short, or a line is not what it should be.
    """
    number = 0
    try:
        with gzip.open(path, "rb") as lines:
            while line := lines.readline(LINE_MOST + 1):
                number += 1
                if len(line) > LINE_MOST:
                    raise UsageError(f"{path.name} line {number} is longer than {LINE_MOST} bytes")
                yield _record(number, line)
        if not number:
            raise UsageError(f"{path.name} is no recording: there is nothing in it")
    except FileNotFoundError:
        raise UsageError(f"no file {path.name}") from None
    except IsADirectoryError:
        raise UsageError(f"{path.name} is no recording but a folder") from None
    except (OSError, EOFError, zlib.error) as error:
        if on_cut is not None and _is_cut(error) and number:
            on_cut(f"{path.name} is cut short: it is read to its last whole record, line {number}")
            return
        where = f"cannot be read beyond line {number}" if number else "is no recording"
        raise UsageError(f"{path.name} {where}: {error}") from None
    except (msgspec.MsgspecError, Base64Error, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{path.name} line {number} is no record: {error}") from None


def _is_cut(error: Exception) -> bool:
    """Whether a file ends too early; also where nothing but the first byte of a further member is there."""
    return isinstance(error, EOFError) or (isinstance(error, gzip.BadGzipFile) and str(error).endswith(r"(b'\x1f')"))


def _record(number: int, line: bytes) -> Record:
    raw = _decode(line)
    message = raw.msg if isinstance(raw.msg, str) else b64decode(raw.msg.b64, validate=True)
    at_ns = raw.t_ns if raw.t_ns is not None else round(raw.t * 1e9)
    if not 0 <= at_ns < _LATEST:
        raise ValueError("its time is no time")
    if len(raw.conn) > CONN_MOST:
        raise ValueError(f"its connection's name is longer than {CONN_MOST} characters")
    _check_url(raw.url)
    return Record(number, at_ns, raw.dir, raw.conn, raw.url, message)


@lru_cache(maxsize=256)
def _check_url(url: str) -> None:
    """Raises ValueError where a URL cannot be taken apart."""
    parts = urlsplit(url)
    _ = parts.hostname, parts.port
