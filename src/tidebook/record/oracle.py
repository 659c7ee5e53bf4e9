"""An oracle: the books that a recording must give, at nine places and at its end."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from tidebook.core.book import Book
from tidebook.engine.contract import Side
from tidebook.errors import UsageError
from tidebook.model.market import level
from tidebook.model.number import plain

FILE_MOST: Final = 64 << 20
"""Bytes of an oracle file."""

_WHOLE = re.compile(r"-?[0-9]{1,30}", re.ASCII)


class Expected(msgspec.Struct):
    in_sync: bool
    bid_levels: int = 0
    ask_levels: int = 0
    sha256: str = ""
    seq: Any = None
    last_sequence: Any = None
    bids: list[list[str]] = []
    asks: list[list[str]] = []


class _Checkpoint(msgspec.Struct):
    after_line: int
    symbols: dict[str, Expected]


class _Oracle(msgspec.Struct):
    symbols: dict[str, Expected]
    checkpoints: list[_Checkpoint] = []
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Oracle:
    """Expected books by place: `after_line`, then by the oracle's key. The end has line None."""

    keys: frozenset[str]
    lines: int
    places: dict[int, dict[str, Expected]]
    end: dict[str, Expected]


def load(path: Path) -> Oracle:
    """Read an oracle file. Raises UsageError when it is none."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_MOST + 1)
        if len(text) > FILE_MOST:
            raise UsageError(f"{path.name} is longer than {FILE_MOST} bytes")
        raw = msgspec.json.decode(text, type=_Oracle)
    except FileNotFoundError:
        raise UsageError(f"no file {path.name}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(f"{path.name} is no oracle: {error}") from None
    places: dict[int, dict[str, Expected]] = {}
    for point in raw.checkpoints:
        if point.after_line in places:
            raise UsageError(f"{path.name} has line {point.after_line} twice")
        places[point.after_line] = point.symbols
    return Oracle(frozenset(raw.symbols), raw.lines, places, raw.symbols)


def text_of(book: Book, side: Side) -> list[list[str]]:
    """All levels of a side as plain decimal text, best first."""
    levels = (level(raw) for raw in book.engine.levels(side))
    return [[plain(price), plain(size)] for price, size in levels]


def digest(bids: list[list[str]], asks: list[list[str]]) -> str:
    """The hash of a whole book."""
    lines = ["bids", *(":".join(row) for row in bids), "asks", *(":".join(row) for row in asks)]
    return hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()


def digest_of(book: Book) -> str:
    """The hash of a book as it stands."""
    return digest(text_of(book, "bid"), text_of(book, "ask"))


def differences(book: Book, expected: Expected) -> list[str]:
    """What is not as expected, in words; empty when all is."""
    if not expected.in_sync:
        return [f"readable as {book.state} where it must not be"] if book.state.readable else []
    if not book.state.readable:
        return [f"{book.state}: {book.reason}"]
    found: list[str] = []
    bids, asks = text_of(book, "bid"), text_of(book, "ask")
    for name, have, want in (
        ("bid levels", len(bids), expected.bid_levels),
        ("ask levels", len(asks), expected.ask_levels),
        ("top bids", bids[: len(expected.bids)], expected.bids),
        ("top asks", asks[: len(expected.asks)], expected.asks),
        ("hash", digest(bids, asks), expected.sha256),
    ):
        if have != want:
            found.append(f"{name} {_short(have)} instead of {_short(want)}")
    seq = expected.seq if expected.seq is not None else expected.last_sequence
    if isinstance(seq, str) and _WHOLE.fullmatch(seq):
        seq = int(seq)
    if seq is not None and (isinstance(seq, bool) or book.engine.last != seq):
        found.append(f"seq {book.engine.last} instead of {seq}")
    return found


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "…"
