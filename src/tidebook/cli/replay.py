"""`tidebook replay` and `tidebook demo`."""

import argparse
import asyncio
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tidebook.core.redact import shown
from tidebook.errors import UsageError

if TYPE_CHECKING:
    from tidebook.cli.watch import View

DEPTHS = 50
LONGEST = 2000  # characters of a line that a check prints


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    demo = commands.add_parser(
        "demo", help="the books of two venues, kept from small recordings that ship with the package"
    )
    demo.set_defaults(run=_demo)
    replay = commands.add_parser("replay", help="play recordings through the client, over sockets on this machine")
    replay.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE", help="a recording (*.jsonl.gz)")
    replay.add_argument(
        "--check", type=Path, metavar="ORACLE", help="compare every book of one recording with this file"
    )
    replay.add_argument("--venue", metavar="NAME[:era]", help="whose recording it is, where its host does not tell")
    replay.set_defaults(run=_replay)
    for command in (demo, replay):
        command.add_argument(
            "--speed", type=_speed, default=1.0, metavar="N|max", help="times the recorded pace; default 1"
        )
        command.add_argument("--seconds", type=_positive, metavar="N", help="stop after so many seconds")
        command.add_argument("--plain", action="store_true", help="lines instead of a screen; so without a terminal")
        command.add_argument("--depth", type=_depth, default=10, metavar="N", help="levels shown of a book; default 10")
        command.add_argument("--engine", choices=("native", "python"), help="default: native where it was built")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return value


def _speed(text: str) -> float | None:
    return None if text == "max" else _positive(text)


def _depth(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= DEPTHS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {DEPTHS}")
    return int(text)


def samples() -> list[Path]:
    """The recordings that ship with the package."""
    import tidebook.record

    return sorted((Path(tidebook.record.__path__[0]) / "samples").glob("*.jsonl.gz"))


def _demo(arguments: argparse.Namespace) -> int:
    return _watch(samples(), None, arguments)


def _replay(arguments: argparse.Namespace) -> int:
    if arguments.check is None:
        return _watch(arguments.captures, arguments.venue, arguments)
    if len(arguments.captures) != 1:
        raise UsageError(f"--check takes exactly one CAPTURE, not {len(arguments.captures)}")
    return asyncio.run(_check(arguments))


def _watch(captures: list[Path], venue: str | None, arguments: argparse.Namespace) -> int:
    from tidebook.cli.watch import Speed, watch
    from tidebook.ui.watched import Watched, look_at

    recordings = [look_at(path, venue) for path in captures]

    async def run() -> int:
        watched = [Watched(recording, arguments.engine) for recording in recordings]
        return await watch(watched, _view(arguments), Speed(arguments.speed), arguments.seconds)

    return asyncio.run(run())


def _view(arguments: argparse.Namespace) -> "View":
    if arguments.plain or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in {"dumb", "unknown"}:
        from tidebook.ui.lines import Lines

        return Lines()
    from tidebook.ui.screen import Screen

    return Screen(depth=arguments.depth)


async def _check(arguments: argparse.Namespace) -> int:
    from tidebook.record.check import check

    verdict = await check(
        arguments.captures[0], arguments.check, engine=arguments.engine, venue=arguments.venue, say=_say
    )
    for fault in verdict.faults:
        _say(f"FAULT {fault}")
    return 0 if verdict.passed else 1


def _say(text: str) -> None:
    """Print a line; what files say may stand in it."""
    print(shown(text, LONGEST))
