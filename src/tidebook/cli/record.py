"""`tidebook record`: what live venues say, into a file that replays."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tidebook.cli.live import unless_ended
from tidebook.cli.replay import positive
from tidebook.cli.watch import Signals
from tidebook.client.book import Book
from tidebook.client.market import Market, connect
from tidebook.core.redact import shown
from tidebook.errors import TidebookError, UsageError
from tidebook.record.recorder import Recording

CHANNELS = ("book", "trades", "quotes", "bars", "ticker")
EVERY = 1.0  # seconds between two lines


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    record = commands.add_parser("record", help="append what live venues say to a file; `tidebook replay` plays it")
    record.add_argument("symbols", nargs="+", metavar="SYMBOL", help="like BTC/USDT")
    record.add_argument("--venue", nargs="+", action="extend", required=True, metavar="V", help="like binance")
    record.add_argument("--out", type=Path, required=True, metavar="FILE", help="a new file, or a recording of ours")
    record.add_argument(
        "--channel", default="book,trades", type=_channels, metavar="C,…",
        help=f"of {', '.join(CHANNELS)}; default book,trades",
    )  # fmt: skip
    record.add_argument("--seconds", type=positive, metavar="N", help="stop after so many seconds")
    record.set_defaults(run=_record)


def _channels(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(CHANNELS):
        raise argparse.ArgumentTypeError(f"{text!r}: channels are {', '.join(CHANNELS)}, with commas between")
    return names


def _record(arguments: argparse.Namespace) -> int:
    async def run() -> int:
        ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with Signals(ending):
            return await _recorded(arguments, ending)

    return asyncio.run(run())


async def _recorded(arguments: argparse.Namespace, ending: "asyncio.Future[int]") -> int:
    """Until time is up or a signal comes. 0; what a shell expects of the signal; 1 where records were lost."""
    places = list(dict.fromkeys(arguments.venue))
    async with AsyncExitStack() as stack:
        market = connect(*places)
        if not await unless_ended(stack.enter_async_context(market), ending):
            return ending.result()
        # Before there is a file: what nobody lists leaves none, and leaves as it was what was there.
        looking = asyncio.gather(*(_look(market, place, arguments) for place in places), return_exceptions=True)
        if not await unless_ended(looking, ending):
            return ending.result()
        places = _those_that_can(places, looking.result())
        recording = await stack.enter_async_context(market.record(arguments.out))
        books: list[Book] = []
        opening = asyncio.gather(
            *(_open(market, stack, place, arguments, books) for place in places), return_exceptions=True
        )
        if not await unless_ended(opening, ending):
            return ending.result()
        _those_that_can(places, opening.result())
        end = None if arguments.seconds is None else time.monotonic() + arguments.seconds
        before = recording.frames
        while not ending.done() and (end is None or time.monotonic() < end):
            wait = EVERY if end is None else min(EVERY, max(end - time.monotonic(), 0.0))
            await asyncio.wait([ending], timeout=wait)
            _show(recording, books, recording.frames - before)
            before = recording.frames
    print(f"{recording.path}: {recording.frames} frames, {recording.bytes} bytes, {recording.lost} lost")
    return ending.result() if ending.done() else 1 if recording.lost else 0


def _those_that_can(places: Sequence[str], answers: Sequence[BaseException | None]) -> list[str]:
    """Those with no error; of the others it is said. Raises the first one where all have one, and what is a bug."""
    refused = [error for error in answers if error is not None]
    for error in refused:
        if not isinstance(error, TidebookError) or len(refused) == len(places):
            raise error
        print(f"tidebook: {type(error).__name__}: {shown(str(error), 400)}", file=sys.stderr)
    return [place for place, error in zip(places, answers, strict=True) if error is None]


async def _look(market: Market, place: str, arguments: argparse.Namespace) -> None:
    """Raises where a place does not list a symbol, or has no such channel."""
    for channel in arguments.channel:
        if channel != "book" and not any(one.declared.channel(channel) for one in market._venues(place)):
            raise UsageError(f"{place} has no {channel}")
    await market._several(arguments.symbols, place)


async def _open(
    market: Market, stack: AsyncExitStack, place: str, arguments: argparse.Namespace, books: list[Book]
) -> None:
    """All channels of all symbols at one place. What comes is recorded on its way: nobody reads it here."""
    for channel in arguments.channel:
        if channel == "book":
            for symbol in arguments.symbols:
                book = await stack.enter_async_context(market.book(symbol, venue=place))
                books.append(book)
            continue
        feed = getattr(market, channel)(*arguments.symbols, venue=place, slow="conflate")
        await stack.enter_async_context(feed)


def _show(recording: Recording, books: list[Book], rate: int) -> None:
    states = [str(book.state) for book in books]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "no books"
    bad = f"; NOT WRITTEN: {recording.error}" if recording.error is not None else ""
    lost = f", {recording.lost} LOST" if recording.lost else ""
    print(f"{counts}; {rate} frames/s; {recording.bytes} bytes{lost}{bad}", flush=True)
