from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from tidebook.errors import UsageError
from tidebook.model.facts import Fact, Funding, Greeks, Instrument, Liquidation, MarkPrice, OpenInterest
from tidebook.model.number import exact

NOON = int(datetime(2026, 3, 27, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
ABOUT = ("exchange.linear", "BTC/USDT:USDT", None, NOON)


def test_a_mark_price_is_exact_and_says_what_it_knows() -> None:
    mark = MarkPrice(*ABOUT, exact_price=exact("60000.10"), exact_index=exact("60001"))
    assert (mark.price, mark.index, mark.settle) == (Decimal("60000.10"), Decimal(60001), None)
    assert mark.time == datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert repr(mark) == "<MarkPrice BTC/USDT:USDT exchange.linear 60000.1>"


def test_funding_says_when_and_whether_it_was_charged() -> None:
    due = Funding(*ABOUT, exact_rate=exact("-0.00012"), funding_ns=NOON, settled=False, interval=28800.0)
    assert (due.rate, due.funding_time, due.mark) == (Decimal("-0.00012"), datetime(2026, 3, 27, 12, tzinfo=UTC), None)
    assert repr(due) == "<Funding BTC/USDT:USDT exchange.linear -0.00012 due 2026-03-27T12:00>"
    was = msgspec.structs.replace(due, settled=True, exact_mark=exact("60000"))
    assert was.mark == 60000
    assert repr(was) == "<Funding BTC/USDT:USDT exchange.linear -0.00012 at 2026-03-27T12:00>"


def test_who_sells_to_close_was_long() -> None:
    sold = Liquidation(*ABOUT, side="sell", exact_price=exact("59000.5"), exact_size=exact("0.014"))
    assert (sold.position, sold.price, sold.size, sold.id) == ("long", Decimal("59000.5"), Decimal("0.014"), None)
    assert msgspec.structs.replace(sold, side="buy").position == "short"
    assert repr(sold) == "<Liquidation BTC/USDT:USDT exchange.linear long 0.014 at 59000.5>"


def test_open_interest_has_a_value_where_the_venue_says_one() -> None:
    open_ = OpenInterest(*ABOUT, exact_size=exact("81234.567"))
    assert (open_.size, open_.value) == (Decimal("81234.567"), None)
    assert msgspec.structs.replace(open_, exact_value=exact("5e9")).value == 5_000_000_000
    assert repr(open_) == "<OpenInterest BTC/USDT:USDT exchange.linear 81234.567>"


def test_greeks_are_fractions_or_nothing() -> None:
    one = Greeks(*ABOUT, exact_mark_iv=exact("0.651"), exact_delta=exact("-0.25"), exact_vega=exact("12.5"))
    assert (one.mark_iv, one.bid_iv, one.ask_iv) == (Decimal("0.651"), None, None)
    assert (one.delta, one.gamma, one.theta, one.vega) == (Decimal("-0.25"), None, None, Decimal("12.5"))
    assert repr(one) == "<Greeks BTC/USDT:USDT exchange.linear iv 0.651 delta -0.25>"
    assert repr(Greeks(*ABOUT)) == "<Greeks BTC/USDT:USDT exchange.linear>"


@pytest.mark.parametrize("kind", [MarkPrice, Funding, Liquidation, OpenInterest, Greeks])
def test_facts_are_frozen_and_leave_the_collector_alone(kind: type[Fact]) -> None:
    config = kind.__struct_config__
    assert config.frozen
    assert not config.gc
    assert not hasattr(kind, "__dict__") or "__dict__" not in dir(kind)


def test_an_option_has_a_strike_and_a_right() -> None:
    option = instrument(
        "BTC/USDT:USDT-260327-70000-C", "option", settle="USDT", expiry_ns=NOON, strike=Decimal(70000), right="call"
    )
    assert option.expiry == datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert (option.settle, option.strike, option.right) == ("USDT", Decimal(70000), "call")


def test_what_is_spot_has_none_of_it() -> None:
    spot = instrument("BTC/USDT", "spot")
    assert (spot.settle, spot.expiry, spot.strike, spot.right) == ("", None, None, None)


def test_a_contract_is_worth_coins_unless_it_is_inverse() -> None:
    linear = instrument("BTC/USDT:USDT", "linear", settle="USDT", contract_size=Decimal("0.01"), size_unit="contract")
    assert (linear.coins(Decimal(250)), linear.contracts(Decimal("2.5"))) == (Decimal("2.50"), Decimal(250))
    inverse = instrument("BTC/USD:BTC", "inverse", settle="BTC", contract_size=Decimal(100), size_unit="contract")
    with pytest.raises(UsageError, match="depends on the price"):
        inverse.coins(Decimal(1))
    whole = instrument("BTC/USDT:USDT", "linear", settle="USDT", size_unit="BTC")
    assert whole.coins(Decimal("0.5")) == whole.contracts(Decimal("0.5")) == Decimal("0.5")


def instrument(symbol: str, kind: str, **more: object) -> Instrument:
    plain = {"venue": "exchange.linear", "symbol": symbol, "id": "X", "base": "BTC", "quote": "USDT", "kind": kind}
    return Instrument(**plain, active=True, tick=Decimal("0.1"), step=Decimal("0.001"), **more)  # type: ignore[arg-type]
