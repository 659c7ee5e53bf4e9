"""What is known of an account, against a ledger that is simple and slow: at rest they are the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidebook.core.account import Holdings
from tidebook.core.clock import SECOND
from tidebook.core.trading import Row
from tidebook.errors import UsageError
from tidebook.model.orders import Balance, Fill, Leg, Margin, Order, Position

SYMBOLS: Final = ("BTC/USDT", "ETH/USDT")


def order(id: str, filled: int, status: str, at_ns: int | None, **more: Any) -> Order:
    words: dict[str, Any] = {
        "venue": "x.spot", "symbol": "BTC/USDT", "received_ns": 1, "side": "buy", "kind": "limit",
        "exact_size": (9, 0), "exact_price": (1, 0), "created_ns": 1,
    }  # fmt: skip
    return Order(**{**words, "id": id, "exact_filled": (filled, 0), "status": status, "venue_ns": at_ns, **more})


def fill(id: str, order_id: str, at_ns: int, size: int = 1, **more: Any) -> Fill:
    words: dict[str, Any] = {"venue": "x.spot", "symbol": "BTC/USDT", "received_ns": 1, "side": "buy"}
    return Fill(
        **{**words, "id": id, "order_id": order_id, "venue_ns": at_ns, "exact_price": (1, 0), "exact_size": (size, 0),
           **more}
    )  # fmt: skip


def balance(free: int, at_ns: int | None, currency: str = "BTC") -> Balance:
    return Balance(
        venue="x.spot", currency=currency, exact_free=(free, 0), exact_held=(0, 0), received_ns=1, venue_ns=at_ns
    )


@dataclass
class Told:
    """Holdings, and all that they said had changed."""

    rows: list[Row] = field(default_factory=list[Row])
    held: Holdings = field(init=False)

    def __post_init__(self) -> None:
        self.held = Holdings(0, 1000, self.rows.append)


# ---- one thing at a time


def test_an_order_that_has_ended_stays_so() -> None:
    told = Told()
    told.held.told([order("1", 2, "cancelled", 5), order("1", 1, "open", 4), order("1", 2, "open", 9)])
    assert [(one.status, one.filled) for one in told.held.orders()] == [("cancelled", Decimal(2))]
    assert len(told.rows) == 1


def test_what_is_filled_never_falls() -> None:
    told = Told()
    told.held.told([order("1", 3, "open", 5), order("1", 2, "cancelled", 6), order("1", 1, "open", 9)])
    assert [(one.status, one.filled) for one in told.held.orders()] == [("cancelled", Decimal(3))]


def test_a_fill_is_there_once_and_may_come_before_its_order() -> None:
    told = Told()
    told.held.told([fill("a", "1", 4)])
    assert told.held.strangers == [("BTC/USDT", "1")]
    told.held.told([order("1", 1, "filled", 4), fill("a", "1", 4)])
    told.held.told([fill("a", "1", 4)], "answer")
    assert len(told.held.fills) == 1
    assert told.held.is_whole


def test_both_sides_of_a_trade_with_oneself_are_fills() -> None:
    told = Told()
    told.held.told([fill("a", "1", 4), fill("a", "2", 4, side="sell")])
    assert len(told.held.fills) == 2


def test_what_an_order_is_filled_by_and_nobody_told_is_owed() -> None:
    told = Told()
    told.held.told([order("1", 2, "open", 5), fill("a", "1", 5)])
    assert [(one.symbol, one.since_ns) for one in told.held.owing] == [("BTC/USDT", 1)]
    told.held.told([fill("b", "1", 5)], "answer")
    assert told.held.is_whole


def test_of_what_is_level_the_stream_is_believed() -> None:
    told = Told()
    told.held.told([order("1", 0, "open", 5)])
    told.held.told([order("1", 0, "open", 5, exact_price=(2, 0))])
    told.held.told([order("1", 0, "open", 5, exact_price=(3, 0))], "answer")
    assert [str(one.price) for one in told.held.orders()] == ["2"]


def test_the_same_said_otherwise_is_no_news() -> None:
    told = Told()
    told.held.told([order("1", 0, "open", 5), order("1", 0, "open", 7, exact_size=(900, 2))])
    assert len(told.rows) == 1


def test_what_one_report_lacks_another_has() -> None:
    told = Told()
    told.held.told([order("1", 0, "open", 5, client_id="tb1"), order("1", 1, "open", 6, exact_price=None)])
    one = told.held.order("tb1")
    assert one is not None
    assert (one.client_id, one.price, one.filled) == ("tb1", Decimal(1), Decimal(1))
    assert told.held.order("1", "ETH/USDT") is None


def test_an_answer_is_as_old_as_its_question() -> None:
    told = Told()
    mark = told.held.mark()
    told.held.told([balance(7, None)])
    told.held.balanced([balance(5, None)], mark)
    assert told.held.balances["BTC"].free == 7
    told.held.balanced([balance(5, None)], told.held.mark())
    assert told.held.balances["BTC"].free == 5


def test_an_answer_that_is_older_by_its_own_words_is_passed_over() -> None:
    told = Told()
    told.held.told([balance(7, 10)])
    told.held.balanced([balance(5, 9)], told.held.mark())
    assert told.held.balances["BTC"].free == 7
    told.held.told([balance(6, 9)])
    assert told.held.balances["BTC"].free == 7


def test_what_is_not_in_the_whole_is_nothing() -> None:
    told = Told()
    position = Position(venue="x", symbol="BTC/USDT", venue_ns=None, received_ns=1, exact_size=(3, 0))
    told.held.told([balance(7, 10), position])
    mark = told.held.mark()
    told.held.balanced([balance(1, 11, "USDT")], mark)
    told.held.positioned([], mark)
    assert told.held.balances["BTC"].total == 0
    assert told.held.positions["BTC/USDT", "net", ""].size == 0


def position(size: int, at_ns: int | None, leg: Leg = "net") -> Position:
    return Position(venue="x", symbol="BTC", venue_ns=at_ns, received_ns=1, exact_size=(size, 0), leg=leg)


def legs(told: Told) -> dict[Leg, int]:
    return {row.leg: int(row.size) for row in told.held.positions.values()}


def test_one_leg_of_a_position_says_nothing_of_the_other() -> None:
    told = Told()
    told.held.told([position(3, 10, "long"), position(-2, 9, "short")])
    assert legs(told) == {"long": 3, "short": -2}
    told.held.told([position(1, 9, "long"), position(-1, 11, "short")])  # the first is older than what is known of it
    assert legs(told) == {"long": 3, "short": -1}
    mark = told.held.mark()
    told.held.positioned([position(3, 10, "long")], mark)  # what is absent is that leg alone
    assert legs(told) == {"long": 3, "short": 0}
    mark = told.held.mark()
    told.held.told([position(-7, None, "short")])
    told.held.positioned([], mark)  # asked before the short one was told of, and after the long one
    assert legs(told) == {"long": 0, "short": -7}


def test_a_symbol_in_the_hedge_mode_has_no_only_position() -> None:
    held = Told().held
    assert held.position("BTC") is None
    held.told([position(0, 1), position(3, 1, "long")])
    with pytest.raises(UsageError, match="which of them"):
        held.position("BTC")
    long, short = held.position("BTC", "long"), held.position("BTC", "short")
    assert long is not None
    assert (str(long.size), short) == ("3", None)
    held.told([position(0, 2, "long"), position(5, 3)])  # the account is in the one-way mode again
    found = held.position("BTC")
    assert found is not None
    assert (str(found.size), found.leg) == ("5", "net")


def test_orders_that_are_open_no_more_are_asked_after() -> None:
    told = Told()
    told.held.told([order("1", 0, "open", 1), order("2", 0, "open", 1), order("3", 0, "open", 1)])
    mark = told.held.mark()
    told.held.told([order("3", 1, "open", 2)])
    after = told.held.listed([order("1", 0, "open", 1)], mark)
    assert [one.id for one in after] == ["2"]
    told.held.gone(("BTC/USDT", "2"))
    assert told.held.order("2") is None


def test_fills_from_before_are_those_of_known_orders() -> None:
    told = Told()
    told.held.began_ns = 100
    told.held.told([order("1", 1, "open", 5)])
    assert told.held.unknown([fill("a", "1", 5), fill("b", "9", 5), fill("c", "8", 100)]) == [("BTC/USDT", "8")]
    told.held.told([fill("a", "1", 5), fill("b", "9", 5)], "answer")
    assert [one.id for one in told.held.fills.values()] == ["a"]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_fill_that_was_forgotten_is_not_told_of_again(is_known: bool) -> None:
    """It was counted once: what is fetched for another order's sake brings it anew."""
    rows: list[Row] = []
    held = Holdings(0, 2, rows.append)
    held.told([order("1", 3, "open", 5)])
    fills = [fill(str(number), "1", number) for number in (1, 2, 3)]
    held.told(fills)
    if not is_known:
        held.told([order(str(number), 0, "cancelled", 9) for number in (2, 3)])
        held.told([order("1", 3, "filled", 8), order("4", 0, "cancelled", 9), order("5", 0, "cancelled", 9)])
        assert held.order("1") is None
    told = [row.id for row in rows if isinstance(row, Fill)]
    held.told([order("6", 1, "open", 9)])
    held.told([*fills, fill("9", "6", 4)], "answer")
    assert told == ["1", "2", "3"]
    assert [row.id for row in rows if isinstance(row, Fill)] == ["1", "2", "3", "9"]
    assert held.is_whole


