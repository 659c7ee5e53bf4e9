"""The plain view: one line a second for each book and one for each event, flushed, to be piped and searched."""

import sys
import time
from typing import TextIO

from tidebook.model.number import plain
from tidebook.ui.facts import BookFacts, Happening, Scene, VenueFacts, best_across, difference, symbols_of
from tidebook.ui.words import clock

EVERY = 1.0  # seconds


class Lines:
    """Prints to `out`. Every line begins with the time, then one of `book`, `event`, `best`, `trades`, `venue`."""

    interval = 0.1

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._told = 0
        self._next: float | None = None

    def start(self, scene: Scene) -> None:
        names = " ".join(one.name for one in scene.watched)
        pace = f", pace {scene.pace}" if scene.pace else ""
        self._print(f"tidebook {scene.title}, {scene.engine} engine{pace}: {names}")

    def show(self, scene: Scene) -> None:
        """New events at once, books when a second has passed."""
        self._tell_events(scene)
        now = time.monotonic()
        if self._next is None:
            self._next = now + EVERY
        elif now >= self._next:
            self._next = max(self._next + EVERY, now)
            self._tell_books(scene)

    def stop(self, scene: Scene) -> None:
        """The last word: events not yet told, every book, every venue."""
        self._tell_events(scene)
        self.sum_up(scene)

    def sum_up(self, scene: Scene) -> None:
        """Every book and every venue as they stand."""
        self._tell_books(scene)
        for one in scene.watched:
            self._print(f"{clock(one.at)} {venue_line(one.facts(), one.column)}")

    def _tell_events(self, scene: Scene) -> None:
        fresh = scene.since(self._told)
        missed = scene.happened - self._told - len(fresh)
        self._told = scene.happened
        if missed:
            self._print(f"{missed} events were too many to remember")
        for happening in fresh:
            self._print(event_line(happening))

    def _tell_books(self, scene: Scene) -> None:
        for one in scene.watched:
            for book in one.books(1):
                self._print(f"{clock(one.at)} {book_line(book)}")
        if scene.pace is None:
            self._tell_market(scene)

    def _tell_market(self, scene: Scene) -> None:
        """What live venues have and recordings need not: best prices across venues, and the last trades."""
        for symbol in symbols_of(scene.watched):
            books = [book for one in scene.watched if (book := one.book(symbol, 1)) is not None]
            if len(books) > 1:
                self._print(f"{clock(scene.at)} {best_line(symbol, books)}")
        last = {(trade.venue, trade.symbol): trade for trade in scene.tape}
        for (venue, symbol), trade in sorted(last.items()):
            shown = f"{trade.side} {plain(trade.size)} at {plain(trade.price)}"
            self._print(f"{clock(scene.at)} trades {venue} {symbol} {scene.traded[venue, symbol]}, last {shown}")

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def event_line(happening: Happening) -> str:
    where = " ".join(filter(None, (happening.venue, happening.symbol)))
    return f"{clock(happening.at)} event {where} {happening.text}"


def book_line(book: BookFacts) -> str:
    """`book binance.spot BTC/USDT LIVE bid 60000.1 x 0.5 ask 60000.2 x 1.2 levels 9+9 seq 48 gaps 0 resyncs 0`."""
    words = ["book", book.venue, book.symbol, book.state.upper()]
    if not book.state.readable:
        words.append(f"for {book.since:.1f} s: {book.reason}")
    for name, levels in (("bid", book.bids), ("ask", book.asks)):
        words.append(f"{name} {plain(levels[0].price)} x {plain(levels[0].size)}" if levels else f"{name} none")
    words.append(f"levels {book.bid_count}+{book.ask_count} seq {book.seq} gaps {book.gaps} resyncs {book.resyncs}")
    return " ".join(words)


def best_line(symbol: str, books: list[BookFacts]) -> str:
    """`best BTC/USDT bid 60000.1 binance.spot ask 60000.0 htx.spot difference +0.0002%`."""
    bid, ask = best_across(books)
    bid_text = "none" if bid is None else f"{plain(bid.bids[0].price)} {bid.venue}"
    ask_text = "none" if ask is None else f"{plain(ask.asks[0].price)} {ask.venue}"
    apart = difference(books)
    return f"best {symbol} bid {bid_text} ask {ask_text} difference {'none' if apart == '–' else apart}"


def venue_line(venue: VenueFacts, column: str) -> str:
    return (
        f"venue {venue.venue} {venue.connection} messages {venue.messages} "
        f"readable {venue.readable}/{venue.total} gaps {venue.gaps} resyncs {venue.resyncs}"
        + (f" {column} {venue.about}" if column == "latency" else "")
    )
