"""Sync rules: chosen, never written.

A rule is seed × chain × scope × bridge × proof. `engine/README.md` says what each does,
message by message.
"""

from dataclasses import dataclass
from enum import StrEnum

from tidebook.errors import UsageError


class Seed(StrEnum):
    """Whence a whole book comes."""

    EVERY = "every"  # each message is whole
    STREAM = "stream"  # a marked message in the channel
    REQUEST = "request"  # asked on the same socket
    REST = "rest"
    SIDE = "side"  # another channel repeats it


class Chain(StrEnum):
    """What a change must satisfy."""

    NEXT = "next"  # first == last + 1; an overlap first <= last < id is accepted
    PREV = "prev"  # prev == last: equality only; ids may jump, repeat, go back
    RISING = "rising"  # id > last; proves nothing
    NONE = "none"


class Scope(StrEnum):
    """Over what the counter runs."""

    TOPIC = "topic"
    CONNECTION = "connection"  # every frame of the connection is counted


class Bridge(StrEnum):
    """Which buffered change may follow snapshot S."""

    COVERS_NEXT = "covers_next"  # first <= S + 1 <= id
    COVERS = "covers"  # first <= S <= id, or prev == S; changes with id < S are old
    PREV = "prev"  # prev == S
    PREV_RANGE = "prev_range"  # prev <= S < id
    SAME = "same"  # first == S + 1 exactly
    AFTER = "after"  # any with id > S; where ids are absent: all since the snapshot was asked for


class Proof(StrEnum):
    """What shows that a book is the venue's book."""

    SEQUENCE = "sequence"
    CHECKSUM = "checksum"
    WHOLE = "whole"
    COMPARE = "compare"  # with each scheduled snapshot, before it replaces
    MID = "mid"
    NONE = "none"


class Resync(StrEnum):
    """What is done after a gap."""

    REFETCH = "refetch"
    REQUEST = "request"
    RESUBSCRIBE = "resubscribe"
    RECONNECT = "reconnect"


#: Proofs that let a book claim `live`; with none of them it is `unproven`.
PROVING = frozenset({Proof.SEQUENCE, Proof.CHECKSUM, Proof.WHOLE})


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a snapshot of one book may be asked for: `count` in `per` seconds, `spacing` seconds apart.

    `lag`: an answer may be that many seconds older than its question. Until the stream has begun nobody sees that, so
    that the first question waits for the first message, at most for so long.
    """

    count: int = 3
    per: float = 60.0
    spacing: float = 1.0
    lag: float = 1.0


@dataclass(frozen=True, slots=True)
class SyncRule:
    """How one channel's book is kept current. Checked when made.

    `empty_id` is the id by which a snapshot says that it has no history (any change may follow).
    `buffer_changes`, `buffer_rows` (rows of all of them together) and `buffer_seconds` bound what is
    kept while a book is unseeded, or for the next scheduled snapshot; the newest change is kept however long.
    `compare_every` is the pace in seconds of scheduled snapshots for proof `compare`.
    """

    seed: Seed
    chain: Chain = Chain.NONE
    bridge: Bridge | None = None
    scope: Scope = Scope.TOPIC
    proof: tuple[Proof, ...] = (Proof.NONE,)
    resync: Resync = Resync.RESUBSCRIBE
    empty_id: int | None = None
    pace: Pace = Pace()
    buffer_changes: int = 10_000
    buffer_rows: int = 500_000
    buffer_seconds: float = 60.0
    compare_every: float | None = None

    def __post_init__(self) -> None:
        outside = self.seed in (Seed.REST, Seed.REQUEST, Seed.SIDE)
        if outside and self.bridge is None:
            raise UsageError(f"seed {self.seed} needs a bridge from its snapshot to the changes")
        if not outside and self.bridge is not None:
            raise UsageError(f"seed {self.seed} has no bridge: its snapshot is in the stream")
        if self.seed is Seed.EVERY and self.chain is not Chain.NONE:
            raise UsageError("where each message is whole there is no chain")
        if self.scope is Scope.CONNECTION and self.chain is not Chain.NEXT:
            raise UsageError("only `next` counts a whole connection")
        if Proof.SEQUENCE in self.proof and self.chain not in (Chain.NEXT, Chain.PREV):
            raise UsageError(f"chain {self.chain} is no proof by sequence")
        if Proof.WHOLE in self.proof and self.seed is not Seed.EVERY:
            raise UsageError("proof `whole` belongs to seed `every`")
        if not self.proof:
            raise UsageError("a rule says its proof, be it `none`")

    @property
    def proves(self) -> bool:
        """Whether a seeded book may claim `live`."""
        return any(proof in PROVING for proof in self.proof)
