"""`tidebook COMMAND …`: which command, with which arguments, and what its errors look like."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from tidebook.cli import replay, sim
from tidebook.core.redact import shown
from tidebook.errors import TidebookError

LONGEST = 1000  # characters of an error that are printed

_TRY = """\
Five things to try:
  tidebook demo                           two exchanges' books, live from small recordings that ship with the package
  tidebook demo --seconds 10 --plain      the same as lines of text
  tidebook replay FILE                    your recording at the pace at which it was made
  tidebook replay FILE --speed max        … as fast as the machine can
  tidebook replay FILE --check ORACLE     is every book right, at every checkpoint?
"""


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    top = argparse.ArgumentParser(prog="tidebook", description="Live crypto order books that are proven right.")
    top.add_argument("--version", action="version", version=f"tidebook {version('tidebook')}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    replay.add_to(commands)
    sim.add_to(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. A TidebookError is one line on stderr and status 2."""
    arguments = parser().parse_args(argv)
    if arguments.command is None:
        print(_TRY, end="")
        return 0
    try:
        status: int = arguments.run(arguments)
    except TidebookError as error:
        print(f"tidebook: {type(error).__name__}: {shown(str(error), LONGEST)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell, also not when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"tidebook: {shown(str(error), LONGEST)}", file=sys.stderr)
        return 2
    return status
