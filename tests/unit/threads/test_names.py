"""What has a name in the asynchronous client has it without asyncio too, with the same arguments."""

import inspect
import re
from typing import Any

import pytest

from tidebook import threads
from tidebook.client import account, book, books, consolidated, market, ordered, raw, reader, stores, subscription
from tidebook.client.opening import Opening
from tidebook.history import History
from tidebook.record import recorder
from tidebook.threads.history import History as PlainHistory
from tidebook.threads.recording import Recording as PlainRecording
from tidebook.threads.trader import Trader

PAIRS: list[tuple[type, type]] = [
    (market.Market, threads.Market),
    (market.PlaceMarket, threads.PlaceMarket),
    (book.Book, threads.Book),
    (books.Books, threads.Books),
    (subscription.Subscription, threads.Subscription),
    (raw.RawStream, threads.RawStream),
    (consolidated.Consolidated, threads.Consolidated),
    (account.Account, threads.Account),
    (stores.Store, threads.Store),
    (stores.Positions, threads.Positions),
    (ordered.Sent, threads.Sent),
    (History, PlainHistory),
    (recorder.Recording, PlainRecording),
]
INSIDE = {"bind", "changed", "fail", "watchers", "deliver"}
"""Public for the modules of the client, not for its users."""


def names(kind: type) -> set[str]:
    """Of the class, and what its `__init__`s give to `self`."""
    found = {name for name in dir(kind) if not name.startswith("_")}
    for one in kind.__mro__:
        made: Any = one.__dict__.get("__init__")
        if inspect.isfunction(made):
            found |= {*re.findall(r"self\.(\w+)(?=(?:, self\.\w+)*(?:: [^=\n]+)? = )", inspect.getsource(made))}
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize(("asynchronous", "plain"), PAIRS, ids=lambda kind: kind.__name__)
def test_every_name_is_there(asynchronous: type, plain: type) -> None:
    lacking = names(asynchronous) - names(plain) - INSIDE
    assert not lacking, f"{plain.__module__}.{plain.__name__} lacks {sorted(lacking)}"


@pytest.mark.parametrize(("asynchronous", "plain"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_arguments_are_the_same(asynchronous: type, plain: type) -> None:
    for name in sorted(names(asynchronous) - INSIDE):
        one, other = (inspect.getattr_static(kind, name, None) for kind in (asynchronous, plain))
        if inspect.isfunction(one):
            assert inspect.isfunction(other), name
            told = [[(each.name, each.kind, each.default) for each in _signature(each)] for each in (one, other)]
            assert told[0] == told[1], name
            assert not inspect.iscoroutinefunction(other), name
            assert inspect.getdoc(other), name


def test_whatever_is_opened_there_is_opened_here() -> None:
    """A new noun has to get its plain class."""
    known = {one for one, _ in PAIRS}
    made = {_returned(method) for name, method in vars(reader.Reader).items() if name in names(reader.Reader)}
    opened = {one for one in made if one is not None and issubclass(one, Opening)}
    assert {book.Book, account.Account, subscription.Subscription} <= opened <= known


def test_connect_takes_the_same() -> None:
    one, other = (inspect.signature(each).parameters for each in (market.connect, threads.connect))
    assert [*one.values()] == [*other.values()]


def test_the_table_finds_what_is_missing() -> None:
    assert names(market.Market) - names(Trader) >= {"book", "stats", "health"}


def _signature(function: Any) -> list[inspect.Parameter]:
    return [*inspect.signature(function).parameters.values()][1:]


def _returned(method: Any) -> type | None:
    found = method.__annotations__.get("return")
    origin: Any = getattr(found, "__origin__", found)
    return origin if isinstance(origin, type) else None
