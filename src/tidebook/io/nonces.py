"""Numbers that rise with each request of a key, over threads, processes and restarts: a file for each key, locked.

Who holds the lock sends, and lets go when the answer is there: on two connections a higher number could arrive first.
A request that is given up may arrive after the next: it is the old one then that is refused, and nobody waits for it.

A number is at least the time in milliseconds, and each takes a request's way there and back, longer than that. So where
the power fails and the file is one of a moment ago, the time has jumped over all that was drawn, unless the clock is
set back meanwhile; the end of a process, however rude, loses nothing. That is why nothing is synced to disk.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

DIRECTORY: Final = "~/.local/state/tidebook/nonces"
_SHORTEST, _LONGEST = 0.001, 0.05  # seconds between two looks whether the lock is free
_DIGITS: Final = 20


@asynccontextmanager
async def turn(account: str, wall_ns: Callable[[], int], jump: int = 0) -> AsyncIterator[int]:
    """The next number of an account's key, at least the time in milliseconds; its turn ends with the block.

    With a `jump` it is so much higher, and those that follow are above it. `account` is a name of letters and digits.
    Waits as long as it takes. Cancelled while waiting, nothing is used. Raises OSError where the file cannot be kept.
    """
    file = _opened(account)
    try:
        await _lock(file)
        last = os.pread(file, _DIGITS, 0).strip()
        nonce = max(int(last) + 1 if last.isdigit() else 0, wall_ns() // 1_000_000) + jump
        os.pwrite(file, f"{nonce:0{_DIGITS}}".encode(), 0)
        yield nonce
    finally:
        os.close(file)


def _opened(account: str) -> int:
    folder = Path(os.environ.get("TIDEBOOK_NONCES") or Path(DIRECTORY).expanduser())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(folder / account, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


async def _lock(file: int) -> None:
    """Each opening of the file has a lock of its own: threads exclude each other like processes do."""
    wait = _SHORTEST
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST)
        else:
            return
