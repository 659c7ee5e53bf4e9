"""What is wanted of a venue, ready for the machines: one book, where it comes from and by which rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidebook.core.effects import Request
from tidebook.core.endpoint import Companion, ConnectionOnly, Endpoint, Heartbeat, Life, Template
from tidebook.engine.rule import SyncRule
from tidebook.engine.shape import BookShape
from tidebook.errors import UsageError


@dataclass(frozen=True, slots=True)
class RestSeed:
    """A snapshot over HTTP."""

    request: Request
    pool: str
    weight: int
    cap: int = 8 << 20


@dataclass(frozen=True, slots=True)
class BookPlan:
    """One wanted book.

    `topic` is what is subscribed, `key` the bytes by which the engine finds its messages, `snapshot_key`
    those of the messages that bring whole books from outside (a reply, a side channel; `side_topic` is then
    subscribed as well). `pin` names the connection that carries it where that is prescribed: books with one
    pin share a connection, opened at `url`.
    """

    venue: str
    symbol: str
    topic: str
    endpoint: Endpoint
    shape: BookShape
    rule: SyncRule
    key: bytes = b""
    snapshot: BookShape | None = None
    snapshot_key: bytes | None = None
    side_topic: str | None = None
    rest: RestSeed | None = None
    ask: Template | None = None
    life: Life = field(default_factory=ConnectionOnly)
    first_data: float | None = None
    pin: str | None = None
    url: str | None = None
    headers: Mapping[str, str] | None = None
    by_url: bool = False
    price_scale: int = 0
    size_scale: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.life, (Heartbeat, Companion)):
            raise UsageError(f"{self.topic}: proof of life by another topic is not kept yet")
        whole = self.snapshot or self.shape
        same_form = (whole.each, whole.route) == (self.shape.each, self.shape.route)
        if same_form and self.snapshot_key == self.key_or_topic():
            # Under one form a key is wanted once: the second entry would take the place of the first.
            raise UsageError(f"{self.topic}: changes and whole books of one form need different keys")

    @property
    def name(self) -> str:
        """Unique inside a Desk."""
        return self.topic if self.pin is None else f"{self.pin}:{self.topic}"

    def key_or_topic(self) -> bytes:
        return self.key or self.topic.encode()
