"""An order on its way: it leaves once, and no answer is made up."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidebook.core.clock import SECOND, Now
from tidebook.core.intention import ENDS, MARGIN, Intention
from tidebook.core.intents import ClientIds
from tidebook.core.rules import Wish
from tidebook.core.trading import Act, Trading
from tidebook.errors import OrderRejected
from tidebook.model.facts import Instrument
from tidebook.model.orders import Order

ONE = Instrument(
    venue="x.spot", symbol="BTC/USDT", id="BTCUSDT", base="BTC", quote="USDT", kind="spot", active=True, tick=None,
    step=None,
)  # fmt: skip
WISH = Wish(ONE, "buy", "limit", "tb1", Decimal("0.01"), price=Decimal(60000))
ORDER = Order(
    venue="x.spot", symbol="BTC/USDT", venue_ns=1, received_ns=1, id="7", side="buy", kind="limit", status="open"
)
NO = OrderRejected("no")


def _act(name: str) -> Act:
    def request(about: object) -> object:
        raise AssertionError(about)

    return Act(name, request, lambda body, seen, about: None, "p")  # type: ignore[arg-type]


def _trading(window: float | None = 5.0, ability: str = "by_id") -> Trading:
    return Trading((_act("submit"), _act("order")), ClientIds(), ability, window=window)  # type: ignore[arg-type]


def _now(at: int) -> Now:
    return Now(at, at)


STEPS = ("sends", "accepted", "refused", "late", "lost", "asks", "not_found", "not_answered", "given_up", "not_sent")


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 4 * SECOND)), max_size=30), st.sampled_from([5.0, None])
)
def test_whatever_happens_it_leaves_once_and_an_end_is_an_end(
    steps: list[tuple[str, int]], window: float | None
) -> None:
    one = Intention(WISH, 1, _trading(window))
    at, left, refused_late = 0, 0, 0
    for step, passes in steps:
        at += passes
        before, ended = one.state, one.ended
        match step:
            case "sends":
                left += one.sends(_now(at))
            case "accepted":
                one.accepted(ORDER)
                assert one.state != "accepted" or before in ("sent", "unknown", "accepted")
            case "refused":
                one.refused(NO)
                assert one.state != "refused" or before in ("sent", "refused")
            case "late":
                refused_late += one.too_late()
            case "lost":
                one.lost("cut", _now(at))
            case "asks":
                asked = one.asked
                assert one.asks(_now(at)) == (one.asked > asked)
            case "not_found":
                one.not_found(at, _now(at))
                if one.state == "absent" and before != "absent":
                    assert one.sent_ns is not None
                    assert window is not None
                    assert at >= one.sent_ns + window * SECOND + MARGIN
            case "not_answered":
                one.not_answered(_now(at))
            case "given_up":
                gone = one.given_up()
                assert gone == (one.state == "unsent")
            case _:
                one.not_sent(NO)
                assert before not in ("accepted", "refused", "absent", "unknown") or one.state == before
        if ended:
            assert one.state == before
        # It leaves again only where its time stamp was refused, which is once.
        assert left <= 1 + refused_late
        assert refused_late <= 1
        if one.state in ("accepted", "refused", "unknown", "absent"):
            assert left >= 1


def test_what_is_not_found_is_asked_for_until_it_could_not_arrive_any_more() -> None:
    one = Intention(WISH, 1, _trading(5.0))
    assert one.sends(_now(0))
    one.lost("cut", _now(SECOND))
    asked: list[int] = []
    for _ in count():
        if one.next_ns is None:
            break
        at = one.next_ns
        assert one.asks(_now(at))
        asked.append(at)
        one.not_found(at, _now(at + 1000))
    assert one.state == "absent"
    assert asked[-1] == 5 * SECOND + MARGIN
    assert len(asked) <= 6
    assert asked == sorted(asked)


@pytest.mark.parametrize(("window", "ability"), [(None, "by_id"), (5.0, "by_match")])
def test_without_a_window_it_stays_unknown(window: float | None, ability: str) -> None:
    one = Intention(WISH, 1, _trading(window, ability))
    one.sends(_now(0))
    one.lost("cut", _now(0))
    for at in range(1, 200):
        one.not_found(at * SECOND, _now(at * SECOND))
    assert one.state == "unknown"
    one.accepted(ORDER)
    assert one.order is ORDER


def test_where_nothing_can_be_asked_nothing_is() -> None:
    one = Intention(WISH, 1, _trading(5.0, "none"))
    one.sends(_now(0))
    one.lost("cut", _now(0))
    assert one.next_ns is None
    assert one.state not in ENDS


@pytest.mark.parametrize(("age", "state"), [(100 * SECOND, "absent"), (3601 * SECOND, "unknown")])
def test_what_a_venue_forgets_is_not_called_absent(age: int, state: str) -> None:
    trading = Trading((_act("submit"), _act("order")), ClientIds(), "by_id_for", window=5.0, known_for=3600.0)
    one = Intention(WISH, 1, trading)
    one.found(_now(SECOND), age)
    assert one.asks(_now(SECOND))
    one.not_found(SECOND, _now(SECOND))
    assert one.state == "unknown"
    later = 8 * SECOND
    one.not_found(later, _now(later))
    assert one.state == state


def test_after_an_answer_that_decides_nothing_it_may_still_be_booked() -> None:
    one = Intention(WISH, 1, _trading(5.0))
    one.sends(_now(0))
    one.lost("HTTP 503", _now(10 * SECOND), answered=True)
    one.not_found(20 * SECOND, _now(20 * SECOND))
    states = [one.state]
    one.not_found(71 * SECOND, _now(71 * SECOND))
    assert [*states, one.state] == ["unknown", "absent"]


def test_what_the_clocks_may_differ_is_waited_for() -> None:
    one = Intention(WISH, 1, _trading(30.0))
    one.sends(_now(0), 10 * SECOND)
    one.lost("cut", _now(SECOND))
    one.not_found(35 * SECOND, _now(35 * SECOND))
    states = [one.state]
    one.not_found(41 * SECOND, _now(41 * SECOND))
    assert [*states, one.state] == ["unknown", "absent"]


def test_a_no_in_words_that_nobody_knows_is_believed_where_there_is_no_such_order() -> None:
    one = Intention(WISH, 1, _trading(5.0))
    one.sends(_now(0))
    one.lost("what is 99999?", _now(SECOND), answered=True, no=NO)
    assert (one.state, one.next_ns) == ("unknown", SECOND + MARGIN)
    one.not_found(2 * SECOND - 1, _now(2 * SECOND))
    states = [one.state]  # it may be being booked, whatever was said
    one.not_found(2 * SECOND, _now(2 * SECOND))
    assert [*states, one.state, one.error] == ["unknown", "refused", NO]


@pytest.mark.parametrize(("arrived", "state"), [(True, "accepted"), (False, "absent")])
def test_a_human_may_settle_what_is_unknown_and_nothing_else(arrived: bool, state: str) -> None:
    one = Intention(WISH, 1, _trading(None))
    assert not one.settled(arrived=arrived)
    one.sends(_now(0))
    assert not one.settled(arrived=arrived)  # its answer may come
    one.lost("cut", _now(0))
    assert one.settled(arrived=arrived)
    one.accepted(ORDER)
    one.not_found(9 * SECOND, _now(9 * SECOND))
    assert (one.state, one.by_hand, one.order, one.next_ns) == (state, True, None, None)


def test_that_it_is_not_found_proves_nothing_without_a_window_or_when_it_is_forgotten() -> None:
    """However long it is asked for."""
    one = Intention(WISH, 1, _trading(None))
    one.sends(_now(0))
    one.lost("cut", _now(0))
    for at in range(1, 100_000, 1000):
        one.not_found(at * SECOND, _now(at * SECOND))
    assert (one.state, one.could_prove(0)) == ("unknown", False)


def _forgetting() -> Intention:
    """At a venue that knows ended orders for an hour."""
    trading = Trading((_act("submit"), _act("order")), ClientIds(), "by_id_for", window=5.0, known_for=3600.0)
    return Intention(WISH, 1, trading)


@pytest.mark.parametrize(("slept", "state"), [(0, "absent"), (3600 * SECOND, "unknown")])
def test_a_machine_that_slept_has_not_asked_in_time(slept: int, state: str) -> None:
    """The monotonic clock stands still meanwhile; the venue forgets all the same."""
    one = _forgetting()
    one.sends(Now(0, 0))
    one.lost("cut", Now(SECOND, SECOND))
    later = Now(8 * SECOND, 8 * SECOND + slept)
    assert one.asks(later)
    one.not_found(later.mono_ns, later)
    assert one.state == state


@pytest.mark.parametrize(("age", "state"), [(-SECOND // 2, "absent"), (-60 * SECOND, "unknown")])
def test_how_old_it_is_nobody_knows_where_it_was_written_later_than_now(age: int, state: str) -> None:
    """A clock was set back between two processes."""
    one = _forgetting()
    one.found(_now(SECOND), age)
    later = 8 * SECOND
    assert one.asks(_now(later))
    one.not_found(later, _now(later))
    assert one.state == state


def test_a_no_in_words_that_nobody_knows_is_not_believed_where_the_order_may_be_forgotten() -> None:
    one = _forgetting()
    one.sends(_now(0))
    one.lost("what is 99999?", _now(SECOND), answered=True, no=NO)
    late = 3601 * SECOND
    assert one.asks(_now(late))
    one.not_found(late, _now(late))
    assert one.state == "unknown"
