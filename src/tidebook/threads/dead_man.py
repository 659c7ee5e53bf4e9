"""A dead man's switch without asyncio."""

from types import TracebackType

from tidebook.client import dead_man
from tidebook.threads.opened import Opened


class DeadManSwitch(Opened[dead_man.DeadManSwitch]):
    """``with market.dead_man(30, venue=…) as switch: …``; left by an exception it stays armed.

    It is renewed in the market's thread, whatever the one that has opened it does: what has come to a stop in that one
    stops no renewal. It may be looked at from any thread.
    """

    @property
    def venue(self) -> str:
        """The venue's name; before it is opened, what was asked for."""
        return self._thing.venue

    @property
    def seconds(self) -> float:
        """Its time."""
        return self._thing.seconds

    @property
    def covers(self) -> str:
        """What the venue will cancel, in words; empty before it is opened."""
        return self._thing.covers

    @property
    def armed(self) -> bool:
        """Whether the venue has it, as far as is known."""
        return self._thing.armed

    @property
    def left(self) -> float:
        """Seconds until the venue cancels at the earliest if nothing is renewed from now on."""
        return self._home.look(lambda: self._thing.left)

    @property
    def says(self) -> str:
        """What arms it, in the venue's words, without the signature. Raises UsageError before it is opened."""
        return self._thing.says

    def disarm(self) -> None:
        """Disarm it now, and wait for the venue's word.

        Raises NetworkError or the venue's error where there is none; UsageError inside a callback.
        """
        self._home.thread.call(self._thing.disarm())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thing._left_by(error)
        super().__exit__(kind, error, trace)
