"""The fixtures that python-binance's own tests ask for, which its package does not hold. Becomes their conftest.py.

Every client is one of the simulator's account; it stands for the venue's test network and for the venue. Those of a
module's tests share a loop: a client that is made anew reads what is listed anew.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import binance
import pytest
import pytest_asyncio
from binance.ws.threaded_stream import ThreadedApiManager

PATIENCE = 50.0  # seconds: the exchange makes a market when it is asked for, and a busy machine is slow

proxy: str | None = None
proxies: dict[str, str] = {}
testnet = False
api_key = os.environ["TIDEBOOK_PEERS_KEY"]
api_secret = os.environ["TIDEBOOK_PEERS_SECRET"]
futures_api_key, futures_api_secret = api_key, api_secret


def call_method_and_assert_uri_contains(client: Any, method: str, part: str, *args: Any, **kwargs: Any) -> Any:
    """Ask, and look at the path that was asked for."""
    found = getattr(client, method)(*args, **kwargs)
    assert part in client.response.request
    return found


@pytest.fixture(scope="session", autouse=True)
def _position() -> None:
    """Their account has a position in LTCUSDT: tests take the first one of its list. All markets of spot are made."""
    with binance.Client(api_key, api_secret, {"timeout": PATIENCE}) as client:
        client.futures_create_order(symbol="LTCUSDT", side="BUY", type="MARKET", quantity=1)
        client.get_all_tickers()


def _waiting() -> Callable[[], Iterator[Any]]:
    def made() -> Iterator[Any]:
        client = binance.Client(api_key, api_secret)
        yield client
        client.close_connection()

    return made


def _asking() -> Callable[[], AsyncIterator[Any]]:
    async def made() -> AsyncIterator[Any]:
        client = binance.AsyncClient(api_key, api_secret)
        yield client
        await client.close_connection()

    return made


for _name in ("client", "futuresClient", "liveClient"):
    globals()[_name] = pytest.fixture(scope="module", name=_name)(_waiting())
for _name in ("clientAsync", "asyncClient", "futuresClientAsync", "liveClientAsync"):
    globals()[_name] = pytest_asyncio.fixture(scope="module", name=_name)(_asking())


@pytest_asyncio.fixture
async def manager() -> AsyncIterator[Any]:
    made = ThreadedApiManager(api_key, api_secret)
    yield made
    made.stop()
