"""Recordings: JSON lines, gzipped, in order of arrival.

A line has `t` (epoch seconds), perhaps `t_ns`, `dir` (open, send, recv, http, close), `conn`, `url` and
`msg`: text as it was, or ``{"b64": …}`` for the bytes of a binary frame.
"""

import gzip
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
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


class _Bytes(msgspec.Struct):
    b64: str


class _Line(msgspec.Struct):
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


_decode = msgspec.json.Decoder(_Line).decode


def records(path: Path) -> Iterator[Record]:
    """The recording's lines in order.

    Raises UsageError, with the number of the line, where the file is not such a recording,
    is cut short, or a line is not what it should be.
    """
    number = 0
    try:
        with gzip.open(path, "rb") as lines:
            while line := lines.readline(LINE_MOST + 1):
                number += 1
                if len(line) > LINE_MOST:
                    raise UsageError(f"{path.name} line {number} is longer than {LINE_MOST} bytes")
                yield _record(number, line)
    except FileNotFoundError:
        raise UsageError(f"no file {path.name}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path.name} cannot be read beyond line {number}: {error}") from None
    except (msgspec.MsgspecError, Base64Error, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{path.name} line {number} is no record: {error}") from None


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
