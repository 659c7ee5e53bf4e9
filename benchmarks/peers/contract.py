"""What a module of benchmarks/peers/drivers has. Checked by `child` where it is used, since each needs its library."""

from typing import Any, Literal, Protocol, Self


class Book(Protocol):
    """One book of a library. Prices and sizes are in whatever numbers it keeps: what a user of it would read."""

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        """A book as it is after the whole book of REST. `beside`: a further one of the same client or store."""
        ...

    def feed(self, frame: Any) -> Any:
        """Decode and apply one message: bytes or str, as the socket under the library gives it. May be async."""
        ...

    def best(self) -> tuple[Any, ...]:
        """Bid, its size, ask, its size."""
        ...

    def top(self, n: int) -> tuple[Any, Any]:
        """Pairs of the best bids, and of the best asks."""
        ...

    async def close(self) -> None: ...


class Driver(Protocol):
    """A module. PACKAGES are distributions whose versions are told; NOTES says what had to be adjusted.

    Those that receive have `receive(meter, port, kind, stream, session)` besides: see `benchmarks/peers/receive.py`.
    """

    PACKAGES: tuple[str, ...]
    NOTES: tuple[str, ...]
    FORM: Literal["combined", "raw"]
    TEXT: bool
    Book: type[Book]
