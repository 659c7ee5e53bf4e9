"""Programs in processes of their own, forked from one that has imported the package: each is spared that second.

The package is imported already, nothing else differs: folder, environment, output and `__main__` are the program's own.
"""

import asyncio
import multiprocessing
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.docs.pages import Block, run

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.docs.imported"])


class Made(NamedTuple):
    """What a program came to."""

    returncode: int | None
    stdout: str
    stderr: str


def forked(does: Callable[[str], None], file: Path, home: Path, told: dict[str, str], latest: float) -> Made:
    """Let a function of a module of ours do it with this file, in its folder `home`. Late ones are killed: None."""
    out, err = home / ".stdout", home / ".stderr"
    process = FORKS.Process(target=_begun, args=(does, str(file), str(home), told, str(out), str(err)))
    process.start()
    try:
        process.join(latest)
        code = process.exitcode
    finally:
        process.kill()
        process.join()
    return Made(code, *(path.read_text("utf-8") if path.exists() else "" for path in (out, err)))


def program(file: str) -> None:
    """`python FILE`"""
    sys.argv[:] = [file]
    runpy.run_path(file, run_name="__main__")


def after(guide: str) -> None:
    """The "after" side of a migration guide: what it prints, under its headings."""

    def said(block: Block, printed: str) -> None:
        print(f"== {block.heading}\n{printed}", end="", flush=True)

    names: dict[str, Any] = {"__name__": "__main__"}
    asyncio.run(run(Path(guide), "after", names, said))


def _begun(does: Callable[[str], None], file: str, home: str, told: dict[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(told)
    os.chdir(home)
    sys.path.insert(0, home)
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    does(file)
