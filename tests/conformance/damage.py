"""A case of books/*.json as a recording: one of its frames lost, doubled, swapped or changed; and what its book says.

Which frames are a book's, what the rule can notice, and what is a fault is tests/eras/report's.
"""

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from tests.conformance.data import Case
from tests.eras.report.frames import BookFrame, Direct, frames
from tests.eras.report.mutants import Found, Kind, Mutant, mutant_of, texts
from tests.eras.report.sets import Recording
from tests.unit.engine.replay import bytes_of

from tidebook import engine as engines
from tidebook.engine.contract import Engine
from tidebook.model.market import State
from tidebook.record.capture import Record
from tidebook.record.connections import Connections, WantedBook
from tidebook.record.oracle import Oracle
from tidebook.venue import BookChannel

CONN: Final = "case"
TRIES: Final = 8  # digits changed in one frame
NAMES: Final = {"gap": "Gap", "checksum": "Mismatch", "unknown_id": "Gap"}


def recording_of(case: Case) -> Recording:
    """Its messages up to the first step that is none."""
    channel = next(one for one in case.venue.books if one.name == case.subject)
    plan = case.venue.book_plan(channel, case.data["id"], case.data.get("topic"))
    wanted = WantedBook(plan, channel, case.data["id"], CONN)
    records: list[Record] = []
    for number, step in enumerate(case.data["steps"], 1):
        if "feed" not in step and "seed" not in step:
            break
        way = "recv" if "feed" in step else "http"
        text = bytes_of(step.get("feed", step.get("seed"))).decode()
        url = plan.endpoint.url if way == "recv" else _asked(channel, wanted.instrument)
        records.append(Record(number, number, way, CONN if way == "recv" else "http", url, text))
    connections = Connections((), (wanted,))
    return Recording(str(case), records, connections, Oracle(frozenset(), len(records), {}, {}))


def _asked(channel: BookChannel, instrument: str) -> str:
    assert channel.rest is not None
    return channel.rest(instrument, None).request.url


def mutants_of(recording: Recording, kind: Kind) -> Iterator[Mutant]:
    """All of a kind: of each frame that a seeded book applied and that another one follows."""
    (wanted,) = recording.connections.books
    heard = frames(recording, wanted, engines.load(), len(recording.records))
    for index, (frame, following) in enumerate(pairwise(heard)):
        if not (frame.applied and following.applied):
            continue
        rng = random.Random(f"{recording.name} {kind} {index}")
        seen: set[str] = set()
        for _ in range(TRIES if kind in ("price", "size", "id") else 1):
            mutant = mutant_of(recording, wanted, recording.name, kind, heard[index : index + 3], rng)
            if mutant is not None and (said := _said(mutant, frame)) not in seen:
                seen.add(said)
                yield mutant


def _said(mutant: Mutant, frame: BookFrame) -> str:
    return str(mutant.records[frame.at].message) if frame.at < len(mutant.records) else ""


def listen(recording: Recording, mutant: Mutant, engine: Engine) -> Found:
    """What a book says of it by the frame that follows what was changed."""
    direct, before = (
        _heard(recording, mutant, mutant.records, engine),
        _heard(recording, mutant, recording.records, engine),
    )
    told = [NAMES[one] for one in direct.told if one in NAMES]
    # An answer between the book's frames may be none of its messages; that is not what was changed.
    unread = len(direct.told) - len(told) > sum(one not in NAMES for one in before.told)
    noticed = "Undecodable" if unread else told[0] if told else ""
    seeded, proves = direct.book.seeded, mutant.wanted.plan.rule.proves
    state = (State.LIVE if proves else State.UNPROVEN) if seeded else State.STALE
    equal = (texts(direct.book, "bid"), texts(direct.book, "ask")) == mutant.right if seeded else False
    return Found(mutant, noticed, state, equal, None)


def _heard(recording: Recording, mutant: Mutant, records: list[Record], engine: Engine) -> Direct:
    """A book that has heard these, with what was told since the line of the change."""
    direct = Direct(recording, mutant.wanted, engine)
    for record in records:
        if record.number > mutant.watch:
            break
        direct.take(record)
        if record.number < mutant.line:
            direct.told.clear()
    return direct
