"""Intents on disk before they are sent, so that after a crash somebody still knows what to ask about.

One line of JSON for each: what is to be sent, then what became of it. Only the first is waited for (fsync): where the
second is lost, the venue is asked once more. A line that a crash has cut is no line. One process has the file at a
time.
"""

import asyncio
import fcntl
import logging
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tidebook.errors import UsageError

logger = logging.getLogger("tidebook.io")

MOST: Final = 4 << 20
"""Bytes from which on it is written anew with what is open alone, once it has also doubled since the last time."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """`wish` is what was to be sent, numbers as text, by the names of its fields; `end` what became of it, empty until
    then. `at_ns` is the venue's time before it was sent, `place` where it was to go.
    """

    id: str
    number: int
    place: str
    symbol: str
    at_ns: int
    wish: dict[str, str]
    end: str = ""
    answered: bool = False  # in a way that decides nothing


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode
_BEGINS: Final = b'{"id":"'


class Journal:
    """The journal in a file. `open` lists what has no end yet. Raises UsageError where another process has it."""

    def __init__(self, path: str | os.PathLike[str], *, most: int = MOST) -> None:
        given: object = path
        if not isinstance(given, (str, os.PathLike)) or not str(given) or "\0" in str(given):
            raise UsageError(f"journal={path!r} is no path of a file")
        self.path = Path(path)
        self._file: int | None = None
        self._lock = asyncio.Lock()
        self._end = threading.Lock()  # of the file: what is written in a thread and on the loop is not mixed
        self._most = self._next = most
        self.open: dict[str, Entry] = {}

    def begin(self) -> None:
        """Take it, read it, and write it anew with what is open alone."""
        if self._file is not None:
            return
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(f"the journal {self.path} cannot be written: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(file).st_mode):  # a device may be read for ever, and keeps nothing
            os.close(file)
            raise UsageError(f"the journal {self.path} is no file")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise UsageError(f"the journal {self.path} is open elsewhere. Give each market its own") from None
        try:
            entries = [*_entries(self.path)]
            if not entries and not _may_be_one(self.path):
                raise UsageError(f"{self.path} is no journal: it holds something else, and stays as it is")
            for entry in entries:
                if entry.end:
                    self.open.pop(entry.id, None)
                else:
                    self.open[entry.id] = entry
            # Where this fails half-way the whole lines before are still there, and the rest is asked once more.
            self._rewrite(file, self._kept())
        except OSError as error:
            os.close(file)
            raise UsageError(f"the journal {self.path} cannot be written: {error.strerror}") from error
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _kept(self) -> bytes:
        return b"".join(_encode(entry) + b"\n" for entry in self.open.values())

    def _shorten(self, file: int) -> None:
        """Where it has grown long, leave out what has ended. Where that fails it grows on, and is as good as before.

        Lines that are added meanwhile would be lost: this is done in one go, on the loop.
        """
        if os.fstat(file).st_size < self._next:
            return
        kept = self._kept()
        try:
            self._rewrite(file, kept)
        except OSError as error:
            logger.error("the journal %s cannot be written anew: %s", self.path, error.strerror)
        self._next = max(self._most, 2 * os.fstat(file).st_size)

    def _rewrite(self, file: int, kept: bytes) -> None:
        """What is open stands at the end first, and is whole there; then the beginning is cut off."""
        beside = self.path.with_name(f"{self.path.name}.new")
        if os.fstat(file).st_size == len(kept) and os.pread(file, len(kept), 0) == kept:
            beside.unlink(missing_ok=True)
            _sync_folder(self.path.parent)  # it may be new
            return
        # What a crash has left beside it may be all that there is: it is replaced, and not written over.
        half = self.path.with_name(f"{self.path.name}.half")
        new = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(new, kept)
            os.fsync(new)
        finally:
            os.close(new)
        half.replace(beside)
        _sync_folder(self.path.parent)
        # The lock is on this file, which must stay the one: its content is put in place, and the copy serves a crash.
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        _write(file, kept)
        os.fsync(file)
        beside.unlink()
        _sync_folder(self.path.parent)

    async def write(self, entry: Entry) -> None:
        """It is on disk when this returns. Raises OSError where it could not be: nothing may be sent then."""
        async with self._lock:
            if self._file is None:
                raise UsageError(f"the journal {self.path} is closed")
            line = _encode(entry) + b"\n"
            writing = asyncio.ensure_future(asyncio.to_thread(_append, self._file, self._end, line, sync=True))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                while not writing.done():  # the file stays open until then, however often this is cancelled
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait([writing])
                if writing.exception() is None:
                    self.open[entry.id] = entry
                    self.end(entry.id, "unsent")
                raise
            self.open[entry.id] = entry
            self._shorten(self._file)

    def note_answered(self, id: str) -> None:
        """An answer came that decides nothing."""
        entry = self.open.get(id)
        if entry is not None:
            self.open[id] = entry = msgspec.structs.replace(entry, answered=True)
            self._add(entry)

    def end(self, id: str, end: str) -> None:
        """What became of it. Where that cannot be written, its venue is asked once more after the next start."""
        entry = self.open.pop(id, None)
        if entry is not None:
            self._add(msgspec.structs.replace(entry, end=end))

    def _add(self, entry: Entry) -> None:
        if self._file is None:
            return
        try:
            _append(self._file, self._end, _encode(entry) + b"\n", sync=False)
        except OSError as error:
            logger.error("the journal %s cannot be written: %s", self.path, error.strerror)

    async def close(self) -> None:
        """Let it go, once nothing is being written."""
        async with self._lock:
            file, self._file = self._file, None
            if file is not None:
                os.close(file)


def _may_be_one(path: Path) -> bool:
    """Whether it is empty, or what a crash leaves of the first line: its beginning, or zeros."""
    with path.open("rb") as file:
        head = file.read(MOST)
    if b"\n" in head:
        return False
    return head.startswith(_BEGINS) or _BEGINS.startswith(head) or not head.strip(b"\0")


def _entries(path: Path) -> Iterator[Entry]:
    beside = path.with_name(f"{path.name}.new")
    for each in (beside, path):  # a crash while it was written anew has left what was open beside it
        if not each.exists():
            continue
        with each.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield _decode(line)
                except msgspec.MsgspecError:
                    if line.endswith(b"\n") and line.strip(b"\n\0"):  # else cut by a crash
                        logger.error("line %d of the journal %s cannot be read: %r", number, each, line[:200])


def _sync_folder(folder: Path) -> None:
    """What a folder names is on disk only when it was told so itself."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _append(file: int, end: threading.Lock, line: bytes, *, sync: bool) -> None:
    """A line at the end, whole or not at all; `end` is held while it is written, not while that is synced."""
    with end:
        at = os.lseek(file, 0, os.SEEK_END)
        try:
            _write(file, line)
        except BaseException:
            os.ftruncate(file, at)  # the next line must not hang on to half of this one
            raise
    if sync:
        try:
            os.fsync(file)
        except BaseException:
            with suppress(OSError):  # what was added behind it meanwhile stays
                os.pwrite(file, b"\n" * len(line), at)
            raise


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
