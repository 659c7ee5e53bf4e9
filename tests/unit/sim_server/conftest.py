"""Invented exchanges, found where the built-in ones are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidebook import venues


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folders in `venues/` are venues too."""
    monkeypatch.setattr(venues, "__path__", [*venues.__path__, str(Path(__file__).with_name("venues"))])
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    venues._modules.cache_clear()
    venues.every.cache_clear()
