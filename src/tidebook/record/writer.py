"""Records on their way into a file: a bounded buffer that a thread empties, so that nobody waits for the disk.

The file is gzip members, one for each flush; each is whole on the disk (fsync) before the next begins. Whoever is
killed leaves a file whose members are whole but perhaps the last. One recorder has a file at a time.
"""

import fcntl
import gzip
import logging
import os
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from tidebook.errors import UsageError
from tidebook.record.capture import Line, encoded, lines, records

logger = logging.getLogger("tidebook.record")

FLUSH: Final = 0.5  # seconds between two flushes: with the flush itself less than the second that may be lost
FULL: Final = 2 << 20  # bytes that are flushed without waiting for that
PIECE: Final = 64 << 10  # bytes of messages that become lines in one call, during which nothing else of Python runs
BUFFER: Final = 32 << 20  # bytes of messages that may wait for the disk
OVERHEAD: Final = 64  # bytes counted for a record besides its messages
LEVEL: Final = 1  # of gzip: four fifths of what the best level saves, for a fifth of its time
CLOSING: Final = 0.5  # seconds that a disk has to take the rest
BEGINS: Final = "tidebook recorder"


class Entry(NamedTuple):
    """Some records of one connection: of one read, or one of another kind. `plain`: its messages are text."""

    at_ns: int
    dir: str
    conn: str
    url: str
    messages: list[bytes]
    plain: bool = True
    size: int = 0


@dataclass(slots=True)
class Found:
    """What an appended file holds: the last connection's number, those that nobody has closed, and how far it is whole.

    `rest` are the whole lines of a member that was cut.
    """

    last: int = 0
    open: dict[str, str] = field(default_factory=dict[str, str])
    whole: int = 0
    rest: bytes = b""


class Batch(NamedTuple):
    """Records as they are appended, with the bytes that they were counted for, and how many of them were received."""

    member: bytes
    size: int
    records: int
    frames: int


class Writer:
    """One file and its thread. `put` is called on one thread alone, and never waits.

    `frames` and `bytes` are what is on the disk (bytes of the file that this writer has added); `lost` counts records
    that found no room, `error` says why the disk does not take any: what waits is tried again at each flush.
    """

    def __init__(self, path: Path, *, buffer: int = BUFFER, flush: float = FLUSH, closing: float = CLOSING) -> None:
        self.path = path
        self.frames = 0
        self.bytes = 0
        self.lost = 0
        self.error: str | None = None
        self._buffer = buffer
        self._flush_every = flush
        self._closing = closing
        self._in = 0  # records that were put, counted by who puts them
        self._out = 0  # records that are on the disk, counted by the thread
        self._there = 0  # the same, with those that are in the file and of which the disk has not said so yet
        self._waiting: deque[Entry] = deque()
        self._put = 0  # bytes that were put, counted by who puts them
        self._taken = 0  # bytes that are on the disk, counted by the thread
        self._untold = 0  # records lost, of which the file does not say so yet
        self._file: int | None = None
        self._end = 0
        self._wake = threading.Event()
        self._over = False
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()  # it may be closed while another thread begins it

    def begin(self, said: str) -> int:
        """Take the file and begin a further part of it; the number of the last connection in it.

        Raises UsageError where it cannot be written, is no recording of ours, another recorder has it, or it was closed
        meanwhile.
        """
        file, is_new = self._opened()
        try:
            found = self._continued(file, said)
            with self._beginning:
                if self._over:
                    raise UsageError(f"the recording {self.path} was closed while it was opened")
                self._thread = threading.Thread(target=self._run, name="tidebook recorder", daemon=True)
                self._thread.start()
        except BaseException as error:
            os.close(file)
            self._file = self._thread = None
            if is_new:
                self.path.unlink(missing_ok=True)
            if isinstance(error, BlockingIOError):
                raise UsageError(f"the recording {self.path} is being written elsewhere") from None
            if isinstance(error, OSError):
                raise UsageError(f"the recording {self.path} cannot be written: {error.strerror}") from None
            raise
        return found.last

    def _opened(self) -> tuple[int, bool]:
        """The file, and whether it was not there before."""
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            try:
                return os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o600), True
            except FileExistsError:
                return os.open(self.path, flags), False
        except OSError as error:
            raise UsageError(f"the recording {self.path} cannot be written: {error.strerror}") from None

    def _continued(self, file: int, said: str) -> Found:
        """Take the file for this writer alone, and begin a further part behind what is whole in it."""
        if not os.path.isfile(self.path):
            raise UsageError(f"{self.path} is no file that can hold a recording")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = _look(self.path) if os.fstat(file).st_size else Found()
        os.ftruncate(file, found.whole)
        self._end = found.whole
        self._file = file
        at_ns = time.time_ns()
        begin = lines(at_ns, "begin", "", "", [f"{BEGINS} {said}"])
        for conn, url in found.open.items():
            begin += lines(at_ns, "close", conn, url, ["the recording ended"])
        self._append(_packed(found.rest + encoded(begin)))
        return found

    def put(self, entry: Entry) -> bool:
        """Whether there was room. Where there was none its messages are lost, and counted in the file too."""
        if self._put - self._taken + entry.size > self._buffer:
            count = len(entry.messages)
            self.lost += count
            self._untold += count
            return False
        if self._untold:
            self._tell_lost(entry.at_ns)
        self._waiting.append(entry)
        self._put += entry.size
        self._in += len(entry.messages)
        if self._put - self._taken > FULL:
            self._wake.set()
        return True

    def close(self) -> None:
        """Write what waits, and let the file go. Waits for the disk, `closing` seconds at most: not for a loop.

        What is not in the file by then is counted as lost, whatever becomes of it. What is in it is not, though a slow
        disk may need longer to have it: the thread waits for that alone. Raises UsageError where not all of it could
        be written.
        """
        with self._beginning:
            thread = self._thread
            if self._untold and thread is not None:
                self._tell_lost(time.time_ns())
            self._over = True
        if thread is None:
            return
        self._ends.set()
        self._wake.set()
        thread.join(self._closing)
        self._thread = None
        missing = self._in - self._there
        self.lost += missing
        if thread.is_alive() and missing:
            raise UsageError(f"the recording {self.path} is not whole: the disk took nothing for {self._closing:g} s")
        if self.error is not None:
            raise UsageError(f"the recording {self.path} is not whole, its end cannot be written: {self.error}")

    def _tell_lost(self, at_ns: int) -> None:
        """In the file, behind what there was room for."""
        self._waiting.append(Entry(at_ns, "lost", "", "", [b"%d" % self._untold]))
        self._in += 1
        self._untold = 0

    # ---- the thread

    def _run(self) -> None:
        batch: Batch | None = None
        try:
            while True:
                self._wake.wait(self._flush_every)
                self._wake.clear()
                over = self._over  # what is put before it is set is taken after it
                while True:
                    batch = batch or self._batch()
                    if batch is None or not self._written(batch):
                        break  # what the disk did not take stays, and is tried again
                    self._taken += batch.size
                    self._out += batch.records
                    self.frames += batch.frames
                    batch = None
                if over:
                    return
                if self.error is not None:
                    self._ends.wait(min(self._flush_every, FLUSH))  # woken again and again by a buffer that is full
        except Exception as error:  # of no disk, as far as is known: what stands still has to say so
            logger.exception("the recording %s stands still", self.path)
            self.error = f"{type(error).__name__}: {error}"
        finally:
            assert self._file is not None
            os.close(self._file)
            self._file = None

    def _batch(self) -> "Batch | None":
        """What waits, as much as is written at once; None where nothing does."""
        pieces: list[bytes] = []
        made: list[Line] = []
        size = frames = count = piece = 0
        while self._waiting and size < FULL:
            entry = self._waiting.popleft()
            made += _lines(entry)
            size += entry.size
            count += len(entry.messages)
            frames += len(entry.messages) if entry.dir == "recv" else 0
            if size - piece >= PIECE:
                pieces.append(encoded(made))
                made, piece = [], size
        if not count:
            return None
        pieces.append(encoded(made))
        return Batch(_packed(b"".join(pieces)), size, count, frames)

    def _written(self, batch: "Batch") -> bool:
        try:
            self._append(batch.member, batch.records)
        except OSError as error:
            self.error = error.strerror or type(error).__name__
            return False
        self.error = None
        return True

    def _append(self, member: bytes, of: int = 0) -> None:
        """One more member, of so many records; a half of one is taken back."""
        assert self._file is not None
        try:
            view, at = memoryview(member), self._end
            while view:
                count = os.pwrite(self._file, view, at)
                view, at = view[count:], at + count
            self._there = self._out + of
            os.fsync(self._file)
        except OSError:
            self._there = self._out
            os.ftruncate(self._file, self._end)
            raise
        self._end = at
        self.bytes += len(member)


