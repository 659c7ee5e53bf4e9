"""Market data of crypto over REST: plain calls, and the same ones to be awaited."""

import asyncio
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from tidebook.client.market import Market
from tidebook.compat.alpaca.common.enums import Sort
from tidebook.compat.alpaca.common.requests import NonEmptyRequest
from tidebook.compat.alpaca.data.enums import CryptoFeed
from tidebook.compat.alpaca.data.models import Bar, BarSet, Orderbook, Quote, QuoteSet, Snapshot, Trade, TradeSet
from tidebook.compat.alpaca.data.requests import (
    BaseTimeseriesDataRequest,
    CryptoBarsRequest,
    CryptoLatestBarRequest,
    CryptoLatestOrderbookRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoQuoteRequest,
    CryptoSnapshotRequest,
    CryptoTradesRequest,
)
from tidebook.compat.alpaca.link import link_of
from tidebook.compat.alpaca.ranges import Range
from tidebook.compat.alpaca.rest import Rest
from tidebook.compat.alpaca.turns import result_of

T = TypeVar("T")
Raw = dict[str, Any]
US = CryptoFeed.US


class _Client:
    """What both have: the arguments, and how they end. An error is an APIError; a naive datetime is UTC.

    No key is needed; with one Alpaca's limit is higher. Nothing happens before the first question, which begins a
    thread of the client's own. `close` ends it, as do leaving `with`, and dropping the client.
    """

    def __init__(
        self, api_key: str | None = None, secret_key: str | None = None, oauth_token: str | None = None,
        raw_data: bool = False, url_override: str | None = None, use_basic_auth: bool = False, sandbox: bool = False,
    ) -> None:  # fmt: skip
        """`raw_data`: answers as Alpaca's JSON has them. `url_override`: a simulator on this machine.

        Raises ValueError for half of a key, another address, and for ways to log in that are not covered.
        """
        if oauth_token is not None or use_basic_auth or sandbox:
            raise ValueError("oauth_token, use_basic_auth and sandbox are of brokers: not covered")
        self._is_raw = raw_data
        self._rest = Rest(link_of(api_key, secret_key, url_override), raw=raw_data)
        weakref.finalize(self, self._rest.close, 0.0)

    def close(self) -> None:
        """End its thread and connections, within a second; twice is fine."""
        self._rest.close()

    def _rows(
        self, kind: Callable[[Any], Any], name: str, request: BaseTimeseriesDataRequest, feed: CryptoFeed | str
    ) -> "Future[Any]":
        params, cut, rest = request.to_request_fields(), _range(request), self._rest
        make: Callable[[Any], Any] = _as_it_is if self._is_raw else kind

        async def work(market: Market) -> Any:
            return make(await rest.rows(market, f"{_path(feed)}/{name}", params, name, cut))

        return rest.begin(work)

    def _latest(
        self, kind: Callable[[str, Raw], Any], path: str, name: str, request: NonEmptyRequest, feed: CryptoFeed | str
    ) -> "Future[Any]":
        params, rest, is_raw = request.to_request_fields(), self._rest, self._is_raw

        async def work(market: Market) -> Any:
            found = await rest.latest(market, f"{_path(feed)}/{path}", params, name)
            if is_raw:
                return found
            return {symbol: kind(symbol, row) for symbol, row in found.items() if row is not None}

        return rest.begin(work)

    def _bars(self, request: CryptoBarsRequest, feed: CryptoFeed | str) -> "Future[BarSet | Raw]":
        return self._rows(BarSet, "bars", request, feed)

    def _quotes(self, request: CryptoQuoteRequest, feed: CryptoFeed | str) -> "Future[QuoteSet | Raw]":
        return self._rows(QuoteSet, "quotes", request, feed)

    def _trades(self, request: CryptoTradesRequest, feed: CryptoFeed | str) -> "Future[TradeSet | Raw]":
        return self._rows(TradeSet, "trades", request, feed)


