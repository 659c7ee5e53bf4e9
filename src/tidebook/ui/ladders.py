"""Order books as ladders: bids to the left, asks to the right, a bar for every size."""

from decimal import Decimal

from rich.style import Style
from rich.text import Text

from tidebook.ui.cells import ASK, BID, STATE_STYLE, Digits
from tidebook.ui.facts import BookFacts
from tidebook.ui.words import size_decimals, size_text

GAP = 2  # columns between two books
WIDEST = 100
ROOMY = 50  # a book as wide as this has spaces about its middle
BAR_BID, BAR_ASK = Style(color="green", dim=True), Style(color="red", dim=True)
BAR_OLD = Style(color="bright_black")
EIGHTHS = "▏▎▍▌▋▊▉█"
TITLE = 2  # lines above the levels


def ladders(books: list[tuple[int, BookFacts]], depth: int, digits: Digits, width: int) -> list[Text]:
    """Books beside each other, each with the place of its venue; only the first where they would not fit."""
    if not books:
        return [Text() for _ in range(TITLE + depth)]
    wide = (width - GAP * (len(books) - 1)) // len(books)
    columns = [_ladder(index, book, depth, digits, min(wide, WIDEST)) for index, book in books]
    if len(books) > 1 and any(line.cell_len > wide for column in columns for line in column[TITLE:]):
        return ladders(books[:1], depth, digits, width)
    return [_beside(parts, wide) for parts in zip(*columns, strict=True)]


def _ladder(index: int, book: BookFacts, depth: int, digits: Digits, width: int) -> list[Text]:
    both = [*book.bids, *book.asks]
    prices = digits.texts(index, book.symbol, [one.price for one in both])
    cut = size_decimals(one.size for one in both)
    sizes = [size_text(one.size, cut) for one in both]
    price, size = max([8, *map(len, prices)]), max([7, *map(len, sizes)])
    middle = " │ " if width >= ROOMY else "│"
    bar = max(0, (width - 2 * (price + size + 1) - len(middle)) // 2)
    most = max((one.size for one in both), default=Decimal(1)) or Decimal(1)
    asks_at, readable = len(book.bids), book.state.readable
    lines = _title(book)
    for n in range(depth):
        line, ask = Text(), asks_at + n
        if n < len(book.bids):
            _bar(line, both[n].size / most, bar, to_left=True, style=BAR_BID if readable else BAR_OLD)
            line.append(f"{sizes[n]:>{size}} ").append(f"{prices[n]:>{price}}", BID if readable else "dim")
        else:
            line.append(" " * (bar + size + 1 + price))
        line.append(middle, "dim")
        if n < len(book.asks):
            line.append(f"{prices[ask]:<{price}} ", ASK if readable else "dim").append(f"{sizes[ask]:<{size}}")
            _bar(line, both[ask].size / most, bar, to_left=False, style=BAR_ASK if readable else BAR_OLD)
        lines.append(line)
    return lines


def _title(book: BookFacts) -> list[Text]:
    """Whose book, its state, and why it may not be read."""
    style = STATE_STYLE[book.state]
    readable = book.state.readable
    state = book.state.upper() if readable else f"{book.state.upper()} {book.since:.1f} s"
    below = f"{book.bid_count}+{book.ask_count} levels, seq {book.seq}" if readable else book.reason
    return [
        Text.assemble((f"{book.venue} {book.symbol}", "bold"), "  ", (state, style)),
        Text(below, "dim" if readable else style),
    ]


def _beside(parts: tuple[Text, ...], wide: int) -> Text:
    line = Text()
    for number, part in enumerate(parts):
        part.truncate(wide, overflow="ellipsis", pad=number < len(parts) - 1)
        line.append(" " * GAP if number else "").append_text(part)
    return line


def _bar(line: Text, share: Decimal, room: int, *, to_left: bool, style: Style) -> None:
    """A bar as long as its size; one that grows to the left has only half blocks for its end."""
    if room <= 1:
        line.append(" " * room)
        return
    whole, rest = divmod(max(1, round(float(share) * (room - 1) * 8)), 8)
    if to_left:
        text = ("▐" if rest >= 4 or not whole else "") + "█" * whole
        line.append(f"{text:>{room - 1}} ", style)
    else:
        line.append(f" {'█' * whole + (EIGHTHS[rest - 1] if rest else '')}", style)
