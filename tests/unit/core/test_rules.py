"""Intents against rules, beside a slow model in fractions."""

from dataclasses import replace as changed
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.rules import wish
from tidebook.errors import InvalidOrder, UsageError
from tidebook.model.facts import Instrument, Rounding
from tidebook.model.number import plain
from tidebook.model.orders import Limit, MarketOrder, Stop

BTC = Instrument(
    venue="bybit.spot", symbol="BTC/USDT", id="BTCUSDT", base="BTC", quote="USDT", kind="spot", active=True,
    tick=Decimal("0.01"), step=Decimal("0.000001"), min_size=Decimal("0.000011"), max_size=Decimal(71),
    min_notional=Decimal(5),
)  # fmt: skip

steps = st.sampled_from(
    ["0.00000001", "0.000001", "0.0001", "0.01", "0.05", "0.25", "0.3", "0.5", "1", "2", "5", "25", "100"]
)
roundings = st.sampled_from([None, "nearest", "down", "up"])


@st.composite
def near(draw: Any, step: Fraction) -> Decimal:
    """A number above 0, mostly on the step or close to it."""
    many = draw(st.integers(0, 10**6))
    off = draw(st.sampled_from(["0", "0", "0.5", "0.25", "0.000001", "0.999999", "0.3"]))
    value = (many + Fraction(off)) * step
    digits = Decimal(value.numerator) / Decimal(value.denominator)
    return digits if digits > 0 else Decimal(step.numerator) / Decimal(step.denominator)


def on_grid(value: Decimal, step: Decimal | None, rounding: Rounding | None) -> Decimal | None:
    """The obvious: None where it is refused."""
    if step is None:
        return value
    many = Fraction(value) / Fraction(step)
    if many.denominator == 1:
        return value
    below = floor(many)
    match rounding:
        case None:
            return None
        case "down":
            chosen = below
        case "up":
            chosen = ceil(many)
        case _:
            half = many - below
            chosen = below + (half > Fraction(1, 2) or (half == Fraction(1, 2) and below % 2 == 1))
    return chosen * step if chosen else None


def allowed(one: Instrument, size: Decimal, price: Decimal | None, *, reduce_only: bool) -> bool:
    if one.min_size is not None and size < one.min_size:
        return False
    if one.max_size is not None and size > one.max_size:
        return False
    if one.min_notional is None or reduce_only:
        return True
    if one.kind == "inverse":
        worth = None if one.contract_size is None else Fraction(size) * Fraction(one.contract_size)
    else:
        worth = None if price is None else Fraction(size) * Fraction(price) * Fraction(one.contract_size or 1)
    return worth is None or worth >= Fraction(one.min_notional)


@st.composite
def instruments(draw: Any) -> Instrument:
    step, tick = draw(steps), draw(steps)
    kind = draw(st.sampled_from(["spot", "linear", "inverse"]))
    bound = st.none() | st.integers(1, 10**4).map(lambda many: many * Decimal(step))
    return Instrument(
        venue="exchange.market", symbol="BTC/USDT", id="BTCUSDT", base="BTC", quote="USDT", kind=kind, active=True,
        tick=draw(st.just(Decimal(tick)) | st.none()), step=draw(st.just(Decimal(step)) | st.none()),
        min_size=draw(bound), max_size=draw(bound),
        min_notional=draw(st.none() | st.sampled_from([Decimal(5), Decimal("0.1"), Decimal(1000)])),
        contract_size=None if kind == "spot" else draw(st.sampled_from([None, Decimal("0.001"), Decimal(100)])),
    )  # fmt: skip


@given(data=st.data(), one=instruments(), rounding=roundings, reduce_only=st.booleans())
def test_a_limit_order_is_as_the_model_says(
    data: st.DataObject, one: Instrument, rounding: Rounding | None, reduce_only: bool
) -> None:
    size = data.draw(near(Fraction(one.step or Decimal("0.001"))))
    price = data.draw(near(Fraction(one.tick or Decimal("0.001"))))
    wanted = on_grid(size, one.step, rounding), on_grid(price, one.tick, rounding)
    intent = Limit("BTC/USDT", "buy", size, price, reduce_only=reduce_only, rounding=rounding)
    good = wanted[0] is not None and wanted[1] is not None
    if good and allowed(one, wanted[0], wanted[1], reduce_only=reduce_only):  # type: ignore[arg-type]
        made = wish(intent, one, "tb1")
        assert (made.size, made.price) == wanted
        assert (made.kind, made.client_id, made.reduce_only, made.tif) == ("limit", "tb1", reduce_only, "gtc")
        assert (made.cost, made.trigger) == (None, None)
    else:
        with pytest.raises(InvalidOrder, match="Nothing was sent") as caught:
            wish(intent, one, "tb1")
        assert caught.value.venue == "exchange.market"
        assert caught.value.symbol == "BTC/USDT"
        which = "size" if wanted[0] is None else "price" if wanted[1] is None else ""
        assert str(caught.value).startswith(which)


