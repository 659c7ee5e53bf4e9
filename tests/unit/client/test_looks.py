"""What is shown in one line has the forms that the client was promised with."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.served import Exchange, served

import tidebook
from tidebook.client.bars import Bars
from tidebook.client.reading import FrozenBook, Known, ProofOf, best_of
from tidebook.core.clock import SECOND
from tidebook.model.facts import Bar
from tidebook.model.market import Level

BOOK = (
    r"<Book BTC/USDT binance live \d+\.\d\d×\d+(\.\d+)? \| \d+\.\d\d×\d+(\.\d+)?, \d+\+\d+ levels, seq \d+, "
    r"age \d+\.\d{3} s, (native|python)>"
)


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with served("binance.spot") as running:
        yield running


async def test_a_book_shows_its_prices_to_the_tick(exchange: Exchange) -> None:
    async with (
        tidebook.connect("binance.spot", at=exchange.at) as market,
        market.book("BTC/USDT") as book,
        market.trades("ETH/USDT"),
    ):
        assert re.fullmatch(BOOK, repr(book))
        loaded = market.stats
        assert repr(market) == (
            f"<Market binance.spot=up, {loaded.topics} subscriptions on {loaded.sockets} sockets, {book._engine_name} "
            "engine>"
        )


def test_a_price_is_shown_to_the_tick_and_a_finer_one_whole() -> None:
    def shown(bid: str, digits: int) -> str:
        book = FrozenBook(
            "A/B", "v", (Level(Decimal(bid), Decimal("0.5120")),), (), seq=1, venue_ns=None, at_mono_ns=0,
            known=Known(None, None), proof=ProofOf((), None, None, None),
        )  # fmt: skip
        return best_of(book, digits)

    assert shown("60000.10000000", 2) == "60000.10×0.512 | -"
    assert (shown("60000", 2), shown("60000.125", 2), shown("60000.10", 0)) == (
        "60000.00×0.512 | -", "60000.125×0.512 | -", "60000.1×0.512 | -",
    )  # fmt: skip


def test_bars_are_from_the_first_opening_to_the_last_end() -> None:
    october = 1_790_812_800 * SECOND
    rows = [
        Bar(
            venue="binance.spot", symbol="BTC/USDT", venue_ns=None, received_ns=0, interval="1m", finished=True,
            start_ns=october + minute * 60 * SECOND, exact_open=(1, 0), exact_high=(1, 0), exact_low=(1, 0),
            exact_close=(1, 0), exact_volume=(0, 0),
        ) for minute in range(44_640)
    ]  # fmt: skip
    bars = Bars(rows, "BTC/USDT", "1m", "binance.spot")
    assert repr(bars) == "<Bars BTC/USDT 1m binance, 44640 rows, 2026-10-01 → 2026-11-01, 0 gaps>"
    assert repr(Bars([*rows[:10], *rows[20:70]], "BTC/USDT", "1m", "binance.spot")) == (
        "<Bars BTC/USDT 1m binance, 60 rows, 2026-10-01 → 2026-10-01T01:10, 1 gaps>"
    )
