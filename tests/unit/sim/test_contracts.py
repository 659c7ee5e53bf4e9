"""Which contracts are there on which day, and what is derived for them from the hidden price."""

import hashlib
import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidebook.core.span import Span
from tidebook.sim.bars import DAY, MINUTE
from tidebook.sim.contracts import LEAST_LIFE, expiries, expiry_ns
from tidebook.sim.derived import FUNDING_NS, MINUTE_NS, next_funding_ns, settlements
from tidebook.sim.exchange import START_NS, Exchange
from tidebook.sim.listing import INSTRUMENTS, START_DAY, Instrument, listed
from tidebook.sim.matching import Event, Trade
from tidebook.sim.options import greeks, implied
from tidebook.sim.reference import SECOND, Reference

DAYS = st.dates(date(2020, 1, 1), date(2080, 1, 1))
INSTANTS = st.integers(START_NS - 30 * DAY, START_NS + 10 * DAY)
CONTRACTS = [one for one in INSTRUMENTS.values() if one.kind in ("linear", "inverse")]
PERPETUALS = [one for one in CONTRACTS if one.expiry_ns is None]
OPTIONS = [one for one in INSTRUMENTS.values() if one.kind == "option"]
Side = Literal["call", "put"]
RIGHTS: st.SearchStrategy[Side] = st.sampled_from(("call", "put"))


@cache
def world(seed: int) -> Exchange:
    return Exchange(seed, ("a", "b"))


def noon(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) * SECOND


def test_there_are_contracts_of_every_kind() -> None:
    linear = [one for one in PERPETUALS if one.settle == "USDT"]
    inverse = [one for one in PERPETUALS if one.kind == "inverse"]
    assert len(linear) >= 50
    assert {one.contract for one in linear} == {""}
    assert len(inverse) >= 12
    assert {one.base: one.contract for one in inverse} == {
        one.base: "100" if one.base == "BTC" else "10" for one in inverse
    }
    assert {one.base for one in OPTIONS} == {"BTC", "ETH"}
    assert {one.step for one in OPTIONS} == {"0.01"}
    for base in ("BTC", "ETH"):
        own = [one for one in OPTIONS if one.base == base]
        assert len({one.expiry_ns for one in own}) == 2
        strikes = {float(one.strike) for one in own}
        price = world(5).derived("a", f"{base}/USDT:USDT").index(START_NS)
        assert len([strike for strike in strikes if strike < price]) >= 2
        assert len([strike for strike in strikes if strike > price]) >= 2


@given(DAYS)
def test_nothing_that_is_listed_has_expired(day: date) -> None:
    dated = [one for one in listed.__wrapped__(day).values() if one.expiry_ns is not None]
    assert min(one.expiry_ns or 0 for one in dated) > noon(day) + (LEAST_LIFE - 1) * DAY
    for one in dated:
        assert one.expiry_ns is not None
        ends = datetime.fromtimestamp(one.expiry_ns / SECOND, UTC)
        assert (ends.weekday(), ends.hour) == (4, 8)
        assert (ends + timedelta(days=7)).month != ends.month, "not the last Friday"
        assert f"{ends:%y%m%d}" == one.symbol.split("-")[1]
        if one.kind != "option":
            assert ends.month % 3 == 0


@given(DAYS)
def test_two_quarters_are_ahead(day: date) -> None:
    first, second = expiries(day, 3)
    assert timedelta(LEAST_LIFE) <= first - day <= timedelta(LEAST_LIFE + 98)
    assert timedelta(84) <= second - first <= timedelta(98)
    months = expiries(day, 1, 5)
    assert {first, months[0]} <= set(months), "a quarter ends with a month"
    assert all(later - earlier in (timedelta(28), timedelta(35)) for earlier, later in itertools.pairwise(months))


def test_names_and_rights() -> None:
    call, put = INSTRUMENTS["BTC/USDT:USDT-260327-70000-C"], INSTRUMENTS["BTC/USD:BTC-260327-60000-P"]
    assert (call.right, call.strike, call.priced_in) == ("call", "70000", "USDT")
    assert (put.right, put.strike, put.priced_in) == ("put", "60000", "BTC")
    assert call.expiry_ns == put.expiry_ns == expiry_ns("260327") == INSTRUMENTS["BTC/USD:BTC-260327"].expiry_ns
    assert listed(START_DAY) is INSTRUMENTS


