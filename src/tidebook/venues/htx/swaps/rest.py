"""HTX's swaps: their REST calls, and what facts the answers are.

Facts: HTX's pages for USDT-margined contracts as of 2025-11, huobiapi/docs coin_margined_swap_en (2021-06).
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tidebook.core.rest import Instruments, get, instrument, listed
from tidebook.errors import DecodeError, UsageError
from tidebook.model import facts
from tidebook.model.number import decimal_of, exact_raw
from tidebook.model.wire import MS, SEC, decode
from tidebook.venue import Call, Pool, Question, Request, Seen
from tidebook.venues.htx.swaps import pages, rows, wire

Read = Callable[[bytes, Seen, Question], Any]

SITE: Final = "https://api.hbdm.com"
MARKET: Final = Pool("htx.swaps.market", "ip", 800, 1)  # one for the market's calls of all contracts
ONE: Final = Decimal(1)  # sizes are whole contracts

STATUS: Final = {
    0: "delisting", 1: "listing", 2: "pending listing", 3: "suspension", 4: "suspending of listing",
    5: "in settlement", 6: "delivering", 7: "settlement completed", 8: "delivered",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Product:
    """Where the calls of one kind of swap go, and in what they differ. `info` limits those outside of the market."""

    linear: bool
    api: str
    market: str
    marks: str
    tickers: Request
    info: Pool
    dated: str | None  # asks for dated contracts too


LINEAR: Final = Product(
    linear=True,
    api=f"{SITE}/linear-swap-api/v1",
    market=f"{SITE}/linear-swap-ex/market",
    marks=f"{SITE}/index/market/history/linear_swap_mark_price_kline",
    tickers=get(f"{SITE}/v2/linear-swap-ex/market/detail/batch_merged", business_type="swap"),
    info=Pool("htx.linear.info", "ip", 240, 3),
    dated="all",
)
INVERSE: Final = Product(
    linear=False,
    api=f"{SITE}/swap-api/v1",
    market=f"{SITE}/swap-ex/market",
    marks=f"{SITE}/index/market/history/swap_mark_price_kline",
    tickers=get(f"{SITE}/swap-ex/market/detail/batch_merged"),
    info=Pool("htx.inverse.info", "ip", 120, 3),
    dated=None,
)


def _instrument(one: rows.Contract, venue: str, *, linear: bool) -> facts.Instrument:
    return facts.Instrument(
        venue=venue, symbol=one.name(linear=linear), id=one.id, base=one.base, quote=one.quote,
        settle=one.settle(linear=linear), kind="linear" if linear else "inverse", expiry_ns=one.expiry_ns,
        active=one.contract_status == 1, status=STATUS.get(one.contract_status, str(one.contract_status)),
        size_unit="contract", contract_size=decimal_of(*exact_raw(one.contract_size)),
        tick=decimal_of(*exact_raw(one.price_tick)), step=ONE, min_size=ONE,
    )  # fmt: skip


def _instruments(product: Product, body: bytes, seen: Seen, question: Question) -> Instruments:
    del question
    found = decode(rows.LISTED, body).data
    return listed(found, rows.CONTRACT, lambda one: _instrument(one, seen.venue, linear=product.linear))


def _trades(body: bytes, seen: Seen, question: Question) -> list[facts.Trade]:
    """Oldest first; several of one taker come together."""
    symbol = seen.symbol(instrument(question))
    found = [wire.trade(one, symbol, seen) for group in decode(rows.TRADES, body).data for one in group.data]
    return sorted(found, key=lambda row: (row.venue_ns or 0, int(row.id)))


def _bars(product: Product, body: bytes, seen: Seen, question: Question) -> list[facts.Bar]:
    """Oldest first. A bar is finished when its time is over."""
    symbol, name, answer = (
        seen.symbol(instrument(question)),
        question.interval or "",
        decode(rows.CANDLES[product.linear], body),
    )
    found = [
        wire.bar(
            one, symbol, name, seen, answer.ts, finished=pages.ends_ns(one.start * SEC, name) <= answer.ts * MS
        )
        for one in sorted(answer.data, key=lambda one: one.start)
    ]  # fmt: skip
    pages.check_whole(found, question, seen)
    return found


def _day(one: Any, id: str, at: int, seen: Seen) -> facts.Ticker:
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(id), venue_ns=at * MS, received_ns=seen.received_ns,
        exact_last=exact_raw(one.last), exact_volume=wire.half(one.volume), exact_turnover=one.exact_turnover,
        exact_bid=exact_raw(one.bid[0]), exact_ask=exact_raw(one.ask[0]),
    )  # fmt: skip


def _ticker(product: Product, body: bytes, seen: Seen, question: Question) -> facts.Ticker:
    answer = decode(rows.MERGED[product.linear], body)
    return _day(answer.tick, instrument(question), answer.ts, seen)


def _tickers(product: Product, body: bytes, seen: Seen, question: Question) -> list[facts.Ticker]:
    del question
    answer = decode(rows.TICKERS[product.linear], body)
    return [_day(one, one.id, answer.ts, seen) for one in answer.ticks]


def _mark(body: bytes, seen: Seen, question: Question) -> facts.MarkPrice:
    answer = decode(rows.MARKS, body)
    if not answer.data:
        raise DecodeError("missing", "no mark price in the answer")
    return facts.MarkPrice(
        venue=seen.venue, symbol=seen.symbol(instrument(question)), venue_ns=answer.ts * MS,
        received_ns=seen.received_ns, exact_price=exact_raw(answer.data[-1].price),
    )  # fmt: skip


def _due(body: bytes, seen: Seen, question: Question) -> facts.Funding:
    answer = decode(rows.NOW, body)
    return facts.Funding(
        venue=seen.venue, symbol=seen.symbol(instrument(question)), venue_ns=answer.ts * MS,
        received_ns=seen.received_ns, exact_rate=exact_raw(answer.data.rate),
        funding_ns=wire.instant_ns(answer.data.at), settled=False,
    )  # fmt: skip


def _charges(body: bytes, seen: Seen, question: Question) -> list[facts.Funding]:
    """Oldest first; the venue sends the newest first."""
    symbol = seen.symbol(instrument(question))
    found = [(wire.instant_ns(one.at), one) for one in decode(rows.CHARGES, body).data.data]
    return [
        facts.Funding(
            venue=seen.venue, symbol=symbol, venue_ns=at_ns, received_ns=seen.received_ns,
            exact_rate=exact_raw(one.rate), funding_ns=at_ns, settled=True,
        )
        for at_ns, one in sorted(found, key=lambda row: row[0])
    ]  # fmt: skip


def _interest(product: Product, body: bytes, seen: Seen, question: Question) -> facts.OpenInterest:
    """Its size counts one side, whatever the page of linear contracts says: recorded ones are odd numbers."""
    answer, id = decode(rows.INTERESTS[product.linear], body), instrument(question)
    one = next((one for one in answer.data if one.id == id), None)
    if one is None:
        raise DecodeError("missing", f"no open interest of {id} in the answer")
    return facts.OpenInterest(
        venue=seen.venue, symbol=seen.symbol(id), venue_ns=answer.ts * MS, received_ns=seen.received_ns,
        exact_size=exact_raw(one.volume), exact_value=one.exact_value,
    )  # fmt: skip


def _perpetual(question: Question) -> str:
    """Raises UsageError for a contract that is delivered on a day."""
    id = instrument(question)
    if id.count("-") > 1:
        raise UsageError(f"{id} is delivered on a day: it has no funding")
    return id


def calls(product: Product) -> tuple[Call, ...]:
    """All calls; each costs one request."""
    api, market, info = product.api, product.market, product.info

    def of(url: str, **more: str | int | None) -> Callable[[Question], Request]:
        return lambda question: get(url, contract_code=instrument(question), **more)

    def make(
        name: str, request: Callable[[Question], Request], read: Read, pool: Pool, most: int | None = None,
        *, ranges: bool = False,
    ) -> Call:  # fmt: skip
        return Call(name, request, read, pool.name, lambda question: 1, most, ranges=ranges)

    return (
        make(
            "instruments", lambda question: get(f"{api}/swap_contract_info", business_type=product.dated),
            partial(_instruments, product), info,
        ),
        make(
            "time", lambda question: get(f"{SITE}/api/v1/timestamp"),
            lambda body, seen, question: decode(rows.TIME, body).ts * MS, info,
        ),
        make(  # 150 levels, or 20: documented so, and 30 where it was seen
            "book",
            lambda question: get(
                f"{market}/depth", contract_code=instrument(question),
                type="step6" if question.limit is not None and question.limit <= 20 else "step0",
            ),
            lambda body, seen, question: body, MARKET, 150,
        ),
        make(
            "trades",
            lambda question: get(
                f"{market}/history/trade", contract_code=instrument(question), size=question.limit or 500
            ),
            _trades, MARKET, 2000,
        ),
        make(
            "bars", partial(pages.request, f"{market}/history/kline"), partial(_bars, product), MARKET, pages.MOST,
            ranges=True,
        ),
        make("ticker", of(f"{market}/detail/merged"), partial(_ticker, product), MARKET),
        make("tickers", lambda question: product.tickers, partial(_tickers, product), MARKET),
        make("mark_price", of(product.marks, period=wire.MARK_PERIOD, size=1), _mark, MARKET),
        make(
            "funding_now", lambda question: get(f"{api}/swap_funding_rate", contract_code=_perpetual(question)),
            _due, info,
        ),
        make(
            "funding",
            lambda question: get(
                f"{api}/swap_historical_funding_rate", contract_code=_perpetual(question), page_size=question.limit
            ),
            _charges, info, 50,
        ),
        make(
            "open_interest", of(f"{api}/swap_open_interest", business_type=product.dated),
            partial(_interest, product), info,
        ),
    )  # fmt: skip
