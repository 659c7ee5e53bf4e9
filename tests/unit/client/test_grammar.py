"""One grammar: what opens, what asks, what acts; and every way to read whatever opens."""

import inspect
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from tests.served import Exchange, served

import tidebook
from tidebook import threads
from tidebook.client.market import Market, PlaceMarket
from tidebook.errors import UsageError

OPENS = (
    "book", "books", "trades", "quotes", "bars", "ticker", "funding", "liquidations", "consolidated", "account",
    "health", "raw",
)  # fmt: skip
ASKS = (
    "book", "trades", "bars", "ticker", "tickers", "funding", "instruments", "time", "order", "open_orders", "balances",
    "positions", "fills",
)  # fmt: skip
ACTS = ("submit", "cancel", "cancel_all", "amend", "get", "post", "put", "delete")
ONE_VENUE: dict[str, tuple[Any, ...]] = {
    "book": ("BTC/USDT",), "fetch_book": ("BTC/USDT",), "fetch_trades": ("BTC/USDT",), "fetch_bars": ("BTC/USDT",),
    "fetch_ticker": ("BTC/USDT",), "fetch_time": (), "submit": (tidebook.Limit("BTC/USDT", "buy", "0.1", "9"),),
    "cancel_all": ("BTC/USDT",), "fetch_open_orders": ("BTC/USDT",), "fetch_fills": ("BTC/USDT",), "account": (),
    "raw": ("btcusdt@trade",),
}  # fmt: skip
"""What means one venue, with what it is asked for."""


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with served("binance.spot", "htx.spot") as running:
        yield running


@pytest.mark.parametrize("kind", [Market, PlaceMarket, threads.Market, threads.PlaceMarket])
@pytest.mark.parametrize("name", [*OPENS, *(f"fetch_{name}" for name in ASKS), *ACTS])
def test_each_word_is_there_and_takes_a_venue(kind: type, name: str) -> None:
    assert "venue" in inspect.signature(getattr(kind, name)).parameters


async def test_what_means_one_venue_names_the_choices(exchange: Exchange) -> None:
    async with tidebook.connect("binance.spot", "htx.spot", at=exchange.at) as market:
        for name, asked in ONE_VENUE.items():
            with pytest.raises(UsageError, match=r"say of which venue: venue= one of binance\.spot, htx\.spot$"):
                await getattr(market, name)(*asked)


@pytest.mark.parametrize("name", ["book", "books", "quotes", "consolidated"])
async def test_three_ways_to_read(exchange: Exchange, name: str) -> None:
    async with tidebook.connect("binance.spot", "htx.spot", at=exchange.at) as market:

        def made() -> Any:
            return getattr(market, name)("BTC/USDT", venue="binance.spot")

        async with made() as read:
            item = await read.next()
            async for each in read:
                assert type(each) is type(item)
                break
            async with aclosing(read.batches()) as batches:
                assert {type(one) for one in await anext(batches)} == {type(item)}
        async with made() as called, made() as waiting:
            told: list[Any] = []
            called.on(told.append)
            with pytest.raises(UsageError, match="read by `on`"):
                await called.next()
            while not told:
                await waiting.next()
            assert name == "book" or type(told[0]) is type(item)


async def test_a_function_that_raises_ends_the_calling(exchange: Exchange) -> None:
    async with tidebook.connect("binance.spot", "htx.spot", at=exchange.at) as market:

        def raises(found: object) -> None:
            raise ZeroDivisionError(found)

        async with market.consolidated("BTC/USDT") as best, market.health() as events:
            assert {one.venue for one in best.now().venues} == {"binance.spot", "htx.spot"}
            best.on(raises)
            while not isinstance(event := await events.next(), tidebook.health.SubscriptionFailed):
                pass
            assert "ZeroDivisionError" in event.text
            with pytest.raises(ZeroDivisionError):
                [None async for _ in best]
            assert all(book.state.readable for book in best.books)
