"""`BinanceSocketManager`: streams as async context managers with `recv`. Each is a connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tidebook.client.place import VenueAt
from tidebook.compat.binance._line import MAX_RECONNECTS, MOST, Reconnects, Waiting, gave_up
from tidebook.compat.binance._token import Kept
from tidebook.compat.binance.client import AsyncClient
from tidebook.compat.binance.enums import (
    WEBSOCKET_DEPTH_5,
    WEBSOCKET_DEPTH_10,
    WEBSOCKET_DEPTH_20,
    ContractType,
    FuturesType,
)
from tidebook.compat.binance.exceptions import BinanceUnableToConnect, NotImplementedException, in_their_words
from tidebook.compat.split import is_public
from tidebook.core.clock import Now
from tidebook.core.endpoint import Endpoint
from tidebook.core.line import Line
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.stream import Flow
from tidebook.errors import TidebookError
from tidebook.model.credentials import Secret

_names = count(1)


class ReconnectingWebsocket:
    """Messages of one connection: `async with … as stream`, then `await stream.recv()` or `async for`.

    Each message in order, as the exchange's JSON says it. A lost connection is opened again; that is told among the
    messages (``{'e': 'error', 'type': 'BinanceWebsocketClosed', …}``). After `max_reconnects` attempts that failed one
    after the other it is told of ``BinanceUnableToConnect``, then None comes once; with None it never gives up. At
    `max_queue_size` unread messages those that follow are counted, and ``BinanceWebsocketQueueOverflow`` says how many
    (``lost``) where they are missing.
    """

    def __init__(
        self, client: AsyncClient, market: str, path: str, prefix: str = "ws/", base: str = "", *,
        max_reconnects: int | None = MAX_RECONNECTS, max_queue_size: int = MOST,
    ) -> None:  # fmt: skip
        self._client = client
        self._market = market
        self._path = path
        self._url = f"{base}{prefix}{path}"
        self._most = max_reconnects
        self._waiting = Waiting(max_queue_size)
        self._settled = asyncio.Event()
        self._leave: Callable[[], None] | None = None
        self._reconnects: Reconnects | None = None
        self._raw: Raw | None = None
        self._one: VenueAt | None = None
        self._was_open = self._closed = False

    async def _plan(self, one: VenueAt) -> RawPlan:
        endpoint = next(end for end in one.declared.endpoints)
        host = endpoint.url.split("/", 3)[2]
        return RawPlan(one.declared.name, f"compat {next(_names)}", endpoint, url=f"wss://{host}/{self._url}")

    async def _token(self, one: VenueAt) -> Secret | None:
        """The end of the URL, where that is a secret."""
        del one
        return None

    async def connect(self) -> None:
        """Open it. Raises BinanceUnableToConnect where that fails for the client's timeout, or by its refusal."""
        market = await self._client.market(self._market)
        self._one = one = await self._client.venue_at(self._market)
        try:
            plan = await self._plan(one)
            self._reconnects = Reconnects(market, self._line, self._most, self._give_up, self._waiting.tell)
            token = await self._token(one)
            self._raw, self._leave = one.open_raw(plan, self._take, self._changed, token)
        except TidebookError as error:
            self._quit()
            raise in_their_words(error) from error
        try:
            async with asyncio.timeout(self._client._timeout):
                await self._settled.wait()
        except TimeoutError:
            await self.close()
            raise BinanceUnableToConnect(f"{self._path}: no connection") from None
        except BaseException:
            await self.close()
            raise
        if not self._was_open:
            why = self._raw.error
            await self.close()
            raise BinanceUnableToConnect(f"{self._path}: {why or 'no connection'}") from why

    def _line(self) -> Line | None:
        lines = [] if self._one is None else self._one.desk.lines
        return next((line for line in lines if line.raw is not None and line.raw is self._raw), None)

    def _take(self, frame: bytes, now: Now) -> None:
        self._waiting.put(frame)

    def _changed(self, raw: Raw) -> None:
        self._raw = raw
        if self._reconnects is None:
            return
        if raw.flow is Flow.OPEN:
            self._was_open = True
            self._reconnects.over()
            self._settled.set()
        elif raw.flow is Flow.INTERRUPTED:
            self._reconnects.lost(self._was_open)
        elif raw.flow is Flow.FAILED:
            self._give_up()

    def _give_up(self) -> None:
        self._settled.set()
        self._waiting.tell(gave_up(self._most), None)
        self._waiting.end()
        self._quit()

    def _quit(self) -> None:
        if self._reconnects is not None:
            self._reconnects.over()
        if self._leave is not None:
            leave, self._leave = self._leave, None
            leave()

    async def recv(self) -> Any:
        """The next message. Raises ReadLoopClosed after the end; cancelled, it has taken nothing."""
        item = await self._waiting.get()
        return self._read(msgspec.json.decode(item)) if isinstance(item, bytes) else item

    def _read(self, message: Any) -> Any:
        return message

    async def __aiter__(self) -> AsyncIterator[Any]:
        while not self._closed:
            item = await self.recv()
            if item is None:
                return
            yield item

    async def close(self) -> None:
        """Close it at once; twice is fine."""
        self._closed = True
        self._waiting.end()
        self._quit()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class KeepAliveWebsocket(ReconnectingWebsocket):
    """The events of an account, as the exchange says them; the key is the client's. Logged in again after a loss."""

    async def _plan(self, one: VenueAt) -> RawPlan:
        stream = one.declared.account
        if stream is None:
            raise NotImplementedException(f"user streams of {one.declared.name}")
        endpoint: Endpoint = stream.endpoint
        return RawPlan(one.declared.name, f"compat {next(_names)}", endpoint, stream.topics)

    _kept: Kept | None = None
    _keeping: asyncio.Task[None] | None = None

    async def _token(self, one: VenueAt) -> Secret | None:
        token = None if one.declared.account is None else one.declared.account.token
        if token is None:
            return None
        self._kept = Kept(one, token, lambda: self._raw)
        found = await self._kept.ask()
        self._keeping = asyncio.create_task(self._kept.keep())
        return found

    def _changed(self, raw: Raw) -> None:
        super()._changed(raw)
        if raw.flow is Flow.INTERRUPTED and self._kept is not None:
            self._kept.lost()

    def _quit(self) -> None:
        super()._quit()
        if self._keeping is not None:
            self._keeping.cancel()

    def _read(self, message: Any) -> Any:
        return message.get("event", message) if isinstance(message, dict) else message


