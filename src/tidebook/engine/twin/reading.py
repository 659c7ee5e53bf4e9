"""A frame as JSON (README §1): strict, whole, with numbers left as text."""

import json
import re
from typing import Any, Final

from tidebook.errors import DecodeError, DecodeKind

MAX_DEPTH: Final = 32


Num = bytes
"""A JSON number, as it was sent. JSON has no bytes, so that it is never taken for a string."""


class Twice(dict[str, Any]):
    """An object in which some key stands more than once; asking for such a key is an error."""

    __slots__ = ("keys_twice", "members")
    keys_twice: frozenset[str]
    members: list[tuple[str, Any]]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    twice = frozenset(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    odd = Twice(found)
    odd.keys_twice = twice
    odd.members = pairs
    return odd


def _refuse(word: str) -> Any:
    raise ValueError(word)


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=str.encode, parse_int=str.encode, parse_constant=_refuse
)
_scan, _decode = _decoder.raw_decode, _decoder.decode
_NOT_STRUCTURE = bytes(sorted(set(range(256)) - set(b'"[]{}\\')))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def read(frame: bytes, cap: int) -> Any:
    """The frame's value. Raises DecodeError ``too_large``, ``malformed`` or ``too_deep``."""
    if len(frame) > cap:
        raise DecodeError("too_large", f"{len(frame)} bytes, the cap is {cap}")
    try:
        text = frame.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("malformed", f"not UTF-8 at byte {error.start}") from None
    if frame.count(b"[") + frame.count(b"{") > MAX_DEPTH and not _surely_shallow(frame):
        _raise_fault(text)
    try:
        value, end = _scan(text)
        if end == len(text):
            return value
    except (ValueError, RecursionError):
        pass  # white space in front, or no JSON
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        _raise_fault(text)
        raise DecodeError("malformed", "not JSON") from None


def _surely_shallow(frame: bytes) -> bool:
    """Whether nesting cannot exceed the bound; False means "look closely".

    All but brackets and quotes is taken out, then strings (now two quotes side by side), then
    innermost pairs of brackets, again and again. Each round takes off one or two levels.
    """
    structure = frame.translate(None, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in structure or b"\\" in structure:
        structure = _STRING.sub(b"", frame).translate(None, _NOT_STRUCTURE)
    for _ in range(MAX_DEPTH // 2):
        if not structure:
            return True
        structure = structure.replace(b"[]", b"").replace(b"{}", b"")
    return not structure


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TEXT = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SPACE = re.compile(r"[ \t\n\r]*")
_WORDS = ("true", "false", "null")


def _raise_fault(text: str) -> None:
    """Read from left to right and raise the first fault; return when there is none.

    Slow and without recursion: only for frames that the quick way did not take.
    """
    kind, at = _fault(text)
    if kind is not None:
        raise DecodeError(kind, f"at character {at}")


def _fault(text: str) -> tuple[DecodeKind | None, int]:
    stack: list[str] = []
    at = _space(text, 0)
    while True:
        # A value begins here.
        char = text[at : at + 1]
        if char in ("[", "{"):
            if len(stack) == MAX_DEPTH:
                return "too_deep", at
            stack.append(char)
            at = _space(text, at + 1)
            if text[at : at + 1] == ("]" if char == "[" else "}"):
                stack.pop()
                at += 1
            elif char == "[":
                continue
            else:
                at, fine = _key(text, at)
                if not fine:
                    return "malformed", at
                continue
        else:
            end = _scalar(text, at)
            if end is None:
                return "malformed", at
            at = end
        # A value ended here: close brackets, or go on behind a comma.
        while True:
            at = _space(text, at)
            if not stack:
                return (None, at) if at == len(text) else ("malformed", at)
            char = text[at : at + 1]
            if char == ("]" if stack[-1] == "[" else "}"):
                stack.pop()
                at += 1
                continue
            if char != ",":
                return "malformed", at
            at = _space(text, at + 1)
            if stack[-1] == "{":
                at, fine = _key(text, at)
                if not fine:
                    return "malformed", at
            break


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _scalar(text: str, at: int) -> int | None:
    match = (_TEXT if text[at : at + 1] == '"' else _NUMBER).match(text, at)
    if match:
        return match.end()
    for word in _WORDS:
        if text.startswith(word, at):
            return at + len(word)
    return None


def _key(text: str, at: int) -> tuple[int, bool]:
    match = _TEXT.match(text, at)
    if match is None:
        return at, False
    at = _space(text, match.end())
    if text[at : at + 1] != ":":
        return at, False
    return _space(text, at + 1), True
