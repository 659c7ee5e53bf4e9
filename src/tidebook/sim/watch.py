"""The judge of a World: after every input it holds each readable book against the truth, and counts what was found."""

from dataclasses import dataclass, field
from itertools import pairwise

from tidebook.core.book import Book
from tidebook.core.clock import SECOND
from tidebook.engine.rule import Scope, Seed
from tidebook.model import health
from tidebook.model.market import State
from tidebook.sim.faults import Loss, Note
from tidebook.sim.speech import REST_POOL, REST_WEIGHT
from tidebook.sim.truth import ASK, BID, Side, Truth
from tidebook.sim.world import Client


class Wrong(AssertionError):
    """A promise was broken; the text says which, when, and of which book."""


@dataclass(slots=True)
class Figures:
    """What one run, or many, came to."""

    runs: int = 0
    checks: int = 0
    losses: int = 0
    found: int = 0  # on the next message of that book
    covered: int = 0  # nothing was missing: a snapshot or an overlap had it, or the book was not readable
    beyond: int = 0  # beyond the proof's depth
    unprovable: int = 0  # the rule has no proof; nothing claimed to be live
    missed: int = 0
    gaps: int = 0
    requests: int = 0
    wrong: int = 0
    unsettled: int = 0
    handshakes: int = 0

    def add(self, other: "Figures") -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class _Seen:
    applied: int = -1
    state: State = State.CLOSED


@dataclass(slots=True)
class _Expected:
    """A loss whose next message is in this read, and how the book stood before it."""

    loss: Loss
    version: int | None
    overlapped: bool
    events: int