def _packed(data: bytes) -> bytes:
    """A member of the file."""
    return gzip.compress(data, LEVEL, mtime=0)


def _lines(entry: Entry) -> list[Line]:
    at_ns, dir, conn, url, messages, plain, _ = entry
    if not plain:
        return lines(at_ns, dir, conn, url, messages)
    try:
        return lines(at_ns, dir, conn, url, [one.decode() for one in messages])
    except UnicodeDecodeError:
        return lines(at_ns, dir, conn, url, map(_message, messages))


def _message(data: bytes) -> str | bytes:
    """Text where it is some: the format keeps other bytes as they are."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _look(path: Path) -> Found:
    """Read a file that is to be appended to. Raises UsageError where it is no recording of ours."""
    found, cuts = Found(), list[str]()
    number = 0
    try:
        for record in records(path, cuts.append):
            number += 1
            if number == 1 and not (record.dir == "begin" and str(record.message).startswith(BEGINS)):
                break
            if record.conn.startswith("ws."):
                found.last = max(found.last, int(record.conn[3:]))
            if record.dir == "open":
                found.open[record.conn] = record.url
            elif record.dir == "close":
                found.open.pop(record.conn, None)
        else:
            found.whole, found.rest = _end_of(path) if cuts else (path.stat().st_size, b"")
            return found
    except (UsageError, ValueError):
        pass
    raise UsageError(f"{path} is no recording of this recorder: it stays as it is. Choose another file")


def _end_of(path: Path) -> tuple[int, bytes]:
    """Where the last whole member ends, and the whole lines behind it."""
    end, rest = 0, bytearray()
    with path.open("rb") as file:
        inflater, at = zlib.decompressobj(31), 0
        while chunk := file.read(1 << 16):
            at += len(chunk)
            while chunk:
                rest += inflater.decompress(chunk)
                chunk = inflater.unused_data
                if inflater.eof:
                    end, rest, inflater = at - len(chunk), bytearray(), zlib.decompressobj(31)
    return end, bytes(rest[: rest.rfind(b"\n") + 1])
