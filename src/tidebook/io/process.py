"""Whether this is still the process in which something was opened. Asked before every use: no call of the system."""

import os

forks = 0
"""How many forks lie between this process and the one in which `count_forks` was first called."""

_counts = False


def count_forks() -> int:
    """Count from now on. What belongs to this process keeps the number, and compares it with `forks`."""
    global _counts  # noqa: PLW0603 - a process has one history
    if not _counts and hasattr(os, "register_at_fork"):  # where there is none, nothing can fork
        _counts = True
        os.register_at_fork(after_in_child=_forked)
    return forks


def _forked() -> None:
    global forks  # noqa: PLW0603
    forks += 1
