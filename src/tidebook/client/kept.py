"""Pages of a long range in a file, so that who was killed goes on where they were.

The first line says what was asked, each further one is a page: which instrument, until when it is complete with it, and
its rows. A page is written, and on the disk, before the next one. A last line that is torn is dropped: so page and
progress are one write, and cannot disagree.
"""

import fcntl
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tidebook.errors import UsageError

T = TypeVar("T")


class Asked(msgspec.Struct, frozen=True):
    """What a file is of. `start` and `end` are as they were written, `start_ns` and `end_ns` what that meant then."""

    kind: str
    venue: str
    symbols: list[str]
    interval: str
    start: str
    end: str
    start_ns: int
    end_ns: int
    tidebook: int = 1  # the form of this file

    def is_same(self, other: "Asked") -> bool:
        """Whether the same was asked, whenever it was."""
        mine, theirs = (msgspec.structs.replace(one, start_ns=0, end_ns=0) for one in (self, other))
        return mine == theirs


class _Line(msgspec.Struct):
    source: int
    until_ns: int
    rows: msgspec.Raw


_LINE = msgspec.json.Decoder(_Line)


class Kept:
    """One such file, held by one process at a time. `asked` is what was asked first, `until` what is had of each.

    It may be closed while another thread opens it, or writes: then that is not begun, or ends before.
    """

    def __init__(self, path: Path, asked: Asked) -> None:
        self.path = path
        self.asked = asked
        self.until: dict[int, int] = {}
        self._file = -1
        self._closed = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Raises UsageError where it is no file, of something else, damaged, or another process writes it; OSError."""
        with self._lock:
            if self._closed:
                return
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
            try:
                if not stat.S_ISREG(os.fstat(self._file).st_mode):  # a device has no end
                    raise UsageError(f"{self.path} is no file that can hold pages")
                try:
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise UsageError(f"{self.path} is being written by another process") from None
                self.asked = self._begin(self.asked)
            except BaseException:
                os.close(self._file)
                self._file = -1
                raise

    def _begin(self, asked: Asked) -> Asked:
        with self.path.open("rb") as lines:
            head = lines.readline()
            if not head.endswith(b"\n"):
                if head and not msgspec.json.encode(asked).startswith(head[:20]):
                    raise UsageError(f"{self.path} is no file of kept pages")
                os.ftruncate(self._file, 0)
                self._write(msgspec.json.encode(asked))
                return asked
            try:
                found = msgspec.json.decode(head, type=Asked)
            except msgspec.MsgspecError:
                raise UsageError(f"{self.path} is no file of kept pages") from None
            if not found.is_same(asked):
                raise UsageError(f"{self.path} is of another range: {head.decode(errors='replace').strip()[:300]}")
            whole = len(head)
            for number, line in enumerate(lines, 2):
                if not line.endswith(b"\n"):
                    break
                one = self._decoded(_LINE, line, number)
                self.until[one.source] = one.until_ns
                whole += len(line)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, 0, os.SEEK_END)
        return found

    def pages(self, row: type) -> Iterator[tuple[int, list[Any]]]:
        """All that was there, one page in memory at a time. Raises UsageError for what is damaged."""
        rows_of: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
        with self.path.open("rb") as lines:
            lines.readline()
            for number, line in enumerate(lines, 2):
                one = self._decoded(_LINE, line, number)
                yield one.source, self._decoded(rows_of, one.rows, number)

    def _decoded(self, decoder: "msgspec.json.Decoder[T]", text: bytes | msgspec.Raw, number: int) -> T:
        """Of a whole line. What was written is on the disk, and what was torn has no end: this was done by others."""
        try:
            return decoder.decode(text)
        except msgspec.MsgspecError:
            raise UsageError(f"{self.path} is damaged in line {number}. Remove it, to begin anew") from None

    def add(self, source: int, until_ns: int, rows: list[Any]) -> None:
        """Write a page; on the disk when this returns. Nothing where it is closed."""
        with self._lock:
            if not self._closed:
                self._write(msgspec.json.encode({"source": source, "until_ns": until_ns, "rows": rows}))
                self.until[source] = until_ns

    def _write(self, line: bytes) -> None:
        left = memoryview(line + b"\n")
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)

    def close(self) -> None:
        """Give it to others, once what is being written is; the file stays."""
        with self._lock:
            self._closed = True
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
