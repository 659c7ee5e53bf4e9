"""HTX's swaps from the server's side: their streams.

Facts: as in the declaration, which is beside. What was traded is told twice over: amounts of both sides are summed.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from tidebook.core.clock import SECOND
from tidebook.core.dialect import (
    ABSENT,
    Candle,
    Change,
    Levels,
    Liquidated,
    Marked,
    Row,
    Sold,
    Stream,
    Today,
    Told,
    Values,
    paths,
)
from tidebook.model.number import plain
from tidebook.model.wire import MS
from tidebook.venues.htx.dialect_streams import SPANS, bare, bare_rows
from tidebook.venues.htx.swaps.wire import MARK_PERIOD

_PERIODS: Final = {name: span for name, span in SPANS.items() if name != "1year"}
DEPTHS: Final = {"step0": 150, "step6": 20}  # those that are not merged
_MINUTE: Final = 60
_COMPUTED: Final = 5  # seconds between two rates of funding
_CONTRACTS: Final = {"BTC": "0.001", "ETH": "0.01", "DOGE": "100"}  # coins
_TOPIC: Final = re.compile(
    r"market\.([A-Z0-9]+-[A-Z]+(?:-[0-9]{6})?)\."
    r"(?:depth\.size_(20|150)\.high_freq|depth\.(step[0-9]+)|kline\.(\w+)|([a-z_.0-9]+))"
)
_EVENT: Final = re.compile(r"public\.([A-Z0-9]+-[A-Z]+(?:-[0-9]{6})?)\.(funding_rate|liquidation_orders)")


def base_of(id: str) -> str:
    return id.partition("-")[0]


def contract_of(base: str) -> str:
    """Coins of a linear contract."""
    return _CONTRACTS.get(base, "1")


def is_perpetual(id: str) -> bool:
    return id.count("-") == 1


def number(value: Decimal | str) -> msgspec.Raw:
    return bare(plain(Decimal(value)))


def both(text: str) -> Decimal:
    """An amount of both sides."""
    return 2 * Decimal(text)


def coins(id: str, size: str, turnover: str, *, linear: bool) -> Decimal:
    """A size in coins: what an inverse contract's turnover is."""
    return Decimal(size) * Decimal(contract_of(base_of(id))) if linear else Decimal(turnover)


def only(value: object, *, linear: bool) -> object:
    """What coin-margined swaps do not tell."""
    return value if linear else ABSENT


def best_of(rows: Sequence[Row]) -> tuple[msgspec.Raw, msgspec.Raw]:
    return bare_rows(rows or [("0", "0")])[0]


