"""On what was measured: the head of every report. No names of hosts or users."""

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from benchmarks import floor
from benchmarks.record import Skipped
from tidebook import engine

PACKAGES = ("tidebook", "aiohttp", "msgspec", "picows")


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None


def _rust() -> str | None:
    try:
        done = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _compiler() -> str | None:
    try:
        return floor.compiler()
    except Skipped:
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe() -> dict[str, Any]:
    """`load` is the machine's average over the last minute, before we began: 0 is quiet."""
    return {
        "date": datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%d"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": _compiler(),
        "rust": _rust(),
        "engines": list(engine.available()),
        "load": round(os.getloadavg()[0], 2),
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
    }


def lines(machine: dict[str, Any]) -> list[str]:
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    tools = ", ".join(one for one in (machine["python"], machine["compiler"], machine["rust"]) if one)
    return [
        f"{machine['date']} on {machine['cpu']}, {machine['cores']} processors, {machine['memory_gib']} GiB,"
        f" {machine['system']};",
        f"{tools}; {packages};",
        f"load before: {machine['load']}",
    ]
