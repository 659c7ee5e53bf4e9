"""Document 000, async basics: one test a statement, on real sockets against one embedded exchange."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from tests.served import Exchange, served

from tidebook.client.keys import given, keys_of
from tidebook.client.where import declared_at
from tidebook.compat.binance import AsyncClient, BinanceRequestException, BinanceSocketManager
from tidebook.core.options import Options
from tidebook.io.serve import Answer, Asked
from tidebook.model.place import parse

LATEST = 30.0
HURRIED = 4.0
"""The exchange's seconds are so much shorter: its candles and its books come once in two of them, or in one."""

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
    res = await asyncio.gather(client.get_exchange_info(), client.get_all_tickers(symbol='BNBBTC'))
    print(len(res[0]['symbols']) > 1, res[1]['symbol'])
    await kline_listener(client)
    await client.close_connection()

"""


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with pytest.MonkeyPatch.context() as patch, served("binance.spot", speed=HURRIED) as running:
        patch.setenv("TIDEBOOK_AT", running.at)
        yield running


class Patient(AsyncClient):
    """The exchange makes all its markets when it is first asked for all prices: that takes a busy machine long."""

    OPTIONS = Options(request_timeout=60, fetch_timeout=60)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(exchange: Exchange) -> AsyncIterator[Any]:
    """One for all tests; Any, since its methods are made of a table."""
    made = await Patient.create()
    yield made
    await made.close_connection()


@pytest_asyncio.fixture(loop_scope="module")
async def changes(client: Any) -> AsyncIterator[Any]:
    async with BinanceSocketManager(client).depth_socket("BNBBTC", interval=100) as stream:
        yield stream


async def test_S1_a_client_is_made_by_awaiting_create_without_keys(client: Any) -> None:
    assert isinstance(client, AsyncClient)


async def test_S2_create_proves_connectivity_or_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", "127.0.0.1:1")
    before = asyncio.all_tasks()
    with pytest.raises(BinanceRequestException):
        await AsyncClient.create(requests_params={"timeout": 0.2})
    assert asyncio.all_tasks() == before


async def test_our_own_variables_hold_no_key_of_its(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """Who gives none has none; what is given is shown nowhere. Nothing is sent: the address is nobody's."""
    monkeypatch.setenv("TIDEBOOK_BINANCE_KEY", "CANARY-of-ours")
    monkeypatch.setenv("TIDEBOOK_BINANCE_SECRET", "CANARY-of-ours")
    bare, keyed = AsyncClient(), AsyncClient("CANARY-key", "CANARY-secret", requests_params={"timeout": 0.2})
    at = parse("binance.spot")
    (venue,) = declared_at(at)
    assert keys_of(venue, at, given(bare._keys), simulated=False).credentials is None
    assert keys_of(venue, at, given(keyed._keys), simulated=False).credentials is not None
    monkeypatch.setenv("TIDEBOOK_AT", "127.0.0.1:1")
    with pytest.raises(BinanceRequestException) as refused:
        await keyed.get_account()  # type: ignore[attr-defined]
    await keyed.close_connection()
    shown = repr((bare, keyed, refused.value, refused.value.__cause__)) + str(refused.value) + caplog.text
    assert "CANARY" not in shown


async def test_S3_the_rules_of_all_symbols(client: Any) -> None:
    rules = await client.get_exchange_info()
    assert len({one["symbol"] for one in rules["symbols"]}) == len(rules["symbols"]) > 100
    assert all(one["filters"] for one in rules["symbols"])


