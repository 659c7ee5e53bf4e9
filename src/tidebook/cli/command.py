"""`tidebook COMMAND …`: which command, with which arguments, and what its errors look like."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, TextIO

from tidebook.cli import ask, bars, demo, explain, keys, live, record, replay, shell, sim, venues
from tidebook.core.redact import shown
from tidebook.errors import TidebookError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

LONGEST = 1000  # characters of an error that are printed

_TRY = """\
Five things to try:
  tidebook demo                           two exchanges inside the package, live; a cable is cut at second 6
  tidebook watch BTC/USDT --venue binance htx     the same screen on real venues
  tidebook book BTC/USDT --venue binance          the top of one book, once
  tidebook doctor binance                 can it be reached, is the clock right, what are the limits?
  tidebook sim -- CMD                     your program, against the exchange inside the package
"""


class _Parser(argparse.ArgumentParser):
    """Its help is output as any other: where it cannot be written that is not passed over."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        to = file or sys.stderr
        if message and to is not None:  # a program may have been given neither
            to.write(message)


def _top() -> argparse.ArgumentParser:
    return _Parser(prog="tidebook", description="Live crypto order books that are proven right.")


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    top = _top()
    top.add_argument("--version", action="version", version=f"tidebook {version('tidebook')}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    demo.add_to(commands)
    live.add_to(commands)
    ask.add_to(commands)
    bars.add_to(commands)
    venues.add_to(commands)
    keys.add_to(commands)
    record.add_to(commands)
    replay.add_to(commands)
    explain.add_to(commands)
    shell.add_to(commands)
    sim.add_to(commands)
    return top


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. A TidebookError is one line on stderr and status 2."""
    # The commands show what happens; without this Python prints the log between their lines.
    logging.getLogger("tidebook").addHandler(logging.NullHandler())
    try:
        try:
            return _status(argv)
        finally:
            _flush()
    except TidebookError as error:
        print(f"tidebook: {type(error).__name__}: {shown(str(error), LONGEST)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell, also not when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"tidebook: {shown(str(error), LONGEST)}", file=sys.stderr)
        return 2


def _flush() -> None:
    """At the interpreter's end it is too late to say that something cannot be written."""
    out: TextIO | None = sys.stdout  # a program may have been given none
    if out is not None:
        out.flush()


def _status(argv: Sequence[str] | None) -> int:
    given, program = replay.without_program([*(sys.argv[1:] if argv is None else argv)])
    arguments = parser().parse_args(given)
    if program:
        arguments.program = program
    if arguments.command is None:
        print(_TRY, end="")
        return 0
    status: int = arguments.run(arguments)
    return status
