"""Calls and streams of a peer, tried one after the other: what came back, and what failed, is said."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import say

EMPTY = ValueError("an empty answer")


def told(name: str, answer: Any) -> Any:
    """Say whether there was anything in an answer."""
    if answer:
        say.did(name)
    else:
        say.failed(name, EMPTY)
    return answer


async def tried(name: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """A call's answer, of either kind of call; None where it failed."""
    try:
        answer = call(*arguments, **named)
        return told(name, await answer if inspect.isawaitable(answer) else answer)
    except Exception as error:
        say.failed(name, error)
        return None


async def all_tried(owner: Any, calls: Iterable[tuple[Any, ...]], by: Callable[..., str] | None = None) -> None:
    """Calls of one owner: a name, then what it is called with; names by keyword where the last is a mapping.

    `by` says what a call is called in the report, where that is not its name.
    """
    for name, *arguments in calls:
        by_name = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        said = name if by is None else by(name, *arguments)
        await tried(said, getattr(owner, name), *arguments, **by_name)
