"""What the parts of the screen share: styles, cells in a row, and digits that stay where they are."""

from collections.abc import Iterable
from decimal import Decimal

from rich.text import Text

from tidebook.model.market import State
from tidebook.ui.words import decimals

STATE_STYLE = {
    State.LIVE: "bold green",
    State.UNPROVEN: "bold yellow",
    State.STALE: "bold red",
    State.SYNCING: "cyan",
    State.CLOSED: "dim",
}
TONE_STYLE = {"good": "green", "bad": "red", "plain": ""}
BID, ASK, HEAD = "green", "red", "dim"

Cell = tuple[str, int, str]
"""Text, width (negative: to the left), style."""


def row(cells: Iterable[Cell], width: int) -> Text:
    """Cells beside each other, each cut to its width, the whole to the line's."""
    line = Text()
    for text, wide, style in cells:
        room = abs(wide)
        kept = text if len(text) <= room else text[: room - 1] + "…"
        line.append(kept.ljust(room) if wide < 0 else kept.rjust(room), style)
    line.truncate(width, overflow="crop")
    return line


class Digits:
    """Prices printed with as many digits behind the point as those of their book ever needed."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, str], int] = {}

    def texts(self, index: int, symbol: str, prices: Iterable[Decimal]) -> list[str]:
        """`index` is the venue's place on the screen."""
        all_prices = [*prices]
        places = self._places[index, symbol] = max(self._places.get((index, symbol), 1), decimals(all_prices))
        return [f"{price:.{places}f}" for price in all_prices]
