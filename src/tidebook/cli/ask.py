"""`tidebook book`, `symbols` and `doctor`: ask once, print, end."""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Sequence
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

from tidebook.cli.replay import depth_of
from tidebook.core.clock import SECOND
from tidebook.core.redact import shown
from tidebook.errors import (
    Banned,
    Maintenance,
    NetworkError,
    RateLimited,
    RegionRefused,
    TidebookError,
    UnknownSymbol,
    VenueUnavailable,
)

if TYPE_CHECKING:
    from tidebook.client.market import Market
    from tidebook.client.place import VenueAt

LINE = 300  # characters of an answer that are printed
WAIT = 10.0  # seconds for a venue to answer, and for a book
TRIPS = 5  # to the venue's clock and back; the quickest counts
CLOCK_OFF = 1.0  # seconds that a clock may be wrong
MS = 1_000_000


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    book = commands.add_parser("book", help="the top of one book, once")
    book.add_argument("symbol", metavar="SYMBOL", help="like BTC/USDT, or the venue's own name")
    book.add_argument("--venue", required=True, metavar="V", help="like binance")
    book.add_argument("--depth", type=depth_of, default=10, metavar="N", help="levels of each side; default 10")
    book.set_defaults(run=lambda arguments: asyncio.run(_book(arguments.symbol, arguments.venue, arguments.depth)))
    symbols = commands.add_parser("symbols", help="what a venue lists, and its rules")
    symbols.add_argument("venue", metavar="VENUE", help="like binance")
    symbols.add_argument("pattern", nargs="?", default="*", metavar="PATTERN", help="like '*/USDT', or BTC")
    symbols.set_defaults(run=lambda arguments: asyncio.run(_symbols(arguments.venue, arguments.pattern)))
    doctor = commands.add_parser("doctor", help="is a venue reached, is the clock right, and what to do if not")
    doctor.add_argument("venue", metavar="VENUE", help="like binance")
    doctor.set_defaults(run=lambda arguments: asyncio.run(_doctor(arguments.venue)))


def _say(text: str) -> None:
    print(shown(text, LINE).rstrip())


