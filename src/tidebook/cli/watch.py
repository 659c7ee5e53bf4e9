"""Playing recordings for somebody to look at: pace, signals, a view."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from tidebook.record.capture import Record
from tidebook.ui.facts import Scene
from tidebook.ui.watched import Watched

QUIET = 30.0  # seconds of silence in a recording that are waited for
QUIET_HERE = 10.0  # … and of real time: longer silence would look like a dead connection
BACK = 1.0  # seconds by which a recording may go back in time without a word: two sources, merged
BREATH = 256  # lines at full speed that the client may be behind; at every HTTP answer it comes level
BEHIND = 16  # records in a row that were late, before everything else gets its turn
CATCH_UP = 10.0  # seconds for the client to take what was sent
STEP = 0.001  # seconds between two looks whether it has


class View(Protocol):
    """What shows a scene. `interval` is in seconds."""

    @property
    def interval(self) -> float: ...
    def start(self, scene: Scene) -> None: ...
    def show(self, scene: Scene) -> None: ...
    def stop(self, scene: Scene) -> None: ...


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast: `times` the recorded pace, or as fast as possible with None."""

    times: float | None = 1.0

    def __str__(self) -> str:
        return "max" if self.times is None else f"x{self.times:g}"


class Pace:
    """Awaited before each record of one recording: holds it until its time. `began`: the loop's time of its first."""

    def __init__(self, first_ns: int, times: float, began: float, note: Callable[[str], None]) -> None:
        self._zero_ns = self._last_ns = first_ns
        self._times = times
        self._began = began
        self._note = note
        self._late = 0

    async def __call__(self, record: Record) -> None:
        silent = (record.at_ns - self._last_ns) / 1e9
        if silent < -BACK:
            self._zero_ns += record.at_ns - self._last_ns
            self._last_ns = record.at_ns
            self._note(f"the recording's clock went back by {-silent:.1f} s")
        self._last_ns = max(self._last_ns, record.at_ns)
        waited = min(QUIET, QUIET_HERE * self._times)
        if silent > waited:
            self._zero_ns += round((silent - waited) * 1e9)
            self._note(f"{silent:.1f} s of silence shortened to {waited:g} s")
        due = self._began + (record.at_ns - self._zero_ns) / 1e9 / self._times
        wait = due - asyncio.get_running_loop().time()
        if wait > 0.001:
            self._late = 0
            await asyncio.sleep(wait)
            return
        self._late += 1
        if self._late % BEHIND == 0:
            await asyncio.sleep(0)


async def watch(watched: list[Watched], view: View, speed: Speed, seconds: float | None) -> int:
    """Play everything at once and show it; the exit status. A signal ends it in under a second."""
    ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with Signals(ending):
        scene = Scene(watched, str(speed))
        players: list[asyncio.Task[None]] = []
        started = False
        try:
            await _open_all(watched, ending)
            started = True
            view.start(scene)
            began = asyncio.get_running_loop().time()
            players = [asyncio.create_task(_play(one, speed, began)) for one in watched]
            await look(scene, view, players, ending, None if seconds is None else time.monotonic() + seconds)
        finally:
            for player in players:
                player.cancel()
            await asyncio.gather(*players, return_exceptions=True)
            await asyncio.gather(*(_close(one) for one in watched), return_exceptions=True)
            if started:
                view.stop(scene)
    return ending.result() if ending.done() else 0


async def look(
    scene: Scene, view: View, players: list[asyncio.Task[None]], ending: asyncio.Future[int], until: float | None
) -> None:
    """Show the scene until all is played, time is up or a signal came."""
    while True:
        view.show(scene)
        wait = view.interval if until is None else min(view.interval, until - time.monotonic())
        if wait <= 0:
            return
        playing = [player for player in players if not player.done()]
        if not playing or ending.done():
            for player in players:
                if player.done():
                    player.result()
            return
        waited: list[asyncio.Future[Any]] = [ending, *playing]
        await asyncio.wait(waited, timeout=wait, return_when=asyncio.FIRST_COMPLETED)


async def _open_all(watched: list[Watched], ending: asyncio.Future[int]) -> None:
    """Servers and connections of every replay; given up when a signal comes."""
    opening = asyncio.gather(*(one.replay.__aenter__() for one in watched))
    waited: list[asyncio.Future[Any]] = [opening, ending]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        opening.cancel()
    try:
        await opening
    except asyncio.CancelledError:
        if not ending.done():
            raise


async def _play(one: Watched, speed: Speed, began: float) -> None:
    """One recording from its first line to its last, and until the client has taken it."""
    pace: Callable[[Record], Awaitable[None]] | None = None
    stops: frozenset[int] = frozenset()
    if speed.times is None:
        stops = one.recording.answers | frozenset(range(BREATH, one.recording.lines, BREATH))
    else:
        pace = Pace(one.recording.first_ns, speed.times, began, one.note)
    player = one.replay.player
    async with aclosing(player.play(until=pace, stops=stops)) as lines:  # type: ignore[type-var]
        async for _ in lines:
            await caught_up(one)
    await caught_up(one)
    for text in player.missed:
        one.note(text)
    one.note(f"the recording is over, {one.recording.lines} lines")
    one.ended = True
    await _close(one)


async def caught_up(one: Watched) -> bool:
    """Wait until the client has taken all that was sent; whether it has."""
    for _ in range(round(CATCH_UP / STEP)):
        if one.replay.caught_up() or one.replay.lost():
            break
        await asyncio.sleep(STEP)
    return one.replay.caught_up()


async def _close(one: Watched) -> None:
    await one.replay.__aexit__(None, None, None)


class Signals:
    """While entered, SIGINT and SIGTERM set `ending` to the status that a shell expects of them."""

    def __init__(self, ending: "asyncio.Future[int]") -> None:
        self._ending = ending

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end, 128 + number)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    def _end(self, status: int) -> None:
        if not self._ending.done():
            self._ending.set_result(status)
