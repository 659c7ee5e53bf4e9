"""The "before" side of a migration guide of ours, named on the command line: of each task it is said that it ran."""

import asyncio
import os
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import say

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "docs"))

import pages  # noqa: E402 - it is found there alone

KEY, SECRET = "simulator-key", "simulator-secret"  # of the account that is there from the beginning
TASKS = [str(n) for n in range(1, 11)]


def heard(block: pages.Block, printed: str) -> None:
    if block.heading.partition(". ")[0] in TASKS and not printed.strip():
        say.failed(block.heading, ValueError("it prints nothing"))
    else:
        say.did(block.heading)


def trust() -> None:
    """Also what takes its authorities from certifi alone believes the one that all others are told of."""
    with suppress(ImportError):
        import certifi

        certifi.where = lambda: os.environ["SSL_CERT_FILE"]


async def main(peer: str) -> None:
    names: dict[str, Any] = {"__name__": "__main__", "KEY": KEY, "SECRET": SECRET}
    await pages.run(ROOT / "docs" / "guides" / f"{peer}.md", "before", names, heard)


trust()
say.version(version(sys.argv[1]))
asyncio.run(main(sys.argv[1]))