@given(data=st.data(), one=instruments(), rounding=roundings)
def test_a_market_order_is_as_the_model_says(data: st.DataObject, one: Instrument, rounding: Rounding | None) -> None:
    """What it will come to nobody knows, but for inverse contracts, which are worth so much each."""
    size = data.draw(near(Fraction(one.step or Decimal("0.001"))))
    wanted = on_grid(size, one.step, rounding)
    intent = MarketOrder("BTC/USDT", "sell", size=size, rounding=rounding)
    if wanted is not None and allowed(one, wanted, None, reduce_only=False):
        made = wish(intent, one, "tb1")
        assert (made.size, made.price, made.kind) == (wanted, None, "market")
    else:
        with pytest.raises(InvalidOrder, match="Nothing was sent"):
            wish(intent, one, "tb1")


@given(data=st.data(), one=instruments(), rounding=roundings, limited=st.booleans())
def test_a_stop_is_as_the_model_says(
    data: st.DataObject, one: Instrument, rounding: Rounding | None, limited: bool
) -> None:
    tick = Fraction(one.tick or Decimal("0.001"))
    size = data.draw(near(Fraction(one.step or Decimal("0.001"))))
    trigger, price = data.draw(near(tick)), data.draw(near(tick)) if limited else None
    wanted = [on_grid(size, one.step, rounding), on_grid(trigger, one.tick, rounding)]
    wanted += [on_grid(price, one.tick, rounding)] if price is not None else []
    intent = Stop("BTC/USDT", "sell", size, trigger, price, rounding=rounding)
    priced = wanted[2] if limited else None
    if None not in wanted and allowed(one, wanted[0], priced, reduce_only=False):  # type: ignore[arg-type]
        made = wish(intent, one, "tb1")
        assert [made.size, made.trigger, made.price] == [*wanted[:2], priced]
        assert made.kind == ("stop_limit" if limited else "stop")
    else:
        with pytest.raises(InvalidOrder, match="Nothing was sent"):
            wish(intent, one, "tb1")


@given(cost=st.integers(1, 10**6), least=st.integers(1, 10**6))
def test_an_order_for_an_amount_is_worth_it(cost: int, least: int) -> None:
    one = msgspec.structs.replace(BTC, min_notional=Decimal(least))
    intent = MarketOrder("BTC/USDT", "buy", cost=cost)
    if cost >= least:
        made = wish(intent, one, "tb1")
        assert (made.cost, made.size) == (Decimal(cost), None)
    else:
        with pytest.raises(
            InvalidOrder, match=f"^{cost} USDT of BTC/USDT \\(bybit\\) is below the least, {least} USDT"
        ):
            wish(intent, one, "tb1")


# ------------------------------------------------------------------------------------------------ the words


def refused(intent: Any, one: Instrument = BTC) -> str:
    with pytest.raises(InvalidOrder) as caught:
        wish(intent, one, "tb1")
    return str(caught.value)


def test_a_size_off_its_step_is_refused_with_the_way_out() -> None:
    assert refused(Limit("BTC/USDT", "buy", size="0.0000123", price="60000")) == (
        "size 0.0000123 of BTC/USDT (bybit) is not a multiple of 0.000001. Nothing was sent. "
        'Nearest below: 0.000012; rounding="down" takes it'
    )


def test_a_float_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError) as caught:
        Limit("BTC/USDT", "buy", size="0.1", price=60000.1)  # type: ignore[arg-type]
    assert str(caught.value) == (
        'price=60000.1 is a float. Write "60000.1", or instrument.price(60000.1) to round to the tick'
    )
    with pytest.raises(TypeError) as caught:
        Stop("BTC/USDT", "buy", size="0.1", trigger=0.5)  # type: ignore[arg-type]
    assert str(caught.value) == 'trigger=0.5 is a float. Write "0.5", or instrument.price(0.5) to round to the tick'
    for kind in ({"size": 0.1}, {"cost": 0.1}):
        with pytest.raises(TypeError, match=r"=0\.1 is a float\. Write \"0\.1\", or instrument\.size\(0\.1\) to round"):
            MarketOrder("BTC/USDT", "buy", **kind)  # type: ignore[arg-type]


