"""The floor in C behind the calls that ours has."""

from benchmarks.peers.child import run as called
from benchmarks.peers.drivers import floor

PACKAGES, NOTES, FORM, TEXT = floor.PACKAGES, floor.NOTES, floor.FORM, floor.TEXT


class Book(floor.Book):
    async def run(self, frames: list[bytes], read: int) -> None:
        await called(self, frames, read)