def test_a_fill_is_not_told_of_where_one_that_is_missing_cannot_be_told_from_one_that_was_forgotten() -> None:
    """That something is missing is seen, and nothing is counted twice."""
    held = Holdings(0, 1, lambda row: None)
    held.told([order("1", 3, "open", 5)])
    held.told([fill("1", "1", 1), fill("3", "1", 3)])
    held.told([fill("1", "1", 1)], "answer")
    assert ([row.id for row in held.fills.values()], held.is_whole) == (["3"], False)


def test_an_order_of_long_ago_that_somebody_asks_about_brings_no_fills() -> None:
    """They would be told of as new, and counted by whoever sums them up."""
    told = Told()
    told.held = Holdings(100 * SECOND, 1000, told.rows.append)
    told.held.told([order("1", 3, "filled", 39 * SECOND)], "answer")
    assert (told.rows, told.held.is_whole) == ([], True)
    # one that ended since then, for all that is known of the venue's clock, and one that is old and stands
    told.held.told([order("2", 1, "filled", 41 * SECOND), order("3", 1, "open", 1)], "answer")
    assert [one.id for one in told.held.orders()] == ["2", "3"]
    assert [one.symbol for one in told.held.owing] == ["BTC/USDT"]


def test_what_is_old_is_forgotten() -> None:
    told = Told()
    told.held = Holdings(0, 2, told.rows.append)
    told.held.told([order(str(number), 0, "cancelled", 1, client_id=f"c{number}") for number in range(5)])
    told.held.told([order("open", 0, "open", 1)])
    assert [one.id for one in told.held.orders()] == ["3", "4", "open"]
    assert told.held.order("c0") is None