def _table(rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
    """Columns as wide as they need to be; those in `right` to the right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.rjust(wide[n]) if n in right else text.ljust(wide[n]) for n, text in enumerate(row))
        _say("  ".join(cells))


# ------------------------------------------------------------------------------------------------ book, symbols


def proven_by(kinds: Sequence[str]) -> str:
    """What proves a book, in words."""
    words = {"whole": "whole books"}
    return f"proven by {', '.join(words.get(kind, kind) for kind in kinds)}" if kinds else "proven by nothing"


async def _book(symbol: str, venue: str, depth: int) -> int:
    from tidebook.client.market import connect
    from tidebook.model.number import plain

    async with connect(venue, timeout=WAIT) as market, market.book(symbol, timeout=WAIT) as book:
        bids, asks = book.top(depth)
        about = f"{book.count('bid')}+{book.count('ask')} levels, seq {book.seq}, age {book.age:.3f} s"
        _say(f"{book.symbol} {book.venue} {book.state}, {about}, {proven_by(book.proof.kinds)}")
        rows: list[Sequence[str]] = [("size", "bid", "ask", "size")]
        for n in range(max(len(bids), len(asks))):
            bid = (plain(bids[n].size), plain(bids[n].price)) if n < len(bids) else ("", "")
            ask = (plain(asks[n].price), plain(asks[n].size)) if n < len(asks) else ("", "")
            rows.append((*bid, *ask))
        _table(rows, frozenset({0, 1, 2, 3}))
    return 0


async def _symbols(venue: str, pattern: str) -> int:
    from tidebook.client.market import connect

    wanted = pattern.upper()
    if not any(char in wanted for char in "*?["):
        wanted = f"*{wanted}*"
    async with connect(venue, timeout=WAIT) as market:
        try:
            found = await market.fetch_instruments(wanted)
        except UnknownSymbol:
            raise UnknownSymbol(f"{venue} has nothing like {pattern!r}. All: tidebook symbols {venue}") from None
    rows = [("symbol", "id", "kind", "tick", "step", "min size", "min notional")]
    for one in found:
        rules = (one.tick, one.step, one.min_size, one.min_notional)
        tick, step, size, notional = (_rule(value) for value in rules)
        rows.append((one.symbol, one.id, one.kind, tick, step, size, notional))
    _table(rows, frozenset({3, 4, 5, 6}))
    return 0


def _rule(value: Decimal | None) -> str:
    return "–" if value is None else f"{value.normalize():f}"


# ------------------------------------------------------------------------------------------------ doctor


async def _doctor(venue: str) -> int:
    """One line for each question; status 1 where an answer is bad."""
    from tidebook import engine as engines
    from tidebook.client.market import connect

    market = connect(venue, timeout=WAIT)  # an unknown venue is refused here
    loaded, there_are = engines.load(), ", ".join(engines.available())
    python = f"Python {platform.python_version()}, {sys.platform} {platform.machine()}"
    _answer("tidebook", "ok", f"{version('tidebook')}, {loaded.name} engine (there are: {there_are}), {python}")
    if loaded.name != "native":
        _advise("the native engine was not built: it is many times faster, and needs Rust when installing")
    address = os.environ.get("TIDEBOOK_AT")
    _answer(
        "place", "ok", f"{venue}, sent to {address} (TIDEBOOK_AT)" if address else f"{venue}, the venue's own hosts"
    )
    began = asyncio.get_running_loop().time()
    try:
        async with market:
            return max([await _examine(market, one, began) for one in market._venues(None)])
    except TidebookError as error:
        if not isinstance(error, NetworkError | RateLimited | Banned | RegionRefused | Maintenance | VenueUnavailable):
            raise
        _failed("REST", error)
        return 1


async def _examine(market: "Market", one: "VenueAt", began: float) -> int:
    """REST, clock, stream and limits of one venue."""
    loop = asyncio.get_running_loop()
    name = one.declared.name
    try:
        await one.usable(WAIT)
    except TidebookError as error:
        _failed("REST", error)
        return 1
    count = len(one.listing.by_symbol)
    _answer("REST", "ok", f"{name}: time and {count} instruments in {loop.time() - began:.2f} s")
    bad = await _clock(market, name)
    bad |= await _stream(market, one)
    return int(bad | _limits(one))


def _limits(one: "VenueAt") -> bool:
    """What is used of each limit, as far as the venue has told, and what it says it is; whether one is closed."""
    from tidebook.io.clock import now

    closed = False
    for budget in one.desk.requests.limits():
        pool, at = budget.pool, now()
        text = f"{pool.name}: {budget.used(at)} of {budget.limit} used in {pool.per:g} s, by {pool.scope}"
        left = (budget.blocked_until - at.mono_ns) / SECOND
        if left <= 0:
            _answer("limit", "ok", text)
            continue
        closed = True
        _answer("limit", "BAD", f"{text}; closed for {left:.0f} s")
        _advise("wait; other programs at this address use the same limit")
    return closed


async def _clock(market: "Market", name: str) -> bool:
    """The venue's clock against ours; whether that is bad."""
    from tidebook.io.clock import now

    best: tuple[int, int] | None = None
    try:
        for _ in range(TRIPS):
            before = now()
            venue_ns = await market.fetch_time(venue=name)
            trip = now().mono_ns - before.mono_ns
            if best is None or trip < best[0]:
                best = (trip, venue_ns - before.wall_ns - trip // 2)
    except TidebookError as error:
        _failed("clock", error)
        return True
    assert best is not None
    # Venues tell whole milliseconds: on the average half of one is cut.
    off, unsure = (best[1] + MS // 2) / MS, (best[0] // 2 + MS // 2) / MS
    text = f"{name} is {abs(off):.1f} ms {'ahead' if off >= 0 else 'behind'}, ± {unsure:.1f} ms"
    if abs(off) - unsure <= CLOCK_OFF * 1000:
        _answer("clock", "ok", text)
        return False
    _answer("clock", "BAD", text)
    _advise("set this machine's clock (`timedatectl set-ntp true`): signed requests will be refused")
    return True


async def _stream(market: "Market", one: "VenueAt") -> bool:
    """A book of the venue; whether it does not come."""
    listed = one.listing.by_symbol
    symbol = "BTC/USDT" if "BTC/USDT" in listed else next((key for key, row in listed.items() if row.active), None)
    if symbol is None:
        _answer("stream", "BAD", f"{one.declared.name} lists nothing that is traded")
        return True
    began = asyncio.get_running_loop().time()
    try:
        async with market.book(symbol, venue=one.declared.name, timeout=WAIT) as book:
            took = asyncio.get_running_loop().time() - began
            proven = proven_by(book.proof.kinds)
            _answer("stream", "ok", f"{one.declared.name}: {symbol} {book.state} in {took:.2f} s, {proven}")
    except TidebookError as error:
        _failed("stream", error)
        return True
    return False


def _answer(what: str, verdict: str, text: str) -> None:
    _say(f"{what:<9} {verdict:<4} {text}")


def _advise(text: str) -> None:
    _say(f"{'':<14} → {text}")


def _failed(what: str, error: TidebookError) -> None:
    _answer(what, "BAD", f"{type(error).__name__}: {error}")
    _advise(_advice(error))


def _advice(error: TidebookError) -> str:
    match error:
        case RegionRefused():
            return "nothing here can change that; ask the venue which of its hosts serve your country"
        case RateLimited() | Banned():
            return "wait; other programs at this address use the same limit"
        case Maintenance():
            return "wait until the venue is open again"
        case NetworkError() | VenueUnavailable():
            return "look at the network, a firewall or a proxy; `tidebook demo` needs none of it"
        case _:
            return f"this may be tried again: {error.retry}"
