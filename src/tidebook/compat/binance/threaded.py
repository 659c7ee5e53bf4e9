"""The same streams and caches for programs without asyncio: callbacks, run in order by one private thread."""

import inspect
import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, Self

from tidebook.compat.binance._line import MAX_RECONNECTS, MOST, error_of
from tidebook.compat.binance.client import AsyncClient
from tidebook.compat.binance.depthcache import DepthCacheManager, FuturesDepthCacheManager, OptionsDepthCacheManager
from tidebook.compat.binance.exceptions import ReadLoopClosed
from tidebook.compat.binance.streams import BinanceSocketManager
from tidebook.errors import UsageError
from tidebook.threads.loop import LoopThread, Running

logger = logging.getLogger("tidebook.compat")
LOOK = 0.2  # s between looks at whether the program is still wanted


class Readable(Protocol):
    """A stream or a cache that is open."""

    async def recv(self) -> Any: ...


class Openable(Protocol):
    """One that is to be opened."""

    async def __aenter__(self) -> Any: ...
    async def __aexit__(self, *exc: object) -> None: ...


async def told_of(source: Readable, callback: Callable[[Any], object], name: str) -> None:
    """Call a function, plain or async, with all that comes, in order; one that raises is logged, and goes on."""
    while True:
        try:
            item = await source.recv()
        except ReadLoopClosed:
            return
        await _told(callback, item, name)


async def _told(callback: Callable[[Any], object], item: object, name: str) -> None:
    try:
        done = callback(item)
        if inspect.isawaitable(done):
            await done
    except Exception:
        logger.exception("%s: the callback failed", name)


class ThreadedApiManager:
    """See the module. `start`, then `start_…`; `stop_socket(name)` ends one, `stop` all, `join` waits for that.

    What is used before `start` or after `stop` raises UsageError at once. All of it may be called from any thread, and
    `stop` and `stop_socket` from a callback.

    As with a thread of the program's own, streams that were started go on where its last line is reached without
    `join`; where that is left by an exception, Ctrl-C for one, it ends. `daemon`, set before `start`: it ends anyhow.
    """

    daemon: bool = False

    def __init__(
        self, api_key: str | None = None, api_secret: str | None = None, requests_params: dict[str, Any] | None = None,
        tld: str = "com", testnet: bool = False, session_params: dict[str, Any] | None = None,
        https_proxy: str | None = None, loop: object = None, max_queue_size: int = MOST, *,
        max_reconnects: int | None = MAX_RECONNECTS, **more: Any,
    ) -> None:  # fmt: skip
        """In the order that python-binance has; `more` are AsyncClient's others, `loop` means nothing."""
        del loop
        self._client = AsyncClient(
            api_key, api_secret, requests_params, tld, testnet=testnet, session_params=session_params,
            https_proxy=https_proxy, **more,
        )  # fmt: skip
        self.verbose = self._client.verbose
        self._bm = BinanceSocketManager(self._client, max_queue_size=max_queue_size, max_reconnects=max_reconnects)
        self._thread = LoopThread(type(self).__name__, self._client.close_connection)
        self._running: dict[str, Running[None]] = {}
        self._interrupted = False  # in `join`, by Ctrl-C: whoever catches it wants the end as well
        self._naming = threading.RLock()  # of it

    def start(self) -> None:
        """Begin, and reach the exchange. Raises as `AsyncClient.create` does; UsageError the second time."""
        self._thread.start()
        try:
            self._thread.call(self._client.venue_at("spot"))
        except BaseException:
            self.stop()
            raise
        if not self.daemon:
            threading.Thread(target=self._stay, name=f"{type(self).__name__} stays", daemon=False).start()

    def _stay(self) -> None:
        """Keep the process, as a thread that is no daemon, while it is wanted. See the class."""
        main = threading.main_thread()
        while not self._thread.join(LOOK):
            wanted = self._running and not self._interrupted and not hasattr(sys, "last_type")
            if not main.is_alive() and not wanted:
                return

    def stop_socket(self, socket_name: str) -> None:
        """End one of them; the others go on. One that is not there is no error."""
        with self._naming:
            running = self._running.pop(socket_name, None)
        if running is not None:
            running.stop()

    def stop(self) -> None:
        """End all of them and the thread; twice is fine. From a callback it returns at once."""
        for name in tuple(self._running):
            self.stop_socket(name)
        self._thread.stop()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it was stopped, at most so many seconds; Ctrl-C is heard meanwhile."""
        try:
            self._thread.join(timeout)
        except KeyboardInterrupt:
            self._interrupted = True
            raise

    def is_alive(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread.running

    def _begin(self, source: Openable, callback: Callable[[Any], object], name: str) -> str:
        if not callable(callback):
            raise UsageError(f"callback={callback!r} is no function")
        if not self._thread.running:
            self._refuse()
        with self._naming:
            taken, number = name, 2
            while taken in self._running:
                taken, number = f"{name}#{number}", number + 1
            running = self._running[taken] = self._thread.post(self._listen(source, callback, taken))

        def ended(_: object) -> None:
            with self._naming:
                if self._running.get(taken) is running:  # else it is the name of another one by now
                    del self._running[taken]

        running.add_done_callback(ended)
        return taken

    def _refuse(self) -> None:
        """Raises UsageError: it was not started, or it was stopped."""
        try:
            self._thread.check()
        except UsageError as error:
            begun = "was stopped. Make another one" if "closed" in str(error) else "is not started. Call start() first"
            raise UsageError(f"{type(self).__name__} {begun}") from None

    async def _listen(self, source: Openable, callback: Callable[[Any], object], name: str) -> None:
        try:
            async with source as opened:
                await told_of(opened, callback, name)
        except Exception as error:
            logger.error("%s: %s", name, error)
            await _told(callback, error_of(type(error).__name__, str(error)), name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self._running)} streams>"


class ThreadedWebsocketManager(ThreadedApiManager):
    """`BinanceSocketManager` for programs without asyncio: `start_kline_socket(callback, symbol=…)` and so on.

    There is a `start_…` for each of its streams, with the same arguments after the callback; they return its name.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., str]: ...


