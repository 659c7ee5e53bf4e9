"""The private loop thread: answers, refuses what would hang, ends from anywhere, hears Ctrl-C."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tidebook.errors import Timeout, UsageError, WrongLoop
from tidebook.threads.loop import LoopThread

GENEROUS = 30.0


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    made = LoopThread()
    made.start()
    yield made
    made.stop(GENEROUS)


async def seven() -> int:
    await asyncio.sleep(0)
    return 7


def test_it_answers_from_any_thread_also_where_a_loop_runs(thread: LoopThread) -> None:
    async def outer() -> int:
        return thread.call(seven(), GENEROUS)

    assert thread.call(seven(), GENEROUS) == asyncio.run(outer()) == 7


def test_before_and_after_it_is_refused() -> None:
    one = LoopThread()
    with pytest.raises(UsageError, match="not open"):
        one.call(seven())
    one.start()
    with pytest.raises(UsageError, match="started before"):
        one.start()
    one.stop()
    with pytest.raises(UsageError, match="is closed"):
        one.call(seven())
    assert one.join(GENEROUS)


def test_inside_waiting_is_refused_and_stopping_is_fine(thread: LoopThread) -> None:
    async def inside() -> str:
        with pytest.raises(UsageError, match="a callback cannot join"):
            thread.join()
        with pytest.raises(UsageError, match="a callback cannot wait") as refused:
            thread.call(seven())
        thread.stop()
        return str(refused.value)

    thread.post(inside()).result(GENEROUS)
    assert thread.join(GENEROUS)


def test_what_is_late_is_cancelled(thread: LoopThread) -> None:
    ended = threading.Event()

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(Timeout):
        thread.call(long(), 0.01)
    assert ended.wait(GENEROUS)


def test_who_waits_when_it_is_stopped_is_told(thread: LoopThread) -> None:
    async def stops() -> None:
        thread.stop()
        await asyncio.Event().wait()

    with pytest.raises(UsageError, match="closed meanwhile"):
        thread.call(stops(), GENEROUS)


def test_ctrl_c_is_heard_while_waiting(thread: LoopThread) -> None:
    async def interrupts() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        thread.call(interrupts(), GENEROUS)
    assert thread.call(seven(), GENEROUS) == 7


def test_a_forked_child_is_refused(thread: LoopThread) -> None:
    child = os.fork()
    if not child:
        try:
            thread.call(seven())
        except WrongLoop:
            os._exit(3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_a_program_that_leaves_it_open_ends_and_says_so_once() -> None:
    program = (
        "from tidebook.threads.loop import LoopThread\n"
        "async def close(): print('closed')\n"
        "LoopThread('mine', close).start()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=GENEROUS, check=True)
    assert done.stdout == "closed\n"
    assert done.stderr.count("mine was not closed before the program ended") == 1


def test_names_are_looked_up_also_after_the_main_thread_has_ended() -> None:
    program = (
        "import asyncio, threading\n"
        "from tidebook.threads.loop import LoopThread\n"
        "def run():\n"
        "    threading.main_thread().join()\n"
        "    thread = LoopThread(); thread.start()\n"
        "    async def look(): return await asyncio.get_running_loop().getaddrinfo('localhost', 1)\n"
        "    print(bool(thread.call(look(), 20))); thread.stop()\n"
        "threading.Thread(target=run).start()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=GENEROUS, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_what_comes_together_with_the_end_of_the_time_is_a_result(thread: LoopThread) -> None:
    async def stubborn() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 7  # it had its answer already
        return 0

    assert thread.call(stubborn(), 0.01) == 7


def test_an_exception_that_nobody_waits_for_is_logged(thread: LoopThread, caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("unseen")

    thread.post(fails())
    thread.call(seven())
    assert "what it was asked to do has failed" in caplog.text
    assert "unseen" in caplog.text


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_who_asks_in_it_for_the_end_of_the_program_ends_it_in_good_order(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    closed = threading.Event()

    async def closing() -> None:
        closed.set()

    async def leaves() -> None:
        raise kind("3")

    thread = LoopThread(closing=closing)
    thread.start()
    waiting = thread.post(asyncio.sleep(GENEROUS))
    with pytest.raises(kind):
        thread.call(leaves(), GENEROUS)
    assert thread.join(GENEROUS)
    assert closed.is_set()
    assert waiting.done()
    assert not thread.running
    assert any("asks for the end of the program" in record.message for record in caplog.records)


def test_what_ends_with_its_thread_is_no_failure(thread: LoopThread, caplog: pytest.LogCaptureFixture) -> None:
    async def given_up() -> None:
        raise asyncio.CancelledError

    posted = thread.post(given_up())
    with pytest.raises(BaseException):  # noqa: B017, PT011 (of which kind, the standard library chooses)
        posted.result(10)
    thread.call(asyncio.sleep(0))
    assert caplog.text == ""


def test_what_hangs_in_a_thread_of_its_own_holds_nothing_up(thread: LoopThread) -> None:
    released = threading.Event()

    async def hangs() -> None:
        asyncio.get_running_loop().run_in_executor(None, released.wait)

    thread.call(hangs())
    thread.stop()
    assert thread.join(GENEROUS)
    assert not released.is_set()
    released.set()


def test_a_function_that_does_not_return_is_told_of_by_who_waits_for_the_end(
    thread: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    entered, released = threading.Event(), threading.Event()

    async def hangs() -> None:
        entered.set()
        released.wait()

    thread.post(hangs())
    entered.wait(GENEROUS)
    thread.stop(0)  # nobody waits
    assert not caplog.records
    thread.stop(0.01)
    (record,) = caplog.records
    assert "a function that it calls does not return" in record.getMessage()
    released.set()
    assert thread.join(GENEROUS)
