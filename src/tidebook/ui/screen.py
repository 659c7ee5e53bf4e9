"""The screen: venues, prices side by side, two order books, and what happened last."""

from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tidebook.ui.cells import HEAD, Digits, row
from tidebook.ui.facts import BookFacts, Scene, Source, VenueFacts, symbols_of
from tidebook.ui.ladders import TITLE, ladders
from tidebook.ui.output import Output
from tidebook.ui.prices import price_rows
from tidebook.ui.tape import below
from tidebook.ui.words import clock

LOW = 32  # lines of a terminal that leave no room for blank ones
FEWEST_EVENTS, MOST_EVENTS = 3, 12


class Screen:
    """Draws on a terminal, in its second screen; what was there before comes back, and the last picture below it."""

    interval = 0.2

    def __init__(self, console: Console | None = None, depth: int = 10) -> None:
        self._console = console or Output()
        self._depth = depth
        self._digits = Digits()
        self._live: Live | None = None

    def start(self, scene: Scene) -> None:
        self._live = Live(self.picture(scene), console=self._console, screen=True, auto_refresh=False)
        self._live.start(refresh=True)

    def show(self, scene: Scene) -> None:
        if self._live is not None:
            self._live.update(self.picture(scene), refresh=True)

    def stop(self, scene: Scene) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._console.print(self.picture(scene, over=True), no_wrap=True, crop=True)

    def picture(self, scene: Scene, *, over: bool = False) -> Text:
        """All of it, made for the console's size."""
        width, height = self._console.size
        low = height < LOW
        blank = [] if low else [Text()]
        symbols = symbols_of(scene.watched)[: 2 if low else 8]
        lines = [_header(scene, width, "ended" if over else "Ctrl-C ends"), *_venues(scene.watched, width), *blank]
        lines += [*price_rows(scene.watched, symbols, self._digits, width), *blank]
        depth = max(1, min(self._depth, height - len(lines) - TITLE - len(blank) - FEWEST_EVENTS))
        lines += [*ladders(_shown(scene.watched, symbols[0], depth), depth, self._digits, width), *blank]
        lines += below(scene, max(1, min(height - len(lines), MOST_EVENTS)), width)
        return Text("\n", no_wrap=True, overflow="crop", end="").join(lines[:height])


def _shown(watched: Sequence[Source], first: str, depth: int) -> list[tuple[int, BookFacts]]:
    """The first symbol's books at two venues; where a venue has no such book, its own first."""
    found = []
    for index, one in enumerate(watched[:2]):
        book = one.book(first if first in one.symbols else one.symbols[0], depth)
        if book is not None:
            found.append((index, book))
    return found


def _header(scene: Scene, width: int, end: str) -> Text:
    head = Text()
    head.append(" tidebook ", "bold reverse").append("  ")
    head.append(f"{scene.engine} engine", "bold")
    head.append(f"   pace {scene.pace}" if scene.pace else "").append(f"   {clock(scene.at)}")
    head.append(f" of {clock(scene.seconds)}" if scene.seconds is not None else "")
    room = width - head.cell_len - len(end)
    if room > 1:
        head.append(" " * room).append(end, "dim")
    head.truncate(width, overflow="crop")
    return head


def _venues(watched: Sequence[Source], width: int) -> list[Text]:
    wide = max([12, *(len(one.venue) for one in watched)]) + 2
    columns = (("connection", -10), ("msg/s", 7), ("messages", 9), ("readable", 9), ("gaps", 5), ("resyncs", 8))
    head = [
        ("venue", -wide, HEAD),
        *((name, room, HEAD) for name, room in columns),
        (f" {watched[0].column}", -40, HEAD),
    ]
    return [row(head, width), *(_venue(one.facts(), wide, width) for one in watched)]


def _venue(facts: VenueFacts, wide: int, width: int) -> Text:
    lost = facts.connection == "lost" or facts.connection.startswith("0/")
    connection = "red" if lost else "dim" if facts.connection == "ended" else "green"
    cells = [
        (facts.venue, -wide, "bold"),
        (facts.connection, -10, connection),
        (f"{facts.rate:,.0f}", 7, ""),
        (f"{facts.messages:,}", 9, ""),
        (f"{facts.readable}/{facts.total}", 9, "green" if facts.readable == facts.total else "yellow"),
        (f"{facts.gaps}", 5, "red" if facts.gaps else ""),
        (f"{facts.resyncs}", 8, ""),
        (f" {facts.about}", -40, "dim"),
    ]
    return row(cells, width)