# ------------------------------------------------------------------------------------------------ prices


@given(st.sampled_from(CONTRACTS), INSTANTS, st.integers(1, 3))
def test_index_and_mark_are_near_the_hidden_price(one: Instrument, time_ns: int, seed: int) -> None:
    hidden = Reference(seed).price(one, time_ns)
    for venue in ("a", "b"):
        derived = world(seed).derived(venue, one.symbol)
        assert derived.index(time_ns) == pytest.approx(hidden, rel=1e-12)
        premium = 0.0
        if one.expiry_ns is not None:
            premium = 0.05 * (one.expiry_ns - time_ns) / (365 * DAY)
        assert derived.mark(time_ns) == pytest.approx(hidden * (1 + premium), rel=15e-4)


@given(st.sampled_from(OPTIONS), INSTANTS)
def test_an_option_costs_more_than_it_would_pay_at_once(one: Instrument, time_ns: int) -> None:
    derived = world(1).derived("a", one.symbol)
    price, mark = derived.index(time_ns), derived.mark(time_ns)
    if one.priced_in == one.base:
        mark *= price
    paid = (price - float(one.strike)) * (1 if one.right == "call" else -1)
    assert mark > max(0.0, paid) - price * 15e-4
    assert mark < price


@given(st.floats(0.7, 1.4), st.floats(0.02, 1), st.floats(0.2, 2), RIGHTS)
def test_greeks_are_the_slopes_of_the_price(away: float, years: float, volatility: float, right: Side) -> None:
    price, strike = 64_000 * away, 64_000.0
    one = greeks(price, strike, years, volatility, right)
    dollar, point, day = price * 1e-4, 1e-4, years * 1e-4

    def worth(price: float = price, years: float = years, volatility: float = volatility) -> float:
        return greeks(price, strike, years, volatility, right).price

    slack = 1e-3 * strike * 1e-2
    assert one.delta == pytest.approx((worth(price + dollar) - worth(price - dollar)) / (2 * dollar), abs=1e-5)
    curve = (worth(price + dollar) - 2 * worth() + worth(price - dollar)) / dollar**2
    assert one.gamma == pytest.approx(curve, rel=1e-2, abs=1e-8)
    vega = (worth(volatility=volatility + point) - worth(volatility=volatility - point)) / (2 * point) / 100
    assert one.vega == pytest.approx(vega, rel=1e-2, abs=slack * 1e-2)
    theta = (worth(years=years - day) - worth(years=years + day)) / (2 * day) / 365
    assert one.theta == pytest.approx(theta, rel=1e-2, abs=slack * 1e-2)
    other = greeks(price, strike, years, volatility, "put" if right == "call" else "call")
    sign = 1 if right == "call" else -1
    assert sign * (one.price - other.price) == pytest.approx(price - strike, abs=1e-6), "put and call belong together"


@given(st.floats(0.9, 1.1), st.floats(0.05, 1), st.floats(0.2, 2), RIGHTS)
def test_a_volatility_is_found_again(away: float, years: float, volatility: float, right: Side) -> None:
    price = 64_000 * away
    worth = greeks(price, 64_000.0, years, volatility, right).price
    assert implied(worth, price, 64_000.0, years, right) == pytest.approx(volatility, abs=1e-3)
    assert implied(price * 2, price, 64_000.0, years, right) is None
    assert implied(0.0, price, 64_000.0, years, right) is None


# ------------------------------------------------------------------------------------------------ funding and the rest


@given(st.sampled_from(PERPETUALS), INSTANTS, st.integers(1, 3))
def test_the_rate_under_way_ends_as_what_is_settled(one: Instrument, clock_ns: int, seed: int) -> None:
    derived = world(seed).derived("a", one.symbol)
    next_ns = next_funding_ns(clock_ns)
    assert clock_ns < next_ns <= clock_ns + FUNDING_NS
    assert next_ns % FUNDING_NS == 0
    rate = derived.rate(next_ns)
    assert derived.expected(next_ns - 1) == derived.expected(next_ns - MINUTE_NS) == rate
    left = (next_ns - clock_ns) / FUNDING_NS
    assert abs(derived.expected(clock_ns) - rate) <= 6 * 0.00005 * left + 1e-8
    assert derived.expected(clock_ns) == derived.expected(clock_ns - clock_ns % MINUTE_NS), "it changes by the minute"
    assert abs(rate) <= 0.0075


