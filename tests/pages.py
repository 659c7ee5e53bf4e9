"""Pages that are made from what is there: printed, or written."""

import sys
from pathlib import Path


def tell(path: Path, text: str) -> int:
    """Print it, or with ``--write`` write it where it belongs; the exit status."""
    if sys.argv[1:] == ["--write"]:
        path.write_text(text, "utf-8")
    else:
        print(text, end="")
    return 0
