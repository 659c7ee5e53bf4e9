"""A book that is nothing but two dicts of floats: what every contender must agree with before its time is taken."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

Level = tuple[float, float]


class Model:
    """`whole` is what REST gives, a frame is one of the combined form."""

    def __init__(self, whole: bytes) -> None:
        body = json.loads(whole)
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self._put(body["bids"], body["asks"])

    def feed(self, frame: bytes) -> None:
        data = json.loads(frame)["data"]
        self._put(data["b"], data["a"])

    def _put(self, bids: Iterable[Sequence[str]], asks: Iterable[Sequence[str]]) -> None:
        for side, rows in ((self.bids, bids), (self.asks, asks)):
            for price, size in rows:
                if float(size):
                    side[float(price)] = float(size)
                else:
                    side.pop(float(price), None)

    def top(self, n: int) -> tuple[list[Level], list[Level]]:
        return sorted(self.bids.items(), reverse=True)[:n], sorted(self.asks.items())[:n]


def floats(rows: Iterable[Any]) -> list[Level]:
    """Levels of a contender, in whatever numbers it has them, as floats."""
    return [(_float(price), _float(size)) for price, size in rows]


def _float(value: Any) -> float:
    # Some numbers have no __float__ that is exact, but say what they are in text.
    return value if isinstance(value, float) else float(str(value))


def raw(frame: bytes) -> bytes:
    """The data alone of a frame of the combined form, as a stream of one's own has it."""
    return frame[frame.index(b',"data":') + len(b',"data":') : -1]


def differs(model: Model, best: Any, top: Any) -> str | None:
    """What the contender has wrong; None where best and top are right."""
    for n, rows in ((1, best), (20, top)):
        for side, ours, theirs in zip(("bids", "asks"), model.top(n), rows, strict=True):
            if ours != (shown := floats(theirs)):
                wrong = next((at for at, pair in enumerate(zip(ours, shown, strict=False)) if pair[0] != pair[1]), n)
                return f"{side} of {n} differ at {wrong}: {ours[wrong : wrong + 1]} is read as {shown[wrong : wrong + 1]}"
    return None
