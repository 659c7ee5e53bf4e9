"""What a program tells the runner: one JSON object a line on standard output."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any


def _say(kind: str, **facts: Any) -> None:
    """A line; who has an account waits until it was heard, so that it is judged by what is so now."""
    sys.stdout.write(json.dumps({"kind": kind, **facts}, default=str) + "\n")
    sys.stdout.flush()
    if "TIDEBOOK_PEERS_KEY" in os.environ and not sys.stdin.readline():
        raise EOFError("nobody listens any more")


def version(name: str) -> None:
    """Which version of the peer this is, as it says itself."""
    _say("version", version=name)


def did(name: str) -> None:
    """A call of the peer came back with something."""
    _say("did", name=name)


def failed(name: str, error: object) -> None:
    """A call of the peer failed."""
    _say("failed", name=name, why=f"{type(error).__name__}: {error}"[:300])


def instruments(venue: str, rows: Mapping[str, tuple[object, object]]) -> None:
    """Tick and step by canonical symbol."""
    _say("instruments", venue=venue, rows={symbol: [str(one) for one in row] for symbol, row in rows.items()})


def book(
    name: str,
    venue: str,
    symbol: str,
    number: int | None,
    bids: Iterable[Any],
    asks: Iterable[Any],
    *,
    depth: int | None = None,
    by: str = "update",
) -> None:
    """A whole book, or its best `depth` levels a side, and of when it is. Floats stay floats, the rest is text.

    `by` says what the number is: an "update", a "version" that counts something else (the runner knows what), or the
    venue's time in "ms" or "ns", where a peer or a venue tells no number of an update.
    """
    sides = [
        [[one if isinstance(one, float) else str(one) for one in row[:2]] for row in side] for side in (bids, asks)
    ]
    _say("book", name=name, venue=venue, symbol=symbol, number=number, sides=sides, depth=depth, by=by)


def trades(name: str, venue: str, symbol: str, rows: Iterable[tuple[object, object, object]]) -> None:
    """Id, price and size of single trades."""
    _say("trades", name=name, venue=venue, symbol=symbol, rows=[[str(one) for one in row] for row in rows])


def told(kind: str, venue: str, **facts: Any) -> None:
    """What a program saw of its account."""
    _say(kind, venue=venue, **facts)