@pytest.mark.parametrize("at_ns", [5, None])
def test_an_order_that_was_forgotten_and_is_asked_about_is_not_told_of_again(at_ns: int | None) -> None:
    """Its fills were counted: neither they nor it are news, and none of them is missing."""
    rows: list[Row] = []
    held = Holdings(0, 2, rows.append)
    first = fill("a", "1", 5)
    held.told([order("1", 1, "filled", at_ns), first])
    held.told([order(str(number), 0, "cancelled", 9) for number in (2, 3)])
    assert held.order("1") is None
    assert held.unknown([first]) == []
    for more in ([], [fill("b", "4", 6), fill("c", "4", 7)]):  # the first one's fill is kept, and then is not
        held.told(more)
        told = len(rows)
        held.told([order("1", 1, "filled", at_ns), first], "answer")
        assert (len(rows), held.owing) == (told, [])
    held.told([order("4", 2, "filled", 7)], "answer")  # one that is missed is taken all the same
    assert held.is_whole
    assert held.order("4") is not None


def margined(size: int, margin: Margin, leg: Leg = "net") -> Position:
    return msgspec.structs.replace(position(size, None, leg), margin=margin)


def test_positions_of_two_margins_are_two() -> None:
    told = Told()
    told.held.told([margined(3, "cross"), margined(-5, "isolated")])
    with pytest.raises(UsageError, match=r"two margins.*isolated -5.*margin='cross'"):
        told.held.position("BTC")
    assert told.held.position("BTC", margin="cross") == margined(3, "cross")
    told.held.positioned([margined(-5, "isolated")], told.held.mark())  # the other one is closed
    assert told.held.position("BTC") == margined(-5, "isolated")
    told.held.positioned([], told.held.mark())
    assert told.held.position("BTC") == margined(0, "cross")
    told.held.told([margined(2, "cross", "long"), margined(1, "isolated", "long")])
    with pytest.raises(UsageError, match="hedge mode"):
        told.held.position("BTC")
    with pytest.raises(UsageError, match="two margins"):
        told.held.position("BTC", "long")
    assert told.held.position("BTC", "long", "isolated") == margined(1, "isolated", "long")


