"""`OrderBook` against the obvious model, and what must hold of its events."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sim.slow import SlowBook

from tidebook.sim.matching import (
    ASK,
    BID,
    Accepted,
    Done,
    LevelChange,
    OrderBook,
    Reduced,
    Rejected,
    Side,
    Tif,
    Trade,
)

SIDES = st.sampled_from([BID, ASK])
TIFS: st.SearchStrategy[Tif] = st.sampled_from(["gtc", "gtc", "gtc", "ioc", "fok", "post_only"])
OWNERS = st.sampled_from([None, "me", "you"])
PRICES = st.integers(95, 105)

LIMIT = st.tuples(st.just("limit"), SIDES, st.one_of(PRICES, st.just(0)), st.integers(0, 30), TIFS, OWNERS)
MARKET = st.tuples(st.just("market"), SIDES, st.integers(0, 60), st.booleans())
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 60), OWNERS)
REDUCE = st.tuples(st.just("reduce"), st.integers(0, 60), st.integers(0, 30), OWNERS)
COMMANDS = st.lists(st.one_of(LIMIT, LIMIT, LIMIT, MARKET, CANCEL, REDUCE), max_size=60)


def run(book: OrderBook, slow: SlowBook, command: tuple[object, ...], now_ns: int) -> None:
    """The same command for both; their answers are equal."""
    match command:
        case ("limit", side, price, size, tif, owner):
            answer = book.limit(side, price, size, now_ns, tif, owner)  # type: ignore[arg-type]
            assert answer.state == slow.limit(side, price, size, tif, owner)  # type: ignore[arg-type]
        case ("market", side, amount, by_quote):
            quote, size = (amount * 100, None) if by_quote else (None, amount)  # type: ignore[operator]
            answer = book.market(side, now_ns, size=size, quote=quote)  # type: ignore[arg-type]
            assert answer.state == slow.market(side, size, quote)  # type: ignore[arg-type]
        case ("cancel", number, owner):
            assert book.cancel(number, now_ns, owner) == slow.cancel(number, owner)  # type: ignore[arg-type]
        case ("reduce", number, left, owner):
            assert book.reduce(number, left, now_ns, owner) == slow.reduce(number, left, owner)  # type: ignore[arg-type]
        case _:
            raise AssertionError(command)


@given(COMMANDS)
@settings(max_examples=150, deadline=None)
def test_the_book_matches_as_the_obvious_model_does(commands: list[tuple[object, ...]]) -> None:
    book, slow = OrderBook(), SlowBook()
    for now_ns, command in enumerate(commands):
        run(book, slow, command, now_ns)
        assert book.order_id == slow.number
        assert book.bids.levels() == slow.levels(BID)
        assert book.asks.levels() == slow.levels(ASK)
        assert {number: order.left for number, order in book.orders.items()} == {
            order.number: order.left for order in slow.orders
        }
        bid, ask = book.bids.best, book.asks.best
        assert bid is None or ask is None or bid < ask
    trades = [event for event in book.events if type(event) is Trade]
    assert [(trade.price, trade.size, trade.maker_id, trade.taker_id) for trade in trades] == slow.fills


@given(COMMANDS)
@settings(max_examples=200, deadline=None)
def test_the_events_account_for_every_lot_and_rebuild_the_book(commands: list[tuple[object, ...]]) -> None:
    book, slow = OrderBook(order_id=500, trade_id=70, update_id=9), SlowBook(number=500)
    for now_ns, command in enumerate(commands):
        run(book, slow, command, now_ns)
    levels: dict[Side, dict[int, int]] = {BID: {}, ASK: {}}
    left: dict[int, int] = {}
    trade_id, update_id = 70, 9
    for event in book.events:
        match event:
            case Accepted(order_id=number, size=size):
                left[number] = size
            case Trade(size=size, maker_id=maker, taker_id=taker):
                trade_id += 1
                assert event.trade_id == trade_id
                assert size > 0
                left[maker] -= size
                left[taker] -= size
            case Reduced(order_id=number, left=size):
                left[number] = size
            case Done(order_id=number, state=state, left=size):
                gone = left.pop(number)
                assert gone == size or gone < 0  # below zero: it was by quote amount
                assert state != "filled" or not size
            case LevelChange(side=side, price=price, size=size):
                update_id += 1
                assert event.update_id == update_id
                levels[side][price] = size
                if not size:
                    del levels[side][price]
            case Rejected(order_id=number):
                pass
    assert left == {number: order.left for number, order in book.orders.items()}
    assert sorted(levels[BID].items(), reverse=True) == book.bids.levels()
    assert sorted(levels[ASK].items()) == book.asks.levels()
    assert [event.time_ns for event in book.events] == sorted(event.time_ns for event in book.events)
    assert (book.trade_id, book.update_id) == (trade_id, update_id)


def makers(*orders: tuple[Side, int, int]) -> OrderBook:
    book = OrderBook()
    for side, price, size in orders:
        book.limit(side, price, size, 0)
    book.events.clear()
    return book


def trades(book: OrderBook) -> list[tuple[int, int, int]]:
    return [(event.price, event.size, event.maker_id) for event in book.events if type(event) is Trade]


def test_the_best_price_is_met_first_and_at_one_price_the_oldest() -> None:
    book = makers((ASK, 102, 5), (ASK, 101, 5), (ASK, 101, 7), (ASK, 103, 9))
    taker = book.limit(BID, 102, 14, 1)
    assert trades(book) == [(101, 5, 2), (101, 7, 3), (102, 2, 1)]
    assert taker.state == "filled"
    assert taker.paid == 12 * 101 + 2 * 102
    assert book.asks.levels() == [(102, 3), (103, 9)]


def test_a_reduced_order_keeps_its_place_and_one_placed_again_loses_it() -> None:
    book = makers((BID, 100, 5), (BID, 100, 5))
    assert book.reduce(1, 2, 1)
    book.market(ASK, 2, size=1)
    assert book.cancel(1, 3)
    book.limit(BID, 100, 1, 3)
    book.market(ASK, 4, size=6)
    assert trades(book) == [(100, 1, 1), (100, 5, 2), (100, 1, 4)]


def test_one_level_change_for_each_level_a_taker_meets() -> None:
    book = makers((ASK, 101, 1), (ASK, 101, 1), (ASK, 102, 4))
    book.limit(BID, 102, 5, 7)
    changes = [event for event in book.events if type(event) is LevelChange]
    assert changes == [LevelChange(7, 4, ASK, 101, 0), LevelChange(7, 5, ASK, 102, 1)]


def test_a_rest_stays_on_the_takers_own_side() -> None:
    book = makers((ASK, 101, 3))
    order = book.limit(BID, 101, 5, 1)
    assert (order.state, order.left, order.filled) == ("open", 2, 3)
    assert (book.bids.levels(), book.asks.levels()) == ([(101, 2)], [])


def test_fok_post_only_and_ioc() -> None:
    book = makers((ASK, 101, 3), (ASK, 102, 3))
    assert book.limit(BID, 101, 4, 1, "fok").reason == "unfillable"
    assert book.limit(BID, 102, 1, 1, "post_only").reason == "would_cross"
    assert not trades(book)
    assert book.limit(BID, 102, 6, 1, "fok").state == "filled"
    assert book.limit(BID, 102, 6, 1, "ioc").state == "expired"
    assert not book.orders


def test_a_market_order_by_quote_amount_never_spends_more() -> None:
    book = makers((ASK, 100, 3), (ASK, 110, 3))
    order = book.market(BID, 1, quote=525)
    assert (order.filled, order.paid, order.state) == (5, 520, "filled")
    rest = book.market(BID, 2, quote=1_000)
    assert (rest.filled, rest.paid, rest.state) == (1, 110, "expired")
    with pytest.raises(ValueError, match="either"):
        book.market(BID, 3)
    with pytest.raises(ValueError, match="either"):
        book.market(BID, 3, size=1, quote=1)


def test_only_its_owner_cancels_an_order() -> None:
    book = OrderBook()
    order = book.limit(BID, 100, 1, 0, owner="me")
    assert not book.cancel(order.id, 1, "you")
    assert not book.cancel(order.id, 1)
    assert book.cancel(order.id, 1, "me")
    assert not book.cancel(order.id, 2, "me")
    assert [event.reason for event in book.events if type(event) is Rejected] == ["unknown"] * 3
    assert all(earlier.time_ns <= later.time_ns for earlier, later in pairwise(book.events))
