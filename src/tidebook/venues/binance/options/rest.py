"""Binance's options: their REST calls. Facts: Market Data of options trading, as of 2026-08-21."""

from functools import partial
from typing import Final

import msgspec

from tidebook.core.rest import get, instrument
from tidebook.errors import DecodeError, InsufficientFunds, InvalidOrder, UnknownSymbol
from tidebook.model import facts
from tidebook.model.wire import decode
from tidebook.venue import Call, Pool, Question, Request, Seen
from tidebook.venues.binance import rest
from tidebook.venues.binance.answers import COMMON, Kinds, limits
from tidebook.venues.binance.futures.rest import depth, only
from tidebook.venues.binance.futures.wire import INTERVALS
from tidebook.venues.binance.options import wire
from tidebook.venues.binance.rest import Steps, as_it_is, by_limit, call, of_symbol, plain, read_time

API: Final = "https://eapi.binance.com/eapi/v1"
# The least that a document says; /exchangeInfo says what it is.
WEIGHT: Final = Pool("binance.options", "ip", 400, 60)
LEVELS: Final = (10, 20, 50, 100, 500, 1000)
DEPTH_COSTS: Final[Steps] = ((50, 1), (100, 5), (500, 10), (1000, 20))

_INFO = msgspec.json.Decoder(wire.Info)
_TRADES = msgspec.json.Decoder(list[wire.TradeRow])
_TICKERS = msgspec.json.Decoder(list[wire.TickerRow])
_MARKS = msgspec.json.Decoder(list[wire.MarkRow])
_INTERESTS = msgspec.json.Decoder(list[wire.InterestRow])

whole = depth(f"{API}/depth", LEVELS)
# A chain has hundreds of books, few of which are deeper: a hundred levels cost a quarter of a thousand.
seed = partial(rest.seed, whole, WEIGHT, DEPTH_COSTS, 100)


def _bars(question: Question) -> Request:
    """The newest. Which rows of a range are given is not documented, so none is asked for."""
    asked = Question(question.instrument, question.limit, question.interval)
    return rest.bars_in_range(f"{API}/klines", INTERVALS)(asked)


def _interest(question: Question) -> Request:
    underlying, day = wire.parts(instrument(question).upper())
    return get(f"{API}/openInterest", underlyingAsset=underlying.removesuffix(wire.SETTLED_IN), expiration=day)


def _read_interest(body: bytes, seen: Seen, question: Question) -> facts.OpenInterest:
    """All strikes of a day come; one is asked for."""
    id = instrument(question).upper()
    rows = decode(_INTERESTS, body)
    found = [wire.open_interest(one, seen) for one in rows if one.symbol == id]
    if len(found) != 1:
        raise DecodeError("missing", f"{len(found)} rows of {id}")
    return found[0]


_make = partial(call, WEIGHT)

CALLS: Final[tuple[Call, ...]] = (
    _make(
        "instruments",
        plain(f"{API}/exchangeInfo"),
        lambda body, seen, question: wire.instruments(decode(_INFO, body), seen.venue),
        1,
        limits=limits(WEIGHT),
    ),
    _make("time", plain(f"{API}/time"), read_time, 1),
    _make("book", whole, as_it_is, by_limit(DEPTH_COSTS, 100), 1000),
    _make("trades", of_symbol(f"{API}/trades"), rest.read_trades(_TRADES, wire.sold), 5, 500),
    _make("bars", _bars, rest.read_bars, 1, 1000),
    _make(
        "ticker",
        of_symbol(f"{API}/ticker"),
        lambda body, seen, question: wire.day(only(_TICKERS, body), seen),
        1,
    ),
    _make(
        "tickers",
        plain(f"{API}/ticker"),
        lambda body, seen, question: [wire.day(one, seen) for one in decode(_TICKERS, body)],
        40,
    ),
    _make(
        "mark_price",
        of_symbol(f"{API}/mark"),
        lambda body, seen, question: wire.mark_price(only(_MARKS, body), seen),
        5,
    ),
    _make("open_interest", _interest, _read_interest, 0),
)

# Error Code of options; several mean another thing than with futures.
KINDS: Final[Kinds] = {
    **COMMON,
    -1128: UnknownSymbol,  # no such underlying
    -1129: UnknownSymbol,  # no such currency
    -2018: InsufficientFunds,
    -2027: InsufficientFunds,  # margin: with futures it is the leverage
    -4001: InvalidOrder,  # price
    -4002: InvalidOrder,
    -4003: InvalidOrder,  # size
    -4004: InvalidOrder,
    -4005: InvalidOrder,
    -4013: InvalidOrder,
    -4029: InvalidOrder,  # not on the tick
    -4030: InvalidOrder,  # not on the step
}
TOO_MANY: Final = (-1008, -1015)  # elsewhere -1008 says that the venue is overloaded