def test_rates_come_back_to_the_usual_one() -> None:
    for seed in (1, 2, 3):
        rates = [world(seed).derived("a", "BTC/USDT:USDT").rate(START_NS + n * FUNDING_NS) for n in range(3_000)]
        assert sum(rates) / len(rates) == pytest.approx(0.0001, abs=0.00002)
        assert len(set(rates)) > 2_500
        assert min(rates) < 0 < max(rates)


def test_no_instant_of_settlement_is_left_out() -> None:
    assert [*settlements(1, 3 * FUNDING_NS)] == [FUNDING_NS, 2 * FUNDING_NS, 3 * FUNDING_NS]
    assert [*settlements(FUNDING_NS, FUNDING_NS)] == [FUNDING_NS]
    assert not settlements(FUNDING_NS + 1, 2 * FUNDING_NS - 1)


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "EOS/USD:EOS", "BTC/USDT:USDT-260327-70000-C"])
def test_open_interest_walks_slowly(symbol: str) -> None:
    derived = world(5).derived("a", symbol)
    seen = [derived.open_lots(START_NS + n * MINUTE) for n in range(24 * 60)]
    assert min(seen) > 0
    assert len(set(seen)) > 100
    assert max(abs(later / earlier - 1) for earlier, later in itertools.pairwise(seen)) < 0.02


def test_now_and_then_a_taker_is_liquidated() -> None:
    for symbol in ("BTC/USDT:USDT", "BTC/USD:BTC"):
        derived = world(5).derived("a", symbol)
        found = [number for number in range(100_000) if derived.liquidates(number)]
        assert 350 < len(found) < 650
        again = Exchange(5, ("a",)).derived("a", symbol)
        assert found == [number for number in range(100_000) if again.liquidates(number)]
    assert not any(world(5).derived("a", OPTIONS[0].symbol).liquidates(number) for number in range(10_000))
    assert not any(world(5).derived("a", "BTC/USDT").liquidates(number) for number in range(10_000))


# ------------------------------------------------------------------------------------------------ markets


def test_one_seed_gives_one_log() -> None:
    chosen = (
        "BTC/USD:BTC",
        "BTC/USDT:USDT-260327",
        "ETH/USD:ETH-260626",
        "BTC/USDT:USDT-260327-70000-C",
        OPTIONS[1].symbol,
    )
    found: list[tuple[str, list[tuple[float, ...]]]] = []
    for seed, symbols in ((5, chosen), (5, chosen[::-1]), (6, chosen)):
        digest, logged = hashlib.sha256(), [b""]
        exchange = Exchange(seed, ("a",), symbols, log=logged.append)
        exchange.advance(START_NS + 6 * SECOND)
        for one in sorted(logged, key=lambda text: text.split(b" ")[:3]):
            digest.update(one)
        derived = [exchange.derived("a", symbol) for symbol in chosen]
        found.append((
            digest.hexdigest(),
            [(one.mark(START_NS), one.rate(START_NS), one.open_lots(START_NS)) for one in derived],
        ))  # fmt: skip
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]


def test_the_calendar_decides_when_a_contract_expires_and_nothing_else() -> None:
    """A year later by the calendar, with the contracts of that year: all else is the same world."""
    symbol, ahead = "BTC/USDT:USDT", 365 * DAY
    now, later = (
        Exchange(5, ("a",)),
        Exchange(5, ("a",), instruments=listed(START_DAY + timedelta(365)), calendar_ns=ahead),
    )
    assert now.derived("a", symbol).mark(START_NS) == later.derived("a", symbol).mark(START_NS)
    rates = [one.derived("a", symbol).rate(START_NS + past) for one, past in ((now, 0), (later, ahead))]
    assert rates[0] == rates[1]
    dated = next(name for name, one in later.instruments.items() if one.kind == "linear" and one.expiry_ns)
    assert dated == "BTC/USDT:USDT-270326"
    premium = later.derived("a", dated).mark(START_NS) / later.derived("a", dated).index(START_NS) - 1
    assert premium == pytest.approx(0.05 * 84 / 365, abs=5e-4)


