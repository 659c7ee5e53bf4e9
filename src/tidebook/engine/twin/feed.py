"""One connection: frames to messages to books (README §3)."""

from dataclasses import dataclass
from typing import Any

from tidebook.engine.contract import UNROUTED, Event, Formed, Other, Outcome, Role
from tidebook.engine.rule import Scope
from tidebook.engine.shape import BookShape, Id, Path
from tidebook.engine.twin.book import Book
from tidebook.engine.twin.messages import ABSENT, Message, Where, each_of, members, topic_text
from tidebook.engine.twin.numbers import whole
from tidebook.engine.twin.reading import read
from tidebook.errors import DecodeError

Form = tuple[str | None, tuple[str, ...]]


@dataclass(slots=True)
class _Wanted:
    book: Book
    role: Role
    form: Form


class Feed:
    """See `engine.contract.Feed`."""

    def __init__(self, *, counter: Id | None = None, cap: int = 4 << 20) -> None:
        self._counter = None if counter is None else (Path.of(counter.path), counter)
        self._cap = cap
        self._count: int | None = None
        self._table: dict[tuple[Form, str], _Wanted] = {}
        self._others: dict[str, Other] = {}
        self._forms_of_others: set[tuple[Form, str]] = set()
        self._forms: dict[Form, tuple[Path | None, bool, tuple[Path | None, ...]]] = {}

    def want(self, topic: bytes, book: Book, role: Role = "stream") -> None:
        shape = book.shape if role == "stream" else (book.snapshot_shape or book.shape)
        form = _form(shape)
        self._forget_other(topic.decode())
        self._table[form, topic.decode()] = _Wanted(book, role, form)
        self._settle_forms()
        self._forms.setdefault(form, _compile(form))

    def other(self, topic: bytes, form: Formed | None = None) -> None:
        text = topic.decode()
        if text not in self._others:
            self.forget(topic)
            self._others[text] = Other(topic)
        if form is not None:
            wanted = form.each, form.route
            self._forms_of_others.add((wanted, text))
            self._forms.setdefault(wanted, _compile(wanted))

    def forget(self, topic: bytes) -> None:
        text = topic.decode()
        self._forget_other(text)
        self._table = {where: entry for where, entry in self._table.items() if where[1] != text}
        self._settle_forms()

    def _forget_other(self, text: str) -> None:
        self._others.pop(text, None)
        self._forms_of_others = {where for where in self._forms_of_others if where[1] != text}

    def reset(self) -> None:
        self._count = None

    def _settle_forms(self) -> None:
        """A form that no topic wants any more goes."""
        wanted = {form for form, _ in (*self._table, *self._forms_of_others)}
        self._forms = {form: paths for form, paths in self._forms.items() if form in wanted}

    def feed(self, frame: bytes, received_ns: int) -> Outcome:
        root = read(frame, self._cap)
        count = None if self._counter is None else self._read_counter(root, *self._counter)
        unrouted, found = self._read_messages(root, received_ns)
        outcomes: list[Book | Event | Other] = []
        if count is not None:
            gap = self._advance(count)
            if gap is not None:
                outcomes.append(gap)
        for item in found:
            if isinstance(item, Other):
                if item not in outcomes:
                    outcomes.append(item)
                continue
            wanted, message = item
            wanted.book.heard_ns = received_ns
            if message is None:
                continue
            for event in wanted.book.take(message, wanted.role, self._count):
                if event is not None:
                    outcomes.append(event)
                elif wanted.book not in outcomes:
                    outcomes.append(wanted.book)
        if unrouted:
            outcomes.append(UNROUTED)
        if not outcomes:
            return None
        return outcomes[0] if len(outcomes) == 1 else tuple(outcomes)

    def _read_counter(self, root: Any, path: Path, rule: Id) -> int | None:
        value = Where(root, root).find(path)
        if value is ABSENT:
            if rule.optional:
                return None
            raise DecodeError("missing", f"no {path}")
        number = whole(value)
        return None if number == rule.none else number

    def _advance(self, count: int) -> Event | None:
        expected = None if self._count is None else self._count + 1
        self._count = count
        if expected is None or count == expected:
            return None
        books = {id(entry.book): entry.book for entry in self._table.values()}
        for book in books.values():
            if book.rule.scope is Scope.CONNECTION:
                book.unseed_by_counter()
        return Event(None, "gap", expected, count)

    def _read_messages(self, root: Any, received_ns: int) -> tuple[bool, list[tuple[_Wanted, Message | None] | Other]]:
        """(whether nothing in the frame was wanted, or something has no topic; what was wanted)."""
        found: list[tuple[_Wanted, Message | None] | Other] = []
        earlier: dict[int, list[Message]] = {}
        has_loose = False
        form, messages = self._split(root)
        for where, topic in messages:
            if form is None or topic is None:
                has_loose = True
                continue
            entry = self._table.get((form, topic))
            if entry is None:
                if topic in self._others:
                    found.append(self._others[topic])
            else:
                book, outside = entry.book, entry.role == "snapshot"
                reader = book.snapshot_reader if outside else book.reader
                message = reader.read(where, received_ns, snapshot=outside)
                if message is not None:
                    before = earlier.setdefault(id(book), [])
                    book.fits(message, before, outside=book.seeds_outside and outside, asked_ns=received_ns + 1)
                    before.append(message)
                found.append((entry, message))
        return has_loose or not found, found

    def _split(self, root: Any) -> tuple[Form | None, list[tuple[Where, str | None]]]:
        """The frame's form, and its messages with their topics."""
        for form, (each, every, route) in self._forms.items():
            if each is None:  # as below with the one message that there is
                where = Where(root, root)
                if (topic := _topic(where, route)) is not None:
                    return form, [(where, topic)]
                continue
            messages = members(root, each, every)
            if messages is None:
                continue
            routed = [(where, _topic(where, route)) for where in messages]
            for _, topic in routed:
                if topic is not None:
                    return form, routed
        return None, []


def _form(shape: BookShape) -> Form:
    return shape.each, shape.route


def _compile(form: Form) -> tuple[Path | None, bool, tuple[Path | None, ...]]:
    each, every = each_of(form[0])
    # None among the route's paths stands for the object key of the message.
    return each, every, tuple(None if text == "#" else Path.of(text) for text in form[1])


def _topic(where: Where, route: tuple[Path | None, ...]) -> str | None:
    if len(route) == 1 and route[0] is not None:
        return topic_text(where.find(route[0]))
    parts = []
    for path in route:
        text = where.key if path is None else topic_text(where.find(path))
        if text is None:
            return None
        parts.append(text)
    return " ".join(parts)
