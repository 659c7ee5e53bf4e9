"""What venues say, into a file, without asyncio."""

from pathlib import Path

from tidebook.record import recorder
from tidebook.threads.opened import Opened


class Recording(Opened[recorder.Recording]):
    """``with market.record(FILE) as recording``: see `tidebook.Market.record`. Its numbers are read from any thread."""

    @property
    def path(self) -> Path:
        return self._thing.path

    @property
    def frames(self) -> int:
        """Messages that are in the file."""
        return self._thing.frames

    @property
    def bytes(self) -> int:
        """What the file has grown by."""
        return self._thing.bytes

    @property
    def lost(self) -> int:
        """Messages that there was no room for."""
        return self._thing.lost

    @property
    def error(self) -> str | None:
        """Why the disk does not take what there is; None while it does."""
        return self._thing.error
