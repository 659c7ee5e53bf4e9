"""The best prices of every venue, side by side: one row a symbol."""

from dataclasses import dataclass

from rich.text import Text

from tidebook.ui.cells import ASK, BID, HEAD, STATE_STYLE, Cell, Digits, row
from tidebook.ui.watched import BookFacts, Watched

STATE_ROOM = 8
WIDEST = 16  # of a price's column
BEST_ROOM = 13
DIFFERENCE = ("difference", 12, HEAD)

Books = list[BookFacts | None]
"""Of one symbol, by venue."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """Which columns there is room for, and how wide a price's is."""

    name: int
    state: int
    price: int
    best: bool
    difference: bool


def price_rows(watched: list[Watched], symbols: list[str], digits: Digits, width: int) -> list[Text]:
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
    for best, difference, state in ((True, True, STATE_ROOM), (False, True, STATE_ROOM), (False, False, STATE_ROOM)):
        if venues == 1 and (best or difference):
            continue
        more = (2 * BEST_ROOM if best else 0) + (DIFFERENCE[1] if difference else 0)
        room = (width - name - more) // venues - state
        if room >= 2 * price:
            return _Fit(name, state, min(room // 2, WIDEST), best, difference)
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


def best_across(books: Books) -> tuple[BookFacts | None, BookFacts | None]:
    """The readable books with the highest bid and the lowest ask."""
    readable = [book for book in books if book is not None and book.state.readable]
    bids, asks = [book for book in readable if book.bids], [book for book in readable if book.asks]
    best_bid = max(bids, key=lambda book: book.bids[0].price) if bids else None
    return best_bid, min(asks, key=lambda book: book.asks[0].price) if asks else None


def difference(books: Books) -> str:
    """How far the middle of the others is from the first readable venue's, at most, in percent."""
    middles = [
        (book.bids[0].price + book.asks[0].price) / 2
        for book in books
        if book is not None and book.state.readable and book.bids and book.asks
    ]
    if len(middles) < 2 or not middles[0]:
        return "–"
    return f"{max((one / middles[0] - 1 for one in middles[1:]), key=abs) * 100:+.4f}%"


def _venue(book: BookFacts | None) -> str:
    return "–" if book is None else book.venue
