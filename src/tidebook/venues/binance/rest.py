"""Binance spot: its REST calls, and the parts of them that its sister markets share.

Facts: rest-api.md, filters.md, errors.md, 2026-07-21; of Binance.US: its rest-api.md, 2023-09-06.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from tidebook.core.rest import Instruments, first_ms, get, instrument, interval, last_ms, listed
from tidebook.errors import InvalidOrder, OrderNotFound, OrderRejected
from tidebook.model import facts
from tidebook.model.wire import MS, Ms, decode
from tidebook.venue import Call, Pool, Question, Request, RestSeed, Seen
from tidebook.venues.binance import wire
from tidebook.venues.binance.answers import COMMON, Kinds, limits

Row = TypeVar("Row")
Steps = tuple[tuple[int, int], ...]
"""What a call costs that gives up to so many rows; above the last, as that."""


class ExchangeInfo(msgspec.Struct):
    symbols: list[msgspec.Raw]


class ServerTime(msgspec.Struct, rename={"at": "serverTime"}):
    at: Ms


INFO: Final = msgspec.json.Decoder(ExchangeInfo)
_SYMBOL = msgspec.json.Decoder(wire.Symbol)
_TIME = msgspec.json.Decoder(ServerTime)
_TRADES = msgspec.json.Decoder(list[wire.TradeRow])
AGG_TRADES: Final = msgspec.json.Decoder(list[wire.AggTrade])
_KLINES = msgspec.json.Decoder(list[wire.KlineRow])
_TICKER = msgspec.json.Decoder(wire.TickerRow)
_TICKERS = msgspec.json.Decoder(list[wire.TickerRow])

# ------------------------------------------------------------------------------------------------ shared


def call(
    pool: Pool, name: str, request: Callable[[Question], Request], read: Callable[[bytes, Seen, Question], Any],
    weight: int | Callable[[Question], int], most: int | None = None, *, ranges: bool = False,
    limits: Callable[[bytes], Mapping[str, int]] | None = None,
) -> Call:  # fmt: skip
    cost = weight if callable(weight) else lambda question: weight
    return Call(name, request, read, pool.name, cost, most, ranges, limits)


def costs(steps: Steps, limit: int) -> int:
    return next((weight for rows, weight in steps if limit <= rows), steps[-1][1])


def by_limit(steps: Steps, default: int) -> Callable[[Question], int]:
    """What a question costs; without a limit, as one for `default` rows."""
    return lambda question: costs(steps, question.limit or default)


def plain(url: str) -> Callable[[Question], Request]:
    return lambda question: get(url)


def of_symbol(url: str) -> Callable[[Question], Request]:
    return lambda question: get(url, symbol=instrument(question).upper(), limit=question.limit)


def in_range(url: str) -> Callable[[Question], Request]:
    return lambda question: get(
        url, symbol=instrument(question).upper(),
        startTime=first_ms(question), endTime=last_ms(question), limit=question.limit,
    )  # fmt: skip


def bars_in_range(url: str, intervals: Sequence[str]) -> Callable[[Question], Request]:
    return lambda question: get(
        url, symbol=instrument(question).upper(), interval=interval(question, intervals),
        startTime=first_ms(question), endTime=last_ms(question), limit=question.limit,
    )  # fmt: skip


def seed(
    request: Callable[[Question], Request], pool: Pool, steps: Steps, usual: int, id: str, limit: int | None
) -> RestSeed:
    """How a whole book is asked for, with `usual` levels where nobody says how many."""
    limit = limit or usual
    return RestSeed(request(Question(id, limit=limit)), pool.name, costs(steps, limit))


def as_it_is(body: bytes, seen: Seen, question: Question) -> bytes:
    """A book's body: the engine reads it."""
    return body


def read_time(body: bytes, seen: Seen, question: Question) -> int:
    return decode(_TIME, body).at * MS


def read_trades(
    decoder: msgspec.json.Decoder[list[Row]], make: Callable[[Row, str, Seen], facts.Trade]
) -> Callable[[bytes, Seen, Question], list[facts.Trade]]:
    def read(body: bytes, seen: Seen, question: Question) -> list[facts.Trade]:
        symbol = seen.symbol(instrument(question))
        return [make(one, symbol, seen) for one in decode(decoder, body)]

    return read


