"""The queue between the receive path and a reader."""

import asyncio

import pytest

from tidebook.client.subscription import Queue
from tidebook.errors import Overrun, UsageError


async def test_nothing_is_lost_without_its_count() -> None:
    queue: Queue[int] = Queue("error", most=5)
    for item in range(8):
        queue.put(item)
    assert await queue.some() == [0, 1, 2, 3, 4]
    with pytest.raises(Overrun) as caught:
        await queue.some()
    assert (caught.value.lost, queue.lost) == (3, 3)
    queue.put(8)
    assert await queue.some() == [8]


async def test_the_oldest_go_on_request() -> None:
    queue: Queue[int] = Queue("drop", most=3)
    for item in range(5):
        queue.put(item)
    assert await queue.some() == [2, 3, 4]
    assert queue.lost == 2


async def test_one_per_key_is_kept_and_merged() -> None:
    queue: Queue[tuple[str, int]] = Queue(
        "conflate", key=lambda item: item[0], merge=lambda old, new: (new[0], old[1] + new[1])
    )
    for item in (("a", 1), ("b", 10), ("a", 2)):
        queue.put(item)
    assert await queue.some() == [("a", 3), ("b", 10)]


async def test_cancelling_loses_nothing() -> None:
    queue: Queue[int] = Queue("error")
    reader = asyncio.ensure_future(queue.some())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    queue.put(1)
    assert await queue.some() == [1]


async def test_a_second_reader_is_refused() -> None:
    queue: Queue[int] = Queue("error")
    reader = asyncio.ensure_future(queue.some())
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match="somebody else"):
        await queue.some()
    queue.end()
    assert await reader == []


async def test_of_two_readers_none_sleeps_for_ever() -> None:
    """One is woken, another takes its item and waits: what comes next wakes it, and the first is told."""
    queue: Queue[int] = Queue("error")
    first = asyncio.ensure_future(queue.one())
    await asyncio.sleep(0)

    async def both() -> list[int]:
        return [await queue.one(), await queue.one()]

    second = asyncio.ensure_future(both())
    queue.put(1)  # the second's turn comes before the first one's
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match="somebody else"):
        await first
    queue.put(2)
    assert await asyncio.wait_for(second, 30) == [1, 2]


async def test_what_is_queued_comes_before_the_error() -> None:
    queue: Queue[int] = Queue("error")
    queue.put(1)
    queue.end(ValueError("over"))
    assert await queue.some() == [1]
    with pytest.raises(ValueError, match="over"):
        await queue.some()
    assert await queue.some() == []


def test_a_live_stream_cannot_wait() -> None:
    with pytest.raises(UsageError, match="slow='block': a live stream cannot wait, history does"):
        Queue("block")  # type: ignore[arg-type]
