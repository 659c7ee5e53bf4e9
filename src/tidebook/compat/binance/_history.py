"""Candles and trades over ranges: page after page, at the pace that the exchange's limits allow."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Mapping
from typing import Any, Final

from tidebook.compat.binance._table import Method
from tidebook.compat.binance.enums import HistoricalKlinesType
from tidebook.compat.binance.helpers import convert_ts_str
from tidebook.io.clock import now

HOUR: Final = 3_600_000
MOST: Final = 1000  # candles that each of these markets gives at once: of more that are asked for it is silent
_KLINES: Final = {
    HistoricalKlinesType.SPOT: ("spot", "/api/v3/klines"),
    HistoricalKlinesType.FUTURES: ("usdm", "/fapi/v1/klines"),
    HistoricalKlinesType.FUTURES_COIN: ("coinm", "/dapi/v1/klines"),
    HistoricalKlinesType.FUTURES_MARK_PRICE: ("usdm", "/fapi/v1/markPriceKlines"),
    HistoricalKlinesType.FUTURES_INDEX_PRICE: ("usdm", "/fapi/v1/indexPriceKlines"),
    HistoricalKlinesType.FUTURES_COIN_MARK_PRICE: ("coinm", "/dapi/v1/markPriceKlines"),
    HistoricalKlinesType.FUTURES_COIN_INDEX_PRICE: ("coinm", "/dapi/v1/indexPriceKlines"),
}
_TRADES: Final = Method("get_aggregate_trades", "GET", "spot", "/api/v3/aggTrades")


class Walk:
    """Rows one after the other: ``async for row in …``, and ``async for row in await …``, as older programs have it."""

    def __init__(self, rows: AsyncIterator[Any]) -> None:
        self._rows = rows

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._rows

    def __await__(self) -> Generator[Any, None, AsyncIterator[Any]]:
        return self._itself().__await__()

    async def _itself(self) -> AsyncIterator[Any]:
        return self._rows

    async def __anext__(self) -> Any:
        return await anext(self._rows)


class History(ABC):
    """See the module. Times are what `helpers.convert_ts_str` reads."""

    @abstractmethod
    async def request(self, method: Method, params: Mapping[str, Any]) -> Any:
        """Ask an endpoint."""

    async def get_historical_klines(
        self, symbol: str, interval: str, start_str: Any = None, end_str: Any = None, limit: int | None = None,
        klines_type: HistoricalKlinesType = HistoricalKlinesType.SPOT,
    ) -> list[Any]:  # fmt: skip
        """All candles that open in `start_str` … `end_str`, at most `limit` of them; the newest 1,000 without a start.

        Raises UnknownDateFormat for a text that is no date, and as every method.
        """
        found: list[Any] = []
        async for row in self._klines(symbol, interval, start_str, end_str, limit or MOST, klines_type):
            found.append(row)
            if limit is not None and len(found) == limit:
                break
        return found

    def get_historical_klines_generator(
        self, symbol: str, interval: str, start_str: Any = None, end_str: Any = None, limit: int | None = None,
        klines_type: HistoricalKlinesType = HistoricalKlinesType.SPOT,
    ) -> Walk:  # fmt: skip
        """The same, one after the other; `limit` is how many are asked for at once, 1,000 at most (None)."""
        return Walk(self._klines(symbol, interval, start_str, end_str, limit or MOST, klines_type))

    async def futures_historical_klines(
        self, symbol: str, interval: str, start_str: Any, end_str: Any = None, limit: int | None = None
    ) -> list[Any]:
        """The same of USD-M futures."""
        kind = HistoricalKlinesType.FUTURES
        return await self.get_historical_klines(symbol, interval, start_str, end_str, limit, kind)

    async def futures_historical_mark_price_klines(
        self, symbol: str, interval: str, start_str: Any, end_str: Any = None, limit: int | None = None
    ) -> list[Any]:
        """The same of the mark prices of USD-M futures."""
        kind = HistoricalKlinesType.FUTURES_MARK_PRICE
        return await self.get_historical_klines(symbol, interval, start_str, end_str, limit, kind)

    def futures_historical_klines_generator(
        self, symbol: str, interval: str, start_str: Any, end_str: Any = None
    ) -> Walk:
        """The same of USD-M futures, one after the other."""
        return Walk(self._klines(symbol, interval, start_str, end_str, MOST, HistoricalKlinesType.FUTURES))

    async def _klines(
        self, symbol: str, interval: str, start: Any, end: Any, limit: int, kind: HistoricalKlinesType
    ) -> AsyncIterator[Any]:
        market, path = _KLINES[kind]
        name = "pair" if "indexPrice" in path else "symbol"
        start_ms, end_ms = convert_ts_str(start), convert_ts_str(end)
        asked, size = start_ms is not None, min(limit, MOST)
        while start_ms is None or end_ms is None or start_ms <= end_ms:
            params = {name: symbol, "interval": interval, "limit": size, "startTime": start_ms, "endTime": end_ms}
            rows = await self.request(Method("klines", "GET", market, path), params)
            for row in rows:
                yield row
            if not asked or len(rows) < size:
                return
            start_ms = rows[-1][6] + 1  # after it has closed: months are not all as long

    def aggregate_trade_iter(self, symbol: str, start_str: Any = None, last_id: int | None = None) -> Walk:
        """Trades from a time on, or after an id, or from the first on, until the newest.

        Raises ValueError where both are given.
        """
        if start_str is not None and last_id is not None:
            raise ValueError("start_str and last_id may not both be given")
        return Walk(self._trades(symbol, start_str, last_id))

    async def _trades(self, symbol: str, start_str: Any, last_id: int | None) -> AsyncIterator[Any]:
        next_id = 0 if last_id is None else last_id + 1
        if start_str is not None:
            first = await self._first_after(symbol, convert_ts_str(start_str) or 0)
            if first is None:
                return
            next_id = first
        while True:
            trades = await self.request(_TRADES, {"symbol": symbol, "fromId": next_id, "limit": 1000})
            for trade in trades:
                yield trade
            if not trades:
                return
            next_id = trades[-1]["a"] + 1

    async def _first_after(self, symbol: str, start: int) -> int | None:
        """The id of the first trade at or after a time (ms); None where there is none yet."""
        while start <= now().wall_ns // 1_000_000:
            params = {"symbol": symbol, "startTime": start, "endTime": start + HOUR, "limit": 1}
            trades = await self.request(_TRADES, params)
            if trades:
                return int(trades[0]["a"])
            start += HOUR
        return None
