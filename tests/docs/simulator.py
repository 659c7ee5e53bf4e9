"""A simulator in a process of its own, and what a reader's program is told of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def simulator() -> Iterator[str]:
    """Its address."""
    sim = [sys.executable, "-m", "tidebook", "sim", "--port", "0"]
    with subprocess.Popen(sim, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r" at (127\.0\.0\.1:\d+) ", process.stdout.readline())
            assert found is not None
            yield found[1]
        finally:
            process.terminate()


def environment(home: Path) -> dict[str, str]:
    """A reader's: the commands of this environment, no key, no settings of another, no plugins of this pytest's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEBOOK_", "PYTEST_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "HOME": str(home), "COLUMNS": "120", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