def push(told: Told, tick: Values) -> Values:
    return {"ch": told.topic, "ts": told.now_ns // MS, **paths("tick", tick)}


def trade_of(id: str, one: Sold, *, linear: bool) -> Values:
    return {
        "amount": number(both(one.size)), "quantity": number(2 * coins(id, one.size, one.turnover, linear=linear)),
        "trade_turnover": only(number(both(one.turnover)), linear=linear), "ts": one.at_ns // MS,
        "id": one.id * 10_000, "price": bare(one.price), "direction": one.taker,
    }  # fmt: skip


def taken_of(id: str, some: Sequence[Sold], *, linear: bool) -> Values:
    return {
        "id": some[-1].id, "ts": some[-1].at_ns // MS, "data[]": [trade_of(id, one, linear=linear) for one in some]
    }  # fmt: skip


def candle_of(id: str, one: Candle, *, linear: bool) -> Values:
    names = ("open", "close", "high", "low")
    return {
        "id": one.start_ns // SECOND,
        **dict(zip(names, map(bare, (one.open, one.close, one.high, one.low)), strict=True)),
        "amount": number(2 * coins(id, one.volume, one.turnover, linear=linear)), "vol": number(both(one.volume)),
        "trade_turnover": only(number(both(one.turnover)), linear=linear), "count": one.trades,
    }  # fmt: skip


def whole_of(topic: str, one: Levels) -> Values:
    second = one.at_ns // SECOND
    return {
        "mrid": one.last, "id": second, "bids": bare_rows(one.bids), "asks": bare_rows(one.asks),
        "ts": one.at_ns // MS, "version": second, "ch": topic,
    }  # fmt: skip


def marked_of(one: Marked) -> Values:
    """The simulator has no bars of marks: one that has just begun."""
    names = ("open", "high", "low", "close")
    return {"id": one.at_ns // SECOND // _MINUTE * _MINUTE, **dict.fromkeys(names, plain(Decimal(one.price)))}


def fee_asset(id: str, *, linear: bool) -> str:
    return id.split("-")[1] if linear else base_of(id)


class _HighFreq:
    """The messages of one topic, each with a version of its own: it counts them."""

    def __init__(self) -> None:
        self._version = 0

    def whole(self, told: Told, one: Levels) -> Values:
        return self._said(told, "snapshot", one.at_ns, one.last, one.bids, one.asks)

    def change(self, told: Told, one: Change) -> Values:
        self._version += 1
        return self._said(told, "update", one.at_ns, one.last, one.bids, one.asks)

    def _said(self, told: Told, event: str, at_ns: int, last: int, bids: Sequence[Row], asks: Sequence[Row]) -> Values:
        tick = {
            "asks": bare_rows(asks), "bids": bare_rows(bids), "ch": told.topic, "event": event, "id": last,
            "mrid": last, "ts": at_ns // MS, "version": self._version,
        }  # fmt: skip
        return push(told, tick)


def _best(told: Told, one: Levels) -> Values:
    tick = {
        "mrid": one.last, "id": one.at_ns // SECOND, "bid": best_of(one.bids), "ask": best_of(one.asks),
        "ts": one.at_ns // MS, "version": one.last, "ch": told.topic,
    }  # fmt: skip
    return push(told, tick)


def _detail(linear: bool, told: Told, day: Today) -> Values:
    sums = candle_of(told.id, day.whole, linear=linear)
    minute = told.now_ns // SECOND // _MINUTE * _MINUTE
    tick = {**sums, "id": minute, "mrid": day.best.last, "bid": best_of(day.best.bids), "ask": best_of(day.best.asks)}
    return push(told, tick)


def _funding(linear: bool, told: Told, one: Marked) -> Values:
    row = {
        "symbol": base_of(told.id), "contract_code": told.id, "fee_asset": fee_asset(told.id, linear=linear),
        "funding_time": str(one.at_ns // SECOND // _COMPUTED * _COMPUTED * 1000), "funding_rate": rate_of(one.rate),
        "settlement_time": str(one.funding_ns // MS),
    }  # fmt: skip
    return {"topic": told.topic, "ts": told.now_ns // MS, "data[]": [row]}


def rate_of(text: str) -> str:
    return f"{Decimal(text):.18f}"


def _liquidation(linear: bool, told: Told, one: Liquidated) -> Values:
    row = {
        "symbol": base_of(told.id), "contract_code": told.id, "direction": one.taker, "volume": number(one.size),
        "price": bare(one.price), "created_at": one.at_ns // MS,
        "amount": number(coins(told.id, one.size, one.turnover, linear=linear)),
        "trade_turnover": only(number(one.turnover), linear=linear),
        **{name: only(value, linear=linear) for name, value in _sort(told.id).items()},
    }  # fmt: skip
    return {"topic": told.topic, "ts": told.now_ns // MS, "data[]": [row]}


def _sort(id: str) -> Values:
    swap = is_perpetual(id)
    return {
        "pair": "-".join(id.split("-")[:2]), "business_type": "swap" if swap else "futures",
        "contract_type": "swap" if swap else "quarter",
    }  # fmt: skip


def stream(linear: bool, topic: str) -> Stream | None:
    event = _EVENT.fullmatch(topic)
    if event is not None:
        return _event(linear, *event.groups())
    match = _TOPIC.fullmatch(topic)
    if match is None:
        return None
    id, size, step, period, name = match.groups()
    market = ("market",)
    if size is not None:
        said = _HighFreq()
        return Stream(
            "window", id, "high_freq", said.change, 0.1, int(size), endpoints=market, opening=said.whole,
            opening_sample="high_freq",
        )  # fmt: skip
    if step is not None:
        return Stream(
            "whole", id, "depth", lambda told, one: push(told, whole_of(told.topic, one)), 0.1, DEPTHS[step],
            endpoints=market,
        ) if step in DEPTHS else None  # fmt: skip
    if period is not None:
        span = _PERIODS.get(period)
        return Stream(
            "bar", id, "kline", lambda told, one: push(told, candle_of(told.id, one, linear=linear)), 0.5, span=span,
            endpoints=market,
        ) if span is not None else None  # fmt: skip
    return {
        "trade.detail": Stream(
            "taker", id, "trade", lambda told, some: push(told, taken_of(told.id, some, linear=linear)),
            endpoints=market,
        ),
        "bbo": Stream("quote", id, "bbo", _best, endpoints=market),
        "detail": Stream("day", id, "detail", partial(_detail, linear), 0.5, endpoints=market),
        f"mark_price.{MARK_PERIOD}": Stream(
            "mark", id, "mark_price", lambda told, one: push(told, marked_of(one)), 1.0, endpoints=("index",)
        ),
    }.get(name)  # fmt: skip


def _event(linear: bool, id: str, name: str) -> Stream | None:
    if name == "liquidation_orders":
        return Stream("liquidation", id, name, partial(_liquidation, linear), endpoints=("events",))
    if not is_perpetual(id):
        return None
    return Stream("mark", id, name, partial(_funding, linear), float(_COMPUTED), endpoints=("events",))
