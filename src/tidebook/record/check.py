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
UNHURRIED = Options(request_timeout=3600.0, ack_timeout=3600.0, first_data=3600.0)
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
    names = _names(connections, oracle.keys)
    async with Replay(connections, records(capture), engine=engine, options=UNHURRIED) as replay:
        replay.on_event = verdict.events.append
        books = {key: replay.desk.books[book.plan.name] for key, book in names.items()}
        async for line in replay.player.play(stops=frozenset(oracle.places)):
            await _lockstep(replay, verdict, line)
            _compare(f"line {line}", books, oracle.places[line], verdict, say)
        await _lockstep(replay, verdict, replay.player.line)
        _compare("end", books, oracle.end, verdict, say)
        _sum_up(replay, books, oracle, verdict, say)
    return verdict


def _names(connections: Connections, keys: frozenset[str]) -> dict[str, WantedBook]:
    """The oracle's key of each book: the venue's id, or that with the connection or channel in front."""
    found: dict[str, WantedBook] = {}
    for book in connections.books:
        ids = (book.instrument, book.instrument.upper(), book.plan.symbol)
        candidates = [f"{front}{one}" for one in ids for front in (f"{book.conn}:", f"{book.channel.name}:", "")]
        key = next((one for one in (*candidates, book.plan.topic) if one in keys and one not in found), None)
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
    replay: Replay, books: dict[str, Book], oracle: oracles.Oracle, verdict: Verdict, say: Callable[[str], None]
) -> None:
    """What must hold over the whole recording."""
    for key in sorted(oracle.keys - set(books)):
        verdict.faults.append(f"book {key} was not seen")
    totals: dict[str, int] = {}
    for book in replay.desk.books.values():
        for name, count in book.engine.stats().items():
            totals[name] = totals.get(name, 0) + count
    undecodable = sum(isinstance(event, health.Undecodable) for event in verdict.events)
    for count, what in ((totals.get("gaps", 0), "gaps"), (undecodable, "undecodable messages")):
        if count:
            verdict.faults.append(f"{count} {what}")
    if totals.get("checksum_failed", 0):
        verdict.faults.append(f"{totals['checksum_failed']} checksums differ")
    verdict.faults += replay.player.missed
    if oracle.lines and replay.player.line != oracle.lines:
        say(f"note: the recording has {replay.player.line} lines, the oracle speaks of {oracle.lines}")
    counts = ", ".join(f"{name} {count}" for name, count in totals.items() if count)
    say(f"{len(books)} books, {verdict.compared} comparisons, undecodable {undecodable}, {counts}")
