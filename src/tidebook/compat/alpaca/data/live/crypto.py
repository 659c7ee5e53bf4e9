"""The stream of crypto."""

from typing import Any

from tidebook.compat.alpaca.data.enums import CryptoFeed
from tidebook.compat.alpaca.data.live.websocket import DataStream, Handler


class CryptoDataStream(DataStream):
    """Trades, quotes, bars and books of crypto, each with its handlers; see DataStream.

    A handler is a coroutine function of one argument: a model, or with `raw_data` the message as Alpaca has it. Symbols
    are like ``BTC/USD``; ``*`` stands for all that have no handler of their own. Subscribing goes before and while it
    runs, also from inside of a handler and from other threads; it returns at once, a refusal is logged. Raises
    ValueError for what is no coroutine function, and for what is no symbol.
    """

    def __init__(
        self, api_key: str, secret_key: str, raw_data: bool = False, feed: CryptoFeed | str = CryptoFeed.US,
        url_override: str | None = None, websocket_params: dict[str, Any] | None = None,
        data_timeout: float | None = None,
    ) -> None:  # fmt: skip
        """`data_timeout`: so many seconds without market data, and the connection is given up for another.

        Raises ValueError without a whole key, for another feed, for an address that is not on this machine, and for a
        `data_timeout` that is not above 0.
        """
        CryptoFeed(feed)
        super().__init__(api_key, secret_key, raw_data, websocket_params, url_override, data_timeout)

    def subscribe_trades(self, handler: Handler, *symbols: str) -> None:
        """Each Trade."""
        self._subscribe("trades", handler, symbols)

    def subscribe_quotes(self, handler: Handler, *symbols: str) -> None:
        """Each Quote."""
        self._subscribe("quotes", handler, symbols)

    def subscribe_bars(self, handler: Handler, *symbols: str) -> None:
        """The Bar of each minute, when it is over."""
        self._subscribe("bars", handler, symbols)

    def subscribe_updated_bars(self, handler: Handler, *symbols: str) -> None:
        """A minute's Bar again, after a late trade."""
        self._subscribe("updatedBars", handler, symbols)

    def subscribe_daily_bars(self, handler: Handler, *symbols: str) -> None:
        """The Bar of the day so far, each minute."""
        self._subscribe("dailyBars", handler, symbols)

    def subscribe_orderbooks(self, handler: Handler, *symbols: str) -> None:
        """The whole Orderbook at first, `reset` in it, then what changes."""
        self._subscribe("orderbooks", handler, symbols)

    def unsubscribe_trades(self, *symbols: str) -> None:
        """No more of these; what is not subscribed is passed over."""
        self._unsubscribe("trades", symbols)

    def unsubscribe_quotes(self, *symbols: str) -> None:
        """No more of these; what is not subscribed is passed over."""
        self._unsubscribe("quotes", symbols)

    def unsubscribe_bars(self, *symbols: str) -> None:
        """No more of these; what is not subscribed is passed over."""
        self._unsubscribe("bars", symbols)

    def unsubscribe_updated_bars(self, *symbols: str) -> None:
        """No more of these; what is not subscribed is passed over."""
        self._unsubscribe("updatedBars", symbols)

    def unsubscribe_daily_bars(self, *symbols: str) -> None:
        """No more of these; what is not subscribed is passed over."""
        self._unsubscribe("dailyBars", symbols)

    def unsubscribe_orderbooks(self, *symbols: str) -> None:
        """No more of these; what is not subscribed is passed over."""
        self._unsubscribe("orderbooks", symbols)