def test_a_venue_may_have_its_own_contracts() -> None:
    usual = INSTRUMENTS["BTC/USDT:USDT"]
    own = usual.on("0.5", "1", "0.01", "0")
    exchange = Exchange(5, ("a", "b"), own={"b": {own.symbol: own}})
    assert exchange.instrument("a", own.symbol) is usual
    assert exchange.instrument("b", own.symbol) is own
    assert exchange.instrument("b", "ETH/USDT:USDT") is INSTRUMENTS["ETH/USDT:USDT"]
    assert (own.price_text(128_001), own.size_text(7), own.amount_text(128_000 * 7)) == ("64000.5", "7", "4480.000")
    exchange.advance(START_NS + 30 * SECOND)
    bids = {}
    for venue in ("a", "b"):
        whole, one = exchange.book(venue, own.symbol, 50), exchange.instrument(venue, own.symbol)
        bids[venue] = float(one.price_text(whole.bids[0][0]))
        worth = sum(float(size) * one.contract_value for _, size in one.rows(whole.bids))
        assert 0.05 < worth < 5_000
    assert bids["a"] == pytest.approx(bids["b"], rel=10e-4)


@pytest.mark.parametrize("symbol", ["BTC/USD:BTC", "XRP/USD:XRP", "BTC/USDT:USDT", "SOL/USDT:USDT"])
def test_what_trades_pay(symbol: str) -> None:
    """By the decimal module; bars say the sum."""
    exchange = Exchange(5, ("a",), (symbol,))
    one, trades = exchange.instrument("a", symbol), []
    exchange.listen("a", lambda _, event: trades.append(event) if isinstance(event, Trade) else None, symbol)
    exchange.advance(START_NS + 20 * SECOND)
    assert trades
    total = Decimal(0)
    for trade in trades:
        price, size = Decimal(one.price_text(trade.price)), Decimal(one.size_text(trade.size))
        paid = Decimal(one.amount_text(one.amount(trade.price, trade.size)))
        if one.kind == "inverse":
            exact = size * Decimal(one.contract) / price
            assert 0 <= exact - paid < Decimal("0.00000001")
        else:
            assert paid == size * price
        total += paid
    [bar] = exchange.bars("a", symbol, Span(MINUTE), START_NS)
    assert Decimal(one.amount_text(bar.amount)) == total
    assert 0 < bar.bought_amount < bar.amount
    before = exchange.bars("a", symbol, Span(MINUTE), START_NS - MINUTE, START_NS - MINUTE)[0]
    worth = Decimal(one.size_text(before.volume)) * Decimal(one.contract or 1)
    price = Decimal(one.price_text(before.close))
    usual = worth / price if one.kind == "inverse" else worth * price
    assert float(Decimal(one.amount_text(before.amount)) / usual) == pytest.approx(1, abs=0.01)


@settings(deadline=None, max_examples=10)
@given(st.sampled_from(OPTIONS))
def test_options_trade_thinly_around_what_they_are_worth(one: Instrument) -> None:
    exchange = Exchange(5, ("a",), (one.symbol,))
    heard: list[Event] = []
    exchange.listen("a", lambda _, event: heard.append(event), one.symbol)
    exchange.advance(START_NS + 120 * SECOND)
    assert 0 < sum(isinstance(event, Trade) for event in heard) < 100
    whole, derived = exchange.book("a", one.symbol, 1), exchange.derived("a", one.symbol)
    (bid, _), (ask, _) = whole.bids[0], whole.asks[0]
    mark = derived.mark(exchange.now_ns) / one.tick_value
    assert bid - 0.1 * mark - 1 <= mark <= ask + 0.1 * mark + 1
    got = derived.option(exchange.now_ns, bid * one.tick_value, ask * one.tick_value)
    assert got.bid_iv is not None
    assert got.ask_iv is not None
    assert got.bid_iv < got.ask_iv
    assert got.mark_iv == pytest.approx((got.bid_iv + got.ask_iv) / 2, rel=0.15)
