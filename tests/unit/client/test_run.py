"""`tidebook.run`: programs that are stopped by a signal at many moments, and how they end."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import tidebook
from tidebook.errors import UsageError
from tidebook.sim.server import serve

PROGRAM = Path(__file__).with_name("stopped.py")
GENEROUS = 60.0
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
MOMENTS = [
    "before_anything", "iterating_a_book", "iterating_trades", "in_batches", "iterating_consolidated",
    "iterating_health", "waiting_for_the_next", "called", "asking", "closing_a_book", "closing_the_market",
    "opening_and_closing", "after_closing", "several_tasks", "a_task_that_is_left_behind", "caught",
    "nothing_is_closed",
]  # fmt: skip


@asynccontextmanager
async def program(at: str, moment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", str(PROGRAM), at, moment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(GENEROUS):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def a_line(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        _, said = await process.communicate()
        raise AssertionError(said.decode())


async def stopped(
    at: str, moment: str, number: signal.Signals, when: Callable[[], Awaitable[object]] | None = None
) -> None:
    """It ends with the signal's status, and has nothing to say."""
    async with program(at, moment) as process:
        await (a_line(process) if when is None else when())
        process.send_signal(number)
        _, said = await process.communicate()
    assert (said.decode(), process.returncode) == ("", STATUS[number])


@pytest.mark.parametrize("number", STATUS)
async def test_at_many_moments(sim: serve, number: signal.Signals) -> None:
    """Half of them by each signal, two programs at a time."""
    chosen = MOMENTS[number is signal.SIGTERM :: 2]
    places = asyncio.Semaphore(2)

    async def one(moment: str) -> None:
        async with places:
            await stopped(sim.at, moment, number)

    failures = await asyncio.gather(*(one(moment) for moment in chosen), return_exceptions=True)
    assert [(moment, failure) for moment, failure in zip(chosen, failures, strict=True) if failure is not None] == []


@pytest.mark.parametrize(
    ("moment", "number"), [("opening_a_book", signal.SIGTERM), ("opening_consolidated", signal.SIGINT)]
)
async def test_while_a_book_waits_for_its_snapshot(sim: serve, moment: str, number: signal.Signals) -> None:
    sim.faults.late_snapshot(600, n=9)
    await stopped(sim.at, moment, number)


@pytest.mark.parametrize("number", STATUS)
async def test_while_it_connects_to_a_server_that_is_silent(number: signal.Signals) -> None:
    taken = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        await stopped(f"{host}:{port}", "connecting", number, taken.wait)


async def test_while_it_waits_to_try_again() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        await stopped(f"{host}:{port}", "retrying", signal.SIGINT)


@pytest.mark.parametrize("second", STATUS)
async def test_the_second_signal_ends_it_at_once(second: signal.Signals) -> None:
    async with program("127.0.0.1:1", "stubborn") as process:
        await a_line(process)
        process.send_signal(signal.SIGINT)
        await a_line(process)  # it has been told, and goes on
        process.send_signal(second)
        _, said = await process.communicate()
    assert (said, process.returncode) == (b"", STATUS[second])


async def test_two_signals_end_a_program_that_never_gives_way() -> None:
    async with program("127.0.0.1:1", "blocked") as process:
        await a_line(process)
        while process.returncode is None:  # two that come at the same time are one to the system
            process.send_signal(signal.SIGINT)
            await asyncio.sleep(0.01)
        assert process.returncode == 130


# ---- without signals


def test_it_gives_what_main_gives_and_leaves_the_signals_as_they_were() -> None:
    async def main() -> int:
        assert signal.getsignal(signal.SIGTERM) is not before[1]
        await asyncio.sleep(0)
        return 5

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert tidebook.run(main()) == 5
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("error", [ValueError("mine"), asyncio.CancelledError()])
def test_what_main_raises_is_raised(error: BaseException) -> None:
    async def main() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        tidebook.run(main())
    assert raised.value.args == error.args


def test_a_function_of_the_program_s_own_is_left_to_it() -> None:
    def mine(number: int, frame: object) -> None:
        raise AssertionError

    async def main() -> bool:
        return signal.getsignal(signal.SIGTERM) is mine

    before = signal.signal(signal.SIGTERM, mine)
    try:
        assert tidebook.run(main())
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_where_a_loop_runs_already() -> None:
    with pytest.raises(UsageError, match="Write `await main"):
        tidebook.run(asyncio.sleep(0))


def test_a_function_is_no_coroutine() -> None:
    with pytest.raises(UsageError, match=r"not function. Write tidebook\.run\(main\(\)\)"):
        tidebook.run(lambda: None)  # type: ignore[arg-type]
