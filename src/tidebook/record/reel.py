"""Several files as one recording: their records in order of time, each connection by a name of its own.

Files of several venues, runs one after the other, or one run that was cut into files. A connection that goes on without
having been opened is the one of that name and URL which an earlier file left open. What else a file left open ends
where a later one opens a connection to the same host: nothing would be heard on it any more.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import chain, count
from operator import itemgetter
from pathlib import Path
from urllib.parse import urlsplit

from tidebook.record.capture import Record, records

_Key = tuple[str, str]
"""A connection as its file has it: name and URL."""


def joined(paths: Sequence[Path], on_cut: Callable[[str], None] | None = None) -> Iterator[Record]:
    """The records of all files, numbered anew where there are several. Raises as `records`, and tells `on_cut` so."""
    return records(paths[0], on_cut) if len(paths) == 1 else _Reel().play(paths, on_cut)


class _Reel:
    def __init__(self) -> None:
        self._name: dict[tuple[int, str], str] = {}  # of a file's connection
        self._taken: set[str] = set()
        self._open: dict[int, dict[_Key, str]] = {}  # by file
        self._left: dict[_Key, str] = {}  # open, and their file is over

    def play(self, paths: Sequence[Path], on_cut: Callable[[str], None] | None) -> Iterator[Record]:
        self._open = {file: {} for file in range(len(paths))}
        files = [_timed(n, records(path, on_cut)) for n, path in enumerate(paths)]
        begun = sorted(((next(file), file) for file in files), key=lambda pair: pair[0][0])  # of equal times, the older
        rows = merge(*(chain([first], rest) for first, rest in begun), key=itemgetter(0))
        numbers = count(1)
        for _, file, record in rows:
            if record is None:
                self._left.update(self._open.pop(file))
                continue
            conn = record.conn
            if record.url.startswith(("ws:", "wss:")):
                for name, url in self._ended(file, record):
                    yield Record(next(numbers), record.at_ns, "close", name, url, "the recording ended")
                conn = self._named(file, record)
            yield Record(next(numbers), record.at_ns, record.dir, conn, record.url, record.message)

    def _ended(self, file: int, record: Record) -> list[tuple[str, str]]:
        """What was left open, and ends with this record: its name and URL."""
        if not self._left or (file, record.conn) in self._name or self._goes_on(record):
            return []
        host = urlsplit(record.url).hostname
        over = [key for key in self._left if urlsplit(key[1]).hostname == host]
        return [(self._left.pop(key), key[1]) for key in over]

    def _goes_on(self, record: Record) -> bool:
        return record.dir != "open" and (record.conn, record.url) in self._left

    def _named(self, file: int, record: Record) -> str:
        """The name of a record's connection, as it is from this record on."""
        key = record.conn, record.url
        name = self._name.get((file, record.conn))
        if name is None:
            name = self._left.pop(key) if self._goes_on(record) else self._fresh(record.conn)
            self._name[file, record.conn] = name
            self._open[file][key] = name
        if record.dir == "close":
            self._open[file].pop(key, None)
        return name

    def _fresh(self, conn: str) -> str:
        """Its own name where no other has it."""
        names = (conn if n == 1 else f"{conn} ({n})" for n in count(1))
        name = next(one for one in names if one not in self._taken)
        self._taken.add(name)
        return name


def _timed(file: int, found: Iterator[Record]) -> Iterator[tuple[int, int, Record | None]]:
    """A file's records in its own order, whatever its clock did; None is its end."""
    at_ns = 0
    for record in found:
        at_ns = max(at_ns, record.at_ns)
        yield at_ns, file, record
    yield at_ns, file, None
