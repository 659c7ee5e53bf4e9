"""The table of instruments."""

from collections import Counter
from decimal import Decimal

import pytest

from tidebook.sim.exchange import START_NS, Exchange
from tidebook.sim.listing import ASSETS, INSTRUMENTS, Instrument
from tidebook.sim.reference import SECOND


def test_what_the_guides_of_other_libraries_name_is_listed() -> None:
    spot = {"BNB/BTC", "ETH/BTC", "STEEM/BTC", "BTC/USD", "ETH/USD"}
    inverse = {"BTC/USD:BTC", "ETH/USD:ETH", "EOS/USD:EOS", "XRP/USD:XRP"}
    assert {INSTRUMENTS[symbol].kind for symbol in spot} == {"spot"}
    assert {INSTRUMENTS[symbol].kind for symbol in inverse} == {"inverse"}
    assert INSTRUMENTS["BTC/USDT:USDT"].kind == INSTRUMENTS["BTC/USDT:USDT-260327"].kind == "linear"
    assert INSTRUMENTS["BTC/USDT:USDT-260327-70000-C"].kind == "option"
    assert sum(one.quote == "USDT" and one.kind == "spot" for one in INSTRUMENTS.values()) >= 30


def test_there_are_hundreds_of_spot_pairs_each_by_an_id_of_its_own() -> None:
    spot = [one for one in INSTRUMENTS.values() if one.kind == "spot"]
    assert len(spot) >= 400
    quotes = Counter(one.quote for one in spot)
    assert quotes["USDT"] >= 280
    assert min(quotes["BTC"], quotes["USDC"]) >= 40
    assert quotes["ETH"] >= 10
    assert len({one.base + one.quote for one in spot}) == len(spot)
    assert {one.tick_units for one in spot} == {one.step_units for one in spot} == {1}
    assert max(one.price_decimals for one in spot) == max(one.size_decimals for one in spot) + 3 == 8
    used = {code for one in INSTRUMENTS.values() for code in (one.base, one.quote)}
    assert used == ASSETS.keys(), "an asset without a market"


@pytest.mark.parametrize("triple", ["ETH BTC USDT", "SOL ETH USDC", "TAO BTC USDT", "XRP EUR USDT", "WIF USDC USDT"])
def test_prices_agree_across_quote_currencies(triple: str) -> None:
    base, middle, quote = triple.split()
    exchange = Exchange(5, ("a",))
    exchange.advance(START_NS + 20 * SECOND)

    def price(symbol: str) -> float:
        whole = exchange.book("a", symbol, 1)
        return (whole.bids[0][0] + whole.asks[0][0]) / 2 * INSTRUMENTS[symbol].tick_value

    through = price(f"{base}/{middle}") * price(f"{middle}/{quote}")
    assert abs(through / price(f"{base}/{quote}") - 1) < 0.01


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=lambda one: one.symbol)
def test_prices_and_sizes_are_exact(instrument: Instrument) -> None:
    assert {instrument.base, instrument.quote} <= ASSETS.keys()
    for count in (1, 7, 123_456_789):
        assert Decimal(instrument.price_text(count)) == count * Decimal(instrument.tick)
        assert Decimal(instrument.size_text(count)) == count * Decimal(instrument.step)
        assert instrument.ticks(instrument.price_text(count)) == count
        assert instrument.lots(instrument.size_text(count)) == count
        if instrument.kind != "inverse":
            paid = count * Decimal(instrument.tick) * Decimal(instrument.step) * Decimal(instrument.contract or 1)
            assert Decimal(instrument.amount_text(count)) == paid
            assert instrument.contract or instrument.quote_units(instrument.amount_text(count)) == count
    assert instrument.ticks("0.0000000001") is None
    if instrument.kind != "option":
        ticks = ASSETS[instrument.base].price / ASSETS[instrument.quote].price / instrument.tick_value
        assert ticks > 100, "the grid is too coarse for a market"