async def test_S5_a_book_with_its_number(client: Any) -> None:
    book = await client.get_order_book(symbol="BNBBTC", limit=5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert isinstance(book["lastUpdateId"], int)


async def test_S6_without_await_nothing_is_done(client: Any) -> None:
    before = client.response
    asked = client.get_all_tickers()
    await asyncio.sleep(0)
    assert client.response is before
    asked.close()


class Withheld:
    """The exchange answers nothing before `together` questions are there; `most` were there at one time."""

    def __init__(self, exchange: Exchange, together: int) -> None:
        self.most = 0
        self._here = 0
        self._together = together
        self._all = asyncio.Event()
        self._site = exchange.sim._simulator
        self._http = self._site.http

    async def __call__(self, request: Asked) -> Answer:
        self._here += 1
        self.most = max(self.most, self._here)
        if self.most == self._together:
            self._all.set()
        await self._all.wait()
        try:
            return await self._http(request)
        finally:
            self._here -= 1

    def __enter__(self) -> "Withheld":
        self._site.http = self  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._site.http = self._http  # type: ignore[method-assign]


async def test_S7_gather_overlaps_and_awaits_in_a_row_do_not(client: Any, exchange: Exchange) -> None:
    """Three that are asked one after the other would never be answered there."""
    with Withheld(exchange, 1) as row:
        await client.ping()
        await client.get_server_time()
    with Withheld(exchange, 3) as together:
        async with asyncio.timeout(LATEST):
            await asyncio.gather(*(client.ping() for _ in range(3)))
    assert (row.most, together.most) == (1, 3)


async def test_S8_gather_keeps_the_order_whoever_ends_first(client: Any) -> None:
    other_is_there = asyncio.Event()

    async def last() -> Any:
        found = await client.get_exchange_info()
        await other_is_there.wait()
        return found

    async def first() -> Any:
        found = await client.ping()
        other_is_there.set()
        return found

    rules, ping = await asyncio.gather(last(), first())
    assert "symbols" in rules
    assert ping == {}


async def test_S9_streams_and_questions_of_one_client_go_on_together(client: Any, changes: Any) -> None:
    message, book = await asyncio.gather(changes.recv(), client.get_order_book(symbol="BNBBTC", limit=5))
    assert message["s"] == "BNBBTC"
    assert book["bids"]


async def test_S10_streams_are_made_of_a_client(client: Any) -> None:
    async with BinanceSocketManager(client).trade_socket("BTCUSDT") as stream:
        assert (await stream.recv())["e"] == "trade"


async def test_S13_recv_gives_message_after_message(changes: Any) -> None:
    said = [await changes.recv() for _ in range(4)]
    assert [one["U"] for one in said[1:]] == [one["u"] + 1 for one in said[:-1]]


async def test_S14_a_question_after_every_fifth_message(client: Any, changes: Any) -> None:
    books = []
    for number in range(1, 11):
        await changes.recv()
        if number % 5 == 0:
            books.append(await client.get_order_book(symbol="BNBBTC", limit=5))
    assert len(books) == 2
    assert books[0]["lastUpdateId"] < books[1]["lastUpdateId"]


async def test_S15_what_comes_during_a_question_waits_in_order(client: Any, changes: Any) -> None:
    last = (await changes.recv())["u"]
    while not changes._waiting._items:  # until something did come meanwhile
        await client.get_order_book(symbol="BNBBTC", limit=5)
    for _ in range(3):
        message = await changes.recv()
        assert message["U"] == last + 1
        last = message["u"]


async def test_S11_candles_are_of_a_minute_unless_said(client: Any) -> None:
    manager = BinanceSocketManager(client)
    async with manager.kline_socket(symbol="BNBBTC") as minute, manager.kline_socket("BNBBTC", "5m") as five:
        assert (await minute.recv())["k"]["i"] == "1m"
        assert (await five.recv())["k"]["i"] == "5m"


async def test_S12_a_stream_is_open_inside_its_block_alone(client: Any) -> None:
    stream = BinanceSocketManager(client).trade_socket("BTCUSDT")
    market = await client.market("spot")
    async with stream:
        assert market.stats.sockets == 1
    assert market.stats.sockets == 0


async def test_S16_a_question_in_a_task_lets_recv_go_on(client: Any) -> None:
    asked: list[asyncio.Task[Any]] = []

    def ask(work: Any) -> None:
        asked.append(asyncio.create_task(work))

    async with BinanceSocketManager(client).trade_socket("BTCUSDT") as stream:
        await stream.recv()
        asyncio.get_running_loop().call_soon(ask, client.get_order_book(symbol="BTCUSDT", limit=5))
        while not asked:
            await stream.recv()
    (book,) = await asyncio.gather(*asked)
    assert book["bids"]


async def test_S17_a_program_ends_when_main_ends_without_warnings(exchange: Exchange) -> None:
    ends = "loop = asyncio.new_event_loop()\nloop.run_until_complete(main())\nloop.close()\nasyncio.run(main())\n"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-W", "always", "-c", PROGRAM + ends],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "BNBBTC", "kline", "1m"] * 2
    assert "was destroyed" not in done.stderr
    assert "ResourceWarning" not in done.stderr


async def test_S18_a_client_that_is_forgotten_is_closed_and_says_so_once(exchange: Exchange) -> None:
    before = asyncio.all_tasks()
    forgotten = await AsyncClient.create()
    market = await forgotten.market("spot")
    with pytest.warns(ResourceWarning, match=r"was not closed") as said:  # noqa: PT031 - forgotten, then collected
        del forgotten
        gc.collect()
    assert len(said) == 1
    await market.close()
    assert not asyncio.all_tasks() - before


async def test_S4_the_last_price_of_every_symbol(client: Any) -> None:
    """Last but one, since from then on the exchange keeps all its markets going."""
    rules, prices = await client.get_exchange_info(), await client.get_all_tickers()
    assert {one["symbol"] for one in rules["symbols"]} == {one["symbol"] for one in prices}
    assert all(float(one["price"]) > 0 for one in prices)
