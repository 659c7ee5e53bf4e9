"""Events and numbers as people read them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from tidebook.model import health
from tidebook.model.number import plain

Tone = Literal["good", "bad", "plain"]

SIZE_WIDTH = 9


def tell(event: health.Health) -> tuple[str, Tone]:
    """An event in words; no text where another event says the same."""
    match event:
        case health.Gap():
            return "", "bad"  # Stale follows and has the numbers
        case health.Stale():
            return f"STALE: {event.reason}", "bad"
        case health.Resynced():
            return event.text, "good"
        case health.Connected() | health.Rotated() | health.SnapshotFailed():
            return event.text, "plain"
        case _:
            return event.text, "bad"


def clock(seconds: float) -> str:
    """12.3 → 00:12.3."""
    tenths = int(seconds * 10 + 1e-6)
    return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def decimals(values: Iterable[Decimal]) -> int:
    """How many digits behind the point are needed to write all of them."""
    return max((len(text.partition(".")[2]) for text in map(plain, values)), default=0)


def size_decimals(values: Iterable[Decimal]) -> int:
    """How many digits behind the point sizes get: what they need, at most five, and none beyond SIZE_WIDTH."""
    sizes = [*values]
    widest = max((len(str(int(size))) for size in sizes), default=1)
    return max(0, min(5, SIZE_WIDTH - 1 - widest, decimals(sizes)))


def size_text(value: Decimal, places: int) -> str:
    """A size for the eye: cut to so many digits, but never to nothing."""
    text = f"{value:.{places}f}"
    return f"{value:.1g}" if value and not text.strip("0.") else text
