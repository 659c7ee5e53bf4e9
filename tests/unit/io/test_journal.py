"""What is in the journal survives whoever wrote it."""

import asyncio
import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tidebook.errors import UsageError
from tidebook.io.journal import Entry, Journal

pytestmark = pytest.mark.asyncio

PROGRAM = """
import asyncio, os, signal, sys
from tidebook.io.journal import Entry, Journal

async def main():
    journal = Journal(sys.argv[1])
    journal.begin()
    for number in range(20):
        await journal.write(Entry(f"tb{number}", number, "x.spot", "BTC/USDT", number, {"side": "buy"}))
        if number % 2:
            journal.end(f"tb{number}", "accepted")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def _entry(id: str) -> Entry:
    return Entry(id, 1, "x.spot", "BTC/USDT", 1, {"side": "buy"})


def _opened(path: Path) -> Journal:
    journal = Journal(path)
    journal.begin()
    return journal


async def _open_in(path: Path) -> list[str]:
    journal = _opened(path)
    await journal.close()
    return [*journal.open]


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "pipe"])
async def test_what_keeps_nothing_is_no_journal(tmp_path: Path, device: str) -> None:
    path = tmp_path / device  # an absolute path stays what it is
    if device == "pipe":
        os.mkfifo(path)
    if not os.access(path, os.R_OK | os.W_OK):
        pytest.skip(f"{path} is not there for us")
    with pytest.raises(UsageError, match="is no file"):
        _opened(path)


async def test_after_a_kill_all_without_an_end_are_open(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    writing = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(path))
    assert await writing.wait() == -signal.SIGKILL
    journal = _opened(path)
    assert [*journal.open] == [f"tb{number}" for number in range(0, 20, 2)]
    assert journal.open["tb4"].at_ns == 4
    await journal.close()
    assert path.read_text().count("\n") == 10  # what has ended is not kept


@pytest.mark.parametrize("cut", range(2, 60, 7))
async def test_a_line_that_was_cut_harms_no_other(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = _opened(path)
    await journal.write(_entry("tb1"))
    await journal.write(_entry("tb2"))
    await journal.close()
    path.write_bytes(path.read_bytes()[:-cut])
    journal = _opened(path)
    assert [*journal.open] == ["tb1"]
    await journal.write(_entry("tb3"))
    await journal.close()
    assert await _open_in(path) == ["tb1", "tb3"]


async def test_a_crash_while_it_was_written_anew(tmp_path: Path) -> None:
    """The file was cut to nothing, and what was open stands beside it."""
    path = tmp_path / "journal"
    journal = _opened(path)
    await journal.write(_entry("tb1"))
    await journal.close()
    path.rename(tmp_path / "journal.new")
    path.touch()
    assert await _open_in(path) == ["tb1"]
    assert not (tmp_path / "journal.new").exists()


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Longer files are refused, as by a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


async def test_a_full_disk_is_an_error_and_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = _opened(path)
    await journal.write(_entry("tb1"))
    with _files_of_at_most(path.stat().st_size + 10), pytest.raises(OSError, match="File too large"):
        await journal.write(_entry("tb2"))
    assert "tb2" not in journal.open
    await journal.write(_entry("tb3"))
    await journal.close()
    assert await _open_in(path) == ["tb1", "tb3"]


async def test_a_full_disk_and_a_crash_before_it_lose_nothing(tmp_path: Path) -> None:
    """The crash came while it was written anew: what stands beside it is all that there is."""
    path, beside = tmp_path / "journal", tmp_path / "journal.new"
    journal = _opened(path)
    await journal.write(_entry("tb1"))
    await journal.close()
    path.rename(beside)
    path.touch()
    with _files_of_at_most(10), pytest.raises(UsageError, match="cannot be written: File too large"):
        Journal(path).begin()
    assert await _open_in(path) == ["tb1"]


async def test_an_end_that_has_no_room_takes_no_order_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end is written on the loop, while an order is written in a thread."""
    path = tmp_path / "journal"
    journal = _opened(path)
    await journal.write(_entry("tb1"))
    began, both, written = threading.Event(), threading.Event(), threading.Event()
    write = os.write

    def full(file: int, data: bytes) -> int:
        if b"accepted" in bytes(data):
            both.set()
            written.wait(0.2)  # in vain where the order waits for its turn
            raise OSError(errno.ENOSPC, "No space left on device")
        began.set()
        both.wait(0.2)
        many = write(file, data)
        written.set()
        return many

    monkeypatch.setattr(os, "write", full)
    writing = asyncio.create_task(journal.write(_entry("tb2")))
    assert await asyncio.to_thread(began.wait, 30)
    journal.end("tb1", "accepted")
    await writing
    monkeypatch.undo()
    await journal.close()
    assert await _open_in(path) == ["tb1", "tb2"]


