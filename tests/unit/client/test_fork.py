"""A market that is open when its process forks: the child is told so by everything, and the parent goes on."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tidebook import engine as engines
from tidebook.sim.server import serve

PROGRAM = Path(__file__).with_name("forked.py")
GENEROUS = 60.0


async def run(at: str, engine: str, how: str) -> list[str]:
    """The lines that the program printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore::DeprecationWarning", str(PROGRAM), at, engine, how,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(GENEROUS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, err) == (0, b""), err.decode()
    return out.decode().splitlines()


def went_on(then: list[str]) -> None:
    """The parent's connection was the same one all the time."""
    *events, still, closed = then
    assert (still, closed) == ("went on live True", "closed closed")
    assert events.count("Connected") == 1
    assert "Disconnected" not in events


@pytest.mark.parametrize("how", ["fork", "multiprocessing"])
@pytest.mark.parametrize("engine", engines.available())
async def test_a_child_is_told(sim: serve, engine: str, how: str) -> None:
    told, *then = await run(sim.at, engine, how)
    answers = json.loads(told)
    shown, _ = answers.pop("repr")
    assert all("of process" in text and "not of this fork" in text for text in shown), shown
    assert [answers.pop(name)[0] for name in ("close_soon", "close", "anew")] == ["fine"] * 3
    assert len(answers) > 30
    assert {name: what for name, (what, _) in answers.items() if what != "WrongLoop"} == {}
    went_on(then)


async def test_a_child_in_which_all_tasks_end_takes_nothing_along(sim: serve) -> None:
    told, *then = await run(sim.at, engines.available()[0], "torn")
    assert told == '"ended True"'
    went_on(then)