class CryptoHistoricalDataClient(_Client):
    """Plain calls, of alpaca-py's names. Made inside of a loop, they let this library's streams go on there meanwhile;
    everything else of that loop waits. AsyncCryptoHistoricalDataClient has the same calls to be awaited.
    """

    def get_crypto_bars(self, request_params: CryptoBarsRequest, feed: CryptoFeed | str = US) -> Any:
        """Bars, all pages of them: a BarSet, or with `raw_data` a dict."""
        return result_of(self._bars(request_params, feed))

    def get_crypto_quotes(self, request_params: CryptoQuoteRequest, feed: CryptoFeed | str = US) -> Any:
        """Quotes, all pages of them: a QuoteSet, or with `raw_data` a dict."""
        return result_of(self._quotes(request_params, feed))

    def get_crypto_trades(self, request_params: CryptoTradesRequest, feed: CryptoFeed | str = US) -> Any:
        """Trades, all pages of them: a TradeSet, or with `raw_data` a dict."""
        return result_of(self._trades(request_params, feed))

    def get_crypto_latest_trade(self, request_params: CryptoLatestTradeRequest, feed: CryptoFeed | str = US) -> Any:
        """The newest Trade by symbol."""
        return result_of(self._latest(Trade, "latest/trades", "trades", request_params, feed))

    def get_crypto_latest_quote(self, request_params: CryptoLatestQuoteRequest, feed: CryptoFeed | str = US) -> Any:
        """The newest Quote by symbol."""
        return result_of(self._latest(Quote, "latest/quotes", "quotes", request_params, feed))

    def get_crypto_latest_bar(self, request_params: CryptoLatestBarRequest, feed: CryptoFeed | str = US) -> Any:
        """The newest Bar of a minute by symbol."""
        return result_of(self._latest(Bar, "latest/bars", "bars", request_params, feed))

    def get_crypto_latest_orderbook(
        self, request_params: CryptoLatestOrderbookRequest, feed: CryptoFeed | str = US
    ) -> Any:
        """The whole Orderbook by symbol."""
        return result_of(self._latest(Orderbook, "latest/orderbooks", "orderbooks", request_params, feed))

    def get_crypto_snapshot(self, request_params: CryptoSnapshotRequest, feed: CryptoFeed | str = US) -> Any:
        """The Snapshot by symbol."""
        return result_of(self._latest(Snapshot, "snapshots", "snapshots", request_params, feed))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncCryptoHistoricalDataClient(_Client):
    """The same calls to be awaited, which alpaca-py does not have: nothing in the loop waits for them.

    Cancelled, what was asked may have been sent; its answer is passed over.
    """

    async def get_crypto_bars(self, request_params: CryptoBarsRequest, feed: CryptoFeed | str = US) -> Any:
        """Bars, all pages of them: a BarSet, or with `raw_data` a dict."""
        return await asyncio.wrap_future(self._bars(request_params, feed))

    async def get_crypto_quotes(self, request_params: CryptoQuoteRequest, feed: CryptoFeed | str = US) -> Any:
        """Quotes, all pages of them: a QuoteSet, or with `raw_data` a dict."""
        return await asyncio.wrap_future(self._quotes(request_params, feed))

    async def get_crypto_trades(self, request_params: CryptoTradesRequest, feed: CryptoFeed | str = US) -> Any:
        """Trades, all pages of them: a TradeSet, or with `raw_data` a dict."""
        return await asyncio.wrap_future(self._trades(request_params, feed))

    async def get_crypto_latest_trade(
        self, request_params: CryptoLatestTradeRequest, feed: CryptoFeed | str = US
    ) -> Any:
        """The newest Trade by symbol."""
        return await asyncio.wrap_future(self._latest(Trade, "latest/trades", "trades", request_params, feed))

    async def get_crypto_latest_quote(
        self, request_params: CryptoLatestQuoteRequest, feed: CryptoFeed | str = US
    ) -> Any:
        """The newest Quote by symbol."""
        return await asyncio.wrap_future(self._latest(Quote, "latest/quotes", "quotes", request_params, feed))

    async def get_crypto_latest_bar(self, request_params: CryptoLatestBarRequest, feed: CryptoFeed | str = US) -> Any:
        """The newest Bar of a minute by symbol."""
        return await asyncio.wrap_future(self._latest(Bar, "latest/bars", "bars", request_params, feed))

    async def get_crypto_latest_orderbook(
        self, request_params: CryptoLatestOrderbookRequest, feed: CryptoFeed | str = US
    ) -> Any:
        """The whole Orderbook by symbol."""
        asked = self._latest(Orderbook, "latest/orderbooks", "orderbooks", request_params, feed)
        return await asyncio.wrap_future(asked)

    async def get_crypto_snapshot(self, request_params: CryptoSnapshotRequest, feed: CryptoFeed | str = US) -> Any:
        """The Snapshot by symbol."""
        return await asyncio.wrap_future(self._latest(Snapshot, "snapshots", "snapshots", request_params, feed))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)


def _as_it_is(rows: Raw) -> Raw:
    return rows


def _path(feed: CryptoFeed | str) -> str:
    return CryptoFeed(feed).value


def _range(request: BaseTimeseriesDataRequest) -> Range | None:
    """What may be asked for some pages at once: all rows of a range, the oldest first."""
    if request.start is None or request.limit is not None or request.sort is Sort.DESC:
        return None
    return Range(request.start, request.end, dense=not isinstance(request, CryptoBarsRequest))
