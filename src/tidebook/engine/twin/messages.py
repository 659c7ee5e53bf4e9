"""From a message to facts (README §4): the shape, interpreted."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tidebook.engine.shape import BookShape, Id, Kind, Number, Path, Remove, Row, Rows
from tidebook.engine.twin.levels import Change
from tidebook.engine.twin.numbers import (
    KEPT,
    KNOWN,
    UNIT_NS,
    ZEROS,
    Room,
    are_plain,
    exact,
    learn,
    price_of,
    stamp,
    text_of,
    whole,
)
from tidebook.engine.twin.reading import Num, Twice
from tidebook.errors import DecodeError

ABSENT: Final = object()
Removal = Literal["action", "count"] | None


def member(value: Any, step: str | int) -> Any:
    """One step of a path; ABSENT where it does not lead on."""
    if isinstance(step, str):
        if isinstance(value, dict):
            if isinstance(value, Twice) and step in value.keys_twice:
                raise DecodeError("repeated", f"key {step[:40]!r} stands twice")
            found = value.get(step)
            return ABSENT if found is None else found
    elif isinstance(value, list) and -len(value) <= step < len(value):
        found = value[step]
        return ABSENT if found is None else found
    return ABSENT


@dataclass(slots=True)
class Where:
    """One message of a frame, with what paths may refer to."""

    root: Any
    value: Any
    key: str | None = None  # the object key under which the message stands

    def find(self, path: Path) -> Any:
        value = self.root if path.root else self.value
        for step in path.steps:
            # As `member` does, for what it mostly is: only in an object, and not in a `Twice`, is a name looked up.
            value = value.get(step) if type(value) is dict else member(value, step)
            if value is None or value is ABSENT:
                return ABSENT
        return value

    def find_first(self, paths: tuple[Path, ...]) -> Any:
        """At the first of these that is present."""
        for path in paths:
            value = self.find(path)
            if value is not ABSENT:
                return value
        return ABSENT

    def has(self, path: Path) -> bool:
        """Whether the path leads somewhere, be it to a null."""
        value = self.root if path.root else self.value
        for step in path.steps:
            member(value, step)  # raises where it stands twice
            if isinstance(step, str):
                if not isinstance(value, dict) or step not in value:
                    return False
                value = value[step]
            elif isinstance(value, list) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return False
        return True


def find(value: Any, path: Path, root: Any) -> Any:
    """In a row; a path with a slash leads through the frame."""
    if path.root:
        value = root
    for step in path.steps:
        value = member(value, step)
        if value is ABSENT:
            return ABSENT
    return value


@dataclass(slots=True)
class Message:
    """A book message, read but not applied."""

    kind: Literal["snapshot", "delta", "check"]
    received_ns: int
    shape: BookShape  # by which it was read
    first: int | None = None
    last: int | None = None
    prev: int | None = None
    venue_ns: int | None = None
    checksum: int | None = None
    changes: list[Change] = field(default_factory=list)
    scale: int = 0  # largest price scale, at least 0
    digits: int = 0  # most price digits before the point


class Reader:
    """A shape, ready to read messages."""

    def __init__(self, shape: BookShape, price_scale: int = 0, size_scale: int = 0, texts: bool = False) -> None:
        self.shape = shape
        self._texts = texts
        self._price_shift = price_scale if shape.scaled else 0
        self._size_shift = size_scale if shape.scaled else 0
        kind = shape.kind
        self._nested = None if kind.nested is None else Path.of(kind.nested)
        self._sentinel = None if kind.sentinel is None else (Path.of(kind.sentinel[0]), kind.sentinel[1])
        self._word = None if kind.path is None else Path.of(kind.path)
        self._ids = tuple(None if i is None else (Path.of(i.path), i) for i in (shape.first, shape.last, shape.prev))
        self._time = None if shape.time is None else Path.of(shape.time.path)
        self._check = () if shape.checksum is None else tuple(map(Path.of, shape.checksum.paths))
        self._alone = shape.checksum is not None and shape.checksum.when == "alone"
        self._nonzero = shape.checksum is not None and shape.checksum.when == "nonzero"
        # The kind of every message, where the shape has nothing else by which to tell.
        self._kind_of_all: Literal["snapshot", "delta"] | None = (
            kind.default if kind == Kind(default=kind.default) else None
        )
        self._unit_ns = None if shape.time is None else UNIT_NS.get(shape.time.unit)
        self._snapshot_keys = tuple(map(Path.of, kind.snapshot_keys))
        self._delta_keys = tuple(map(Path.of, kind.delta_keys))
        self._sides = tuple(
            (side, tuple(Path.of(text) for text in texts))
            for side, texts in ((True, shape.bids), (False, shape.asks))
            if texts
        )
        self._rows = tuple((Path.of(rows.path), rows) for rows in shape.rows)
        self._row = _Places(shape.row)
        self._both = None if shape.both is None else _Places(shape.both)
        self._plain = (
            bool(self._sides)
            and shape.remove is Remove.SIZE
            and shape.row.id is None
            and shape.row.count is None
            and shape.row.action is None
        )
        self._flat = self._places_in_lists() if self._plain and price_scale == size_scale == 0 else None

    def _places_in_lists(self) -> tuple[int, int] | None:
        """Where price and size stand in a row that is a list of texts; None where not all is as simple as that."""
        shape, price, size = self.shape, self._row.price, self._row.size
        if shape.signed or shape.skip_zero_price or shape.number is Number.JSON or self._both is not None:
            return None
        match price.root or size.root, price.steps, size.steps:
            case False, (int(at_price),), (int(at_size),) if at_price >= 0 and at_size >= 0:
                return at_price, at_size
        return None

    def read(self, where: Where, received_ns: int, *, snapshot: bool) -> Message | None:
        """The message's facts; None when its kind is to be passed over. Raises DecodeError."""
        if self._alone:
            value = where.find_first(self._check)
            if value is not ABSENT:
                return Message("check", received_ns, self.shape, checksum=_checksum(value))
        kind: Literal["snapshot", "delta"] | None = "snapshot" if snapshot else self._kind_of_all or self._kind(where)
        if kind is None:
            return None
        message = Message(kind, received_ns, self.shape)
        if self.shape.last is not None:
            self._read_ids(where, message)
        if self._time is not None:
            value = where.find(self._time)
            if value is not ABSENT:
                message.venue_ns = stamp(value, self._unit_ns)
        if self._check and not self._alone:
            value = where.find_first(self._check)
            if value is not ABSENT:
                number = _checksum(value)
                message.checksum = None if number == 0 and self._nonzero else number
        self._read_levels(where, message)
        return message

    def _kind(self, where: Where) -> Literal["snapshot", "delta"] | None:
        kind = self.shape.kind
        if self._nested is not None:
            value = where.find(self._nested)
            if isinstance(value, list):
                return "snapshot" if not value or isinstance(value[0], list) else "delta"
        if any(map(where.has, self._snapshot_keys)):
            return "snapshot"
        if any(map(where.has, self._delta_keys)):
            return "delta"
        if self._sentinel is not None and is_whole(where.find(self._sentinel[0]), self._sentinel[1]):
            return "snapshot"
        if self._word is not None:
            value = where.find(self._word)
            if value is not ABSENT:
                word = word_of(value)
                if word in kind.snapshot:
                    return "snapshot"
                if word in kind.delta:
                    return "delta"
                if word in kind.ignore:
                    return None
                raise DecodeError("malformed", f"unknown kind of message {word[:40]!r}")
        if kind.default is None:
            raise DecodeError("malformed", "the message does not say what it is")
        return kind.default

    def _read_ids(self, where: Where, message: Message) -> None:
        first, last, prev = self._ids
        if first is not None:
            message.first = self._read_id(where, first)
        if last is not None:
            message.last = self._read_id(where, last)
        if prev is not None:
            message.prev = self._read_id(where, prev)
        if first is None:
            message.first = message.last

    def _read_id(self, where: Where, place: tuple[Path, Id]) -> int | None:
        path, rule = place
        value = where.find(path)
        if value is ABSENT:
            if rule.optional:
                return None
            raise DecodeError("missing", f"no {path}")
        number = whole(value)
        return None if number == rule.none else number

    def _read_levels(self, where: Where, message: Message) -> None:
        if self._flat is not None and self._read_flat(where, self._flat, message):
            return
        for bid, alternatives in self._sides:
            rows = where.find_first(alternatives)
            if rows is ABSENT:
                continue
            if not isinstance(rows, list):
                raise DecodeError("malformed", "a side is not a list")
            for row in rows:
                self._read_row(where, row, bid, None, message)
        for path, listed in self._rows:
            rows = where.find(path)
            if rows is ABSENT:
                continue
            if listed.single:
                rows = [rows]
            elif not isinstance(rows, list):
                raise DecodeError("malformed", f"{path} is not a list")
            elif listed.flat and rows and not isinstance(rows[0], (list, dict)):
                rows = [rows]
            for row in rows:
                self._read_row(where, row, None, listed, message)

    def _read_flat(self, where: Where, places: tuple[int, int], message: Message) -> bool:
        """Both sides, where each row is a list with plain texts of numbers at these places: nearly all that is sent.

        False, and nothing done, where that is not sure of every row: then each is looked at by itself.
        """
        at_price, at_size = places
        keep = self._texts
        changes: list[Change] = []
        sizes: list[str] = []  # of the rows that are no removals
        last: Room = (0, 0)
        rooms: list[Room] = [last]  # mostly one besides
        try:
            for bid, alternatives in self._sides:
                rows = where.find(alternatives[0]) if len(alternatives) == 1 else where.find_first(alternatives)
                if type(rows) is not list:
                    if rows is ABSENT:
                        continue
                    return False
                known = KNOWN[bid]
                for row in rows:
                    if type(row) is not list:
                        return False
                    text, size = row[at_price], row[at_size]
                    key, room = known.get(text) or learn(text, bid)
                    if room is not last:
                        rooms.append(room)
                        last = room
                    texts = (text, size) if keep else None
                    if size in ZEROS:
                        changes.append((bid, key, None, None, texts))
                    else:
                        sizes.append(size)
                        changes.append((bid, key, size, None, texts))
            if not are_plain(sizes):
                return False
        except (TypeError, LookupError, DecodeError):
            return False
        message.changes = changes
        for scale, digits in rooms:
            message.scale, message.digits = max(scale, message.scale), max(digits, message.digits)
        return True

    def _read_row(self, where: Where, row: Any, bid: bool | None, listed: Rows | None, message: Message) -> None:
        if not isinstance(row, (list, dict)):
            raise DecodeError("malformed", "a row is neither a list nor an object")
        root = where.root
        if self._plain and bid is not None:
            self._take(root, row, self._row, bid, None, None, message)
            return
        shape, places = self.shape, self._row
        if places.side is not None:
            word = word_of(_needed(row, places.side, root, "side"))
            if word in shape.bid_words:
                bid = True
            elif word in shape.ask_words:
                bid = False
            else:
                raise DecodeError("malformed", f"unknown side {word[:40]!r}")
        action = find(row, places.action, root) if places.action is not None else ABSENT
        action_word = word_of(action) if action is not ABSENT else (listed.action if listed else None)
        removal: Removal = "action" if action_word in shape.remove_words else None
        if places.count is not None:
            count = whole(_needed(row, places.count, root, "count"))
            if count < 0:
                raise DecodeError("number", "a negative count")
            if count == 0:
                removal = removal or "count"
        level_id = whole(_needed(row, places.id, root, "id")) if places.id is not None else None
        self._take(root, row, places, bid, removal, level_id, message)
        if self._both is not None:
            self._take(root, row, self._both, False, removal, level_id, message)

    def _take(
        self, root: Any, row: Any, places: "_Places", bid: bool | None, removal: Removal, level_id: int | None,
        message: Message,
    ) -> None:  # fmt: skip
        """Price and size of one row, with their bounds."""
        shape = self.shape
        value = find(row, places.price, root)
        price: int | None = None
        scale, digits, price_text = 0, 0, ""
        if value is not ABSENT:
            price_text = text_of(value, shape.number)
            price, (scale, digits) = price_of(price_text, self._price_shift)
        elif level_id is None:
            raise DecodeError("missing", "a row has no price")
        size: str | None = None
        size_text = ""
        if removal != "action":
            size_text = text_of(_needed(row, places.size, root, "size"), shape.number)
            mantissa, size_scale, _ = exact(size_text, self._size_shift)
            if shape.signed:
                if not mantissa:
                    raise DecodeError("number", "a size without a sign")
                bid = mantissa > 0
            elif mantissa < 0:
                raise DecodeError("number", "a negative size")
            if mantissa and not removal:
                as_sent = not self._size_shift and len(size_text) <= KEPT
                size = size_text.removeprefix("-") if as_sent else f"{abs(mantissa)}e{-size_scale}"
        if shape.skip_zero_price and price is not None and not price:
            return
        if scale > message.scale:
            message.scale = scale
        if digits > message.digits:
            message.digits = digits
        if bid is None:
            bid = True  # rows with `both`: the first places are the bid's
        texts = (price_text, size_text) if self._texts else None
        message.changes.append((bid, price if bid or price is None else -price, size, level_id, texts))


