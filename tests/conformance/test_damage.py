"""Every venue's books, from the frames of its data with one of them damaged: what the rule can notice is noticed."""

from dataclasses import replace

import pytest
from tests.conformance.damage import listen, mutants_of, recording_of
from tests.conformance.data import Case, cases
from tests.eras.report.mutants import KINDS, Kind

from tidebook import venues
from tidebook.engine.contract import Engine
from tidebook.venue import BookChannel, Chain, Proof, Venue


@pytest.mark.parametrize("case", cases("books"), ids=str)
def test_a_book_notices_what_its_rule_can_and_claims_nothing_else(case: Case, engine: Engine) -> None:
    """One of its frames is lost, comes twice, changes places with the next, or has one digit changed."""
    recording = recording_of(case)
    for kind in KINDS:
        for mutant in mutants_of(recording, kind):
            found = listen(recording, mutant, engine)
            assert not found.fault, (kind, mutant.line, found.noticed, found.state, found.equal)


@pytest.mark.parametrize(
    "channel", [(venue, channel) for venue in venues.every().values() for channel in venue.books],
    ids=lambda one: f"{one[0].name} {one[1].name}",
)  # fmt: skip
def test_the_frames_of_a_book_are_enough_to_damage_them(channel: tuple[Venue, BookChannel]) -> None:
    """Two that are applied in a row behind the one that made the book whole; where they are chained, a third one."""
    venue, declared = channel
    chained = declared.rule.chain in (Chain.NEXT, Chain.PREV)
    needed: tuple[Kind, ...] = ("dropped", "doubled", "swapped", "id") if chained else ("dropped", "doubled")
    made = [recording_of(one) for one in cases("books") if (one.venue, one.subject) == (venue, declared.name)]
    for kind in needed:
        mutants = [mutant for recording in made for mutant in mutants_of(recording, kind)]
        assert mutants, f"no frame of tests/venues/{venue.name}/books/ can be {kind}: the cases are too short"
        assert not chained or kind == "doubled" or any(one.by_ids for one in mutants), f"{kind}: the ids never show it"


def test_a_book_that_notices_nothing_is_found(engine: Engine) -> None:
    """Else the verdicts above would mean nothing."""
    found = []
    for recording in map(recording_of, cases("books")):
        for mutant in mutants_of(recording, "dropped"):
            plan = mutant.wanted.plan
            rule = replace(plan.rule, chain=Chain.NONE, proof=(Proof.NONE,))
            deaf = replace(plan, rule=rule, shape=replace(plan.shape, checksum=None))
            if mutant.by_ids:
                without = replace(mutant, wanted=replace(mutant.wanted, plan=deaf))
                found.append(listen(recording, without, engine).fault)
    assert set(found) == {"not noticed"}
