"""A recording in the making, and the books that who plays it must have."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tidebook.sim.recordings.market import Change

EPOCH_US = 1_767_225_600_000_000  # 2026-01-01: an invented day
CHECKPOINTS = 9
SHOWN = 20

Json = dict[str, Any]


@dataclass(slots=True)
class Known:
    """What a reader of the recording knows of a book: a plain second opinion, and not the engine.

    `late` are changes that came while nothing could be done with them.
    """

    key: str
    seq: int | None = None
    in_sync: bool = False
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    late: list[tuple[int, list[Change], list[Change]]] = field(default_factory=list)
    gaps: int = 0

    def whole(self, seq: int, bids: list[Change], asks: list[Change]) -> None:
        """A snapshot came; of the changes that waited, the later ones apply."""
        self.bids, self.asks = dict(bids), dict(asks)
        self.seq, self.in_sync = seq, True
        late, self.late = self.late, []
        for one in late:
            if one[0] > seq:
                self.changed(*one)

    def changed(self, seq: int, bids: list[Change], asks: list[Change]) -> None:
        """A change came."""
        if not self.in_sync:
            self.late.append((seq, bids, asks))
            return
        self.seq = seq
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, size in changes:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)

    def lost(self) -> None:
        """The next change does not follow."""
        self.in_sync = False
        self.gaps += 1

    def state(self) -> Json:
        """As an oracle tells it."""
        if not self.in_sync:
            return {"in_sync": False}
        bids = [[plain(price), plain(size)] for price, size in sorted(self.bids.items(), reverse=True)]
        asks = [[plain(price), plain(size)] for price, size in sorted(self.asks.items())]
        lines = ["bids", *map(":".join, bids), "asks", *map(":".join, asks), ""]
        return {
            "in_sync": True,
            "seq": self.seq,
            "bid_levels": len(bids),
            "ask_levels": len(asks),
            "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            "bids": bids[:SHOWN],
            "asks": asks[:SHOWN],
        }


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One record, at its time; `effect` is what it does to what a reader knows."""

    at_us: int
    order: int
    content: Json = field(compare=False)
    effect: Callable[[], None] | None = field(compare=False)


class Tape:
    """Lines in any order; `text` and `oracle` have them by time."""

    def __init__(self, name: str, rule: str) -> None:
        self.name = name
        self.books: dict[str, Known] = {}
        self._rule = rule
        self._lines: list[Line] = []

    def add(
        self,
        at: float,
        kind: str,
        conn: str,
        url: str,
        message: str | bytes = "",
        effect: Callable[[], None] | None = None,
    ) -> None:
        """A record, `at` seconds after the beginning."""
        raw = message if isinstance(message, str) else {"b64": b64encode(message).decode()}
        at_us = EPOCH_US + round(at * 1e6)
        content = {"dir": kind, "conn": conn, "url": url, "msg": raw}
        self._lines.append(Line(at_us, len(self._lines), content, effect))

    def text(self) -> str:
        """JSON lines."""
        return "".join(_printed(line) for line in sorted(self._lines))

    def oracle(self) -> Json:
        """The books at nine places, at every gap and at the end. Once: it plays the effects through."""
        lines = sorted(self._lines)
        places = {len(lines) * (n + 1) // (CHECKPOINTS + 1) for n in range(CHECKPOINTS)}
        checkpoints = []
        for number, line in enumerate(lines, 1):
            gaps = self._gaps()
            if line.effect is not None:
                line.effect()
            if number in places or self._gaps() > gaps:  # also where a book must not be readable
                symbols = {key: known.state() for key, known in self.books.items()}
                checkpoints.append({"after_line": number, "t": line.at_us / 1e6, "symbols": symbols})
        return {
            "dataset": f"{self.name}.jsonl.gz",
            "lines": len(lines),
            "protocol": self.name,
            "rule": self._rule,
            "totals": {"gaps": self._gaps()},
            "books": len(self.books),
            "books_in_sync_at_end": sum(known.in_sync for known in self.books.values()),
            "symbols": {key: {**known.state(), "last_sequence": known.seq} for key, known in self.books.items()},
            "checkpoints": checkpoints,
        }

    def _gaps(self) -> int:
        return sum(known.gaps for known in self.books.values())


def _printed(line: Line) -> str:
    seconds, rest = divmod(line.at_us, 1_000_000)
    return f'{{"t":{seconds}.{rest:06d},{compact(line.content)[1:]}\n'


def compact(value: object) -> str:
    """JSON as exchanges print it."""
    return json.dumps(value, separators=(",", ":"))


def plain(value: Decimal) -> str:
    """Plain decimal text: no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
