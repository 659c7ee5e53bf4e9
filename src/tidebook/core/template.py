"""A message that is printed and parsed by the same line."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from tidebook.errors import UsageError


@dataclass(frozen=True, slots=True)
class Template:
    """A message that is printed and parsed by the same line.

    JSON in which a text ``$name`` is a slot for text, ``#name`` a slot for a number (parsed from
    either), ``*name`` a slot for an object, and ``@name`` a slot for a list. A key ending in ``?`` may be absent
    when parsed. Keys that the template does not have are ignored when parsed. A venue's declaration writes one per
    message; the session and the simulator's dialect use the same object from opposite sides.
    """

    text: str
    value: Any = field(init=False, repr=False, compare=False)
    places: tuple["Place", ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "value", json.loads(self.text))
        except ValueError as error:
            raise UsageError(f"not a template: {self.text}") from error
        object.__setattr__(self, "places", tuple(_places(self.value)))

    @property
    def slots(self) -> frozenset[str]:
        """The slots' names."""
        return frozenset(place.name for place in self.places)

    def key_of(self, slot: str) -> str | None:
        """The key of the message itself under which this slot stands; None where it stands elsewhere, or nowhere."""
        return next((place.key for place in self.places if place.name == slot and place.depth == 1), None)

    def print(self, **slots: object) -> bytes:
        """The message with its slots filled; `?` keys whose slot is not given are left out."""
        return json.dumps(_fill(self.value, slots), separators=(",", ":"), ensure_ascii=False).encode()

    def match(self, message: object) -> dict[str, Any] | None:
        """The slots' values when the message fits, else None."""
        found: dict[str, Any] = {}
        return found if _match(self.value, message, found) else None


class Place(NamedTuple):
    """Where a slot stands: under which key (optional ones end in ``?``), inside how many objects and lists."""

    sigil: str
    name: str
    key: str | None
    optional: bool
    depth: int


_MISSING = object()
_SIGILS = ("$", "#", "@", "*")
WHOLE: Final = re.compile(r"-?[0-9]{1,30}", re.ASCII)


def _fill(value: Any, slots: dict[str, object]) -> Any:
    if isinstance(value, dict):
        filled: dict[str, Any] = {}
        for key, inner in cast("dict[str, Any]", value).items():
            optional = key.endswith("?")
            if optional and is_slot(inner) and inner[1:] not in slots:
                continue
            filled[key.removesuffix("?")] = _fill(inner, slots)
        return filled
    if isinstance(value, list):
        members: list[Any] = value
        return [_fill(inner, slots) for inner in members]
    if is_slot(value):
        slot = slots[value[1:]]
        if value[0] == "#":
            return int(slot) if isinstance(slot, (int, str)) else slot
        if value[0] == "*":
            return slot
        return list(cast("list[Any]", slot)) if value[0] == "@" else str(slot)
    return value


def is_slot(value: Any) -> bool:
    """Whether a template's value is a slot."""
    return isinstance(value, str) and len(value) > 1 and value[0] in _SIGILS


def _places(value: Any, key: str | None = None, optional: bool = False, depth: int = 0) -> Iterator[Place]:
    if is_slot(value):
        yield Place(value[0], value[1:], key, optional, depth)
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _places(inner, name.removesuffix("?"), name.endswith("?"), depth + 1)
    elif isinstance(value, list):
        members: list[Any] = value
        for inner in members:
            yield from _places(inner, None, False, depth + 1)


def _match(pattern: Any, message: Any, found: dict[str, Any]) -> bool:
    if isinstance(pattern, dict):
        if not isinstance(message, dict):
            return False
        members = cast("dict[str, Any]", message)
        for key, inner in cast("dict[str, Any]", pattern).items():
            name = key.removesuffix("?")
            value = members.get(name, _MISSING)
            if value is _MISSING:
                if key.endswith("?"):
                    continue
                return False
            if not _match(inner, value, found):
                return False
        return True
    if isinstance(pattern, list):
        if not isinstance(message, list):
            return False
        parts: list[Any] = pattern
        theirs: list[Any] = message
        return len(parts) == len(theirs) and all(map(_match, parts, theirs, [found] * len(parts)))
    if is_slot(pattern):
        return _match_slot(pattern, message, found)
    return type(pattern) is type(message) and bool(pattern == message)


def _match_slot(pattern: str, message: Any, found: dict[str, Any]) -> bool:
    kind, name = pattern[0], pattern[1:]
    value: Any = message
    if kind == "@":
        fits = isinstance(message, list)
    elif kind == "*":
        fits = isinstance(message, dict)
    elif kind == "#":
        if isinstance(message, str) and WHOLE.fullmatch(message):
            value = int(message)
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(message, (str, int)) and not isinstance(message, bool)
        value = str(message) if fits else None
    if fits:
        found[name] = value
    return fits
