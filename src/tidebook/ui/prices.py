"""The best prices of every venue, side by side: one row a symbol."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from tidebook.ui.cells import ASK, BID, HEAD, STATE_STYLE, Cell, Digits, row
from tidebook.ui.facts import BookFacts, Books, Source, best_across, difference

STATE_ROOM = 8
WIDEST = 16  # of a price's column
BEST_ROOM = 13
DIFFERENCE = ("difference", 12, HEAD)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Which columns there is room for, and how wide a price's is."""

    name: int
    state: int
    price: int
    best: bool
    difference: bool


def price_rows(watched: Sequence[Source], symbols: list[str], digits: Digits, width: int) -> list[Text]:
    """The table with its head."""
    table = {symbol: [one.book(symbol, 1) for one in watched] for symbol in symbols}
    prices = {symbol: _texts(symbol, books, digits) for symbol, books in table.items()}
    longest = max((len(text) for texts in prices.values() for pair in texts for text in pair), default=4)
    fit = _fit(max([9, *map(len, symbols)]), longest + 1, len(watched), width)
    head: list[Cell] = [("symbol", -fit.name, HEAD)]
    for one in watched:
        under = fit.state + fit.price - 4
        head += [(f" {one.venue}", -under, HEAD), (" bid", 4, HEAD), ("ask", fit.price, HEAD)]
    head += [("best bid", BEST_ROOM, HEAD), ("best ask", BEST_ROOM, HEAD)] if fit.best else []
    head += [DIFFERENCE] if fit.difference else []
    return [row(head, width), *(row(_cells(symbol, table[symbol], prices[symbol], fit), width) for symbol in symbols)]


def _fit(name: int, price: int, venues: int, width: int) -> _Fit:
    """Prices come first; what else there is goes when the terminal is narrow."""
    for best, apart, state in ((True, True, STATE_ROOM), (False, True, STATE_ROOM), (False, False, STATE_ROOM)):
        if venues == 1 and (best or apart):
            continue
        more = (2 * BEST_ROOM if best else 0) + (DIFFERENCE[1] if apart else 0)
        room = (width - name - more) // venues - state
        if room >= 2 * price:
            return _Fit(name, state, min(room // 2, WIDEST), best, apart)
    return _Fit(name, 2, price, best=False, difference=False)


def _texts(symbol: str, books: Books, digits: Digits) -> list[tuple[str, str]]:
    """Best bid and best ask of every venue."""
    texts = []
    for index, book in enumerate(books):
        sides = (book.bids[:1], book.asks[:1]) if book is not None else ((), ())
        bid, ask = (digits.texts(index, symbol, [one.price for one in levels]) for levels in sides)
        texts.append((bid[0] if bid else "none", ask[0] if ask else "none"))
    return texts


def _cells(symbol: str, books: Books, prices: list[tuple[str, str]], fit: _Fit) -> list[Cell]:
    best_bid, best_ask = best_across(books)
    cells: list[Cell] = [(symbol, -fit.name, "bold")]
    for book, (bid, ask) in zip(books, prices, strict=True):
        if book is None:
            cells += [(" –", -fit.state, HEAD), ("", 2 * fit.price, "")]
            continue
        state = book.state.upper() if fit.state == STATE_ROOM else book.state.upper()[0]
        cells.append((f" {state}", -fit.state, STATE_STYLE[book.state]))
        for text, best, colour in ((bid, best_bid, BID), (ask, best_ask, ASK)):
            style = "dim" if not book.state.readable else f"bold {colour}" if book is best else colour
            cells.append((text, fit.price, style))
    if fit.best:
        cells += [(_venue(best_bid), BEST_ROOM, BID), (_venue(best_ask), BEST_ROOM, ASK)]
    if fit.difference:
        cells.append((difference(books), DIFFERENCE[1], ""))
    return cells


def _venue(book: BookFacts | None) -> str:
    return "–" if book is None else book.venue
