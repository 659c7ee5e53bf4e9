"""The screen: venues, prices side by side, two order books, and what happened last."""

from collections.abc import Iterable
from decimal import Decimal

from rich.console import Console
from rich.live import Live
from rich.style import Style
from rich.text import Text

from tidebook.model.market import Level, State
from tidebook.ui.watched import BookFacts, Happening, Scene, VenueFacts, Watched
from tidebook.ui.words import clock, decimals, size_decimals, size_text

STATE_STYLE = {
    State.LIVE: "bold green",
    State.UNPROVEN: "bold yellow",
    State.STALE: "bold red",
    State.SYNCING: "cyan",
    State.CLOSED: "dim",
}
TONE_STYLE = {"good": "green", "bad": "red", "plain": ""}
BID, ASK = "green", "red"
BAR_BID, BAR_ASK = Style(color="green", dim=True), Style(color="red", dim=True)
HEAD = "dim"
GAP = 2  # columns between the two books
WIDE = 110  # from here on there is room for the best prices across venues
ROOMY = 50  # a book as wide as this has spaces about its middle
EIGHTHS = "▏▎▍▌▋▊▉█"

Cell = tuple[str, int, str]
"""Text, width (negative: to the left), style."""


class Screen:
    """Draws on a terminal, in its second screen; what was there before comes back."""

    interval = 0.2

    def __init__(self, console: Console | None = None, depth: int = 10) -> None:
        self._console = console or Console()
        self._depth = depth
        self._places: dict[tuple[int, str], int] = {}  # digits behind the point, so that columns stay where they are
        self._live: Live | None = None

    def start(self, scene: Scene) -> None:
        self._live = Live(self.picture(scene), console=self._console, screen=True, auto_refresh=False)
        self._live.start(refresh=True)

    def show(self, scene: Scene) -> None:
        if self._live is not None:
            self._live.update(self.picture(scene), refresh=True)

    def stop(self, scene: Scene) -> None:
        """Give the terminal back. The last picture stays behind."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._console.print(self.picture(scene))

    # The picture --------------------------------------------------------------

    def picture(self, scene: Scene) -> Text:
        """All of it, made for the console's size."""
        width, height = self._console.size
        symbols = _symbols(scene.watched)
        few = height < 32
        shown = symbols[: 2 if few else 8]
        rows = [_header(scene, width)]
        rows += self._venues(scene.watched, width)
        rows += [] if few else [Text()]
        rows += self._prices(scene.watched, shown, width)
        rows += [] if few else [Text()]
        room = height - len(rows) - 3 - (0 if few else 1)
        depth = max(1, min(self._depth, room - 3))
        rows += self._order_books(scene.watched, shown, depth, width)
        rows += [] if few else [Text()]
        rows += _events(scene, max(1, min(height - len(rows), 12)), width)
        return Text("\n", no_wrap=True, overflow="crop", end="").join(rows[:height])

    def _venues(self, watched: list[Watched], width: int) -> list[Text]:
        wide = max([12, *(len(one.venue) for one in watched)]) + 2
        head = _row([("venue", -wide, HEAD), ("connection", -10, HEAD), ("msg/s", 7, HEAD), ("messages", 9, HEAD),
                     ("readable", 9, HEAD), ("gaps", 5, HEAD), ("resyncs", 8, HEAD), (" recording", -40, HEAD)], width)  # fmt: skip
        return [head, *(_venue(one.facts(), one.recording.path.name, wide, width) for one in watched)]

    def _prices(self, watched: list[Watched], symbols: list[str], width: int) -> list[Text]:
        """One row a symbol: the best prices of every venue, side by side."""
        name = max([9, *map(len, symbols)])
        across = width >= WIDE and len(watched) > 1
        room = width - name - (12 if len(watched) > 1 else 0) - (26 if across else 0)
        cell = min(38, room // len(watched))
        half = max((cell - 8) // 2, 5)
        head: list[Cell] = [("symbol", -name, HEAD)]
        for one in watched:
            head += [(f" {one.venue}", -8, HEAD), ("bid", half, HEAD), ("ask", half, HEAD)]
            head[-3:-1] = [(f" {one.venue}", -8 - half + 4, HEAD), ("bid", 4, HEAD)]
        if len(watched) > 1:
            head += [*([("best bid", 13, HEAD), ("best ask", 13, HEAD)] if across else []), ("difference", 12, HEAD)]
        rows = [_row(head, width)]
        for symbol in symbols:
            books = [one.book(symbol, 1) for one in watched]
            rows.append(_row(self._price_row(symbol, name, books, half, across=across), width))
        return rows

    def _price_row(
        self, symbol: str, name: int, books: list[BookFacts | None], half: int, *, across: bool
    ) -> list[Cell]:
        best_bid, best_ask = _best_across(books)
        cells: list[Cell] = [(symbol, -name, "bold")]
        for index, book in enumerate(books):
            if book is None:
                cells += [(" –", -8, HEAD), ("", half, ""), ("", half, "")]
                continue
            cells.append((f" {book.state.upper()}", -8, STATE_STYLE[book.state]))
            for levels, best, colour in ((book.bids, best_bid, BID), (book.asks, best_ask, ASK)):
                style = "dim" if not book.state.readable else f"bold {colour}" if book is best else colour
                cells.append((self._price(index, symbol, levels[:1]), half, style))
        if len(books) > 1:
            if across:
                cells += [(_short(best_bid), 13, BID), (_short(best_ask), 13, ASK)]
            cells.append((_difference(books), 12, ""))
        return cells

    def _price(self, index: int, symbol: str, levels: Iterable[Level]) -> str:
        """A best price with as many digits as this book's prices ever needed."""
        for one in levels:
            return f"{one.price:.{self._digits(index, symbol, [one.price])}f}"
        return "none"

    def _digits(self, index: int, symbol: str, prices: Iterable[Decimal]) -> int:
        places = max(self._places.get((index, symbol), 1), decimals(prices))
        self._places[index, symbol] = places
        return places

    # Order books --------------------------------------------------------------

    def _order_books(self, watched: list[Watched], symbols: list[str], depth: int, width: int) -> list[Text]:
        """The first symbol's books next to each other; without a common one, each venue's first."""
        found = []
        for index, one in enumerate(watched[:2]):
            names = one.symbols
            symbol = symbols[0] if symbols[0] in names else names[0]
            book = one.book(symbol, depth)
            if book is not None:
                found.append((index, book))
        wide = (width - GAP * (len(found) - 1)) // len(found)
        columns = [self._order_book(index, book, depth, min(wide, 100)) for index, book in found]
        return [_beside(parts, wide) for parts in zip(*columns, strict=True)]

    def _order_book(self, index: int, book: BookFacts, depth: int, width: int) -> list[Text]:
        readable = book.state.readable
        state = book.state.upper() if readable else f"{book.state.upper()} {book.since:.1f} s"
        title = Text.assemble((f"{book.venue} ", "bold"), (book.symbol, "bold"), "  ", (state, STATE_STYLE[book.state]))
        below = f"{book.bid_count}+{book.ask_count} levels, seq {book.seq}" if readable else book.reason
        under = Text(below, "dim" if readable else STATE_STYLE[book.state])
        both = [*book.bids, *book.asks]
        places = self._digits(index, book.symbol, [one.price for one in both])
        cut = size_decimals(one.size for one in both)
        bids = [(f"{one.price:.{places}f}", size_text(one.size, cut)) for one in book.bids]
        asks = [(f"{one.price:.{places}f}", size_text(one.size, cut)) for one in book.asks]
        price = max([8, *(len(text) for text, _ in (*bids, *asks))])
        size = max([7, *(len(text) for _, text in (*bids, *asks))])
        middle = " │ " if width >= ROOMY else "│"
        bar = max(0, (width - 2 * (price + size + 1) - len(middle)) // 2)
        most = max((one.size for one in both), default=Decimal(1)) or Decimal(1)
        rows = []
        for n in range(depth):
            row = Text()
            if n < len(bids):
                _bar(row, book.bids[n].size / most, bar, to_left=True, style=BAR_BID)
                row.append(f"{bids[n][1]:>{size}} ").append(f"{bids[n][0]:>{price}}", BID if readable else "dim")
            else:
                row.append(" " * (bar + size + 1 + price))
            row.append(middle, "dim")
            if n < len(asks):
                row.append(f"{asks[n][0]:<{price}} ", ASK if readable else "dim").append(f"{asks[n][1]:<{size}}")
                _bar(row, book.asks[n].size / most, bar, to_left=False, style=BAR_ASK)
            rows.append(row)
        return [title, under, *rows]


def _header(scene: Scene, width: int) -> Text:
    head = Text()
    head.append(" tidebook ", "bold reverse").append("  ")
    head.append(f"{scene.engine} engine", "bold")
    head.append(f"   pace {scene.pace}   {clock(scene.at)} of {clock(scene.seconds)}")
    end = "Ctrl-C ends"
    head.append(" " * max(2, width - head.cell_len - len(end))).append(end, "dim")
    return head


def _venue(facts: VenueFacts, recording: str, wide: int, width: int) -> Text:
    good = {"open": "green", "ended": "dim"}.get(facts.connection, "green" if facts.connection[0] != "0" else "red")
    all_readable = facts.readable == facts.total
    return _row([
        (facts.venue, -wide, "bold"),
        (facts.connection, -10, "red" if facts.connection == "lost" else good),
        (f"{facts.rate:,.0f}", 7, ""),
        (f"{facts.messages:,}", 9, ""),
        (f"{facts.readable}/{facts.total}", 9, "green" if all_readable else "yellow"),
        (f"{facts.gaps}", 5, "red" if facts.gaps else ""),
        (f"{facts.resyncs}", 8, ""),
        (f" {recording}", -40, "dim"),
    ], width)  # fmt: skip


def _events(scene: Scene, room: int, width: int) -> list[Text]:
    return [_event(happening) for happening in [*scene.happenings][-room:]]


def _event(happening: Happening) -> Text:
    where = " ".join(filter(None, (happening.venue, happening.symbol)))
    return Text.assemble((clock(happening.at), "dim"), f" {where} ", (happening.text, TONE_STYLE[happening.tone]))


def _symbols(watched: list[Watched]) -> list[str]:
    """Those of every venue first, then the others."""
    lists = [one.symbols for one in watched]
    every = list(dict.fromkeys(symbol for symbols in lists for symbol in symbols))
    return sorted(every, key=lambda symbol: -sum(symbol in symbols for symbols in lists))


def _best_across(books: list[BookFacts | None]) -> tuple[BookFacts | None, BookFacts | None]:
    """The readable books with the highest bid and the lowest ask."""
    readable = [book for book in books if book is not None and book.state.readable]
    bids, asks = [book for book in readable if book.bids], [book for book in readable if book.asks]
    best_bid = max(bids, key=lambda book: book.bids[0].price) if bids else None
    return best_bid, min(asks, key=lambda book: book.asks[0].price) if asks else None


def _short(book: BookFacts | None) -> str:
    return "none" if book is None else book.venue


def _difference(books: list[BookFacts | None]) -> str:
    """How far the middle of the others is from the first venue's, at most, in percent."""
    middles = [
        (book.bids[0].price + book.asks[0].price) / 2
        for book in books
        if book is not None and book.state.readable and book.bids and book.asks
    ]
    if len(middles) < 2 or not middles[0]:
        return "–"
    return f"{max((one / middles[0] - 1 for one in middles[1:]), key=abs) * 100:+.4f}%"


def _row(cells: list[Cell], width: int) -> Text:
    """Cells beside each other, each cut to its width, the whole to the line's."""
    row = Text()
    for text, wide, style in cells:
        room = abs(wide)
        kept = text if len(text) <= room else text[: room - 1] + "…"
        row.append(kept.ljust(room) if wide < 0 else kept.rjust(room), style)
    row.truncate(width, overflow="crop")
    return row


def _beside(parts: tuple[Text, ...], wide: int) -> Text:
    line = Text()
    for number, part in enumerate(parts):
        part.truncate(wide, overflow="ellipsis", pad=number < len(parts) - 1)
        line.append(" " * GAP if number else "").append_text(part)
    return line


def _bar(row: Text, share: Decimal, room: int, *, to_left: bool, style: Style) -> None:
    """A bar as long as its size; one that grows to the left has only half blocks for its end."""
    if room <= 1:
        row.append(" " * room)
        return
    eighths = max(1, round(float(share) * (room - 1) * 8))
    whole, rest = divmod(eighths, 8)
    if to_left:
        text = ("▐" if rest >= 4 or not whole else "") + "█" * whole
        row.append(f"{text:>{room - 1}} ", style)
    else:
        row.append(f" {'█' * whole + (EIGHTHS[rest - 1] if rest else '')}", style)
