"""`python -m tests.docs.after GUIDE`: the "after" side of a migration guide. TIDEBOOK_AT says where."""

import asyncio
import sys
from pathlib import Path

from tests.docs.pages import Block, run


def said(block: Block, printed: str) -> None:
    print(f"== {block.heading}\n{printed}", end="", flush=True)


asyncio.run(run(Path(sys.argv[1]), "after", {"__name__": "__main__"}, said))