class BinanceSocketManager:
    """Makes streams of a client: ``async with BinanceSocketManager(client).kline_socket('BNBBTC') as stream``.

    Names and arguments are python-binance's; `max_queue_size` and `max_reconnects` hold for each stream.
    """

    WEBSOCKET_DEPTH_5 = WEBSOCKET_DEPTH_5
    WEBSOCKET_DEPTH_10 = WEBSOCKET_DEPTH_10
    WEBSOCKET_DEPTH_20 = WEBSOCKET_DEPTH_20

    def __init__(
        self, client: AsyncClient, user_timeout: float = 300, max_queue_size: int = MOST, verbose: bool = False, *,
        max_reconnects: int | None = MAX_RECONNECTS,
    ) -> None:  # fmt: skip
        """`user_timeout` is taken, and means nothing: tokens are kept alive as they must be."""
        del user_timeout
        self.verbose = verbose
        self._client = client
        self._most = max_queue_size
        self.max_reconnects = max_reconnects

    def _socket(self, market: str, path: str, prefix: str = "ws/", base: str = "") -> ReconnectingWebsocket:
        return ReconnectingWebsocket(
            self._client, market, path, prefix, base, max_reconnects=self.max_reconnects, max_queue_size=self._most
        )

    def _futures(
        self, path: str, kind: FuturesType, base: str, prefix: str = "stream?streams="
    ) -> ReconnectingWebsocket:
        if kind is FuturesType.COIN_M:
            return self._socket("coinm", path, prefix)
        return self._socket("usdm", path, prefix, f"{base}/")

    # Spot ---------------------------------------------------------------------

    def depth_socket(self, symbol: str, depth: str | None = None, interval: int | None = None) -> ReconnectingWebsocket:
        """Changes of a book, or its best `depth` (5, 10, 20) whole; `interval` 100 (ms), else once a second."""
        if interval not in (None, 0, 100):
            raise ValueError("Websocket interval value not allowed. Allowed values are [0, 100]")
        levels = "" if depth in (None, "", "1", 1) else depth
        return self._socket("spot", f"{symbol.lower()}@depth{levels}{'@100ms' if interval else ''}")

    def kline_socket(self, symbol: str, interval: str = "1m") -> ReconnectingWebsocket:
        return self._socket("spot", f"{symbol.lower()}@kline_{interval}")

    def miniticker_socket(self, update_time: int = 1000) -> ReconnectingWebsocket:
        return self._socket("spot", f"!miniTicker@arr@{update_time}ms")

    def trade_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("spot", f"{symbol.lower()}@trade")

    def aggtrade_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("spot", f"{symbol.lower()}@aggTrade")

    def symbol_miniticker_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("spot", f"{symbol.lower()}@miniTicker")

    def symbol_ticker_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("spot", f"{symbol.lower()}@ticker")

    def ticker_socket(self) -> ReconnectingWebsocket:
        return self._socket("spot", "!ticker@arr")

    def symbol_book_ticker_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("spot", f"{symbol.lower()}@bookTicker")

    def book_ticker_socket(self) -> ReconnectingWebsocket:
        return self._socket("spot", "!bookTicker")

    def multiplex_socket(self, streams: list[str]) -> ReconnectingWebsocket:
        """Several streams on one connection: messages are ``{'stream': …, 'data': …}``."""
        return self._socket("spot", f"streams={'/'.join(streams)}", "stream?")

    # Futures ------------------------------------------------------------------

    def kline_futures_socket(
        self, symbol: str, interval: str = "1m", futures_type: FuturesType = FuturesType.USD_M,
        contract_type: ContractType = ContractType.PERPETUAL,
    ) -> ReconnectingWebsocket:  # fmt: skip
        path = f"{symbol.lower()}_{contract_type.value}@continuousKline_{interval}"
        return self._futures(path, futures_type, "market", "ws/")

    def aggtrade_futures_socket(
        self, symbol: str, futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(f"{symbol.lower()}@aggTrade", futures_type, "market")

    def futures_ticker_socket(self) -> ReconnectingWebsocket:
        return self._futures("!ticker@arr", FuturesType.USD_M, "market")

    def futures_coin_ticker_socket(self) -> ReconnectingWebsocket:
        return self._futures("!ticker@arr", FuturesType.COIN_M, "market")

    def index_price_socket(self, symbol: str, fast: bool = True) -> ReconnectingWebsocket:
        return self._futures(f"{symbol.lower()}@indexPrice{'@1s' if fast else ''}", FuturesType.COIN_M, "market")

    def symbol_mark_price_socket(
        self, symbol: str, fast: bool = True, futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(f"{symbol.lower()}@markPrice{'@1s' if fast else ''}", futures_type, "market")

    def all_mark_price_socket(
        self, fast: bool = True, futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(f"!markPrice@arr{'@1s' if fast else ''}", futures_type, "market")

    def symbol_ticker_futures_socket(
        self, symbol: str, futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(f"{symbol.lower()}@bookTicker", futures_type, "public")

    def individual_symbol_ticker_futures_socket(
        self, symbol: str, futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(f"{symbol.lower()}@ticker", futures_type, "market")

    def all_ticker_futures_socket(
        self, channel: str = "!bookTicker", futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(channel, futures_type, "public" if "bookTicker" in channel else "market")

    def futures_depth_socket(
        self, symbol: str, depth: str = "10", futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(f"{symbol.lower()}@depth{depth}", futures_type, "public")

    def futures_rpi_depth_socket(
        self, symbol: str, futures_type: FuturesType = FuturesType.USD_M
    ) -> ReconnectingWebsocket:
        return self._futures(f"{symbol.lower()}@rpiDepth@500ms", futures_type, "public")

    def futures_multiplex_socket(
        self, streams: list[str], futures_type: FuturesType = FuturesType.USD_M, category: str = ""
    ) -> ReconnectingWebsocket:
        """As `multiplex_socket`. `category` of USD-M is ``public`` or ``market``; if you say nothing, where they are.

        Raises ValueError where they are at both: one connection would be silent about half of them.
        """
        if futures_type is FuturesType.USD_M and not category:
            public = [one for one in streams if is_public(one)]
            if public and len(public) < len(streams):
                raise ValueError(
                    f"open a socket of its own for {', '.join(public)}: they are at /public, the others not"
                )
            category = "public" if public else "market"
        return self._futures(f"streams={'/'.join(streams)}", futures_type, category, "stream?")

    # Options ------------------------------------------------------------------

    def options_ticker_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@optionTicker", base="public/")

    def options_ticker_by_expiration_socket(self, symbol: str, expiration_date: str) -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@optionTicker@{expiration_date}", base="public/")

    def options_recent_trades_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@optionTrade", base="public/")

    def options_kline_socket(self, symbol: str, interval: str = "1m") -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@kline_{interval}", base="market/")

    def options_depth_socket(self, symbol: str, depth: str = "10", speed: str = "500ms") -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@depth{depth}@{speed}", base="public/")

    def options_book_ticker_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@bookTicker", base="public/")

    def options_new_symbol_socket(self) -> ReconnectingWebsocket:
        return self._socket("options", "!optionSymbol", base="market/")

    def options_open_interest_socket(self, symbol: str, expiration_date: str) -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@optionOpenInterest@{expiration_date}", base="market/")

    def options_mark_price_socket(self, symbol: str) -> ReconnectingWebsocket:
        return self._socket("options", f"{symbol.lower()}@optionMarkPrice", base="market/")

    def options_index_price_socket(self) -> ReconnectingWebsocket:
        return self._socket("options", "!index@arr", base="market/")

    def options_multiplex_socket(self, streams: list[str]) -> ReconnectingWebsocket:
        return self._socket("options", f"streams={'/'.join(streams)}", "stream?", "market/")

    # Accounts -----------------------------------------------------------------

    def user_socket(self) -> ReconnectingWebsocket:
        """Events of the spot account. Raises, when opened, BinanceRequestException without a key."""
        return self._account("spot")

    def futures_user_socket(self) -> ReconnectingWebsocket:
        """Events of the USD-M futures account. Raises as `user_socket`."""
        return self._account("usdm")

    def _account(self, market: str) -> ReconnectingWebsocket:
        return KeepAliveWebsocket(
            self._client, market, "user", max_reconnects=self.max_reconnects, max_queue_size=self._most
        )

    futures_socket = futures_user_socket

    def coin_futures_user_socket(self) -> ReconnectingWebsocket:
        """Not here, as are the next four. Raises NotImplementedException: silence would look like a quiet account."""
        public = "what is public of them is here: futures_type=FuturesType.COIN_M"
        raise _no_account(f"COIN-M futures ({public})")

    coin_futures_socket = coin_futures_user_socket

    def margin_socket(self) -> ReconnectingWebsocket:
        raise _no_account("margin trading")

    def isolated_margin_socket(self, symbol: str) -> ReconnectingWebsocket:
        raise _no_account(f"isolated margin trading, {symbol}")

    def portfolio_margin_socket(self) -> ReconnectingWebsocket:
        raise _no_account("portfolio margin")

    def __repr__(self) -> str:
        return f"<BinanceSocketManager of {self._client!r}>"


def _no_account(of: str) -> NotImplementedException:
    """What is there instead is said."""
    return NotImplementedException(
        f"the account stream of {of}. There are user_socket of spot and futures_user_socket of USD-M futures"
    )


if TYPE_CHECKING:
    from tidebook.compat.binance.threaded import ThreadedWebsocketManager as ThreadedWebsocketManager  # noqa: PLC0414
else:

    def __getattr__(name: str) -> type:
        """`ThreadedWebsocketManager`, which older programs look for here; it is made of what this module has."""
        if name != "ThreadedWebsocketManager":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from tidebook.compat.binance import threaded

        return threaded.ThreadedWebsocketManager