async def test_it_stays_open_until_what_is_being_written_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often who waits for it is cancelled: its number may be another file's afterwards."""
    path = tmp_path / "journal"
    journal = _opened(path)
    syncing, go = threading.Event(), threading.Event()
    sync = os.fsync

    def slow(file: int) -> None:
        syncing.set()
        go.wait(30)
        sync(file)

    monkeypatch.setattr(os, "fsync", slow)
    writing = asyncio.create_task(journal.write(_entry("tb1")))
    assert await asyncio.to_thread(syncing.wait, 30)
    for _ in range(3):
        writing.cancel()
        await asyncio.sleep(0)
    closing = asyncio.create_task(journal.close())
    for _ in range(10):
        await asyncio.sleep(0)
    assert (writing.done(), closing.done()) == (False, False)
    go.set()
    with suppress(asyncio.CancelledError):
        await writing
    await closing
    monkeypatch.undo()
    assert await _open_in(path) == []


@pytest.mark.parametrize("left", ['{"id":"tb1","num', '{"i', "\0\0\0\0"])
async def test_a_crash_in_the_first_line_keeps_nobody_out(tmp_path: Path, left: str) -> None:
    path = tmp_path / "journal"
    path.write_text(left)
    journal = _opened(path)
    await journal.write(_entry("tb2"))
    await journal.close()
    assert await _open_in(path) == ["tb2"]


async def test_a_line_that_cannot_be_read_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """There was an order in it, of which nobody will ask what became of it."""
    path = tmp_path / "journal"
    journal = _opened(path)
    for name in ("tb1", "tb2", "tb3"):
        await journal.write(_entry(name))
    await journal.close()
    path.write_text(path.read_text().replace('"tb2"', '"tb2'))
    assert await _open_in(path) == ["tb1", "tb3"]
    assert "line 2 of the journal" in caplog.text
    assert "tb2" in caplog.text


async def test_one_process_has_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = _opened(path)
    with pytest.raises(UsageError, match="open elsewhere"):
        Journal(path).begin()
    await journal.close()
    await _opened(path).close()


async def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        Journal(tmp_path / "absent" / "journal").begin()


async def test_who_waits_is_written_in_order(tmp_path: Path) -> None:
    journal = _opened(tmp_path / "journal")
    await asyncio.gather(*(journal.write(_entry(f"tb{number}")) for number in range(50)))
    await journal.close()
    assert await _open_in(tmp_path / "journal") == [f"tb{number}" for number in range(50)]
    assert oct((tmp_path / "journal").stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("content", ["print(1)\n", "{}\n", '{"id": 1}', "\n"])
async def test_what_is_no_journal_stays_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(content)
    with pytest.raises(UsageError, match="is no journal"):
        Journal(path).begin()
    assert path.read_text() == content


@pytest.mark.parametrize("path", ["", "a\0b", 5, None])
async def test_what_is_no_path(path: object) -> None:
    with pytest.raises(UsageError, match="is no path"):
        Journal(path)  # type: ignore[arg-type]


async def test_it_is_shortened_while_it_is_open_and_nothing_open_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, most=1000)
    journal.begin()
    longest = 0
    for number in range(120):
        await journal.write(_entry(f"tb{number}"))
        if number % 40:
            journal.end(f"tb{number}", "accepted")
        longest = max(longest, path.stat().st_size)
    assert longest < 2000
    with pytest.raises(UsageError, match="open elsewhere"):
        Journal(path).begin()  # it is the same file, and locked
    await journal.close()
    assert await _open_in(path) == ["tb0", "tb40", "tb80"]
    assert not path.with_name("journal.new").exists()


async def test_where_it_cannot_be_shortened_it_grows_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, most=1)
    journal.begin()
    path.with_name("journal.new").mkdir()  # in the way
    await journal.write(_entry("tb1"))
    journal.end("tb1", "accepted")
    await journal.write(_entry("tb2"))
    await journal.close()
    path.with_name("journal.new").rmdir()
    assert "cannot be written anew" in caplog.text
    assert await _open_in(path) == ["tb2"]