@pytest.mark.parametrize("fill_first", [True, False])
def test_a_fill_that_does_not_say_its_leg_has_that_of_its_order(fill_first: bool) -> None:
    """And is told of once, whichever came first."""
    told = Told()
    rows: list[Row] = [order("1", 1, "filled", 4, leg="short", client_id="tb1"), fill("a", "1", 4, leg=None)]
    told.held.told(rows[::-1] if fill_first else rows)
    (known,) = told.held.fills.values()
    assert (known.leg, known.client_id) == ("short", "tb1")
    assert sum(isinstance(row, Fill) for row in told.rows) == 1
    assert told.held.is_whole


# ---- a venue, and what becomes of its messages


@dataclass
class Venue:
    """An account as it truly is, and all that its stream says of it, in order."""

    now_ns: int = 1
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    fills: list[Fill] = field(default_factory=list[Fill])
    balances: dict[str, Balance] = field(default_factory=dict[str, Balance])

    def act(self, what: int, which: int, size: int, *, same_instant: bool) -> list[Row]:
        """Something happens: the rows that tell of it."""
        self.now_ns += 0 if same_instant else 1
        symbol = SYMBOLS[which % 2]
        open_ones = [one for one in self.orders.values() if one.open]
        if what == 0 or not open_ones:
            id = str(len(self.orders) + 1)
            made = order(id, 0, "open", self.now_ns, symbol=symbol, created_ns=self.now_ns, client_id=f"c{id}")
            return [self._keep(made)]
        one = open_ones[which % len(open_ones)]
        filled = one.exact_filled[0]
        if what == 1:
            return [self._keep(msgspec.structs.replace(one, status="cancelled", venue_ns=self.now_ns))]
        if what == 2 and not same_instant:  # an order that is changed twice in an instant cannot be told apart
            return [self._keep(msgspec.structs.replace(one, exact_price=(size, 1), venue_ns=self.now_ns))]
        much = min(size, 9 - filled)
        status = "filled" if filled + much == 9 else "open"
        row = self._keep(
            msgspec.structs.replace(one, status=status, exact_filled=(filled + much, 0), venue_ns=self.now_ns)
        )
        mine = fill(str(len(self.fills) + 1), one.id, self.now_ns, much, symbol=one.symbol)
        self.fills.append(mine)
        had = self.balances.get("BTC", balance(0, 0)).exact_free[0]
        self.balances["BTC"] = balance(had + much, self.now_ns)
        return [mine, row, self.balances["BTC"]] if which % 3 == 0 else [row, mine, self.balances["BTC"]]

    def _keep(self, row: Order) -> Order:
        self.orders[row.id] = row
        return row


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["act", "act", "act", "say", "lose", "answer", "cut", "return", "twice"]),
        st.integers(0, 4), st.integers(0, 7), st.integers(1, 9), st.booleans(),
    ),
    max_size=80,
)  # fmt: skip


class Line:
    """Between both: messages wait here, come twice, late, in another order of orders, or are lost with a connection."""

    def __init__(self, stamps: bool) -> None:
        self.venue = Venue()
        self.told = Told()
        self.waiting: list[Row] = []
        self.is_open = True
        self.stamps = stamps
        self.answers: list[tuple[str, Any, int]] = []  # asked, and not come yet

    def plain(self, rows: Sequence[Any]) -> list[Any]:
        return [row if self.stamps else msgspec.structs.replace(row, venue_ns=None) for row in rows]

    def say(self, many: int) -> None:
        rows, self.waiting = self.waiting[:many], self.waiting[many:]
        self.told.held.told(self.plain(rows))

    def ask(self) -> None:
        """A question is asked, and the venue has made its answer; it is on its way."""
        mark, venue = self.told.held.mark(), self.venue
        self.answers.append(("orders", [one for one in venue.orders.values() if one.open], mark))
        self.answers.append(("balances", [*venue.balances.values()], mark))
        self.answers.append(("fills", [*venue.fills], mark))

    def answer(self) -> None:
        kind, rows, mark = self.answers.pop(0)
        held, rows = self.told.held, rows if kind == "fills" else self.plain(rows)
        if kind == "orders":
            for one in held.listed(rows, mark):
                held.told(self.plain([self.venue.orders[one.id]]), "answer")
        elif kind == "balances":
            held.balanced(rows, mark)
        else:
            for symbol, id in held.unknown(rows):
                assert symbol == self.venue.orders[id].symbol
                held.told(self.plain([self.venue.orders[id]]), "answer")
            held.told(rows, "answer")

    def step(self, step: tuple[str, int, int, int, bool]) -> None:
        what, kind, which, size, flag = step
        if what == "act":
            rows = self.venue.act(kind, which, size, same_instant=flag and self.stamps)
            if self.is_open:
                self.waiting += rows
        elif what == "say":
            self.say(which + 1)
        elif what == "twice":
            self.told.held.told(self.plain([row for row in self.waiting[: which + 1] if not isinstance(row, Balance)]))
        elif what == "cut":
            self.is_open, self.waiting, self.answers = False, [], []
        elif what == "return" and not self.is_open:
            self.is_open = True
            self.ask()
        elif what == "answer" and self.answers:
            self.answer()

    def rest(self) -> None:
        """The connection comes back if it was lost, and all that is on its way comes."""
        if not self.is_open:
            self.is_open = True
            self.ask()
        while self.answers:
            self.answer()
        self.say(len(self.waiting))


