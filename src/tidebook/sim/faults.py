"""What goes wrong in a World: knobs that the venue takes down one by one, and the record of what was done."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Knobs:
    """How many more times each fault happens. The words are the keys; a word that is absent does not happen.

    On the next change of a book: ``drop double swap garble digit``.
    On the next whole book, in the stream, replied or over HTTP: ``lose_whole garble_whole``.
    On the next requests: ``http_500 http_429 http_timeout http_old http_slow``; on the next replies ``refuse_whole``.
    On the next acks: ``lose_ack refuse late_ack``; on the next handshakes: ``no_handshake``.
    Standing, until taken back: `silent` (books), `closing` (each connection is closed once it is open).
    """

    counts: dict[str, int] = field(default_factory=dict)
    silent: dict[str, bool] = field(default_factory=dict)
    closing: bool = False
    retry_after: float = 20.0

    def take(self, what: str) -> bool:
        """Whether it happens now; then once less."""
        left = self.counts.get(what, 0)
        if left > 0:
            self.counts[what] = left - 1
        return left > 0

    def add(self, what: str, times: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + times


@dataclass(frozen=True, slots=True)
class Note:
    """What a frame is, for whoever judges: the client never sees it. Versions `after` + 1 … `until` of the book."""

    kind: str  # change · whole · other
    book: str | None = None
    after: int = 0
    until: int = 0


OTHER = Note("other")


@dataclass(slots=True)
class Loss:
    """A change that was withheld, or comes too late, on one connection, until something was found of it."""

    how: str  # drop · swap · garble · digit
    conn: int
    note: Note
    done: bool = False
