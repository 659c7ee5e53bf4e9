"""Picks the engine: the native one where it was built, else its Python twin."""

from abc import ABCMeta
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Literal, cast

from tidebook.engine.contract import Engine
from tidebook.errors import UsageError
from tidebook.model import number
from tidebook.model.market import Level
from tidebook.model.number import Exact

Choice = Literal["native", "python"]


def load(choice: Choice | None = None) -> Engine:
    """The engine of this name; with None, the native one if it can be had.

    Raises UsageError for any other name, and where `native` was asked for and was not built.
    """
    if choice not in (None, "native", "python"):
        raise UsageError(f"engine={choice!r}: there are 'native' and 'python'")
    if choice != "python":
        try:
            native = import_module("tidebook.engine._native")
        except ImportError as error:
            if choice == "native":
                raise UsageError(
                    "the native engine was not built", hint="Install with Rust on PATH, or say python for its twin"
                ) from error
        else:
            Level.register(native.Level)  # what it makes is a Level, and a sequence, as ours is
            cast(ABCMeta, Sequence).register(native.Level)
            return cast(Engine, native)
    return cast(Engine, import_module("tidebook.engine.twin"))


# The doors of `model.number` from text to value, by the native engine where it was built.
exact: Callable[[str], Exact] = number.exact
exact_raw: Callable[[bytes | memoryview], Exact] = number.exact_raw
with suppress(ImportError):
    _native = import_module("tidebook.engine._native")
    exact, exact_raw = _native.exact, _native.exact_raw


def available() -> tuple[Choice, ...]:
    """The engines that can be loaded here, the preferred one first."""
    try:
        load("native")
    except UsageError:
        return ("python",)
    return ("native", "python")