WORDS = [
    (Limit("BTC/USDT", "buy", "0.1", "60000.001"), "price 60000.001 of BTC/USDT (bybit) is not a multiple of 0.01. "
     'Nothing was sent. Nearest below: 60000; rounding="down" takes it'),
    (Stop("BTC/USDT", "buy", "0.1", "60000.001"), "trigger 60000.001 of BTC/USDT (bybit) is not a multiple of 0.01. "
     'Nothing was sent. Nearest below: 60000; rounding="down" takes it'),
    (Limit("BTC/USDT", "buy", "0.0000001", "60000"),
     "size 0.0000001 of BTC/USDT (bybit) is not a multiple of 0.000001. Nothing was sent"),
    (Limit("BTC/USDT", "buy", "0.0000001", "60000", rounding="down"),
     "size 0.0000001 of BTC/USDT (bybit) is less than one step, 0.000001. Nothing was sent"),
    (Limit("BTC/USDT", "buy", "0.00001", "60000"),
     "size 0.00001 of BTC/USDT (bybit) is below the least, 0.000011. Nothing was sent"),
    (Limit("BTC/USDT", "buy", "71.000001", "60000"),
     "size 71.000001 of BTC/USDT (bybit) is above the most, 71. Nothing was sent"),
    (Limit("BTC/USDT", "buy", "0.0001", "49999.99"),
     "4.999999 USDT of BTC/USDT (bybit) is below the least, 5 USDT. Nothing was sent"),
]  # fmt: skip


@pytest.mark.parametrize(("intent", "says"), WORDS)
def test_what_breaks_a_rule_is_told_with_the_rule(intent: Any, says: str) -> None:
    assert refused(intent) == says


def test_what_is_not_traded_is_refused_first() -> None:
    halted = msgspec.structs.replace(BTC, active=False, status="HALT")
    assert refused(Limit("BTC/USDT", "buy", "0.1", "60000"), halted) == (
        "BTC/USDT (bybit) is not traded now (HALT). Nothing was sent"
    )


def test_at_the_bounds_is_within_them() -> None:
    assert wish(Limit("BTC/USDT", "buy", "71", "60000"), BTC, "tb1").size == 71
    assert wish(Limit("BTC/USDT", "buy", "0.0001", "50000"), BTC, "tb1").size == Decimal("0.0001")
    small = Limit("BTC/USDT", "sell", "0.000011", "60000", reduce_only=True)
    assert wish(small, BTC, "tb1").size == Decimal("0.000011"), "what only closes may be worth less"


def test_as_it_stands_in_texts() -> None:
    assert wish(Limit("BTC/USDT", "buy", "0.010", "60000.00"), BTC, "tb1").words == "buy 0.01 BTC/USDT at 60000"
    assert wish(MarketOrder("BTC/USDT", "buy", cost="100.50"), BTC, "tb1").words == "buy for 100.5 BTC/USDT"


@pytest.mark.parametrize(
    "value", ["", "1_000", "NaN", "Infinity", "+1", " 1", "1.", "1e99", "9" * 39, 0, -1, "-0.1", "0.0"]
)
def test_what_is_no_number_above_0_is_no_order(value: Any) -> None:
    with pytest.raises(UsageError):
        Limit("BTC/USDT", "buy", value, "60000")


@pytest.mark.parametrize("value", [True, b"1", [1], Fraction(1, 2)])
def test_what_is_no_number_at_all_is_a_mistake_of_the_program(value: Any) -> None:
    with pytest.raises(TypeError, match="text, an int or a Decimal is wanted"):
        Limit("BTC/USDT", "buy", "1", value)


@given(st.decimals(min_value="0.00000001", max_value=10**12, places=8))
def test_text_int_and_decimal_are_the_same_number(value: Decimal) -> None:
    """Whatever way it is written: no digit is lost on the way to the venue."""
    text = Limit("BTC/USDT", "buy", plain(value), "1")
    number = Limit("BTC/USDT", "buy", value, 1)
    assert text.size == number.size == value
    free = msgspec.structs.replace(BTC, step=None, min_size=None, max_size=None, min_notional=None)
    assert plain(wish(number, free, "tb1").size or Decimal()) == plain(value)
    assert changed(number, rounding="down").size == value
