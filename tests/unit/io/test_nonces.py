"""Numbers of a key rise, whoever draws them."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tidebook.io.nonces import turn

PROGRAM = """
import asyncio, sys
from tidebook.io.nonces import turn

async def main():
    with open(sys.argv[1], "a") as file:
        for _ in range(int(sys.argv[2])):
            async with turn("a1", lambda: 1_000_000_000) as nonce:
                print(nonce, file=file, flush=True)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIDEBOOK_NONCES", str(tmp_path / "nonces"))
    return tmp_path


def test_four_processes_with_one_key(folder: Path) -> None:
    """All append to one file within their turn: what stands there is the order in which they had it."""
    drawn = folder / "drawn"
    command = [sys.executable, "-c", PROGRAM, str(drawn), "1000"]
    running = [subprocess.Popen(command) for _ in range(4)]
    assert [one.wait(60) for one in running] == [0] * 4
    numbers = [int(line) for line in drawn.read_text().split()]
    assert len(numbers) == 4000
    assert numbers == sorted(set(numbers))


async def _one(wall_ns: int, account: str = "a1") -> int:
    async with turn(account, lambda: wall_ns) as nonce:
        return nonce


@pytest.mark.asyncio
async def test_it_is_the_time_and_never_goes_back() -> None:
    hour = 3_600_000_000_000
    assert await _one(5 * hour) == 5 * 3_600_000
    assert await _one(4 * hour) == 5 * 3_600_000 + 1  # the clock was set back
    assert await _one(4 * hour, "b2") == 4 * 3_600_000
    assert await _one(6 * hour) == 6 * 3_600_000


@pytest.mark.asyncio
async def test_who_is_cancelled_while_waiting_uses_nothing() -> None:
    async with turn("a1", lambda: 7_000_000) as first:
        waiting = asyncio.ensure_future(_one(7_000_000))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await _one(7_000_000) == first + 1


@pytest.mark.asyncio
async def test_a_file_that_holds_something_else_begins_anew(folder: Path) -> None:
    (folder / "nonces").mkdir()
    (folder / "nonces" / "a1").write_text("what is this")
    assert await _one(9_000_000_000) == 9_000
    assert await _one(9_000_000_000) == 9_001


async def test_what_follows_a_jump_is_above_it() -> None:
    drawn = []
    for jump in (0, 500, 0, 500):
        async with turn("a1", lambda: 1_000_000_000, jump) as nonce:
            drawn.append(nonce)
    assert drawn == [1000, 1501, 1502, 2003]
