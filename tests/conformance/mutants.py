"""Small changes to a message, each of which a reader must refuse or not care about."""

import json
import re
from collections.abc import Iterator
from typing import Any

NUMBERS = (
    '"NaN"', "NaN", '"Infinity"', "-Infinity", '"1_000"', "1_000", '" 1"', '"+1"', '"0x10"', '"١"', '""', '"1."',
    '".5"', "1.", "null", "true", "[]", "{}", "1e999", f'"{"9" * 40}"', "9" * 40,
)  # fmt: skip
TEXTS = ("null", "1", "true", "[]", "{}", '"\udcff"')
WORDS = ("null", "1", '"yes"', "[]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


class Bare(str):
    """A number as it was sent, or any other text to be written without quotes."""

    __slots__ = ()


def mutants(frame: bytes) -> Iterator[tuple[str, bytes]]:
    """Each with a word on what was done. Rows of a list are never removed: fewer rows are another, good message."""
    root = json.loads(frame, parse_int=Bare, parse_float=Bare)
    for path, value in _walk(root, ()):
        where = ".".join(map(str, path))
        if path and _a_field(root, path):
            yield f"without {where}", _write(_without(root, path))
        for text in _instead(value):
            yield f"{text} at {where}", _write(_with(root, path, Bare(text)))
    for length in range(len(frame)):
        yield f"cut to {length} bytes", frame[:length]
    yield "with more behind it", frame + b"{}"
    yield "not UTF-8", frame.replace(b'"', b'"\xff', 1)


def _instead(value: Any) -> tuple[str, ...]:
    if isinstance(value, Bare) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return NUMBERS
    if isinstance(value, str):
        return TEXTS
    if isinstance(value, bool):
        return WORDS
    return ("null", "1", '"x"')


def _walk(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, value
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, inner in members:
        yield from _walk(inner, (*path, key))


def _a_field(root: Any, path: tuple[str | int, ...]) -> bool:
    """Whether a field of an object, or a column of a row."""
    holder = root
    for step in path[:-1]:
        holder = holder[step]
    if isinstance(holder, dict):
        return "/" not in str(path[-1])  # else it is what rows are of: without it there are fewer
    return not any(isinstance(member, (dict, list)) for member in holder)


def _with(root: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy: Any = dict(root) if isinstance(root, dict) else list(root)
    copy[path[0]] = _with(root[path[0]], path[1:], value)
    return copy


def _without(root: Any, path: tuple[str | int, ...]) -> Any:
    copy: Any = dict(root) if isinstance(root, dict) else list(root)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _without(root[path[0]], path[1:])
    return copy


def _write(value: Any) -> bytes:
    return _text(value).encode("utf-8", "surrogateescape")


def _text(value: Any) -> str:
    if isinstance(value, Bare):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
