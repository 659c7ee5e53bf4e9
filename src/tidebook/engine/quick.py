"""Facts made of small messages in one call: a short way that the native engine has, beside the careful one.

A venue says of which fields of a message a fact's arguments are made, and gives the reader that knows all of the
message's form. A message that is plain takes the short way: an object without spaces, in ASCII, its strings without
escapes, the fields in it once each, numbers of at most 18 digits. Everything else, and so everything that is wrong, is
read by the careful one; where both can read a message they must give the same.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol, TypeVar

F = TypeVar("F")
S = TypeVar("S")

What = Literal["venue", "symbol", "received", "nothing", "exact", "id", "id_text", "ms", "flag"]


@dataclass(frozen=True, slots=True)
class Part:
    """One argument of a fact, of the field `name`.

    ``exact``: text as (mantissa, scale). ``id``: a whole number, ``id_text``: its digits. ``ms``: milliseconds as
    nanoseconds. ``flag``: what `true` and `false` mean. ``symbol``: an id as `seen` translates it. No field have
    ``venue`` and ``received``, which `seen` says, and ``nothing``, which is None.
    """

    what: What
    name: str = ""
    true: str = ""
    false: str = ""


VENUE, RECEIVED, NOTHING = Part("venue"), Part("received"), Part("nothing")


class Rows(Protocol):
    """The facts of several messages at once. An error of one is told to `failed`, which raises it or passes it over."""

    def __call__(self, frames: list[bytes], seen: Any, failed: Callable[[Exception, bytes], None], /) -> list[Any]: ...


def rows(read: Callable[[bytes, S], Sequence[F]]) -> Rows:
    """`read` for several messages: in one call where it is a short way."""
    short: Rows | None = getattr(read, "rows", None)
    if short is not None:
        return short

    def each(frames: list[bytes], seen: S, failed: Callable[[Exception, bytes], None], /) -> list[F]:
        found: list[F] = []
        for frame in frames:
            try:
                found += read(frame, seen)
            except Exception as error:
                failed(error, frame)
        return found

    return each


def quick(
    make: Callable[..., F], inside: str | None, parts: Sequence[Part], careful: Callable[[bytes, S], list[F]]
) -> Callable[[bytes, S], list[F]]:
    """A reader of messages like `careful`, which makes one fact of each: `make(*parts)`.

    The fields are in the message's member `inside`, or with None in the message itself. `seen` is a tuple of the
    venue, what makes a symbol of an id, and `received_ns`: while it is the same one, so are the symbols.
    """
    with suppress(ImportError):
        native: Any = import_module("tidebook.engine._native")
        fields = [(part.what, part.name, part.true, part.false) for part in parts]
        reader: Callable[[bytes, S], list[F]] = native.Quick(make, inside, fields, careful)
        return reader
    return careful
