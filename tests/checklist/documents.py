"""The documents, where they are beside the project."""

from os import environ
from pathlib import Path

import pytest

SEEDS = Path(environ.get("TIDEBOOK_SHARED", Path(__file__).parents[3] / "shared")) / "seeds"


def document(number: str) -> str:
    """A document's text; where it is not there the test is skipped."""
    found = sorted(SEEDS.glob(f"{number}_*.txt"))
    if not found:
        pytest.skip("the document is not beside this checkout: set TIDEBOOK_SHARED")
    return found[0].read_text("utf-8")
