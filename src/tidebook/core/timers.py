"""Many deadlines, one `deadline`: a heap with lazy removal."""

from collections.abc import Callable
from heapq import heappop, heappush

from tidebook.core.clock import Now


class Timer:
    """One deadline of one machine; `due` is called once when it has passed."""

    __slots__ = ("_due", "_timers", "at_ns")

    def __init__(self, timers: "Timers", due: Callable[[Now], None]) -> None:
        self._timers = timers
        self._due = due
        self.at_ns: int | None = None

    def set(self, at_ns: int) -> None:
        """Arm, or move."""
        self.at_ns = at_ns
        self._timers.push(at_ns, self)

    def off(self) -> None:
        self.at_ns = None

    def fire(self, now: Now) -> None:
        self.at_ns = None
        self._due(now)


class Timers:
    """All timers of a Desk and its sessions and books."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._pushed = 0
        self._room = 64

    def timer(self, due: Callable[[Now], None]) -> Timer:
        return Timer(self, due)

    def push(self, at_ns: int, timer: Timer) -> None:
        if len(self._heap) >= self._room:
            self._tidy()
        self._pushed += 1
        heappush(self._heap, (at_ns, self._pushed, timer))

    def _tidy(self) -> None:
        """Throw out what was moved or switched off, so that far deadlines do not pile up behind near ones."""
        newest = {id(timer): entry for entry in sorted(self._heap) if (timer := entry[2]).at_ns == entry[0]}
        self._heap = sorted(newest.values())
        self._room = max(2 * len(self._heap), 64)

    @property
    def deadline(self) -> int | None:
        """When the next timer is due (monotonic ns); entries that were moved or switched off are passed over."""
        heap = self._heap
        while heap and heap[0][2].at_ns != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def tick(self, now: Now) -> None:
        """Fire what is due. A timer that arms itself again for the past waits for the next tick."""
        due: list[Timer] = []
        while (at := self.deadline) is not None and at <= now.mono_ns:
            due.append(heappop(self._heap)[2])
        for timer in due:
            if timer.at_ns is not None and timer.at_ns <= now.mono_ns:
                timer.fire(now)
