"""One order on its way: sent at most once, and until its venue has said what became of it, unknown.

Sans I/O. Whoever sends it tells what happened; this decides what that means, when to ask, and when to stop asking.

::

    made ──▶ sent ──▶ accepted
      │        ├────▶ refused      the venue's no
      │        └────▶ unknown ──▶ accepted    it was found
      ▼                       └─▶ absent      not found when it could not arrive any more
    unsent                        it never left

Accepted, refused, absent and unsent are ends. A human may say of an unknown one that it has arrived, or has not.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.rules import Wish
from tidebook.core.trading import Trading
from tidebook.errors import TidebookError
from tidebook.model.orders import Order

State = Literal["made", "sent", "accepted", "refused", "unknown", "absent", "unsent"]
ENDS: Final[frozenset[State]] = frozenset({"accepted", "refused", "absent", "unsent"})
FIRST, MOST = SECOND // 4, 8 * SECOND
"""Between two questions: the first, then twice as long each time."""
MARGIN: Final = SECOND
"""What a venue takes to book an order that has just arrived, besides what its clock may differ from what we know."""
SETTLES: Final = 60 * SECOND
"""So long after an answer that decides nothing a venue may still book what it has got: then its window says nothing."""


@dataclass(slots=True, eq=False)
class Intention:
    """See the module. `number` is what it is called by us, `wish.client_id` how its venue calls that."""

    wish: Wish
    number: int
    trading: Trading
    state: State = "made"
    order: Order | None = None
    error: TidebookError | None = None
    why: str = ""
    sent_ns: int | None = None  # monotonic, when it left
    apart_ns: int = 0  # our two clocks then: one of them goes on while the machine sleeps
    slept_ns: int = 0  # how much longer ago that was, when it was asked about last, than the monotonic clock says
    again: bool = False  # it was refused for its time stamp, or its nonce
    asked: int = 0
    next_ns: int | None = None  # monotonic, when to ask next; None: not at all
    unsure_ns: int = 0  # by how much the venue's clock may differ from what was known when it left
    answered_ns: int | None = None  # monotonic, when an answer came that decides nothing
    no: TidebookError | None = None  # an answer that says no in words that nobody knows
    age_ns: int = 0  # how long before it was found in a journal it had been written there
    by_hand: bool = False  # how it ended was said by a human

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    @property
    def is_known(self) -> bool:
        """Whether there is nothing left to ask: of what a human says has arrived, what it is may not be known yet."""
        return self.ended and (self.order is not None or self.state != "accepted")

    @property
    def dead_ns(self) -> int | None:
        """From when on (monotonic) it cannot arrive any more; None: nobody knows."""
        window = self.trading.window
        if window is None or self.sent_ns is None:
            return None
        dead_ns = self.sent_ns + seconds(window) + self.unsure_ns + MARGIN
        return dead_ns if self.answered_ns is None else max(dead_ns, self.answered_ns + SETTLES)

    def sends(self, now: Now, unsure_ns: int = 0) -> bool:
        """It leaves now. False: it has left before, or must not: whoever asks sends nothing then.

        `unsure_ns`: by so much the venue's clock may differ from the one in its time stamp.
        """
        if self.state != "made":
            return False
        self.state, self.sent_ns, self.apart_ns, self.unsure_ns = "sent", now.mono_ns, now.apart_ns, unsure_ns
        return True

    def given_up(self) -> bool:
        """Nobody wants it any more. Whether that came in time: nothing of it has left, and nothing will."""
        if self.state == "made":
            self.state = "unsent"
        return self.state == "unsent"

    def accepted(self, order: Order) -> None:
        """The venue says what it has made of it, also when it was asked later."""
        if self.state in ("sent", "unknown"):
            self.state, self.order, self.next_ns = "accepted", order, None

    def seen(self, order: Order, error: TidebookError | None) -> None:
        """What has become of it since it was taken; `error` where it was rejected after all."""
        if self.state == "accepted":
            self.order = order
            if error is not None:
                self.state, self.error = "refused", error

    def refused(self, error: TidebookError) -> None:
        """The venue says no, and means that nothing was done."""
        if self.state == "sent":
            self.state, self.error = "refused", error

    def too_late(self) -> bool:
        """It was refused for its time stamp, or its nonce: it may leave once more, with a better one; only once."""
        if self.state != "sent" or self.again:
            return False
        self.state, self.sent_ns, self.again = "made", None, True
        return True

    def not_sent(self, error: TidebookError) -> None:
        """No byte of it has left: the connection could not be made."""
        if self.state in ("made", "sent"):
            self.state, self.error = "unsent", error

    def lost(self, why: str, now: Now, *, answered: bool = False, no: TidebookError | None = None) -> None:
        """What came back leaves open what became of it (`answered`), or nothing came back.

        `no` is a refusal in words that nobody knows: it is believed where the venue, once it would have booked it,
        knows of no such order.
        """
        if self.state == "sent":
            self.state, self.why, self.no = "unknown", why, no
            self.answered_ns = now.mono_ns if answered else None
            first = FIRST if no is None else MARGIN
            self.next_ns = None if self.trading.ability == "none" else now.mono_ns + first

    def found(self, now: Now, age_ns: int, *, answered: bool = False) -> None:
        """It is one of an earlier process, which wrote it down so long ago, before it sent it; perhaps it never did.

        It may have waited for its turn, and have left the moment before that process ended. Written down later than
        now: a clock was set in between, and how long ago it was nobody knows.
        """
        if age_ns < -MARGIN:
            age_ns = seconds(self.trading.known_for or 0)
        self.apart_ns = now.apart_ns
        self.state, self.sent_ns, self.why = "unknown", now.mono_ns, "the process ended before its answer was there"
        self.age_ns, self.answered_ns = max(age_ns, 0), now.mono_ns if answered else None
        self.next_ns = None if self.trading.ability == "none" else now.mono_ns

    def settled(self, *, arrived: bool) -> bool:
        """A human knows, or takes it upon himself, what became of it. False where it is not unknown."""
        if self.state != "unknown":
            return False
        self.state, self.by_hand, self.next_ns = "accepted" if arrived else "absent", True, None
        return True

    def wanted(self, now: Now) -> None:
        """Somebody wants to know it: the next question is asked at once, however long the last one was in vain."""
        if self.next_ns is not None:
            self.next_ns = min(self.next_ns, now.mono_ns)

    def asks(self, now: Now) -> bool:
        """Whether to ask now. It counts as asked then."""
        if self.state != "unknown" or self.next_ns is None or now.mono_ns < self.next_ns:
            return False
        self.asked += 1
        self.next_ns = None
        self.slept_ns = max(now.apart_ns - self.apart_ns, 0)
        return True

    def not_found(self, asked_ns: int, now: Now) -> None:
        """The venue knows no such order, when it was asked at `asked_ns` (monotonic).

        It may have been on its way still: only when it could not arrive any more does that say that it never will.
        """
        if self.state != "unknown":
            return
        is_booked = asked_ns >= (self.answered_ns or 0) + MARGIN
        if self.no is not None and is_booked and self._would_be_known(asked_ns):
            self.state, self.error, self.next_ns = "refused", self.no, None
            return
        is_dead = self.dead_ns is not None and asked_ns >= self.dead_ns
        if is_dead and self.could_prove(asked_ns):
            self.state, self.next_ns = "absent", None
        else:
            self._ask_again(now)

    def could_prove(self, asked_ns: int) -> bool:
        """Whether that it is not found can prove that it never came: the venue would still know of it, and it cannot
        be on its way for ever.
        """
        if self.trading.window is None or self.trading.ability == "by_match":
            return False
        return self._would_be_known(asked_ns)

    def _would_be_known(self, asked_ns: int) -> bool:
        """Whether the venue cannot have forgotten it yet."""
        known_for = self.trading.known_for
        passed_ns = asked_ns - (self.sent_ns or 0) + self.age_ns + self.slept_ns
        return known_for is None or passed_ns < seconds(known_for)

    def not_answered(self, now: Now) -> None:
        """The question itself was not answered."""
        if self.state == "unknown":
            self._ask_again(now)

    def _ask_again(self, now: Now) -> None:
        at_ns = now.mono_ns + min(FIRST << min(self.asked, 10), MOST)
        if self.dead_ns is not None and now.mono_ns < self.dead_ns:
            at_ns = min(at_ns, self.dead_ns)
        self.next_ns = at_ns

    def __repr__(self) -> str:
        return f"<Intention {self.wish.client_id} {self.state}: {self.wish.words}>"
