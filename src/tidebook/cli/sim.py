"""`tidebook sim`: the embedded exchange for anybody's program."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from tidebook.model.credentials import SIMULATOR

if TYPE_CHECKING:
    from tidebook.sim.server import serve

PORT = 8800
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    sim = commands.add_parser(
        "sim",
        usage="tidebook sim [--port N] [--seed N] [--venue NAME]… [--speed N] [--date DAY] [-- CMD ARGS…]",
        help="an exchange on this machine, spoken to as its venues are; with `-- CMD`, a program run against it",
    )
    sim.add_argument("--port", type=_port, metavar="N", help=f"default {PORT}; with a program any free one")
    sim.add_argument("--seed", type=int, default=1, metavar="N", help="of everything; default 1")
    sim.add_argument(
        "--venue", action="append", metavar="NAME", help="of a venue or an exchange; default: all that it can speak"
    )
    sim.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="times real time; default 1")
    sim.add_argument("--date", metavar="DAY", help="YYYY-MM-DD: what venues retired by then is gone; default today")
    sim.add_argument("program", nargs="*", metavar="CMD", help="is run with TIDEBOOK_AT set; its exit status is ours")
    sim.set_defaults(run=_sim)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1000")
    return value


def _sim(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run(arguments, arguments.program) if arguments.program else _serve(arguments))


def _made(arguments: argparse.Namespace, port: int) -> "serve":
    from tidebook.sim.server import serve

    port = port if arguments.port is None else arguments.port
    return serve(arguments.seed, arguments.venue, port=port, speed=arguments.speed, date=arguments.date)


async def _serve(arguments: argparse.Namespace) -> int:
    """Until Ctrl-C."""
    over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(number: int) -> None:
        if not over.done():
            over.set_result(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    async with _made(arguments, PORT) as sim:
        names = " ".join(sim.venues)
        print(f"tidebook sim: {names} at {sim.at} — run your program with TIDEBOOK_AT={sim.at}; Ctrl-C ends it")
        key = SIMULATOR.slots
        print(f"an account: key {key['key']}, secret {key['secret']}, and where one is wanted {key['passphrase']}")
        sys.stdout.flush()
        return await over


async def _run(arguments: argparse.Namespace, program: list[str]) -> int:
    async with _made(arguments, 0) as sim:
        return await run_against(sim.at, program)


async def run_against(at: str, program: list[str]) -> int:
    """Run a program with TIDEBOOK_AT set. Its status; 128 + n where signal n ended it."""
    try:
        child = subprocess.Popen(program, env={**os.environ, "TIDEBOOK_AT": at})  # noqa: ASYNC220 - it returns at once
    except OSError as error:
        print(f"tidebook: {program[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    for number in _PASSED_ON:
        asyncio.get_running_loop().add_signal_handler(number, _pass_on, child, number)
    status = await asyncio.to_thread(child.wait)
    return status if status >= 0 else 128 - status


def _pass_on(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """To the program too, unless the terminal has done so already."""
    if number == signal.SIGINT and _in_front():
        return
    with suppress(ProcessLookupError):
        child.send_signal(number)


def _in_front() -> bool:
    """Whether the terminal sends its signals to this process and its children."""
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False