def read_bars(body: bytes, seen: Seen, question: Question, *, turnover: bool = True) -> list[facts.Bar]:
    """Oldest first. A row does not say whether it is finished: it is when another follows, or its end has passed."""
    symbol, rows = seen.symbol(instrument(question)), decode(_KLINES, body)
    return [
        wire.bar(
            one, symbol, question.interval or "", seen, None,
            finished=place < len(rows) or one.end * MS < seen.there_ns, turnover=turnover,
        )
        for place, one in enumerate(rows, 1)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ spot


@dataclass(frozen=True, slots=True)
class Site:
    """A place that speaks the spot API: where its calls go, and what they cost there."""

    api: str
    pool: Pool
    info: int
    depth: Steps
    trades: int
    agg_trades: int
    bars: int
    ticker: int
    tickers: int
    intervals: Sequence[str]
    brief: Mapping[str, str]  # what makes the list of instruments shorter


MAIN: Final = Site(
    api="https://api.binance.com/api/v3", pool=Pool("binance.weight", "ip", 6000, 60), info=20,
    depth=((100, 5), (500, 25), (1000, 50), (5000, 250)), trades=25, agg_trades=4, bars=2, ticker=2, tickers=80,
    intervals=wire.INTERVALS,
    # The sets of permissions are most of this body, and nothing here reads them (change log, 2024-10-17).
    brief={"showPermissionSets": "false"},
)  # fmt: skip

US: Final = Site(
    api="https://api.binance.us/api/v3", pool=Pool("binance_us.weight", "ip", 1200, 60), info=10,
    depth=((100, 1), (500, 5), (1000, 10), (5000, 50)), trades=1, agg_trades=1, bars=1, ticker=1, tickers=40,
    intervals=wire.INTERVALS[1:],  # no seconds since 2023-09-06
    brief={},
)  # fmt: skip


def _read_instruments(body: bytes, seen: Seen, question: Question) -> Instruments:
    return listed(decode(INFO, body).symbols, _SYMBOL, lambda one: wire.instrument(one, seen.venue))


def _info(site: Site, question: Question) -> Request:
    symbol = None if question.instrument is None else question.instrument.upper()
    return get(f"{site.api}/exchangeInfo", symbol=symbol, **site.brief)


def calls(site: Site) -> tuple[Call, ...]:
    api, make = site.api, partial(call, site.pool)
    return (
        make("instruments", partial(_info, site), _read_instruments, site.info, limits=limits(site.pool)),
        make("time", plain(f"{api}/time"), read_time, 1),
        make("book", of_symbol(f"{api}/depth"), as_it_is, by_limit(site.depth, 100), 5000),
        make("trades", of_symbol(f"{api}/trades"), read_trades(_TRADES, wire.trade), site.trades, 1000),
        # Both ends at most an hour apart is what its sister markets say; within it is good for all of them.
        replace(
            make(
                "agg_trades",
                in_range(f"{api}/aggTrades"),
                read_trades(AGG_TRADES, wire.several),
                site.agg_trades,
                1000,
                ranges=True,
            ),
            longest=3_600.0,
        ),
        make("bars", bars_in_range(f"{api}/klines", site.intervals), read_bars, site.bars, 1000, ranges=True),
        make(
            "ticker",
            of_symbol(f"{api}/ticker/24hr"),
            lambda body, seen, question: wire.day(decode(_TICKER, body), seen),
            site.ticker,
        ),
        make(
            "tickers",
            plain(f"{api}/ticker/24hr"),
            lambda body, seen, question: [wire.day(one, seen) for one in decode(_TICKERS, body)],
            site.tickers,
        ),
    )


# errors.md
KINDS: Final[Kinds] = {
    **COMMON,
    -1013: InvalidOrder,  # a filter
    -2011: OrderNotFound,
    -2038: OrderRejected,  # it was to be changed, and stays as it is
}
