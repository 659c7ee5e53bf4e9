"""Every combination of seed, chain, scope, bridge and proof that some venue's book uses, and how it is spoken here.

One generic JSON dialect prints all of them (`speech.py`). The names say what a combination is, not whose.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tidebook.engine.rule import Bridge, Chain, Pace, Proof, Resync, Scope, Seed, SyncRule
from tidebook.engine.shape import Checksum, Digits, Order

Ids = Literal["none", "last", "range", "prev", "range_prev"]
"""Which sequence numbers a message shows: none, its last, first and last, last and previous, or all three."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A rule with what the dialect has to know beside it.

    `dense`: ids count without holes. `whole_every`: seconds between whole books that the venue repeats by itself.
    `backward`: ids may repeat and fall, as equality alone is their meaning.
    """

    name: str
    rule: SyncRule
    ids: Ids
    dense: bool = False
    backward: bool = False
    overlap: bool = False
    whole_every: float | None = None
    checksum: Checksum | None = None
    window: int | None = None

    @property
    def proves(self) -> bool:
        return self.rule.proves

    @property
    def proven_depth(self) -> int | None:
        """To which level a live book is proven; None: whole."""
        by_checksum_alone = self.checksum is not None and Proof.SEQUENCE not in self.rule.proof
        return self.checksum.depth if by_checksum_alone and self.checksum is not None else None

    @property
    def from_outside(self) -> bool:
        return self.rule.seed in (Seed.REST, Seed.REQUEST)


def _rule(seed: Seed, chain: Chain, bridge: Bridge | None, *proof: Proof, **more: object) -> SyncRule:
    resync = {Seed.REST: Resync.REFETCH, Seed.REQUEST: Resync.REQUEST}.get(seed, Resync.RESUBSCRIBE)
    return SyncRule(seed, chain, bridge, proof=proof, **{"resync": resync, **more})  # type: ignore[arg-type]


_CRC: Final = Checksum("crc", depth=10, order=Order.ASKS_THEN_BIDS, digits=Digits.BARE, joiner="", when="present")
_CRC_OR_ZERO: Final = Checksum("crc", depth=25, order=Order.INTERLEAVED, digits=Digits.AS_SENT, when="nonzero")
_QUICK: Final = Pace(count=60, per=60, spacing=0.1)
_SEQ: Final = Proof.SEQUENCE
_AUDITED: Final = {"compare_every": 20.0}

COMBINATIONS: Final[tuple[Combination, ...]] = (
    Combination("every·none·whole", _rule(Seed.EVERY, Chain.NONE, None, Proof.WHOLE), "last"),
    Combination(
        "rest·next·covers_next",
        _rule(Seed.REST, Chain.NEXT, Bridge.COVERS_NEXT, _SEQ),
        "range",
        dense=True,
        overlap=True,
    ),
    Combination("rest·next·same", _rule(Seed.REST, Chain.NEXT, Bridge.SAME, _SEQ), "range", dense=True),
    Combination("rest·prev·covers", _rule(Seed.REST, Chain.PREV, Bridge.COVERS, _SEQ), "range_prev"),
    Combination("rest·prev·prev_range", _rule(Seed.REST, Chain.PREV, Bridge.PREV_RANGE, _SEQ), "prev"),
    Combination(
        "rest·rising·after", _rule(Seed.REST, Chain.RISING, Bridge.AFTER, Proof.NONE, compare_every=20.0), "last"
    ),
    Combination("rest·none·after", _rule(Seed.REST, Chain.NONE, Bridge.AFTER, Proof.NONE, **_AUDITED), "none"),
    Combination("request·prev·prev", _rule(Seed.REQUEST, Chain.PREV, Bridge.PREV, _SEQ, pace=_QUICK), "prev"),
    Combination("stream·next", _rule(Seed.STREAM, Chain.NEXT, None, _SEQ), "range", dense=True, overlap=True),
    Combination("stream·next·single", _rule(Seed.STREAM, Chain.NEXT, None, _SEQ), "last", dense=True),
    Combination("stream·next·connection", _rule(Seed.STREAM, Chain.NEXT, None, _SEQ, scope=Scope.CONNECTION), "none"),
    Combination(
        "stream·next·connection·reconnect",
        _rule(Seed.STREAM, Chain.NEXT, None, _SEQ, scope=Scope.CONNECTION, resync=Resync.RECONNECT),
        "none",
    ),
    Combination("stream·prev", _rule(Seed.STREAM, Chain.PREV, None, _SEQ), "prev", backward=True),
    Combination(
        "stream·prev·checksum",
        _rule(Seed.STREAM, Chain.PREV, None, _SEQ, Proof.CHECKSUM),
        "prev",
        backward=True,
        checksum=_CRC_OR_ZERO,
    ),
    Combination(
        "stream·none·checksum", _rule(Seed.STREAM, Chain.NONE, None, Proof.CHECKSUM), "none", checksum=_CRC, window=15
    ),
    Combination("stream·none·none", _rule(Seed.STREAM, Chain.NONE, None, Proof.NONE), "none"),
    Combination(
        "stream·rising·compare", _rule(Seed.STREAM, Chain.RISING, None, Proof.COMPARE), "last", whole_every=10.0
    ),
    Combination(
        "side·rising·after·compare",
        _rule(Seed.SIDE, Chain.RISING, Bridge.AFTER, Proof.COMPARE),
        "last",
        whole_every=5.0,
    ),
    Combination("side·none·after·mid", _rule(Seed.SIDE, Chain.NONE, Bridge.AFTER, Proof.MID), "none", whole_every=5.0),
)

BY_NAME: Final = {combination.name: combination for combination in COMBINATIONS}