def members(root: Any, each: Path | None, every: bool) -> list[Where] | None:
    """The messages of a frame; None where there is nothing of that kind."""
    if each is None:
        return [Where(root, root)]
    value = Where(root, root).find(each)
    if isinstance(value, list):
        return [Where(root, item) for item in value]
    if every and isinstance(value, dict):
        pairs = value.members if isinstance(value, Twice) else value.items()
        return [Where(root, item, key) for key, item in pairs]
    return None


def each_of(text: str | None) -> tuple[Path | None, bool]:
    """`BookShape.each` as a path, and whether it ends in `*`."""
    if text is None:
        return None, False
    if text.split(".")[-1] != "*":
        return Path.of(text), False
    return Path.of(text[:-1].removesuffix(".")), True


class _Places:
    """A row's paths, split once."""

    __slots__ = ("action", "count", "id", "price", "side", "size")

    def __init__(self, row: Row) -> None:
        self.price = Path.of(row.price)
        self.size = Path.of(row.size)
        self.side = None if row.side is None else Path.of(row.side)
        self.action = None if row.action is None else Path.of(row.action)
        self.count = None if row.count is None else Path.of(row.count)
        self.id = None if row.id is None else Path.of(row.id)


def is_whole(value: Any, wanted: int) -> bool:
    try:
        return value is not ABSENT and whole(value) == wanted
    except DecodeError:
        return False


def word_of(value: Any) -> str:
    """A word: a string, or the text of a number or of true and false."""
    if isinstance(value, str):
        return value
    if isinstance(value, Num):
        return value.decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    raise DecodeError("malformed", "a word is neither text nor a number")


def topic_text(value: Any) -> str | None:
    """A part of a topic, or None where the value cannot be one."""
    if isinstance(value, Num):
        return value.decode()
    return value if isinstance(value, str) else None


def _needed(row: Any, path: Path, root: Any, name: str) -> Any:
    value = find(row, path, root)
    if value is ABSENT:
        raise DecodeError("missing", f"a row has no {name}")
    return value


def _checksum(value: Any) -> int:
    number = whole(value)
    if not -(2**31) <= number < 2**32:
        raise DecodeError("number", "a checksum beyond 32 bits")
    return number % 2**32
