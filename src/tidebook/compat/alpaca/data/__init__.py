"""Market data of crypto, under alpaca-py's names."""

from typing import TYPE_CHECKING, NoReturn

from tidebook.compat.alpaca.absent import absent
from tidebook.compat.alpaca.data.enums import CryptoFeed
from tidebook.compat.alpaca.data.historical.crypto import AsyncCryptoHistoricalDataClient, CryptoHistoricalDataClient
from tidebook.compat.alpaca.data.live.crypto import CryptoDataStream
from tidebook.compat.alpaca.data.models import (
    Bar,
    BarSet,
    Orderbook,
    OrderbookQuote,
    Quote,
    QuoteSet,
    Snapshot,
    Trade,
    TradeSet,
)
from tidebook.compat.alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestBarRequest,
    CryptoLatestOrderbookRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoQuoteRequest,
    CryptoSnapshotRequest,
    CryptoTradesRequest,
)
from tidebook.compat.alpaca.data.timeframe import TimeFrame, TimeFrameUnit

__all__ = [
    "AsyncCryptoHistoricalDataClient", "Bar", "BarSet", "CryptoBarsRequest", "CryptoDataStream", "CryptoFeed",
    "CryptoHistoricalDataClient", "CryptoLatestBarRequest", "CryptoLatestOrderbookRequest", "CryptoLatestQuoteRequest",
    "CryptoLatestTradeRequest", "CryptoQuoteRequest", "CryptoSnapshotRequest", "CryptoTradesRequest", "Orderbook",
    "OrderbookQuote", "Quote", "QuoteSet", "Snapshot", "TimeFrame", "TimeFrameUnit", "Trade", "TradeSet",
]  # fmt: skip


if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        raise absent(__name__, name)
