"""`tidebook replay` and `tidebook demo`."""

import argparse
import asyncio
from pathlib import Path

from tidebook.record.check import check


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    replay = commands.add_parser("replay", help="play recordings through the client, over sockets on this machine")
    replay.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE", help="a recording (*.jsonl.gz)")
    replay.add_argument("--check", type=Path, metavar="ORACLE", help="compare every book with this file")
    replay.add_argument("--engine", choices=("native", "python"), help="default: native where it was built")
    replay.add_argument("--venue", metavar="NAME[:era]", help="whose recording it is, where its host does not tell")
    replay.set_defaults(run=_replay)


def _replay(arguments: argparse.Namespace) -> int:
    return asyncio.run(_check(arguments))


async def _check(arguments: argparse.Namespace) -> int:
    verdict = await check(
        arguments.captures[0], arguments.check, engine=arguments.engine, venue=arguments.venue, say=print
    )
    for fault in verdict.faults:
        print(f"FAULT {fault}")
    return 0 if verdict.passed else 1
