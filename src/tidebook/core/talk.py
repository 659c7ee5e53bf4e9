"""Orders by message: one connection over which requests go, and come back as answers over HTTP would.

Sans I/O. What has been said and is not answered when the connection ends, or in time, has no answer; nothing is said
twice. Each message carries the id by which its answer is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

from tidebook.core.clock import Now, seconds
from tidebook.core.effects import Reply, Request
from tidebook.core.endpoint import Endpoint
from tidebook.core.errand import NOTHING_SENT, Errand
from tidebook.core.raw import Raw
from tidebook.core.redact import excerpt, shown
from tidebook.core.sign.scheme import Scheme, Stamp
from tidebook.core.stream import Flow
from tidebook.core.timers import Timers
from tidebook.errors import DecodeError, TidebookError
from tidebook.model import health
from tidebook.model.credentials import Credentials, Secret

KEPT: Final = 1000
"""So many that were not answered in time are remembered: their answers may come yet."""


class Answered(NamedTuple):
    """A message's answer: the id of what was said, and what HTTP would have brought."""

    id: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class OrderSocket:
    """How a venue takes by message what it takes over HTTP.

    `names` are what messages call a request, by its method and path. `say` makes the message of a name, the unsigned
    request and the id by which its answer is known; `read` an answer in the form that HTTP brings, so that one error
    map and one reader hold for both; None for what is no answer. It raises DecodeError, or msgspec's errors, for what
    is not as promised. Where messages have `own_words`, a request without a `message` goes over HTTP. Environments in
    `without` have no such connection.
    """

    endpoint: Endpoint
    names: Mapping[tuple[str, str], str]
    say: Callable[[str, Request, str, Scheme, Credentials, Stamp], Secret]
    read: Callable[[bytes], Answered | None]
    own_words: bool = False
    without: tuple[str, ...] = ()

    def name(self, request: Request) -> str | None:
        """What messages call a request; None where it goes over HTTP alone."""
        if self.own_words and not request.message:
            return None
        return self.names.get((request.method, urlsplit(request.url).path))


class Owner(Protocol):
    """The requests of the desk, as its talk sees them."""

    def replied(self, fetch: int, reply: Reply, now: Now) -> None: ...
    def failed(self, fetch: int, why: str, now: Now) -> None: ...
    def late(self, errand: Errand, reply: Reply, now: Now) -> None:
        """An answer to what counts as not answered."""
        ...


class Talk:
    """See the module. `raw` is its connection, `confide` says a message there, `settled` is told when it changes."""

    def __init__(
        self, venue: str, declared: OrderSocket, raw: Raw, owner: Owner, timers: Timers,
        confide: Callable[[Secret], None], emit: Callable[[health.Health], None],
    ) -> None:  # fmt: skip
        self.settled: Callable[[], None] | None = None
        self._venue = venue
        self._declared = declared
        self._raw = raw
        self._owner = owner
        self._confide = confide
        self._emit = emit
        self._leaving = False
        self._waiting: dict[int, tuple[Errand, int]] = {}  # until when, monotonic ns
        self._late: dict[int, Errand] = {}
        self._timer = timers.timer(self._due)
        raw.deliver, raw.changed_to, raw.ended, raw.stays = self._heard, self._changed, self._ended, self._stays

    @property
    def is_open(self) -> bool:
        """Whether something can be said now."""
        return self._raw.flow is Flow.OPEN and not self._leaving

    @property
    def is_opening(self) -> bool:
        """Whether it is tried for the first time, and may yet come about."""
        return self._raw.flow is Flow.OPENING

    def take(self, fetch: int, errand: Errand, now: Now) -> bool:
        """Say it, signed in this moment. False: there is no connection, and nothing of it was said."""
        seal = errand.seal
        if not self.is_open or seal is None or seal.says is None:
            return False
        try:
            message = seal.says(str(fetch), now)
        except Exception as error:  # of a key that is none; what it says may hold what it was to sign with
            why = str(error) if isinstance(error, TidebookError) else f"it cannot be signed ({type(error).__name__})"
            self._owner.failed(fetch, f"UsageError: {why}; {NOTHING_SENT}", now)
            return True
        if message is None:
            self._owner.failed(fetch, f"NetworkError: {self._where}: given up; {NOTHING_SENT}", now)
            return True
        self._waiting[fetch] = errand, now.mono_ns + seconds(errand.timeout)
        self._arm()
        self._confide(message)
        return True

    # Inside -------------------------------------------------------------------

    @property
    def _where(self) -> str:
        parts = urlsplit(self._declared.endpoint.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    def _arm(self) -> None:
        if self._waiting:
            self._timer.set(min(due_ns for _, due_ns in self._waiting.values()))
        else:
            self._timer.off()

    def _due(self, now: Now) -> None:
        late = [fetch for fetch, (_, due_ns) in self._waiting.items() if due_ns <= now.mono_ns]
        for fetch in late:
            errand, _ = self._waiting.pop(fetch)
            self._late[fetch] = errand
            why = f"Timeout: {self._where}: no answer within {errand.timeout:g} s"
            self._owner.failed(fetch, why, now)
        while len(self._late) > KEPT:
            del self._late[next(iter(self._late))]
        self._arm()

    def _heard(self, frame: bytes, now: Now) -> None:
        try:
            answer = self._declared.read(frame)
        except (DecodeError, msgspec.MsgspecError) as error:  # what it answers has none, and is asked after
            kind, text = (error.kind, error.text) if isinstance(error, DecodeError) else ("malformed", str(error))
            self._emit(health.Undecodable(self._venue, None, now.wall_ns, kind, shown(text), excerpt(frame)))
            return
        if answer is None or not (answer.id.isascii() and answer.id.isdigit() and len(answer.id) < 20):
            return
        fetch = int(answer.id)
        if self._waiting.pop(fetch, None) is not None:
            self._arm()
            self._owner.replied(fetch, answer.reply, now)
        elif (errand := self._late.pop(fetch, None)) is not None:
            self._owner.late(errand, answer.reply, now)

    def _changed(self, raw: Raw) -> None:
        if raw.flow is Flow.OPEN:
            self._leaving = False
        if self.settled is not None:
            self.settled()

    def _ended(self, reason: str, now: Now) -> None:
        """The connection is gone: nobody knows what became of what was said there."""
        waiting, self._waiting = self._waiting, {}
        self._late.clear()
        self._arm()
        for fetch in waiting:
            self._owner.failed(fetch, f"NetworkError: {self._where}: {reason}", now)

    def _stays(self) -> bool:
        """It is to be replaced: nothing more is said, and it stays as long as answers are awaited."""
        self._leaving = True
        return bool(self._waiting)