def _starting(name: str) -> Callable[..., str]:
    def start(self: ThreadedWebsocketManager, callback: Callable[[Any], object], *args: Any, **params: Any) -> str:
        socket = getattr(self._bm, name)(*args, **params)
        return self._begin(socket, callback, socket._path)

    start.__name__ = f"start_{name}"
    start.__qualname__ = f"ThreadedWebsocketManager.start_{name}"
    start.__doc__ = f"`{name}` of BinanceSocketManager, its messages to `callback`. Returns its name."
    return start


for _name in [name for name in vars(BinanceSocketManager) if name.endswith("_socket") and not name.startswith("_")]:
    setattr(ThreadedWebsocketManager, f"start_{_name}", _starting(_name))


class ThreadedDepthCacheManager(ThreadedApiManager):
    """Depth caches for programs without asyncio. See `DepthCacheManager`."""

    def start_depth_cache(
        self, callback: Callable[[Any], object], symbol: str, refresh_interval: float | None = 1800,
        bm: BinanceSocketManager | None = None, limit: int = 10, conv_type: Callable[[str], Any] = float,
        ws_interval: int | None = 0,
    ) -> str:  # fmt: skip
        """Keep a book, and call back with it after each change. Returns its name."""
        return self._start(
            DepthCacheManager, callback, symbol, refresh_interval, bm, limit, conv_type, ws_interval=ws_interval
        )

    def start_futures_depth_socket(
        self, callback: Callable[[Any], object], symbol: str, refresh_interval: float | None = 1800,
        bm: BinanceSocketManager | None = None, limit: int = 10, conv_type: Callable[[str], Any] = float,
    ) -> str:  # fmt: skip
        """The same of USD-M futures."""
        return self._start(FuturesDepthCacheManager, callback, symbol, refresh_interval, bm, limit, conv_type)

    def start_options_depth_socket(
        self, callback: Callable[[Any], object], symbol: str, refresh_interval: float | None = 1800,
        bm: BinanceSocketManager | None = None, limit: int = 10, conv_type: Callable[[str], Any] = float,
    ) -> str:  # fmt: skip
        """The same of options."""
        return self._start(OptionsDepthCacheManager, callback, symbol, refresh_interval, bm, limit, conv_type)

    start_options_depth_cache = start_options_depth_socket  # as python-binance's README has it

    def _start(
        self, kind: type[DepthCacheManager], callback: Callable[[Any], object], symbol: str, every: float | None,
        bm: BinanceSocketManager | None, limit: int, conv_type: Callable[[str], Any], **more: Any,
    ) -> str:  # fmt: skip
        shared = bm or self._bm
        source = kind(self._client, symbol, None, every, shared, limit, conv_type, **more)
        return self._begin(source, callback, f"{symbol.lower()}@depth{limit}")
