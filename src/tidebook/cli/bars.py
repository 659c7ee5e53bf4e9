"""`tidebook bars`: a long range of bars, into a file or onto the screen."""

import argparse
import asyncio
import csv
import fcntl
import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from tidebook.client.run import run
from tidebook.errors import TidebookError, UsageError

if TYPE_CHECKING:
    from tidebook.client.bars import Bars
    from tidebook.history import History
    from tidebook.model.facts import Bar

SHOWN: Final = 20  # rows that are printed without a file


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    bars = commands.add_parser("bars", help="bars of the past, into a file or onto the screen")
    bars.add_argument("symbol", metavar="SYMBOL", help="like BTC/USDT")
    bars.add_argument("interval", metavar="INTERVAL", help="like 1m, 4h, 1d")
    bars.add_argument("--venue", required=True, metavar="V", help="like binance")
    bars.add_argument("--days", type=_days, metavar="N", help="the last N days")
    bars.add_argument("--start", metavar="T", help="like 2026-01-31, 2026-01-31T12:00Z or 30d")
    bars.add_argument("--end", metavar="T", help="likewise; now without")
    bars.add_argument("--out", type=Path, metavar="FILE", help=f"its name ends in {', '.join(WRITERS)}")
    bars.add_argument(
        "--resume", action="store_true", help="go on where the same command was interrupted; what ends now, to now"
    )
    bars.set_defaults(run=_run)


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 100_000:
        raise argparse.ArgumentTypeError("a whole number of days, at least one")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    if (arguments.days is None) == (arguments.start is None) or (arguments.days and arguments.end):
        raise UsageError("which range? --days N, or --start T and perhaps --end T")
    if arguments.out is None and arguments.resume:
        raise UsageError("--resume goes on with a file: --out FILE")
    if arguments.out is not None:
        _check_out(arguments.out)
    return run(_bars(arguments))


def _check_out(out: Path) -> None:
    """Before a long range is asked for, not after it."""
    if _kind_of(out) not in WRITERS:
        raise UsageError(f"{out.name!r} does not end in {', '.join(WRITERS)}")
    if out.is_dir():
        raise UsageError(f"{out} is a directory")
    if out.exists() and not out.is_file():
        raise UsageError(f"{out} is no file: what is there would be replaced")
    if not out.parent.is_dir():
        raise UsageError(f"there is no directory {out.parent}")


def _kind_of(out: Path) -> str:
    return out.suffix.lower()


async def _bars(arguments: argparse.Namespace) -> int:
    from tidebook import history
    from tidebook.client.market import connect

    out: Path | None = arguments.out
    kept = None if out is None else out.with_name(f"{out.name}.part")
    start = f"{arguments.days}d" if arguments.days else arguments.start
    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("tidebook: %(message)s"))
    logging.getLogger("tidebook.history").addHandler(told)
    async with connect(arguments.venue) as market:
        pages = history.bars(
            market, arguments.symbol, arguments.interval, start=start, end=arguments.end, venue=arguments.venue,
            resume=kept, progress=True,
        )  # fmt: skip
        async with pages:
            if out is None:
                return await _show(pages)
            assert kept is not None
            try:
                count = await _write(pages, out, None if arguments.resume else kept)
            except UsageError:
                raise
            except (asyncio.CancelledError, TidebookError, OSError) as error:
                if kept.exists():
                    why = "interrupted" if isinstance(error, asyncio.CancelledError) else "not whole"
                    print(f"{why}; the same command with --resume goes on from {kept}", file=sys.stderr)
                raise
            kept.unlink(missing_ok=True)
    print(f"{count} bars in {out}, {len(pages.gaps)} gaps")
    return 0


async def _show(pages: "History[Bar]") -> int:
    last: list[dict[str, Any]] = []
    count = 0
    async for page in pages:
        last = [*last, *page.to_dicts()][-SHOWN:]
        count += len(page)
    names = ("open", "high", "low", "close", "volume")
    from tidebook.model.facts import instant

    for row in last:
        print(f"{instant(row['timestamp']):%Y-%m-%d %H:%M}  " + "  ".join(f"{row[name]:f}" for name in names))
    print(f"{count} bars, {len(pages.gaps)} gaps; the last {len(last)} are shown")
    return 0


async def _write(pages: "History[Bar]", out: Path, old: Path | None = None) -> int:
    """Page after page into a file beside it, which takes its place when it is complete. `old` goes before.

    Raises UsageError where another process does the same now.
    """
    count = 0
    with _alone(out, old) as file:
        writer = WRITERS[_kind_of(out)](file)
        async for page in pages:
            writer.add(page)  # type: ignore[arg-type]
            count += len(page)
        writer.end()
    return count


@contextmanager
def _alone(out: Path, old: Path | None) -> Iterator[BinaryIO]:
    """The file beside it, or beside what it is a link to, empty, for this process alone."""
    out = Path(os.path.realpath(out))
    new = out.with_name(f"{out.name}.new")
    with new.open("ab"):
        """It is there; what stands in it may be another process's."""
    with new.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(os.fstat(file.fileno()), new.stat())
        except OSError:
            is_ours = False
        if not is_ours:  # or it was, and has become the other one's result in this instant
            raise UsageError(f"{out} is being written by another process")
        try:
            if old is not None:
                old.unlink(missing_ok=True)
            file.truncate(0)
            yield file
            file.flush()
            os.fsync(file.fileno())
            new.replace(out)
        finally:
            new.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------ files


class Writer(ABC):
    """Writes one file; it has the columns of an empty table where there are no pages."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @abstractmethod
    def add(self, page: "Bars") -> None:
        """One page."""

    @abstractmethod
    def end(self) -> None:
        """There are no more."""


class Lines(Writer):
    """An object a line: exact numbers as text, times as ns UTC."""

    def add(self, page: "Bars") -> None:
        for row in page.to_dicts():
            self._file.write(msgspec.json.encode(row) + b"\n")

    def end(self) -> None:
        """There is nothing behind the last line."""


class Csv(Writer):
    """Exact numbers, times as ns UTC."""

    def __init__(self, file: BinaryIO) -> None:
        from tidebook.client.columns import BARS

        super().__init__(file)
        self._rows = csv.writer(self)
        self._rows.writerow(BARS.columns)

    def write(self, text: str) -> None:
        """What the writer of rows says."""
        self._file.write(text.encode())

    def add(self, page: "Bars") -> None:
        self._rows.writerows(row.values() for row in page.to_dicts())

    def end(self) -> None:
        """There is nothing behind the last line."""


class Arrow(Writer):
    """An Arrow file, a batch a page; floats, times with their zone."""

    def __init__(self, file: BinaryIO) -> None:
        from tidebook.client.columns import BARS
        from tidebook.client.tables import Table

        super().__init__(file)
        self._to = self._open(Table(BARS, ()).to_arrow().schema)

    def _open(self, schema: Any) -> Any:
        from tidebook.client.tables import extra

        return extra("pyarrow.ipc").new_file(self._file, schema)

    def add(self, page: "Bars") -> None:
        self._to.write_table(page.to_arrow())

    def end(self) -> None:
        self._to.close()


class Parquet(Arrow):
    """The same as Parquet, a row group a page."""

    def _open(self, schema: Any) -> Any:
        from tidebook.client.tables import extra

        return extra("pyarrow.parquet").ParquetWriter(self._file, schema)


WRITERS: Final[dict[str, Callable[[BinaryIO], Writer]]] = {
    ".parquet": Parquet,
    ".csv": Csv,
    ".arrow": Arrow,
    ".jsonl": Lines,
}
