"""The embedded exchange in a thread of its own, for all tests of a module, and a market without asyncio."""

from collections.abc import Iterator
from threading import Event

import pytest
from tests.served import GENEROUS, Exchange, served

from tidebook.threads import Market, connect


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with served("binance", "htx") as one:
        yield one


@pytest.fixture
def market(running: Exchange) -> Iterator[Market]:
    with connect("binance.spot", "htx.spot", at=running.at) as opened:
        yield opened


def happens(event: Event) -> None:
    """Wait for it, and fail where it does not come."""
    assert event.wait(GENEROUS)
