"""What the pages of the documentation hold: their fenced blocks, found as a reader finds them.

Plain Python without any package: other projects' environments import it too.
"""

import asyncio
import inspect
import io
import re
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial"
GUIDES = ROOT / "docs" / "guides"
LATEST = 30.0  # seconds for one snippet

_FENCE = re.compile(r"^```(?P<words>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: the words after its fence, its text, its first line's number, the heading that it is under."""

    words: tuple[str, ...]
    text: str
    line: int
    heading: str


def blocks(page: Path) -> list[Block]:
    """All of a page, in order. What has no word after its fence is for the eye alone."""
    text = page.read_text(encoding="utf-8")
    found = []
    for one in _FENCE.finditer(text):
        above = _HEADING.findall(text, 0, one.start())
        line = text.count("\n", 0, one.start("text")) + 1
        found.append(Block(tuple(one["words"].split()), one["text"], line, above[-1] if above else ""))
    return found


def snippets(guide: Path, side: str) -> list[Block]:
    """The code of one side of a guide, "before" or "after"."""
    return [one for one in blocks(guide) if one.words == ("python", side)]


async def run(guide: Path, side: str, names: dict[str, Any], said: Callable[[Block, str], None]) -> None:
    """One side, block after block, as in a notebook: `await` stands outside of functions, names stay.

    `said` hears what each has printed. The first exception ends it; its traceback has the page's own line.
    """
    for block in snippets(guide, side):
        source = "\n" * (block.line - 1) + block.text
        code = compile(source, str(guide), "exec", flags=PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        out = io.StringIO()
        async with asyncio.timeout(LATEST):
            with redirect_stdout(out):
                result = eval(code, names)
                if inspect.isawaitable(result):
                    await result
        said(block, out.getvalue())