def plainly(rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    return sorted(
        (row.symbol, row.id, getattr(row, "status", ""), getattr(row, "filled", None) or row.price, row.client_id)
        for row in rows
    )


@pytest.mark.parametrize("stamps", [True, False], ids=["with stamps", "without"])
@given(steps=STEPS)
@settings(max_examples=400, deadline=None)
def test_whatever_is_lost_late_or_twice_at_rest_it_is_what_is_true(stamps: bool, steps: list[Any]) -> None:
    line = Line(stamps)
    furthest: dict[str, tuple[bool, Any]] = {}
    for step in steps:
        line.step(step)
        for one in line.told.held.orders():
            now = (not one.open, one.filled)
            assert furthest.get(one.id, now) <= now, "an order never goes back"
            furthest[one.id] = now
    line.rest()
    held, venue = line.told.held, line.venue
    known = {one.id: one for one in held.orders()}
    for id, true in venue.orders.items():
        if true.open or true.filled or id in known:
            one = known[id]
            assert (one.status, one.filled, one.client_id) == (true.status, true.filled, true.client_id)
            assert not stamps or one.price == true.price
    said = [row.id for row in line.told.rows if isinstance(row, Fill)]
    assert sorted(said) == sorted(row.id for row in venue.fills), "each once"
    assert {row.id for row in held.fills.values()} == {row.id for row in venue.fills}
    assert {name: row.total for name, row in held.balances.items()} == {
        name: row.total for name, row in venue.balances.items()
    }
    assert held.is_whole


def test_what_has_another_name_is_the_same_and_no_fill_is_told_of_twice() -> None:
    """A symbol that was not listed yet is called by the venue's id; an answer that was asked before may still be."""
    told = Told()
    first = order("1", 1, "open", 5, client_id="a", symbol="NEWUSDT")
    fills = [fill("7", "1", 5, symbol="NEWUSDT"), fill("8", "2", 5, symbol="NEWUSDT")]
    rows: list[Row] = [first, *fills, order("3", 0, "cancelled", 5, symbol="NEWUSDT"), fill("6", "5", 5)]
    held: Row = msgspec.structs.replace(position(3, 5, "long"), symbol="NEWUSDT")
    told.held.told([*rows, held])
    told.rows.clear()
    told.held.rename("NEWUSDT", "NEW/USDT")
    assert [type(row) for row in told.rows] == [Order, Order, Position]
    told.rows.clear()
    told.held.told([*rows, held], "answer")
    for row in (*rows[:4], held):
        told.held.told([msgspec.structs.replace(row, symbol="NEW/USDT")])
    assert told.rows == []
    assert told.held.listed([first], told.held.mark()) == []
    assert told.held.unknown([*fills, fill("9", "4", 5, symbol="NEWUSDT")]) == [("NEW/USDT", "4")]
    assert {*told.held.strangers} == {("NEW/USDT", "2"), ("BTC/USDT", "5")}
    name: dict[str, Any] = {"symbol": "NEW/USDT"}
    told.held.told([order("2", 1, "filled", 6, **name), order("1", 2, "filled", 6, **name), fill("9", "1", 6, **name)])
    assert not told.held.is_whole
    told.held.gone(("BTC/USDT", "5"))
    assert told.held.is_whole
    assert told.held.open_orders() == []
    found = told.held.order("a")
    assert found == told.held.order("1", "NEW/USDT")
    assert found is not None
    assert (found.symbol, found.filled) == ("NEW/USDT", Decimal(2))
    assert {row.symbol for row in (*told.held.orders(), *told.held.positions.values())} == {"NEW/USDT"}
    assert {key[0] for key in told.held.fills} == {row.symbol for row in told.held.fills.values()}
    assert len(told.held.fills) == 4
