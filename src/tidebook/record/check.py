"""`tidebook replay CAPTURE --check ORACLE`: is every book right at every checkpoint?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tidebook.core.book import Book
from tidebook.core.options import Options
from tidebook.engine import Choice
from tidebook.model import health
from tidebook.record import oracle as oracles
from tidebook.record.capture import records
from tidebook.record.connections import Connections, WantedBook, survey
from tidebook.record.replay import Replay

# Nothing here is in a hurry: an answer waits for its line, however long the way there is.
# What ends is opened again soon: the way is short.
UNHURRIED = Options(request_timeout=3600.0, ack_timeout=3600.0, first_data=3600.0, backoff_first=0.05, backoff_most=2.0)
LOCKSTEP = 20.0  # seconds for the client to take what was sent


@dataclass(slots=True)
class Verdict:
    """What a check found."""

    compared: int = 0
    faults: list[str] = field(default_factory=list)
    events: list[health.Health] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.faults


async def check(
    capture: Path, oracle_path: Path, *, engine: Choice | None, venue: str | None, say: Callable[[str], None]
) -> Verdict:
    """Play `capture` through the client and compare its books with the oracle's; `say` gets a line each.

    Raises UsageError where one of the files is not what it should be.
    """
    oracle = oracles.load(oracle_path)
    connections = survey(records(capture), venue)
    verdict = Verdict()
    found = names(connections, oracle.keys)
    async with Replay(connections, records(capture), engine=engine, options=UNHURRIED) as replay:
        replay.on_event = verdict.events.append
        every = tuple(replay.desk.books.values())
        books = {key: replay.desk.books[book.plan.name] for key, book in found.items()}
        unreached = dict.fromkeys(oracle.places)
        async for line in replay.player.play(stops=frozenset(oracle.places)):
            await _lockstep(replay, verdict, line or replay.player.line)
            if line:
                _compare(f"line {line}", books, oracle.places[line], verdict, say)
                del unreached[line]
        await _lockstep(replay, verdict, replay.player.line)
        _compare("end", books, oracle.end, verdict, say)
        verdict.faults += [f"line {line} was never reached" for line in unreached]
        _sum_up(replay, every, books, oracle, verdict, say)
    return verdict


def names(connections: Connections, keys: frozenset[str]) -> dict[str, WantedBook]:
    """The oracle's key of each book: the venue's id or the topic; the connection, market or channel may be in front."""
    found: dict[str, WantedBook] = {}
    for book in connections.books:
        ids = (book.instrument, book.instrument.upper(), book.plan.symbol, book.plan.topic)
        market = book.plan.venue.partition(".")[2]  # of an exchange that has several
        fronts = (f"{book.conn}:", f"{market}:", f"{book.channel.name}:", "")
        candidates = [f"{front}{one}" for one in ids for front in fronts]
        key = next((one for one in candidates if one in keys and one not in found), None)
        if key is not None:
            found[key] = book
    return found


async def _lockstep(replay: Replay, verdict: Verdict, line: int) -> None:
    """Wait until the client has processed all that was sent, and no more than that can be on its way."""
    deadline = asyncio.get_running_loop().time() + LOCKSTEP
    while not replay.caught_up():
        if replay.lost() or asyncio.get_running_loop().time() > deadline:
            verdict.faults.append(f"line {line}: sent {replay.player.sent}, processed {replay.processed()}")
            return
        await asyncio.sleep(0.001)


def _compare(
    place: str,
    books: dict[str, Book],
    expected: dict[str, oracles.Expected],
    verdict: Verdict,
    say: Callable[[str], None],
) -> None:
    for key, want in expected.items():
        verdict.compared += 1
        book = books.get(key)
        if book is None:
            found = ["the recording shows no such book"]
            shown = ""
        else:
            found = oracles.differences(book, want)
            engine = book.engine
            shown = f" {book.state}, seq {engine.last}, {engine.bid_count}+{engine.ask_count} levels"
        if found:
            verdict.faults.append(f"{place} {key}: {'; '.join(found)}")
        say(f"{place} {key}{shown}: {'equal' if not found else 'DIFFERENT, ' + '; '.join(found)}")


def _sum_up(
    replay: Replay,
    every: tuple[Book, ...],
    books: dict[str, Book],
    oracle: oracles.Oracle,
    verdict: Verdict,
    say: Callable[[str], None],
) -> None:
    """What must hold over the whole recording."""
    if not verdict.compared:
        verdict.faults.append("nothing was compared")
    for key in sorted(oracle.keys - set(books)):
        verdict.faults.append(f"book {key} was not seen")
    totals: dict[str, int] = {}
    for book in every:
        for name, count in book.engine.stats().items():
            totals[name] = totals.get(name, 0) + count
    undecodable = sum(isinstance(event, health.Undecodable) for event in verdict.events)
    gaps = sum(isinstance(event, health.Gap) for event in verdict.events)
    for count, what in (
        (max(totals.get("gaps", 0), gaps), "gaps"),
        (undecodable, "undecodable messages"),
        (totals.get("checksum_failed", 0), "checksums differ"),
        # `trimmed` and `over_window` are guards, told below: nothing that a reader was promised is lost by them.
        (totals.get("buffer_dropped", 0), "buffered changes dropped"),
    ):
        if count:
            verdict.faults.append(f"{count} {what}")
    verdict.faults += _losses(verdict.events)
    verdict.faults += _unseeded(every, books, oracle, verdict.events)
    verdict.faults += replay.player.missed
    if oracle.lines and replay.player.line != oracle.lines:
        say(f"note: the recording has {replay.player.line} lines, the oracle speaks of {oracle.lines}")
    counts = ", ".join(f"{name} {count}" for name, count in totals.items() if count)
    say(f"{len(books)} books, {verdict.compared} comparisons, undecodable {undecodable}, {counts}")


def _losses(events: list[health.Health]) -> list[str]:
    """Connections and subscriptions that were lost."""
    cut = [event.reason for event in events if isinstance(event, health.Disconnected)]
    refused = [f"{event.topic}: {event.reason}" for event in events if isinstance(event, health.SubscriptionFailed)]
    found = ((cut, "connections"), (refused, "subscriptions"))
    return [f"{len(reasons)} {what} lost, the first: {reasons[0]}" for reasons, what in found if reasons]


def _unseeded(
    every: tuple[Book, ...], books: dict[str, Book], oracle: oracles.Oracle, events: list[health.Health]
) -> list[str]:
    """Books that are not readable at the end for want of a snapshot, but for those of which that is expected."""
    failed = {event.symbol: event.reason for event in reversed(events) if isinstance(event, health.SnapshotFailed)}
    expected = [books[key] for key, want in oracle.end.items() if key in books and not want.in_sync]
    return [
        f"{book.plan.symbol}: no snapshot was of use, the first: {failed[book.plan.symbol]}"
        for book in every
        if not book.state.readable and book.plan.symbol in failed and book not in expected
    ]
