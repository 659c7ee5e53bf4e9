"""The programs in C of `native/`, compiled when they are first wanted."""

import os
import subprocess
import zlib
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.floor import BUILD, SOURCES, compiler
from benchmarks.record import Skipped

FLAGS: Final = ("-O3", "-march=native", "-std=gnu11", "-Wall")


@cache
def program(name: str) -> Path:
    """The program `<name>.c`. Raises Skipped where it cannot be had, with the reason."""
    named = f"{compiler()} {' '.join(FLAGS)} {name}"
    digest = zlib.crc32(named.encode() + b"".join(one.read_bytes() for one in sorted(SOURCES.iterdir())))
    path = BUILD / f"{digest:08x}" / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}")  # two that start at once never run half a file
        command = ["cc", *FLAGS, str(SOURCES / f"{name}.c"), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"{name}.c does not compile: {done.stderr.strip().splitlines()[0]}")
        made.replace(path)
    return path
