"""A crowd's market has the shape of recorded ones, within loose bounds. Seeds are fixed: the figures do not vary."""

from functools import cache

import pytest
from tests.unit.sim.shape import Shape, autocorrelation, measured, quantile

from tidebook.sim.exchange import Exchange, Intent
from tidebook.sim.matching import ASK, BID
from tidebook.sim.reference import SECOND


@cache
def shape_of(symbol: str, seconds: float = 200.0) -> Shape:
    return measured(Exchange(7, ("a",), (symbol,)), "a", symbol, seconds)


def test_how_many_levels_change_in_a_tenth_of_a_second() -> None:
    deep = shape_of("BTC/USDT")  # recorded: 5 % 5, median 22, 90 % 104, 99 % 383
    assert 3 <= quantile(deep.levels, 0.05) <= 9
    assert 16 <= quantile(deep.levels, 0.5) <= 32
    assert 65 <= quantile(deep.levels, 0.9) <= 160
    assert 200 <= quantile(deep.levels, 0.99) <= 600
    assert quantile(deep.spans, 0.5) > quantile(deep.levels, 0.5)
    assert 4 <= quantile(shape_of("SOL/USDT").levels, 0.5) <= 15
    assert 1 <= quantile(shape_of("NEAR/USDT").levels, 0.5) <= 6
    assert len(shape_of("STEEM/BTC").levels) < 200 * 5


def test_changes_come_in_bursts() -> None:
    logs = shape_of("BTC/USDT").log_levels()
    assert 0.4 < autocorrelation(logs, 1) < 0.8  # recorded: 0.708, 0.312 at lag 5
    assert 0.1 < autocorrelation(logs, 5) < 0.5
    assert abs(autocorrelation(logs, 50)) < 0.3


def test_what_happens_to_a_level() -> None:
    deep = shape_of("BTC/USDT")  # recorded: new 0.40, changed 0.12, gone 0.39, gone at once 0.09
    assert 0.3 < deep.share("new") < 0.5
    assert 0.3 < deep.share("del") < 0.5
    assert 0.05 < deep.share("mod") < 0.25
    assert 0.03 < deep.share("absent") < 0.18
    assert shape_of("SOL/USDT").share("mod") > 0.3


@pytest.mark.parametrize("symbol", ["BTC/USDT", "ETH/USDT"])
def test_where_levels_change(symbol: str) -> None:
    bps = shape_of(symbol).bps
    assert 2.5 < quantile(bps, 0.5) < 8  # recorded: 4.3 and 7.1
    assert 8 < quantile(bps, 0.75) < 27
    assert 0.01 < sum(value > 100 for value in bps) / len(bps) < 0.1
    assert max(bps) > 2_000


def test_trades_come_in_clusters_and_sweep() -> None:
    deep = shape_of("BTC/USDT")  # recorded: 30.6 per second, gaps of 0 and 543 ms at 5 and 99 %
    assert 10 < deep.trades / 200 < 70
    assert quantile(deep.gaps_ms, 0.5) < 30
    assert quantile(deep.gaps_ms, 0.99) > 100
    assert deep.sweeps > 100


@pytest.mark.parametrize("symbol", ["BTC/USDT", "SOL/USDT", "NEAR/USDT", "STEEM/BTC", "BTC/USD:BTC"])
def test_a_book_is_never_crossed_or_empty(symbol: str) -> None:
    shape = shape_of(symbol)
    assert (shape.crossed, shape.empty) == (0, 0)
    assert quantile(shape.spreads, 0.5) < (2 if symbol.startswith("BTC") else 60)


def test_liquid_books_begin_with_a_thousand_levels_and_stay_deep() -> None:
    exchange = Exchange(7, ("a",), ("BTC/USDT", "XRP/USDT", "DOGE/USDT"))
    for seconds in (0, 60):
        exchange.advance(exchange.now_ns + seconds * SECOND)
        for symbol in ("BTC/USDT", "XRP/USDT", "DOGE/USDT"):
            whole = exchange.book("a", symbol)
            assert min(len(whole.bids), len(whole.asks)) >= 1_000


def test_a_side_that_was_bought_up_comes_back() -> None:
    exchange = Exchange(7, ("a",), ("BTC/USDT",))
    exchange.submit("a", "BTC/USDT", Intent(BID, None, 10**12))
    assert exchange.book("a", "BTC/USDT").asks == []
    exchange.advance(exchange.now_ns + SECOND)
    assert len(exchange.book("a", "BTC/USDT").asks) > 100
    exchange.advance(exchange.now_ns + 30 * SECOND)
    assert len(exchange.book("a", "BTC/USDT").asks) > 1_000


def test_agents_leave_the_orders_of_clients_alone() -> None:
    exchange = Exchange(7, ("a",), ("BTC/USDT",))
    bids = exchange.book("a", "BTC/USDT").bids
    orders = [exchange.submit("a", "BTC/USDT", Intent(BID, price, 10**6)) for price, _ in bids[200:260]]
    high = exchange.submit("a", "BTC/USDT", Intent(ASK, bids[0][0] * 2, 10**6))
    exchange.advance(exchange.now_ns + 20 * SECOND)
    assert {order.state for order in [*orders, high]} <= {"open", "filled"}
    assert high.state == "open"
