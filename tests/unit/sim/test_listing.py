"""The table of instruments."""

from decimal import Decimal

import pytest

from tidebook.sim.listing import ASSETS, INSTRUMENTS, Instrument


def test_what_the_guides_of_other_libraries_name_is_listed() -> None:
    spot = {"BNB/BTC", "ETH/BTC", "STEEM/BTC", "BTC/USD", "ETH/USD"}
    inverse = {"BTC/USD:BTC", "ETH/USD:ETH", "EOS/USD:EOS", "XRP/USD:XRP"}
    assert {INSTRUMENTS[symbol].kind for symbol in spot} == {"spot"}
    assert {INSTRUMENTS[symbol].kind for symbol in inverse} == {"inverse"}
    assert INSTRUMENTS["BTC/USDT:USDT"].kind == INSTRUMENTS["BTC/USDT:USDT-260327"].kind == "linear"
    assert INSTRUMENTS["BTC/USDT:USDT-260327-70000-C"].kind == "option"
    assert sum(one.quote == "USDT" and one.kind == "spot" for one in INSTRUMENTS.values()) >= 30


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=lambda one: one.symbol)
def test_prices_and_sizes_are_exact(instrument: Instrument) -> None:
    assert {instrument.base, instrument.quote} <= ASSETS.keys()
    for count in (1, 7, 123_456_789):
        assert Decimal(instrument.price_text(count)) == count * Decimal(instrument.tick)
        assert Decimal(instrument.size_text(count)) == count * Decimal(instrument.step)
        assert instrument.ticks(instrument.price_text(count)) == count
        assert instrument.lots(instrument.size_text(count)) == count
        assert Decimal(instrument.quote_text(count)) == count * Decimal(instrument.tick) * Decimal(instrument.step)
        assert instrument.quote_units(instrument.quote_text(count)) == count
    assert instrument.ticks("0.0000000001") is None
    if instrument.kind != "option":
        ticks = ASSETS[instrument.base].price / ASSETS[instrument.quote].price / instrument.tick_value
        assert ticks > 100, "the grid is too coarse for a market"
