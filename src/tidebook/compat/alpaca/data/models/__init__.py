"""What is handed over: floats and datetimes, as alpaca-py has them, with the exact values beside them."""

from tidebook.compat.alpaca.data.models.bars import Bar, BarSet
from tidebook.compat.alpaca.data.models.orderbooks import Orderbook, OrderbookQuote
from tidebook.compat.alpaca.data.models.quotes import Quote, QuoteSet
from tidebook.compat.alpaca.data.models.snapshots import Snapshot
from tidebook.compat.alpaca.data.models.trades import Trade, TradeSet

__all__ = ["Bar", "BarSet", "Orderbook", "OrderbookQuote", "Quote", "QuoteSet", "Snapshot", "Trade", "TradeSet"]
