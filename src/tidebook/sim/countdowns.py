"""When what an account has open is cancelled, unless it is heard of before. No I/O, no clock."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidebook.sim.records import Account

Watched = tuple["Account", str, str | None]
"""Whose, at which venue, in which symbol; None: in all."""


class Countdowns:
    """Those of all accounts. `next_ns` is when the first one is over, by the exchange's clock; None: there is none."""

    def __init__(self) -> None:
        self._due: dict[Watched, int] = {}
        self.next_ns: int | None = None

    def set(self, what: Watched, due_ns: int | None) -> None:
        """Let it be over then, whatever was said before; None: never."""
        if due_ns is None:
            self._due.pop(what, None)
        else:
            self._due[what] = due_ns
        self._look()

    def take(self, now_ns: int) -> list[Watched]:
        """Those that are over now; each is taken once."""
        if self.next_ns is None or now_ns < self.next_ns:
            return []
        over = [what for what, due_ns in self._due.items() if due_ns <= now_ns]
        for what in over:
            del self._due[what]
        self._look()
        return over

    def _look(self) -> None:
        self.next_ns = min(self._due.values(), default=None)