@dataclass(slots=True)
class Watch:
    """Set as a client's `before` and `watch`."""

    client: Client
    figures: Figures = field(default_factory=Figures)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _due: list[_Expected] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client.before = self.before
        self.client.watch = self.after

    # ---- every step

    def after(self, conn: int | None, notes: list[Note]) -> None:
        del conn, notes
        for name, book in self.client.desk.books.items():
            seen = self._seen.setdefault(name, _Seen())
            applied = book.engine.applied
            if applied != seen.applied or book.state is not seen.state:
                seen.applied, seen.state = applied, book.state
                self.check(book)
        for expected in self._due:
            self._judge(expected)
        self._due.clear()

    def check(self, book: Book) -> None:
        """A book that claims to be live is what it says."""
        if not book.state.readable:
            return
        self.figures.checks += 1
        rule = book.plan.rule
        if book.state is State.LIVE and not rule.proves:
            self._wrong(book, "live without any proof")
        if not book.engine.seeded:
            self._wrong(book, f"{book.state} and not seeded")
        if book.carrier is None or not self._carried(book):
            self._wrong(book, f"{book.state} without a connection")
        if book.state is State.LIVE:
            text = self.difference(book)
            if text is not None:
                self._wrong(book, f"live and not the truth: {text}")

    def _carried(self, book: Book) -> bool:
        return any(
            line.open and book.carrier is self.client.desk.session(conn) for conn, line in self.client.lines.items()
        )

    def truth(self, book: Book) -> Truth:
        return self.client.venue.books[book.plan.symbol].truth

    def difference(self, book: Book) -> str | None:
        """How a book differs from the truth at the version that it claims; None: not at all."""
        truth, engine = self.truth(book), book.engine
        version = engine.venue_ns
        if version is None or version > truth.version:
            return f"its version is {version}"
        combination = self.client.venue.speech.combination
        if combination.ids != "none" and rule_has_topic_ids(book) and engine.last != truth.ids[version]:
            return f"at version {version} its id is {engine.last}, the venue's {truth.ids[version]}"
        depth = combination.proven_depth
        if combination.checksum is not None and any(loss.how == "digit" for loss in self.client.venue.losses):
            depth = combination.checksum.depth  # what a sequence cannot prove: that each digit came as it was sent
        window = combination.window if depth is None else depth
        wanted = truth.window(version, window)
        for side, word in ((BID, "bid"), (ASK, "ask")):
            have = levels(book, "bid" if side == BID else "ask", window)
            if have != wanted[side]:
                only = {p: (have.get(p), wanted[side].get(p)) for p in have.keys() | wanted[side].keys()}
                shown = {p: pair for p, pair in sorted(only.items()) if pair[0] != pair[1]}
                return f"{word}s at version {version}: {shown}"
        return None

    def _wrong(self, book: Book, text: str) -> None:
        self.figures.wrong += 1
        at = self.client.world.now_ns / SECOND
        raise Wrong(f"at {at:.3f} s, {book.plan.symbol}: {text}")

    # ---- losses

    def before(self, conn: int, notes: list[Note]) -> None:
        """Which losses should be found by this read."""
        for loss in self.client.venue.losses:
            if loss.done or loss.conn != conn:
                continue
            follower = next((note for note in notes if note.book == loss.note.book and self._follows(note, loss)), None)
            if follower is None:
                continue
            loss.done = True
            self.figures.losses += 1
            book = self.client.desk.books.get(f"book.{loss.note.book}")
            version = book.engine.venue_ns if book is not None and book.state.readable else None
            whole_first = any(note.kind == "whole" and note.book == loss.note.book for note in notes)
            overlapped = whole_first or follower.kind == "whole" or (version is not None and version >= loss.note.until)
            self._due.append(_Expected(loss, version, overlapped, len(self.client.events)))

    def _follows(self, note: Note, loss: Loss) -> bool:
        if loss.how == "digit":
            return note.until == loss.note.until
        return note.until > loss.note.until

    def _judge(self, expected: _Expected) -> None:
        figures, loss = self.figures, expected.loss
        symbol = loss.note.book
        told = self.client.events[expected.events :]
        found = any(isinstance(e, health.Gap | health.Mismatch) and e.symbol == symbol for _, e in told)
        book = self.client.desk.books.get(f"book.{symbol}")
        if found:
            figures.found += 1
        elif expected.version is None or expected.overlapped or book is None:
            figures.covered += 1
        elif not book.plan.rule.proves or book.state is State.UNPROVEN:
            figures.unprovable += 1
        elif loss.note.after == loss.note.until or self.difference(book) is None:
            # An idle message, an overlap that brought it again, or (by checksum) levels beyond the depth.
            by_depth = self.client.venue.speech.combination.proven_depth is not None
            figures.beyond += by_depth
            figures.covered += not by_depth
        else:
            figures.missed += 1
            self._wrong(book, f"{loss.how} of {loss.note} was not found on the next message")

    # ---- at the end

    def settled(self) -> bool:
        """Every wanted book is as good as its rule allows."""
        return all(book.state.readable for book in self.client.desk.books.values()) and self.subscriptions() is None

    def final(self) -> str | None:
        """What is wrong at quiescence; None: nothing."""
        for book in self.client.desk.books.values():
            if not book.state.readable:
                return f"{book.plan.symbol} is {book.state}: {book.reason}"
            version, told = book.engine.venue_ns, self.client.venue.books[book.plan.symbol].told
            if version is None or version < told:  # a snapshot may show what the stream has not told yet
                return f"{book.plan.symbol} is at version {version}, {told} was told"
            if book.state is State.LIVE or not self.client.venue.losses:
                text = self.difference(book)
                if text is not None:
                    return f"{book.plan.symbol}: {text}"
        return self.subscriptions()

    def subscriptions(self) -> str | None:
        """The venue's set is the wanted set, each once."""
        have = self.client.venue.subscribed()
        wanted = [book.plan.topic for book in self.client.desk.books.values()]
        wanted += [book.plan.side_topic for book in self.client.desk.books.values() if book.plan.side_topic]
        if have != dict.fromkeys(sorted(wanted), 1) and have != dict.fromkeys(wanted, 1):
            return f"subscribed {have}, wanted {wanted}"
        return None

    def pace(self) -> str | None:
        """Whether snapshots were asked for faster than allowed, or while the venue had forbidden it."""
        fetches = self.client.fetches
        rule = self.client.venue.rule
        for name in self.client.venue.books:
            times = [at for at, whose in fetches if whose == name]
            for earlier, later in pairwise(times):
                if later - earlier < rule.pace.spacing * SECOND - 1:
                    return f"{name}: two requests within {(later - earlier) / SECOND:.3f} s"
            for first, last in zip(times, times[rule.pace.count :], strict=False):
                if last - first < rule.pace.per * SECOND - 1:
                    return f"{name}: more than {rule.pace.count} requests in {rule.pace.per:g} s"
        if rule.seed is not Seed.REST:
            return None
        at_most = REST_POOL.limit // REST_WEIGHT
        for (first, _), (last, _) in zip(fetches, fetches[at_most:], strict=False):
            if last - first < REST_POOL.per * SECOND:
                return f"more than {at_most} requests in {REST_POOL.per:g} s"
        for at, wait in self.client.replied_429:
            if any(at < when < at + wait * SECOND for when, _ in fetches):
                return "a request inside Retry-After"
        return None


def rule_has_topic_ids(book: Book) -> bool:
    return book.plan.rule.scope is Scope.TOPIC


def levels(book: Book, side: str, n: int | None) -> Side:
    """A book's levels in the truth's integers."""
    found: Side = {}
    raw = book.engine.levels("bid" if side == "bid" else "ask", n)
    for price, price_scale, size, size_scale in raw:
        found[_rescaled(price, price_scale, 2)] = _rescaled(size, size_scale, 3)
    return found


def _rescaled(mantissa: int, scale: int, to: int) -> int:
    factor: int = 10 ** abs(to - scale)
    return mantissa * factor if scale <= to else mantissa // factor
