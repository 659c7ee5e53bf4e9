"""Determinism, the order of events, what can be looked at, and outside orders."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from random import Random

import pytest
from tests.unit.sim.shape import measured

from tidebook.core.span import Span
from tidebook.sim.agents import Crowd
from tidebook.sim.bars import DAY, HOUR, MINUTE
from tidebook.sim.exchange import START_NS, Exchange, Intent
from tidebook.sim.listing import INSTRUMENTS
from tidebook.sim.matching import ASK, BID, Accepted, Done, Event, LevelChange, OrderBook, Rejected, Trade
from tidebook.sim.reference import SECOND, Path

SCRIPT = """
import hashlib, sys
from tidebook.sim.exchange import Exchange, Intent
digest = hashlib.sha256()
exchange = Exchange(int(sys.argv[1]), ("a", "b"), ("BTC/USDT", "ETH/BTC"), log=digest.update)
exchange.advance(exchange.now_ns + 2_000_000_000)
bid = exchange.book("a", "BTC/USDT").bids[0][0]
exchange.submit("a", "BTC/USDT", Intent(0, bid, 5_000))
exchange.submit("b", "BTC/USDT", Intent(1, None, 5_000_000))
exchange.want("b", "STEEM/BTC")
exchange.advance(exchange.now_ns + 3_000_000_000)
print(digest.hexdigest())
"""


def digest_of(seed: int, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", SCRIPT, str(seed)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def events_of(exchange: Exchange, venue: str, symbol: str, seconds: float) -> list[Event]:
    found: list[Event] = []
    stop = exchange.listen(venue, lambda _, event: found.append(event), symbol)
    exchange.advance(exchange.now_ns + int(seconds * SECOND))
    stop()
    return found


def test_one_seed_and_one_sequence_of_commands_give_one_log() -> None:
    first = digest_of(5, "1")
    assert first == digest_of(5, "987654")
    assert first != digest_of(6, "1")


def test_the_log_does_not_depend_on_how_time_is_cut() -> None:
    logs: list[str] = []
    for pieces in (1, 7, 1000):
        digest = hashlib.sha256()
        exchange = Exchange(5, symbols=("SOL/USDT", "STEEM/BTC"), log=digest.update)
        for n in range(1, pieces + 1):
            exchange.advance(START_NS + 3 * SECOND * n // pieces)
        logs.append(digest.hexdigest())
    assert logs[0] == logs[1] == logs[2]


def test_a_market_does_not_depend_on_which_others_run_nor_on_when_in_its_slot_it_is_wanted() -> None:
    alone = Exchange(5, ("a",), ("SOL/USDT",))
    alone.advance(START_NS + 4 * SECOND)
    among = Exchange(5, ("b", "a"), ("BTC/USDT",))
    among.advance(START_NS + 4 * SECOND)
    assert alone.book("a", "SOL/USDT") == among.book("a", "SOL/USDT")
    assert alone.trades("a", "SOL/USDT") == among.trades("a", "SOL/USDT")
    assert events_of(alone, "a", "SOL/USDT", 2) == events_of(among, "a", "SOL/USDT", 2)
    assert alone.book("a", "SOL/USDT") != among.book("b", "SOL/USDT")


def test_a_market_does_not_depend_on_what_else_is_listed() -> None:
    logs: list[str] = []
    chosen = {name: INSTRUMENTS[name] for name in ("STEEM/BTC", "SOL/USDT")}
    for instruments in (INSTRUMENTS, chosen):
        digest = hashlib.sha256()
        exchange = Exchange(5, ("a",), ("SOL/USDT",), log=digest.update, instruments=instruments)
        exchange.advance(START_NS + 2 * SECOND)
        exchange.want("a", "STEEM/BTC")
        exchange.advance(START_NS + 4 * SECOND)
        logs.append(digest.hexdigest())
    assert logs[0] == logs[1]


@pytest.mark.parametrize("symbol", ["SOL/USDT", "SHIB/USDT", "STEEM/BTC", "BTC/USD:BTC", "TAO/USDT"])
def test_a_book_begins_as_if_its_orders_had_been_placed_one_by_one(symbol: str) -> None:
    """What is spelled out to be quick is what the plain calls say, to the last draw."""
    instrument, plain = INSTRUMENTS[symbol], Exchange(5, ("a",), (symbol,))._market("a", symbol)
    quick, slow = OrderBook(), OrderBook()
    for book, opening in ((quick, Crowd.open), (slow, _one_by_one)):
        crowd = Crowd(Random("x"), instrument, book, lambda now_ns: plain.crowd._fair)
        first = opening(crowd, START_NS)
        book.limit(BID, 1, 1 + first % 1_000, START_NS)  # of the next draws
    assert (quick.order_id, quick.update_id) == (slow.order_id, slow.update_id)
    for one, other in zip(quick.ladders, slow.ladders, strict=True):
        assert one.keys == other.keys == sorted(one.queues)
        assert one.levels() == other.levels()
    assert [repr(order) for order in quick.orders.values()] == [repr(order) for order in slow.orders.values()]
    assert len(quick.events) < 5 < len(slow.events)


def _one_by_one(crowd: Crowd, now_ns: int) -> int:
    crowd._fair = crowd._fair_at(now_ns)
    book, depth = crowd._book, crowd._temper.depth
    for side in (BID, ASK):
        ladder = book.ladders[side]
        for _ in range(depth * 4):
            if len(ladder) >= depth:
                break
            price = crowd._price(side, crowd._draw(crowd._distance) * 2.5)
            if price > 0 and ladder.at(price) is None:
                book.limit(side, price, crowd._size(price), now_ns, "post_only")
        price = crowd._price(side, 0.0)
        while len(ladder) < depth and price > 0:
            if ladder.at(price) is None:
                book.limit(side, price, crowd._size(price), now_ns, "post_only")
            price -= ladder.sign
    crowd._plan_step(now_ns)
    return crowd._plan[-1][0]


def test_a_glance_lets_no_market_begin_and_is_near_to_what_begins() -> None:
    exchange = Exchange(5, ("a",))
    exchange.advance(START_NS + 3 * SECOND)
    for symbol in ("BTC/USDT", "TAO/BTC", "SHIB/USDT"):
        day, best = exchange.glance("a", symbol)
        assert exchange.glance("a", symbol) == (day, best)
        assert exchange.next_ns is None
        assert day.bar.open_ns == START_NS - DAY
        assert day.bar.low <= day.bar.close <= day.bar.high
        assert day.bar.volume > 0
        other = Exchange(5, ("a",))
        other.advance(exchange.now_ns)
        whole, exact = other.book("a", symbol, 1), other.day("a", symbol)
        for near, true in (
            (best.bids[0][0], whole.bids[0][0]),
            (best.asks[0][0], whole.asks[0][0]),
            (day.bar.close, exact.bar.close),
            (day.bar.open, exact.bar.open),
        ):
            assert abs(near - true) <= true * 0.01 + 1
        assert best.bids[0][0] < best.asks[0][0]
    with pytest.raises(KeyError):
        exchange.glance("a", "NO/USDT")


def test_a_market_that_begins_late_agrees_with_the_world() -> None:
    early, late = Exchange(5, ("a",), ("BTC/USDT",)), Exchange(5, ("b",), ())
    for exchange in (early, late):
        exchange.advance(START_NS + 47 * SECOND)
    one, other = early.book("a", "BTC/USDT", 1), late.book("b", "BTC/USDT", 1)
    assert abs(one.bids[0][0] - other.bids[0][0]) / one.bids[0][0] < 10e-4


def test_events_come_in_the_order_of_time_with_ids_without_holes() -> None:
    exchange = Exchange(5, symbols=("BTC/USDT", "ETH/USDT"))
    heard: list[tuple[str, str, Event]] = []
    for venue in exchange.venues:
        exchange.listen(venue, lambda symbol, event, venue=venue: heard.append((venue, symbol, event)))  # type: ignore[misc]
    exchange.want("a", "XRP/USDT")  # begins after the listener came
    exchange.advance(START_NS + 2 * SECOND)
    times = [event.time_ns for _, _, event in heard]
    assert times == sorted(times)
    assert {(venue, symbol) for venue, symbol, _ in heard} == {
        ("a", "BTC/USDT"), ("a", "ETH/USDT"), ("b", "BTC/USDT"), ("b", "ETH/USDT"), ("a", "XRP/USDT"),
    }  # fmt: skip
    for market in {(venue, symbol) for venue, symbol, _ in heard}:
        own = [event for venue, symbol, event in heard if (venue, symbol) == market]
        ids = [event.update_id for event in own if isinstance(event, LevelChange)]
        assert all(later == earlier + 1 for earlier, later in pairwise(ids))
        assert ids[-1] == exchange.book(*market).update_id
        trades = [event.trade_id for event in own if isinstance(event, Trade)]
        assert all(later == earlier + 1 for earlier, later in pairwise(trades))


def test_level_changes_lead_from_one_book_to_the_next() -> None:
    exchange = Exchange(5, ("a",), ("ETH/USDT",))
    shape = measured(exchange, "a", "ETH/USDT", 10)
    whole = exchange.book("a", "ETH/USDT")
    assert (dict(whole.bids), dict(whole.asks)) == shape.sides
    assert exchange.book("a", "ETH/USDT", 20) == whole._replace(bids=whole.bids[:20], asks=whole.asks[:20])


def test_two_venues_differ_by_a_few_basis_points() -> None:
    exchange = Exchange(5, symbols=("BTC/USDT",))
    apart: list[float] = []
    for _ in range(60):
        exchange.advance(exchange.now_ns + SECOND)
        one, other = (exchange.book(venue, "BTC/USDT", 1).bids[0][0] for venue in exchange.venues)
        apart.append((one - other) / one * 1e4)
    assert 0.05 < sum(map(abs, apart)) / 60 < 5
    assert max(map(abs, apart)) < 12


def test_a_path_is_known_at_any_instant_and_moves_by_its_volatility() -> None:
    path = Path("7/X/reference")
    steps = [path.at(START_NS + (n + 1) * SECOND) - path.at(START_NS + n * SECOND) for n in range(2_000)]
    assert 0.8 < (sum(step * step for step in steps) / 2_000) ** 0.5 < 1.2
    assert path.at(START_NS) == Path("7/X/reference").at(START_NS)


def test_bars_are_the_trades_they_cover() -> None:
    exchange = Exchange(5, ("a",), ("BTC/USDT",), START_NS + 30 * SECOND)
    events = events_of(exchange, "a", "BTC/USDT", 75)
    trades = [event for event in events if isinstance(event, Trade)]
    bars = exchange.bars("a", "BTC/USDT", Span(MINUTE), START_NS)
    assert [bar.open_ns for bar in bars] == [START_NS, START_NS + MINUTE]
    for bar in bars:
        covered = [trade for trade in trades if bar.open_ns <= trade.time_ns < bar.open_ns + MINUTE]
        prices = [trade.price for trade in covered]
        assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert bar.volume == sum(trade.size for trade in covered)
        assert bar.amount == sum(trade.size * trade.price for trade in covered)
        assert bar.bought_volume == sum(trade.size for trade in covered if trade.taker_side == BID)
        assert (bar.trades, bar.first_id, bar.last_id) == (len(covered), covered[0].trade_id, covered[-1].trade_id)
    seconds = exchange.bars("a", "BTC/USDT", Span(SECOND), START_NS)
    assert sum(bar.volume for bar in seconds) == sum(bar.volume for bar in bars)
    assert exchange.trades("a", "BTC/USDT", 5) == trades[-5:]
    last = exchange.day("a", "BTC/USDT")
    assert (last.bar.close, last.last_size) == (trades[-1].price, trades[-1].size)


def test_bars_reach_back_before_the_market_began_and_fit_together() -> None:
    exchange = Exchange(5, ("a",), ("BTC/USDT",))
    exchange.advance(START_NS + 10 * SECOND)
    minutes = exchange.bars("a", "BTC/USDT", Span(MINUTE), START_NS - 2 * HOUR, START_NS - MINUTE)
    hours = exchange.bars("a", "BTC/USDT", Span(HOUR), START_NS - 2 * HOUR, START_NS - MINUTE)
    assert (len(minutes), len(hours)) == (120, 2)
    assert sum(bar.volume for bar in minutes) == sum(bar.volume for bar in hours)
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in minutes)
    assert all(earlier.close == later.open for earlier, later in pairwise(minutes))
    assert exchange.day("a", "BTC/USDT").bar.volume > sum(bar.volume for bar in hours)
    days = exchange.bars("a", "BTC/USDT", Span(DAY, -8 * HOUR), START_NS - 30 * DAY, most=7)
    assert len(days) == 7
    assert {bar.open_ns % DAY for bar in days} == {16 * HOUR}
    assert Span(7 * DAY).opening(START_NS) == START_NS - 3 * DAY  # 2026 begins on a Thursday


def test_an_outside_order_is_matched_and_heard_of() -> None:
    exchange = Exchange(5, ("a",), ("BTC/USDT",))
    heard: list[Event] = []
    exchange.listen("a", lambda _, event: heard.append(event))
    best, size = exchange.book("a", "BTC/USDT").asks[0]
    order = exchange.submit("a", "BTC/USDT", Intent(BID, best, size + 10_000, owner="me"))
    assert (order.state, order.left) == ("open", 10_000)
    assert {type(event) for event in heard} == {Accepted, Trade, LevelChange, Done}
    assert exchange.order("a", "BTC/USDT", order.id) is order
    assert not exchange.cancel("a", "BTC/USDT", order.id, "you")
    assert exchange.reduce("a", "BTC/USDT", order.id, 6_000, "me")
    assert exchange.cancel("a", "BTC/USDT", order.id, "me")
    assert order.state == "cancelled"


def test_orders_are_refused_by_rule_and_by_the_hook() -> None:
    exchange = Exchange(
        5, ("a",), admit=lambda venue, symbol, intent: "not_admitted" if intent.owner == "you" else None
    )
    bid = exchange.book("a", "BTC/USDT").bids[0][0]
    assert exchange.submit("a", "BTC/USDT", Intent(BID, bid, 1)).reason == "min_notional"
    assert exchange.submit("a", "BTC/USDT", Intent(BID, bid, 0)).reason == "size"
    assert exchange.submit("a", "BTC/USDT", Intent(BID, bid, 10_000, owner="you")).reason == "not_admitted"
    quote = INSTRUMENTS["BTC/USDT"].quote_units("100")
    order = exchange.submit("a", "BTC/USDT", Intent(BID, quote=quote))
    assert order.state == "filled"
    assert 0.99 * quote < order.paid <= quote


def test_a_listener_may_send_orders_but_not_let_time_pass() -> None:
    exchange = Exchange(5, ("a",), ("BTC/USDT",))
    sent: list[int] = []
    heard: list[Event] = []

    def answer(symbol: str, event: Event) -> None:
        if isinstance(event, Trade) and not sent:
            sent.append(exchange.submit("a", symbol, Intent(ASK, event.price * 2, 100_000)).id)
        heard.append(event)

    exchange.listen("a", answer, "BTC/USDT")
    exchange.advance(START_NS + SECOND)
    ids = [event.update_id for event in heard if isinstance(event, LevelChange)]
    assert all(later == earlier + 1 for earlier, later in pairwise(ids))
    assert [event.order_id for event in heard if isinstance(event, Accepted) and event.owner] == sent
    assert not [event for event in heard if isinstance(event, Rejected)]
    exchange.listen("a", lambda *_: exchange.advance(exchange.now_ns + 1), "BTC/USDT")
    with pytest.raises(RuntimeError, match="listener"):
        exchange.advance(START_NS + 2 * SECOND)


def test_what_is_not_listed_has_no_market() -> None:
    exchange = Exchange(5, ("a",))
    assert exchange.next_ns is None
    for venue, symbol in (("a", "NO/USDT"), ("c", "BTC/USDT"), ("a", "BTC/USDT:USDT-250328")):
        with pytest.raises(KeyError):
            exchange.want(venue, symbol)


@pytest.mark.parametrize("symbol", INSTRUMENTS)
def test_every_listed_market_runs(symbol: str) -> None:
    exchange = Exchange(5, ("a",), (symbol,))
    exchange.advance(START_NS + SECOND)
    whole = exchange.book("a", symbol)
    assert whole.bids[0][0] < whole.asks[0][0]
    assert min(len(whole.bids), len(whole.asks)) >= (5 if INSTRUMENTS[symbol].kind == "option" else 100)


def test_agents_rest_for_good() -> None:
    exchange = Exchange(1, symbols=["BTC/USDT"])
    exchange.advance(exchange.start_ns + 3 * SECOND)
    before = exchange.book("a", "BTC/USDT")
    exchange.rest()
    assert exchange.next_ns is None
    exchange.advance(exchange.start_ns + 60 * SECOND)
    after = exchange.book("a", "BTC/USDT")
    assert after == before._replace(time_ns=exchange.start_ns + 60 * SECOND)
    begun = exchange.book("a", "ETH/USDT")
    exchange.advance(exchange.start_ns + 90 * SECOND)
    assert exchange.book("a", "ETH/USDT")[1:] == begun[1:]
    best = after.asks[0][0]
    exchange.submit("a", "BTC/USDT", Intent(BID, best, 100))
    assert exchange.book("a", "BTC/USDT").update_id > after.update_id, "orders of others are matched all the same"
