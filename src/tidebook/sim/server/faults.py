"""Faults on request: what goes wrong at a served venue, when, and for how long."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from typing import Final, Literal

from tidebook.core.clock import SECOND, seconds
from tidebook.errors import UsageError

Kind = Literal[
    "cut", "shutdown", "silence", "drop", "duplicate", "wrong", "late_snapshot", "old_snapshot", "status", "clock",
    "order", "resume",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = (
    "cut", "shutdown", "silence", "drop", "duplicate", "wrong", "late_snapshot", "old_snapshot", "status", "clock",
    "order", "resume",
)  # fmt: skip

Point = Literal["unread", "read", "accepted", "filled", "answer", "late", "status"]
POINTS: Final[tuple[Point, ...]] = ("unread", "read", "accepted", "filled", "answer", "late", "status")

LONGEST: Final = 366 * 86_400.0  # seconds: longer than any run, and every clock stays within the calendar


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    ``cut``: all connections are cut; with `seconds`, new ones are cut as long. ``shutdown``: those that are open are
    told so, where the venue tells it, and closed `seconds` (of ours) later. ``silence``: messages of `topic` are
    withheld for `seconds`. ``drop`` and ``duplicate``: the next `count` messages of `topic` are lost, or come twice.
    ``wrong``: the last number with a point in each of them has another last digit.
    ``late_snapshot``: for the next `count` snapshots the answer comes `seconds` late, with the book as it was when it
    was asked for. ``old_snapshot``: they show the book of `seconds` before. ``status``: the next `count` requests are
    answered with `status`, and `retry_after` seconds where that is 418 or 429. ``clock``: the venue, and whatever is at
    a host of its, says a time that is `seconds` ahead (or behind, where they are negative). ``resume``: all faults of
    the venue end.

    ``order``: the next `count` calls of who has a key, at the path `topic` (on a socket: by the message's method), fail
    at a `point`. ``unread``: the connection is cut before anything is looked at; ``read``: once it is known who asks,
    and nothing is done; ``accepted``: it is done, and nothing answered; ``filled``: likewise, once the order that was
    placed has a fill or has ended; ``answer``: half of the answer is sent; ``late``: the answer comes `seconds` (of
    ours) later; ``status``: it is done, and the answer is `status` in the venue's words for not knowing.

    `venue` is a venue or an exchange, None all of them; `topic` a topic as the venue writes it, or a pattern with
    `*`. `at`: so many seconds after the exchange's clock began; None: now. `chance`: of each message or
    request to be hit, drawn from the exchange's seed. Times are the exchange's, a year at most.
    Raises UsageError for what is out of these bounds.
    """

    kind: Kind
    venue: str | None = None
    topic: str = "*"
    count: int = 1
    seconds: float = 0.0
    status: int = 429
    retry_after: int = 10
    at: float | None = None
    chance: float = 1.0
    point: Point = "accepted"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"no fault is called {self.kind!r}. There are: {', '.join(KINDS)}")
        if self.point not in POINTS:
            raise UsageError(f"no point of a call is called {self.point!r}. There are: {', '.join(POINTS)}")
        if not (
            self.count > 0
            and (-LONGEST if self.kind == "clock" else 0) <= self.seconds <= LONGEST
            and (self.at is None or -LONGEST <= self.at <= LONGEST)
            and 400 <= self.status <= 599
            and 0 < self.chance <= 1
        ):
            raise UsageError(f"a fault of impossible size: {self}")


@dataclass(slots=True)
class Standing:
    """A fault that is in force."""

    fault: Fault
    until_ns: int | None
    left: int | None


class Faults:
    """What is in force at one venue. `hits` counts by kind what was done."""

    def __init__(self, seed: int, venue: str) -> None:
        self._random = Random(f"{seed}/{venue}/faults")
        self._standing: list[Standing] = []
        self.hits: dict[str, int] = {}
        self.clock_ns = 0  # by which the venue's clock is wrong

    def begin(self, fault: Fault, now_ns: int) -> None:
        if fault.kind == "resume":
            self._standing.clear()
            self.clock_ns = 0
            return
        if fault.kind == "shutdown":
            return
        if fault.kind == "clock":
            self.clock_ns = seconds(fault.seconds)
            return
        lasting = fault.kind in ("cut", "silence")
        until_ns = now_ns + seconds(fault.seconds) if lasting else None
        self._standing.append(Standing(fault, until_ns, None if lasting else fault.count))

    def take(self, kind: Kind, now_ns: int, topic: str = "") -> Fault | None:
        """The fault of this kind that happens now, if one does."""
        for one in [*self._standing]:
            if one.until_ns is not None and one.until_ns <= now_ns:
                self._standing.remove(one)
                continue
            fault = one.fault
            if fault.kind != kind or not (fault.topic == topic or fnmatchcase(topic, fault.topic)):
                continue
            if fault.chance < 1.0 and self._random.random() >= fault.chance:
                continue
            if one.left is not None:
                one.left -= 1
                if not one.left:
                    self._standing.remove(one)
            self.hits[kind] = self.hits.get(kind, 0) + 1
            return fault
        return None

    def copies(self, topic: str, now_ns: int) -> int:
        """How many times the next message of a topic is sent."""
        if not self._standing:
            return 1
        if self.take("silence", now_ns, topic) or self.take("drop", now_ns, topic):
            return 0
        return 2 if self.take("duplicate", now_ns, topic) else 1


_LAST: Final = re.compile(rb"(\d+\.\d*)(\d)(?!.*\d\.\d)", re.DOTALL)


def spoiled(message: bytes) -> bytes:
    """A message whose last number with a point has another last digit, not 0; as it was where there is none."""
    return _LAST.sub(lambda found: found[1] + b"%d" % (int(found[2]) % 9 + 1), message, count=1)


def due_ns(fault: Fault, start_ns: int, now_ns: int) -> int:
    """When it happens."""
    return now_ns if fault.at is None else start_ns + int(fault.at * SECOND)
