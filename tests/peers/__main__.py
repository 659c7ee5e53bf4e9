"""`python -m tests.peers`: other projects' clients, unmodified, against the embedded exchange. See `make peers`."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.peers.authority import Authority
from tests.peers.plan import PROGRAMS, Program
from tests.peers.report import count, data, lines
from tests.peers.runner import PEERS, Outcome, sent
from tests.peers.theirs.library import Library, libraries
from tests.peers.theirs.ran import Told, ran
from tests.peers.untouched import files


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--only", metavar="WORD", help="programs and tests whose peer or name has this word")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the exchange; default 1")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all of it there too")
    return parser.parse_args()


async def all_of(programs: list[Program], seed: int) -> list[Outcome]:
    """One after the other, with one authority."""
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="tidebook-peers-") as name:
        folder = Path(name)
        authority = Authority(folder)
        for program in programs:
            print(f"{program.peer}, {program.name} …", file=sys.stderr, flush=True)
            outcomes.append(await sent(program, authority, folder, seed=seed))
    return outcomes


def main() -> int:
    """0: every book is equal, and every question answered, or there is a reason why not. 1: otherwise. 2: no peers."""
    asked = arguments()
    programs = [one for one in PROGRAMS if asked.only is None or asked.only in f"{one.peer} {one.name}"]
    peers = sorted({one.peer for one in programs})
    packages = {peer: files(PEERS / peer) if (PEERS / peer / ".made").exists() else None for peer in peers}
    chosen = [one for one in libraries() if asked.only is None or asked.only in one.title]
    if not any(packages.values()) and not chosen:
        print("none of them is installed. `make peers` does that" if programs else "no such program", file=sys.stderr)
        return 2
    outcomes = asyncio.run(all_of([one for one in programs if packages[one.peer]], asked.seed))
    theirs = asyncio.run(_theirs(chosen))
    print("\n".join(lines(outcomes, packages, theirs)))
    if asked.json is not None:
        told = data(outcomes, packages, theirs)
        asked.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if count(outcomes, packages, theirs) else 0


async def _theirs(chosen: list[Library]) -> list[Told]:
    """Other libraries' own tests, on our names, one after the other."""
    found: list[Told] = []
    for library in chosen:
        print(f"{library.title} …", file=sys.stderr, flush=True)
        found.append(await ran(library))
    return found


sys.exit(main())
