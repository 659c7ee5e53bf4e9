"""How Alpaca writes an instant."""

from datetime import UTC, datetime

from tidebook.core.clock import SECOND


def stamp(ns: int, *, fine: bool = True) -> str:
    """An instant as it is written: without trailing zeros, bars to the second."""
    seconds, rest = divmod(ns, SECOND)
    fraction = f".{rest:09d}".rstrip("0") if fine and rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
