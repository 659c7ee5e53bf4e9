"""Both shipped samples, played over real sockets as fast as possible, and held at chosen lines."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tidebook.cli.replay import samples
from tidebook.cli.watch import Speed, caught_up
from tidebook.ui.facts import Scene
from tidebook.ui.watched import Watched, look_at


@asynccontextmanager
async def held(lines: Sequence[int]) -> AsyncIterator[Scene]:
    """The samples, played up to these lines (0: to the end); one for each."""
    async with AsyncExitStack() as stack:
        watched = [Watched(look_at(path, None), None) for path in samples()]
        scene = Scene(watched, str(Speed(None)))
        for one, line in zip(watched, lines, strict=True):
            await stack.enter_async_context(one.replay)
            async for at in one.replay.player.play(stops=one.recording.answers | {line}):
                assert await caught_up(one)
                if at == line:
                    break
            assert await caught_up(one)
        yield scene


@pytest.fixture
async def ended() -> AsyncIterator[Scene]:
    async with held((0, 0)) as scene:
        yield scene


@pytest.fixture
async def stale() -> AsyncIterator[Scene]:
    """The first sample stands in its gap: its oracle names the line."""
    async with held((gap_line(), 300)) as scene:
        yield scene


def gap_line() -> int:
    from tidebook.record.oracle import load

    places = load(samples()[0].parent / "binance.spot.oracle.json").places
    return next(line for line, books in places.items() if not books["BTCUSDT"].in_sync)
