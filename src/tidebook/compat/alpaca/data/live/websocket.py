"""A stream of market data with handlers, as alpaca-py has it."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from tidebook.compat.alpaca.data.live.receiver import Message, Receiver
from tidebook.compat.alpaca.data.models import Bar, Orderbook, Quote, Trade
from tidebook.compat.alpaca.link import link_of
from tidebook.compat.alpaca.turns import Inbox

Handler = Callable[[Any], Awaitable[None]]
STOP: Final = 1.0  # seconds that `stop` waits at most
_LISTS: Final = {
    "t": "trades", "q": "quotes", "o": "orderbooks", "b": "bars", "u": "updatedBars", "d": "dailyBars",
}  # fmt: skip
_KINDS: Final[dict[str, Callable[[str, Message], Any]]] = {
    "t": Trade, "q": Quote, "o": Orderbook, "b": Bar, "u": Bar, "d": Bar,
}  # fmt: skip
log = logging.getLogger("tidebook.compat.alpaca")


class DataStream:
    """Handlers by channel and symbol, and the one connection that they share.

    Its connection is in a thread of its own. Handlers are run in the loop of `run_async`, one message after the other;
    while a plain call of CryptoHistoricalDataClient keeps that loop, by that call. A handler that raises is logged,
    and the next message follows. It reconnects for ever, with pauses. 10,000 messages may wait for handlers; then the
    oldest of them are lost, as Alpaca itself loses some for a slow client. That is logged as an error, once when it
    begins and with the exact count when it is over, and counted by `lost`.
    """

    def __init__(
        self, api_key: str, secret_key: str, raw_data: bool = False, websocket_params: dict[str, Any] | None = None,
        url_override: str | None = None, data_timeout: float | None = None,
    ) -> None:  # fmt: skip
        """`websocket_params` are those of another library: passed over.

        Raises ValueError without a whole key, and for a `data_timeout` that is none.
        """
        del websocket_params
        if data_timeout is not None and not data_timeout > 0:
            raise ValueError("data_timeout must be a positive number of seconds")
        self._mute = data_timeout
        self._link = link_of(api_key, secret_key, url_override)
        if self._link.keys is None:
            raise ValueError("a stream needs api_key and secret_key")
        self._is_raw = raw_data
        self._handlers: dict[str, dict[str, Handler]] = {name: {} for name in _LISTS.values()}
        self._lock = threading.RLock()  # of what is below, which other threads change
        self._receiver: Receiver | None = None
        self._inbox: Inbox[Message] | None = None
        self._over = threading.Event()  # no `run_async` is under way
        self._over.set()
        self._is_stopping = False
        self._has_run = False
        self._lost = 0  # when it last ended

    @property
    def lost(self) -> int:
        """How many messages there was no room for, since it was last begun."""
        return self._lost if self._inbox is None else self._inbox.lost

    # Subscribing --------------------------------------------------------------------

    def _subscribe(self, channel: str, handler: Handler, symbols: tuple[str, ...]) -> None:
        called: object = getattr(type(handler), "__call__", None)  # noqa: B004 - what it is matters, not whether
        if not (inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)):
            raise ValueError("handler must be a coroutine function")
        given: tuple[object, ...] = symbols
        if not given or not all(isinstance(one, str) and one for one in given):
            raise ValueError(f"{symbols!r}: symbols are texts like 'BTC/USD', one argument each, or '*' for all")
        with self._lock:
            handlers = self._handlers[channel]
            fresh = [symbol for symbol in dict.fromkeys(symbols) if symbol not in handlers]
            handlers.update(dict.fromkeys(symbols, handler))
            self._change([f"{channel} {symbol}" for symbol in fresh], [])

    def _unsubscribe(self, channel: str, symbols: tuple[str, ...]) -> None:
        with self._lock:
            gone = [symbol for symbol in symbols if self._handlers[channel].pop(symbol, None) is not None]
            self._change([], [f"{channel} {symbol}" for symbol in gone])

    def _change(self, add: list[str], remove: list[str]) -> None:
        if self._receiver is not None:
            self._receiver.change(add, remove)
        elif self._inbox is not None and add:
            self._begin(self._inbox)

    def _topics(self) -> list[str]:
        return [f"{channel} {symbol}" for channel, handlers in self._handlers.items() for symbol in handlers]

    # Running ------------------------------------------------------------------------

    async def run_async(self) -> None:
        """Connect, and hand messages over until `stop`; nothing is opened before something is subscribed.

        Raises LoginRefused, a ValueError, for a key that is refused, at first or when it is opened anew, and
        RuntimeError where it runs already. Cancelled, it is closed before that is passed on.
        """
        with self._lock:
            if self._inbox is not None:
                raise RuntimeError("this stream runs already")
            self._has_run = True
            inbox = self._inbox = Inbox(self._handle)
            self._over.clear()
            if self._is_stopping:
                inbox.end()
            elif self._topics():
                self._begin(inbox)
        try:
            await inbox.run()
        finally:
            try:
                if self._receiver is not None:
                    await self._receiver.close()
            finally:
                with self._lock:
                    self._lost = inbox.lost
                    self._receiver = self._inbox = None
                    self._is_stopping = False
                self._over.set()
                inbox.close()

    def _begin(self, inbox: Inbox[Message]) -> None:
        self._receiver = Receiver(self._link, self._topics(), inbox.put, inbox.end, raw=self._is_raw, mute=self._mute)
        self._receiver.start()

    async def _run_forever(self) -> None:
        """What `run_async` does, by the name under which programs for alpaca-py know it."""
        await self.run_async()

    def run(self) -> None:
        """The same in a loop of its own, until `stop` or Ctrl-C. Raises RuntimeError inside of a loop."""
        try:
            asyncio.run(self.run_async())
        except KeyboardInterrupt:
            print("keyboard interrupt, bye")  # noqa: T201 - as alpaca-py says it

    def stop(self) -> None:
        """Have it stopped; from any thread. Waits until it has, a second at most, but for inside of its own loop.

        Before it has ever run, it is remembered: `run` returns at once.
        """
        if self._stop():
            self._over.wait(STOP)

    async def stop_ws(self) -> None:
        """Have it stopped; returns at once."""
        self._stop()

    async def close(self) -> None:
        """Stop it and wait until it has, a second at most; from inside of a handler it returns at once."""
        inbox = self._inbox
        if self._stop():
            await asyncio.to_thread(self._over.wait, STOP)
        elif inbox is not None and not inbox.is_inside:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP):
                    await inbox.over.wait()

    def _stop(self) -> bool:
        """Whether it is under way in another loop than the one here, and can be waited for."""
        with self._lock:
            inbox = self._inbox
            self._is_stopping = inbox is not None or not self._has_run
        if inbox is None:
            return False
        inbox.end()
        return not inbox.is_here

    # Handing over -------------------------------------------------------------------

    async def _handle(self, message: Message) -> None:
        """One message to its handler: that of its symbol, else that of ``*``."""
        kind = str(message.get("T"))
        if kind == "error":
            log.error("error: %s (%s)", message.get("msg"), message.get("code"))
            return
        handlers, symbol = self._handlers.get(_LISTS.get(kind, ""), {}), str(message.get("S"))
        handler = handlers.get(symbol) or handlers.get("*")
        if handler is None:
            return
        try:
            await handler(message if self._is_raw else _KINDS[kind](symbol, message))
        except Exception:
            log.exception("error in the handler of %s %s", _LISTS[kind], symbol)
