"""`tidebook watch`: the screen on live venues. `show` is what `tidebook demo` uses too."""

import argparse
import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tidebook import engine as engines
from tidebook.cli.replay import add_view_arguments, view_of
from tidebook.cli.watch import Signals, View, look
from tidebook.client.market import Market, connect
from tidebook.engine import Choice
from tidebook.errors import TidebookError, UnknownSymbol, UsageError
from tidebook.model import place as places
from tidebook.model.facts import Instrument
from tidebook.model.health import Health
from tidebook.ui.connected import Connected
from tidebook.ui.facts import Happening, Scene

MOST = 100  # books of one screen


@dataclass(frozen=True, slots=True)
class Shown:
    """What to show: which symbols of which places, `at` which address. `kinds`: which of a venue's books, by place."""

    title: str
    places: Sequence[str]
    symbols: Sequence[str]
    at: str | None = None
    engine: Choice | None = None
    seconds: float | None = None
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    watch = commands.add_parser("watch", help="the books of live venues, side by side")
    watch.add_argument("symbols", nargs="+", metavar="SYMBOL", help="like BTC/USDT; '*/BTC' is all that match")
    watch.add_argument("--venue", nargs="+", action="extend", required=True, metavar="V", help="like binance")
    add_view_arguments(watch)
    watch.set_defaults(run=_watch)


def _watch(arguments: argparse.Namespace) -> int:
    names = list(dict.fromkeys(arguments.venue))
    shown = Shown("watch", names, arguments.symbols, engine=arguments.engine, seconds=arguments.seconds)

    async def run() -> int:
        ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with Signals(ending):
            return await show(shown, view_of(arguments), ending)

    return asyncio.run(run())


async def show(
    shown: Shown, view: View, ending: "asyncio.Future[int]", meanwhile: Callable[[Scene], Any] | None = None
) -> int:
    """Connect, and show it until time is up or `ending` is set; the exit status.

    `meanwhile` is called with the scene and gives a coroutine, which is awaited beside it.
    """
    async with AsyncExitStack() as stack:
        market = connect(*shown.places, at=shown.at, engine=shown.engine)
        if not await unless_ended(stack.enter_async_context(market), ending):
            return ending.result()
        sources = await _sources(market, shown)
        scene = Scene(sources, None, shown.title)
        feed = market.health()
        feed.on(lambda event: _pass_on(sources, event))
        await stack.enter_async_context(feed)
        for name in shown.places:
            if (state := market[name].state) != "up":
                scene.took_place(Happening(0.0, name, None, f"is not shown: {state}", "bad"))
        view.start(scene)
        # The books are opened beside the screen: it shows how they come.
        beside = await stack.enter_async_context(_Beside())
        for source in sources:
            for symbol in source.symbols:
                beside.begin(_told(source, symbol, source.open_book(symbol, stack)))
                beside.begin(_told(source, symbol, source.open_trades(symbol, scene.trade, stack)))
        if meanwhile is not None:
            beside.begin(meanwhile(scene))
        until = None if shown.seconds is None else time.monotonic() + shown.seconds
        try:
            await look(scene, view, [beside.forever], ending, until)
        finally:
            view.stop(scene)
    return ending.result() if ending.done() else 0


class _Beside:
    """Tasks that end with this block. `forever` is one that does not end by itself."""

    async def __aenter__(self) -> "_Beside":
        self.forever = asyncio.create_task(_forever())
        self._tasks: list[asyncio.Task[None]] = [self.forever]
        return self

    def begin(self, what: Any) -> None:
        self._tasks.append(asyncio.create_task(what))

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _forever() -> None:
    await asyncio.Event().wait()


async def unless_ended(opening: Any, ending: "asyncio.Future[int]") -> bool:
    """Await it, unless a signal comes first; whether it came."""
    task = asyncio.ensure_future(opening)
    await asyncio.wait([task, ending], return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return False
    await task
    return True


async def _told(source: Connected, symbol: str, opening: Any) -> None:
    """What cannot be opened does not end the screen: it is an event."""
    try:
        await opening
    except TidebookError as error:
        source.note(f"{type(error).__name__}: {error}", "bad", symbol)


def _up(market: Market, names: Sequence[str]) -> list[str]:
    """The places that have answered: one that is down does not stop the others."""
    return [name for name in names if market[name].state == "up"] or [*names]


async def _sources(market: Market, shown: Shown) -> list[Connected]:
    """Every venue with the symbols that it lists. Raises UnknownSymbol for one that none lists."""
    engine = engines.load(shown.engine).name
    rows: dict[tuple[str, str], list[Instrument]] = {}
    missing: dict[str, UnknownSymbol] = {}
    found: set[str] = set()
    for name in _up(market, shown.places):
        at = places.parse(name)
        for symbol in shown.symbols:
            try:
                table = await market.fetch_instruments(symbol, venue=name)
            except UnknownSymbol as error:
                missing.setdefault(symbol, error)
                continue
            found.add(symbol)
            for row in table:
                rows.setdefault((name, str(replace(at, venue=row.venue))), []).append(row)
    for symbol, refusal in missing.items():
        if symbol not in found:
            raise refusal
    if sum(map(len, rows.values())) > MOST:
        raise UsageError(f"{sum(map(len, rows.values()))} books are too many for a screen; at most {MOST}")
    return [
        Connected(market, place, ones[0].venue, list(dict.fromkeys(one.symbol for one in ones)), engine,
                  shown.kinds.get(name))
        for (name, place), ones in rows.items()
    ]  # fmt: skip


def _pass_on(sources: list[Connected], event: Health) -> None:
    for source in sources:
        if source.venue == event.venue:
            source.happened(event)
