"""`python -m tidebook.sim.recordings OUT_DIR`."""

import sys
from pathlib import Path

from tidebook.sim.recordings import write

if len(sys.argv) != 2:
    raise SystemExit("usage: python -m tidebook.sim.recordings OUT_DIR")
for path in write(Path(sys.argv[1])):
    sys.stdout.write(f"{path} {path.stat().st_size} bytes\n")
