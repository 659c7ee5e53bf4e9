"""How far long work is, on a terminal; nothing where there is none."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress


class Shown:
    """A bar on stderr, from 0 to `total`, as long as it is entered."""

    def __init__(self, title: str, total: float) -> None:
        seen = sys.stderr is not None and sys.stderr.isatty()  # a program may have been given no stderr at all
        self._progress = Progress(console=Console(stderr=True), transient=True, disable=not seen)
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def reach(self, done: float, title: str) -> None:
        """It has come so far, and is called this now."""
        self._progress.update(self._task, completed=done, description=title)
