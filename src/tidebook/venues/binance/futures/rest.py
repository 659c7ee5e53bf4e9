"""Binance's futures: their REST calls. Facts: Market Data of USD-M and COIN-M futures, as of 2026-08-21."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from tidebook.core.rest import get, instrument, listed
from tidebook.errors import (
    ClockRefused,
    DecodeError,
    InsufficientFunds,
    InvalidOrder,
    OrderNotFound,
    OrderRejected,
    PostOnlyWouldTake,
    UsageError,
)
from tidebook.model import facts
from tidebook.model.wire import decode
from tidebook.venue import Call, Pool, Question, Request, RestSeed, Seen
from tidebook.venues.binance import rest
from tidebook.venues.binance import wire as spot
from tidebook.venues.binance.answers import COMMON, Kinds, limits
from tidebook.venues.binance.futures import pages, wire
from tidebook.venues.binance.rest import Steps, as_it_is, by_limit, call, in_range, of_symbol, plain, read_time

T = TypeVar("T")
Read = Callable[[bytes, Seen, Question], Any]

# One for both kinds of futures, at both their hosts, since 2026-06-30.
WEIGHT: Final = Pool("binance.futures", "ip", 2400, 60)
FUNDING: Final = Pool("binance.funding", "ip", 500, 300)  # of USD-M's calls about funding, counted apart

LEVELS: Final = (5, 10, 20, 50, 100, 500, 1000)  # no other limits are taken
DEPTH_COSTS: Final[Steps] = ((50, 2), (100, 5), (500, 10), (1000, 20))
BAR_COSTS: Final[Steps] = ((99, 1), (499, 2), (1000, 5))


@dataclass(frozen=True, slots=True)
class Product:
    """Where the calls of one kind of futures go, and in what they differ."""

    api: str
    funding: Pool
    premium: int  # the weight of one premiumIndex
    instruments: Read
    mark: Callable[[bytes], wire.Premium]
    ticker: Read
    tickers: Read
    bars: Callable[[str], Callable[[Question], Request]]
    read_bars: Read
    marked: bool  # whether charges of funding come with their mark price
    longest: float | None  # seconds of bars that one answer holds


def only(decoder: msgspec.json.Decoder[list[T]], body: bytes) -> T:
    """The row of a list that has one."""
    rows = decode(decoder, body)
    if len(rows) != 1:
        raise DecodeError("missing", f"{len(rows)} rows where one was asked for")
    return rows[0]


_USD_SYMBOL = msgspec.json.Decoder(wire.UsdSymbol)
_COIN_SYMBOL = msgspec.json.Decoder(wire.CoinSymbol)
_PREMIUM = msgspec.json.Decoder(wire.Premium)
_PREMIUMS = msgspec.json.Decoder(list[wire.Premium])
_USD_TICKER = msgspec.json.Decoder(wire.UsdTicker)
_USD_TICKERS = msgspec.json.Decoder(list[wire.UsdTicker])
_COIN_TICKERS = msgspec.json.Decoder(list[wire.CoinTicker])
_CHARGES = msgspec.json.Decoder(list[wire.Charge])
_INTEREST = msgspec.json.Decoder(wire.Interest)


USD: Final = Product(
    api="https://fapi.binance.com/fapi/v1",
    funding=FUNDING,
    premium=1,
    instruments=lambda body, seen, question: listed(
        decode(rest.INFO, body).symbols, _USD_SYMBOL, lambda one: wire.instrument(one, seen.venue)
    ),
    mark=partial(decode, _PREMIUM),
    ticker=lambda body, seen, question: wire.usd_day(decode(_USD_TICKER, body), seen),
    tickers=lambda body, seen, question: [wire.usd_day(one, seen) for one in decode(_USD_TICKERS, body)],
    bars=partial(rest.bars_in_range, intervals=wire.INTERVALS),
    read_bars=rest.read_bars,
    marked=True,
    longest=None,
)

COIN: Final = Product(
    api="https://dapi.binance.com/dapi/v1",
    funding=WEIGHT,
    premium=10,
    instruments=lambda body, seen, question: listed(
        decode(rest.INFO, body).symbols, _COIN_SYMBOL, lambda one: wire.instrument(one, seen.venue)
    ),
    mark=partial(only, _PREMIUMS),
    ticker=lambda body, seen, question: wire.coin_day(only(_COIN_TICKERS, body), seen),
    tickers=lambda body, seen, question: [wire.coin_day(one, seen) for one in decode(_COIN_TICKERS, body)],
    bars=pages.request,
    read_bars=pages.read,
    marked=False,
    longest=pages.LONGEST,
)


def depth(url: str, levels: Sequence[int] = LEVELS) -> Callable[[Question], Request]:
    """A whole book of as many levels as are asked for, or the next number that the venue takes."""

    def request(question: Question) -> Request:
        limit = question.limit
        taken = None if limit is None else next((one for one in levels if one >= limit), levels[-1])
        return get(url, symbol=instrument(question).upper(), limit=taken)

    return request


def seed(product: Product) -> Callable[[str, int | None], RestSeed]:
    return partial(rest.seed, depth(f"{product.api}/depth"), WEIGHT, DEPTH_COSTS, 1000)


def rpi_seed(id: str, limit: int | None) -> RestSeed:
    """With the orders of retail price improvement, which no other book has: always of 1000 levels."""
    return RestSeed(get(f"{USD.api}/rpiDepth", symbol=id, limit=1000), WEIGHT.name, 20)


def _due(product: Product, body: bytes, seen: Seen, question: Question) -> facts.Funding:
    one = product.mark(body)
    if not one.next:
        raise UsageError(f"{seen.symbol(one.symbol)} is delivered on a day: it has no funding", venue=seen.venue)
    return wire.funding_due(one, seen)


def _charges(product: Product, body: bytes, seen: Seen, question: Question) -> list[facts.Funding]:
    symbol = seen.symbol(instrument(question))
    return [wire.charge(one, symbol, seen, marked=product.marked) for one in decode(_CHARGES, body)]


def calls(product: Product) -> tuple[Call, ...]:
    api, make = product.api, partial(call, WEIGHT)
    premium = of_symbol(f"{api}/premiumIndex")
    return (
        make("instruments", plain(f"{api}/exchangeInfo"), product.instruments, 1, limits=limits(WEIGHT)),
        make("time", plain(f"{api}/time"), read_time, 1),
        make("book", depth(f"{api}/depth"), as_it_is, by_limit(DEPTH_COSTS, 500), 1000),
        # As the stream has them, so that their ids are the same: one of a taker in 100 ms at one price.
        make(
            "trades", in_range(f"{api}/aggTrades"), rest.read_trades(rest.AGG_TRADES, spot.several), 20, 1000
        ),
        replace(
            make("bars", product.bars(f"{api}/klines"), product.read_bars, by_limit(BAR_COSTS, 500), 1000, ranges=True),
            longest=product.longest,
        ),
        make("ticker", of_symbol(f"{api}/ticker/24hr"), product.ticker, 1),
        make("tickers", plain(f"{api}/ticker/24hr"), product.tickers, 40),
        make(
            "mark_price",
            premium,
            lambda body, seen, question: wire.mark_price(product.mark(body), seen),
            product.premium,
        ),
        make("funding_now", premium, partial(_due, product), product.premium),
        call(
            product.funding, "funding", in_range(f"{api}/fundingRate"), partial(_charges, product), 1, 1000,
            ranges=True,
        ),
        make(
            "open_interest",
            of_symbol(f"{api}/openInterest"),
            lambda body, seen, question: wire.open_interest(decode(_INTEREST, body), seen),
            1,
        ),
    )  # fmt: skip


# Error Code, of both; -2026 is another thing than on spot.
KINDS: Final[Kinds] = {
    **COMMON,
    -2011: OrderNotFound,
    -2018: InsufficientFunds,
    -2019: InsufficientFunds,  # margin
    -2021: OrderRejected,  # would trigger at once
    -2022: OrderRejected,  # only to reduce
    -2023: OrderRejected,  # in liquidation
    -2024: OrderRejected,  # no such position
    -2025: OrderRejected,  # too many open orders
    -2027: OrderRejected,  # more than the leverage allows
    -2028: OrderRejected,
    -4003: InvalidOrder,  # size
    -4004: InvalidOrder,
    -4005: InvalidOrder,
    -4014: InvalidOrder,  # not on the tick
    -4023: InvalidOrder,  # not on the step
    -4061: InvalidOrder,  # its position side is none of the mode that the account is in
    -4112: OrderRejected,  # only to reduce
    -4113: InvalidOrder,  # too far from the mark price
    -4116: OrderRejected,  # a name that was given before
    -4120: OrderRejected,  # conditional orders are taken elsewhere
    -4131: OrderRejected,  # the other side is too far from the mark price
    -4164: InvalidOrder,  # too small an amount
    -4178: InvalidOrder,
    -4188: ClockRefused,
    -4199: OrderRejected,  # not traded now
    -5021: OrderRejected,  # all or nothing
    -5022: PostOnlyWouldTake,
    -5028: ClockRefused,
}
# General Info, HTTP 503: with these words nothing was done; with others the outcome is not known.
FAILED: Final = (
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
)
