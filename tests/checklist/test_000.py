"""Document 000, async basics: one test a statement, on real sockets against one embedded exchange."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.checklist.served import Served, served

from tidebook.compat.binance import AsyncClient, BinanceRequestException, BinanceSocketManager
from tidebook.core.options import Options

PROGRAM = """
import asyncio
from tidebook.compat.binance import AsyncClient, BinanceSocketManager

async def kline_listener(client):
    bm = BinanceSocketManager(client)
    async with bm.kline_socket(symbol='BNBBTC') as stream:
        res = await stream.recv()
        print(res['e'], res['k']['i'])

async def main():
    client = await AsyncClient.create()
    res = await asyncio.gather(client.get_exchange_info(), client.get_all_tickers())
    print(len(res[0]['symbols']) == len(res[1]))
    await kline_listener(client)
    await client.close_connection()

"""


@pytest.fixture(scope="module")
def exchange() -> Iterator[Served]:
    with served("binance.spot") as running:
        yield running


@pytest.fixture(autouse=True)
def _at(exchange: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", exchange.at)


class Patient(AsyncClient):
    """The exchange makes all its markets when it is first asked for all prices: that takes a busy machine long."""

    OPTIONS = Options(request_timeout=60, fetch_timeout=60)


@pytest.fixture
async def client(_at: None) -> AsyncIterator[AsyncClient]:
    made = await Patient.create()
    yield made
    await made.close_connection()


async def test_S1_a_client_is_made_by_awaiting_create_without_keys(client: AsyncClient) -> None:
    assert isinstance(client, AsyncClient)


async def test_S2_create_proves_connectivity_or_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", "127.0.0.1:1")
    before = asyncio.all_tasks()
    with pytest.raises(BinanceRequestException):
        await AsyncClient.create(requests_params={"timeout": 0.2})
    assert asyncio.all_tasks() == before


async def test_S3_S4_S5_rules_prices_and_a_book(client: AsyncClient) -> None:
    rules, prices = await client.get_exchange_info(), await client.get_all_tickers()  # type: ignore[attr-defined]
    assert {one["symbol"] for one in rules["symbols"]} == {one["symbol"] for one in prices}
    book = await client.get_order_book(symbol="BNBBTC", limit=5)  # type: ignore[attr-defined]
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert isinstance(book["lastUpdateId"], int)


async def test_S6_without_await_nothing_is_done(client: AsyncClient) -> None:
    before = client.response
    asked = client.get_all_tickers()
    await asyncio.sleep(0)
    assert client.response is before
    asked.close()


async def test_S7_S8_gather_overlaps_and_keeps_the_order(client: AsyncClient) -> None:
    under_way = most = 0

    async def counted(work: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await work
        finally:
            under_way -= 1

    api: Any = client
    rules, ping, time = await asyncio.gather(
        counted(api.get_exchange_info()), counted(api.ping()), counted(api.get_server_time())
    )
    assert most == 3
    assert "symbols" in rules
    assert ping == {}
    assert "serverTime" in time


async def test_S9_to_S15_a_stream_beside_questions_loses_nothing(client: AsyncClient) -> None:
    manager = BinanceSocketManager(client)
    api: Any = client
    last = None
    async with manager.depth_socket("BNBBTC", interval=100) as stream:
        for number in range(1, 11):
            message = await stream.recv()
            assert last is None or message["U"] == last + 1  # S13, S15: each, in order
            last = message["u"]
            if number % 5 == 0:  # S14
                assert (await api.get_order_book(symbol="BNBBTC"))["bids"]


async def test_S11_candles_are_of_a_minute_unless_said(client: AsyncClient) -> None:
    manager = BinanceSocketManager(client)
    async with manager.kline_socket(symbol="BNBBTC") as minute, manager.kline_socket("BNBBTC", "5m") as five:
        assert (await minute.recv())["k"]["i"] == "1m"
        assert (await five.recv())["k"]["i"] == "5m"


async def test_S12_a_stream_is_open_inside_its_block_alone(client: AsyncClient) -> None:
    stream = BinanceSocketManager(client).trade_socket("BTCUSDT")
    async with stream:
        assert (await client.market("spot")).stats.sockets == 1
    assert (await client.market("spot")).stats.sockets == 0


async def test_S16_a_question_in_a_task_lets_recv_go_on(client: AsyncClient) -> None:
    asked: list[asyncio.Task[Any]] = []
    api: Any = client

    def ask(work: Any) -> None:
        asked.append(asyncio.create_task(work))

    async with BinanceSocketManager(client).trade_socket("BTCUSDT") as stream:
        await stream.recv()
        asyncio.get_running_loop().call_soon(ask, api.get_order_book(symbol="BTCUSDT"))
        await stream.recv()
    (book,) = await asyncio.gather(*asked)
    assert book["bids"]


def test_S17_a_program_ends_when_main_ends_without_warnings() -> None:
    ends = "loop = asyncio.new_event_loop()\nloop.run_until_complete(main())\nloop.close()\nasyncio.run(main())\n"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PROGRAM + ends],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "kline", "1m"] * 2
    assert "was destroyed" not in done.stderr
    assert "ResourceWarning" not in done.stderr


async def test_S18_a_client_that_is_forgotten_is_closed_and_says_so_once() -> None:
    forgotten = await AsyncClient.create()
    market = await forgotten.market("spot")
    with pytest.warns(ResourceWarning, match=r"was not closed") as said:  # noqa: PT031 - forgotten, then collected
        del forgotten
        gc.collect()
    assert len(said) == 1
    await market.close()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
