"""`market.stats`: what a market has and what it has done, in numbers, for whoever watches it from another thread."""

from collections.abc import Iterable
from dataclasses import dataclass

from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.io.clock import now


@dataclass(frozen=True, slots=True)
class Stats:
    """A market's numbers. `messages`, `events` and `lost` only grow, from when it was opened.

    Taken without waiting, they are each true and may be a few messages apart from each other.
    """

    at_ns: int  # when, ns UTC
    venues: int
    up: int  # of the venues, those that have answered
    sockets: int  # WebSocket connections that are open
    topics: int  # channels of one symbol each, shared by all that read them
    books: int  # of the topics
    live: int  # of the books, those that may be read
    subscriptions: int  # of users; each of many books counts, and what holds them
    messages: int  # of data, from all connections
    events: int  # of health
    lost: int  # items, by readers that were too slow


def stats_of(ones: Iterable[VenueAt], things: Iterable[Opening], *, events: int, lost: int) -> Stats:
    """`lost` is what readers had lost that are closed."""
    ones, things = tuple(ones), tuple(things)
    books = [book for one in ones for book in tuple(one.desk.books.values())]
    return Stats(
        at_ns=now().wall_ns,
        venues=len(ones),
        up=sum(one.state == "up" for one in ones),
        sockets=sum(one.sockets for one in ones),
        topics=sum(one.topics for one in ones),
        books=len(books),
        live=sum(book.state.readable for book in books),
        subscriptions=sum(1 + len(thing._things) for thing in things),
        messages=sum(one.desk.received for one in ones),
        events=events,
        lost=lost + sum(lost_by(thing) for thing in things),
    )


def lost_by(thing: Opening) -> int:
    """Items that its reader was too slow for, or its readers."""
    lost = getattr(thing, "lost", 0)
    return lost if isinstance(lost, int) else 0
