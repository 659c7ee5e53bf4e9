"""What a session has to say, at the pace that its endpoint allows: in order, and several topics in one message."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tidebook.core.clock import Now, seconds
from tidebook.core.timers import Timers
from tidebook.core.topic import Topic


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of ours that waits for its turn. One without `data` is written when it is sent."""

    what: str  # subscribe · unsubscribe · request · say
    topics: tuple[Topic, ...]
    texts: list[str]
    data: bytes = b""
    size: int = 0  # bytes that the texts take in it

    def may_hold(self, other: "Letter", most: int, room: int | None) -> bool:
        """Whether both can be one message of at most so many texts, which take at most `room` bytes."""
        same = self.what == other.what and not self.data and not other.data
        company = not any(topic.alone for topic in (*self.topics, *other.topics))
        fits = len(self.texts) + len(other.texts) <= most and (room is None or self.size + other.size <= room)
        return same and company and fits


class Outbox:
    """Letters that wait for their turn. `send` is called with each when it goes; `most` texts fit into one.

    They go `pace` seconds apart, but for `burst` of them after a rest. What is `held` waits until `go` is called.
    """

    def __init__(
        self, send: Callable[[Letter, Now], None], timers: Timers, *, pace: float, most: int, burst: int = 1,
        room: int | None = None, held: Callable[[Letter], bool] = lambda letter: False,
    ) -> None:  # fmt: skip
        self._send = send
        self._pace_ns = seconds(pace)
        self._burst_ns = (burst - 1) * self._pace_ns
        self._most = most
        self.room = room
        self._held = held
        self._letters: deque[Letter] = deque()
        self._next_ns = 0
        self._timer = timers.timer(self.go)

    def post(self, letter: Letter, now: Now) -> None:
        """An answer is awaited from when it is sent, not before."""
        self._letters.append(letter)
        self.go(now)

    def take_back(self, what: str, topic: Topic) -> None:
        """Letters about this topic alone that have not gone."""
        self._letters = deque(one for one in self._letters if one.what != what or one.topics != (topic,))

    def clear(self) -> None:
        self._letters.clear()
        self._timer.off()

    @property
    def takes_ns(self) -> int:
        """How long it takes until all of them have gone."""
        return len(self._letters) * self._pace_ns

    def go(self, now: Now) -> None:
        """Send what may go."""
        while self._letters and not self._held(self._letters[0]):
            due_ns = self._next_ns - self._burst_ns
            if now.mono_ns < due_ns:
                self._timer.set(due_ns)
                return
            self._next_ns = max(self._next_ns, now.mono_ns) + self._pace_ns
            self._send(self._next(), now)

    def _next(self) -> Letter:
        """The first; with it those behind it that ask the same of other topics, as many as one message holds."""
        letter = self._letters.popleft()
        while self._letters and letter.may_hold(self._letters[0], self._most, self.room):
            other = self._letters.popleft()
            size = letter.size + other.size
            letter = Letter(letter.what, letter.topics + other.topics, letter.texts + other.texts, size=size)
        return letter
