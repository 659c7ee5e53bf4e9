"""`tidebook explain`: an error, an event, a state of a book, or how a venue's books are proven, in plain words."""

import argparse
import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from tidebook import errors
from tidebook.engine.rule import PROVING, Chain, Seed
from tidebook.errors import TidebookError, UsageError
from tidebook.model import health

if TYPE_CHECKING:
    from tidebook.venue import SyncRule

STATES: Final = {
    "syncing": "There is no whole book yet. It cannot be read; entering `book` waits for this to end.",
    "live": "The book is the venue's, as of its last message, and that is proven: see `book.proof`. It can be read.",
    "unproven": "The book is kept by what the venue sends, but nothing that it sends would show a loss. It can be read;"
    ' `require="live"` refuses it.',
    "stale": "Something is missing, or may be. Reading prices raises BookNotLive; `book.last` is the last proven view."
    " It is being mended: nobody has to do anything.",
    "closed": "It was closed, or can never be right (refused, delisted). It ends here.",
}
PROOFS: Final = {
    "sequence": "The venue numbers its messages, and each followed the one before: nothing is missing.",
    "checksum": "The venue sends a checksum of its best levels, and ours is the same, as deep as it reaches.",
    "whole": "Each message is the whole book: there is nothing that could have been missed before it.",
    "compare": "The book is compared with a snapshot from time to time. In between nothing proves it.",
}
_SEEDS: Final = {
    Seed.EVERY: "each message is a whole book", Seed.STREAM: "a marked message of the stream is a whole book",
    Seed.REQUEST: "a whole book is asked for on the same socket", Seed.REST: "a whole book is asked for over REST",
    Seed.SIDE: "another channel repeats the whole book",
}  # fmt: skip
_CHAINS: Final = {
    Chain.NEXT: "a change's first number must follow the last one",
    Chain.PREV: "a change must name the number of the one before it",
    Chain.RISING: "a change's number must be larger than the last one, which shows no loss",
    Chain.NONE: "changes have no numbers to check",
}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    explain = commands.add_parser("explain", help="an error, an event, a book's state, a venue's proof: in plain words")
    explain.add_argument("what", nargs="+", metavar="WORD", help="like BookNotLive, stale, binance, or an error's line")
    explain.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    # Of a line that was pasted the name of the error; Python's own have its module before it.
    name = " ".join(arguments.what).removeprefix("tidebook: ").partition(":")[0].removeprefix("tidebook.errors.")
    print("\n\n".join(explained(name.strip())))
    return 0


def explained(name: str) -> list[str]:
    """All that has this name. Raises UsageError, with names that are close, where nothing has."""
    texts = [text for found, text in _words() if found.lower() == name.lower()] or list(_books_of(name))
    if not texts:
        known = {found.lower(): found for found, _ in _words()}
        close = ", ".join(known[one] for one in get_close_matches(name.lower(), known, 3))
        raise UsageError(
            f"nothing here is called {name!r}. "
            + (f"Close: {close}" if close else "Write an error's name, an event's, a state, or a venue's name")
        )
    return texts


def _words() -> Iterator[tuple[str, str]]:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, TidebookError):
            above = [one.__name__ for one in kind.__mro__[1:] if issubclass(one, TidebookError)]
            line = f"{name}, an error" + (f": a kind of {', of '.join(above)}" if above else "")
            yield name, f"{line}\n{inspect.getdoc(kind)}\nDoing the same again: {kind.retry}"
    for name, kind in inspect.getmembers(health, inspect.isclass):
        if issubclass(kind, health.Health) and kind is not health.Health:
            yield name, f"{name}, an event of market.health()\n{inspect.getdoc(kind)}"
    for name, text in STATES.items():
        yield name, f"{name}, a state of a book\n{text}"
    for name, text in PROOFS.items():
        yield name, f"{name}, a proof of a book\n{text}"


def _books_of(name: str) -> Iterator[str]:
    """How the books of a venue, or of all of an exchange, are proven."""
    from tidebook import venues

    for one in venues.every().values():
        if name.lower() not in (one.name, one.exchange):
            continue
        for channel in one.books:
            yield f"{one.name}, its book {channel.name!r}\n{_proven(channel.rule)}"


def _proven(rule: "SyncRule") -> str:
    lines = [f"Where it begins: {_SEEDS[rule.seed]}. Then: {_CHAINS[rule.chain]}."]
    lines += [f"Proof: {kind}. {PROOFS[kind]}" for kind in rule.proof if kind in PROOFS]
    if not PROVING & {*rule.proof}:
        lines.append("Nothing proves it: it says of itself that it is unproven.")
    return "\n".join(lines)
