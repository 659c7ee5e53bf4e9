"""Runs of one client in a process of its own against the server in C: what the sections of the path measure."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.compiled import program
from benchmarks.loopback import Server
from benchmarks.prepared import Kind, Prepared
from benchmarks.record import Wrong
from benchmarks.targets import FLOOR

BOOK: Final = (FLOOR, "picows", "picows + floor", "tidebook on", "tidebook async for", "tidebook batches")
FACTS: Final = tuple(name for name in BOOK if name != "picows + floor")
CLIENTS: Final[dict[Kind, tuple[str, ...]]] = {"depth": BOOK, "quotes": FACTS, "trades": FACTS}
WORKS: Final[dict[Kind, str]] = {"depth": "book light, best", "quotes": "quotes", "trades": "trades"}
ROOT: Final = Path(__file__).parents[1]
LONGEST: Final = 100  # seconds of one run


@dataclass(frozen=True, slots=True)
class Go:
    """`count` messages, `rate` a second, or with 0 as fast as they are read."""

    rate: int
    count: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one `Go` gave. Processor time of the client's process; the wall is until its last message was looked at.

    Latencies, where there was a rate, are from the time for which a message was meant until it was looked at.
    """

    rate: int
    messages: int
    cpu_ns: int
    wall_ns: int
    p50_ns: int = 0
    p99_ns: int = 0


def server_core() -> int | None:
    """The core of the server: the first where there are two; clients are pinned to the last."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return cores[0] if len(cores) > 1 else None


def received(server: Server, prepared: Prepared, client: str, goes: Sequence[Go]) -> list[Part]:
    """One run, on whichever cores this process has.

    Raises Wrong where a message is missing, or what the client holds is not what the model says.
    """
    command = [sys.executable, "-m", "benchmarks.receivers", client]
    if client == FLOOR:
        command = [str(program("receive"))]
    told = (server.port, server.epoch_ns, server.base, prepared.kind, prepared.stream)
    parts = [f"{one.rate}:{one.count}" for one in goes]
    done = subprocess.run(
        [*command, *map(str, told), *parts], cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise Wrong(f"{client}, {prepared.kind}: {last}")
    said = json.loads(done.stdout)
    _verify(said, prepared, client, goes)
    return [Part(**one) for one in said["parts"]]


def _verify(said: dict[str, Any], prepared: Prepared, client: str, goes: Sequence[Go]) -> None:
    right = prepared.after(sum(one.count for one in goes))
    if said["gaps"]:
        raise Wrong(f"{client}, {prepared.kind}: {said['gaps']} gaps")
    # A quote that was sent at a rate has its time in place of its id.
    if said["last"] != right.last and not (prepared.kind == "quotes" and goes[-1].rate):
        raise Wrong(f"{client}, {prepared.kind}: the last id is {said['last']}, right is {right.last}")
    numbers = tuple(said["best"][: len(right.numbers)])
    if numbers and numbers != right.numbers:
        raise Wrong(f"{client}, {prepared.kind}: {numbers} at the end, right is {right.numbers}")
