"""`tidebook replay`, and what other commands with a screen share with it."""

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
    replay = commands.add_parser(
        "replay",
        usage="tidebook replay CAPTURE… [--check ORACLE] [--speed N|max] …\n"
        "       tidebook replay CAPTURE… [--speed N|max] -- CMD ARGS…",
        help="play recordings through the client, over sockets on this machine; with `-- CMD`, to that program, "
        "several as one in order of time",
    )
    replay.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE", help="a recording (*.jsonl.gz)")
    replay.add_argument(
        "--check", type=Path, metavar="ORACLE", help="compare every book of one recording with this file"
    )
    replay.add_argument("--venue", metavar="NAME[:era]", help="whose recording it is, where its host does not tell")
    replay.add_argument(
        "--declared",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a Python file, or a folder of them, with further venues in a tuple VENUES; it is run",
    )
    replay.add_argument(
        "--speed", type=speed_of, default=1.0, metavar="N|max", help="times the recorded pace; default 1"
    )
    add_view_arguments(replay)
    replay.set_defaults(run=_replay, program=[])


def without_program(argv: list[str]) -> tuple[list[str], list[str]]:
    """What is before `--` and the program behind it, where this command is asked for."""
    if argv[:1] != ["replay"] or "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def add_view_arguments(command: argparse.ArgumentParser) -> None:
    """What every command with this screen takes."""
    command.add_argument("--seconds", type=positive, metavar="N", help="stop after so many seconds")
    command.add_argument("--plain", action="store_true", help="lines instead of a screen; so without a terminal")
    command.add_argument("--depth", type=depth_of, default=10, metavar="N", help="levels shown of a book; default 10")
    command.add_argument("--engine", choices=("native", "python"), help="default: native where it was built")


def positive(text: str) -> float:
    """Of an argument: a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return value


def speed_of(text: str) -> float | None:
    """Of an argument: how fast, None for `max`."""
    return None if text == "max" else positive(text)


def depth_of(text: str) -> int:
    """Of an argument: how many levels."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= DEPTHS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {DEPTHS}")
    return int(text)


def samples() -> list[Path]:
    """The recordings that ship with the package."""
    import tidebook.record

    return sorted((Path(tidebook.record.__path__[0]) / "samples").glob("*.jsonl.gz"))


def _replay(arguments: argparse.Namespace) -> int:
    if arguments.declared:
        from tidebook.record.declared import load

        for path in arguments.declared:
            load(path)
    if arguments.program:
        if arguments.check is not None:
            raise UsageError("a program is run against recordings without --check")
        return asyncio.run(_run(arguments))
    if arguments.check is None:
        return play(arguments.captures, arguments.venue, arguments)
    if len(arguments.captures) != 1:
        raise UsageError(f"--check takes exactly one CAPTURE, not {len(arguments.captures)}")
    return asyncio.run(_check(arguments))


def play(captures: list[Path], venue: str | None, arguments: argparse.Namespace) -> int:
    """Play recordings to their end, for somebody to look at."""
    from tidebook.cli.watch import Speed, watch
    from tidebook.ui.watched import Watched, look_at_all

    recordings = [one for path in captures for one in look_at_all(path, venue)]
    for text in dict.fromkeys(one.cut for one in recordings if one.cut):
        _warn(text)

    async def run() -> int:
        watched = [Watched(recording, arguments.engine) for recording in recordings]
        return await watch(watched, view_of(arguments), Speed(arguments.speed), arguments.seconds)

    return asyncio.run(run())


async def _run(arguments: argparse.Namespace) -> int:
    """While the program runs; its status."""
    from tidebook.cli.sim import run_against
    from tidebook.cli.stage import Stage
    from tidebook.io.serve import Server
    from tidebook.record.opened import OpenedRecording

    recording = OpenedRecording(arguments.captures, arguments.venue, arguments.engine)
    if recording.cut:
        _warn(recording.cut)
    stage = Stage(recording, arguments.speed, _warn)
    server = Server(stage)
    await server.start()
    playing = asyncio.ensure_future(stage.run())
    try:
        return await run_against(server.at, arguments.program)
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await server.stop()


def view_of(arguments: argparse.Namespace) -> "View":
    """A screen on a terminal, else lines."""
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


def _warn(text: str) -> None:
    """The same, beside what is asked for."""
    print(f"tidebook: {shown(text, LONGEST)}", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    """Print a line; what files say may stand in it."""
    print(shown(text, LONGEST))
