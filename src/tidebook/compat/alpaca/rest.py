"""Questions over REST, asked in a thread of their own: whoever waits for an answer keeps no loop of sockets."""

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import aclosing, suppress
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from tidebook.client.ahead import Ahead, Stretch
from tidebook.client.market import Market
from tidebook.client.raw import RawReply
from tidebook.compat.alpaca.common.exceptions import APIError, ConnectionFailed, api_error
from tidebook.compat.alpaca.link import Link
from tidebook.compat.alpaca.ranges import PAGE, Page, Range, Rows, symbols_of
from tidebook.errors import RateLimited, TidebookError
from tidebook.io.clock import now
from tidebook.threads.loop import LoopThread

T = TypeVar("T")
BASE: Final = "https://data.alpaca.markets/v1beta3/crypto"
TRIES: Final = 3  # after "too many requests", as alpaca-py
PATIENCE: Final = 60.0  # the longest pause before such a try, in seconds
STOPPING: Final = 1.0
_exact: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_plain: Final = msgspec.json.Decoder(dict[str, Any])


class Rest:
    """One market, opened when something is first asked, in a thread that begins then. `close` ends both."""

    def __init__(self, link: Link, *, raw: bool) -> None:
        self._link = link
        self._decode = (_plain if raw else _exact).decode
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._closed = False
        self._market: Market | None = None
        self._opening = asyncio.Lock()

    def begin(self, work: Callable[[Market], Coroutine[Any, Any, T]]) -> "Future[T]":
        """Have it done with the market, in the thread. Its errors are APIErrors. Raises ValueError after `close`."""
        with self._lock:
            if self._closed:
                raise ValueError("this client is closed. Make another one")
            if self._thread is None:
                self._thread = LoopThread("alpaca history", self._close_market)
                self._thread.start()
                atexit.register(self.close)  # programs for alpaca-py close nothing
            thread = self._thread
        asked: Future[T] = Future()
        posted = thread.post(self._answer(work, asked))

        def gone(_: object) -> None:
            if asked.cancelled():
                posted.stop()

        def ended(_: object) -> None:
            if not asked.done() and asked.set_running_or_notify_cancel():
                asked.set_exception(ConnectionFailed("this client was closed meanwhile"))

        asked.add_done_callback(gone)
        posted.add_done_callback(ended)
        return asked

    def close(self, timeout: float = STOPPING) -> None:
        """End the thread and what it has open; waits for that, at most `timeout` seconds."""
        with self._lock:
            self._closed = True
            thread = self._thread
        atexit.unregister(self.close)
        if thread is not None:
            thread.stop(timeout)

    async def _answer(self, work: Callable[[Market], Coroutine[Any, Any, T]], asked: "Future[T]") -> None:
        """The errors are whoever asked's, and nobody else's."""
        try:
            found = await self._do(work)
        except Exception as error:
            if asked.set_running_or_notify_cancel():
                asked.set_exception(error)
            return
        if asked.set_running_or_notify_cancel():
            asked.set_result(found)

    async def _do(self, work: Callable[[Market], Coroutine[Any, Any, T]]) -> T:
        try:
            async with self._opening:
                if self._market is None:
                    self._market = await self._link.open()
            return await work(self._market)
        except TidebookError as error:
            raise api_error(error) from error

    async def _close_market(self) -> None:
        if self._market is not None:
            await self._market.close()

    # Asking -----------------------------------------------------------------------

    async def latest(self, market: Market, path: str, params: Rows, name: str) -> Rows:
        """What is under `name` in the answer, by symbol. Raises APIError for an answer without it."""
        found: Rows = self._member(await self._get(market, path, params), name)
        return found

    async def rows(self, market: Market, path: str, params: Rows, name: str, cut: Range | None) -> dict[str, list[Any]]:
        """The rows of all pages, by symbol: page after page, as many as are wanted, or some at once of a range."""
        found: dict[str, list[Any]] = {}
        left: int | None = params.get("limit")
        asked, seen = dict(params), set[str]()
        while True:
            asked["limit"] = PAGE if left is None else min(left, PAGE)
            page = await self._page(market, path, asked, name)
            if page.token is not None and cut is not None and page.rows.keys() <= {*symbols_of(params)}:
                return await self._ahead(market, path, params, name, cut, page.rows)
            for symbol, rows in page.rows.items():
                found.setdefault(symbol, []).extend(rows)
            left = None if left is None else left - sum(map(len, page.rows.values()))
            if page.token is None or (left is not None and left <= 0):
                return found
            if page.token in seen:
                raise APIError(f"the pages of {name} lead in a circle")
            seen.add(page.token)
            asked["page_token"] = page.token

    async def _ahead(
        self, market: Market, path: str, params: Rows, name: str, cut: Range, first: dict[str, list[Any]]
    ) -> dict[str, list[Any]]:
        """All rows of a range of which the `first` page is there, some pages at once; symbol after symbol."""
        start_ns, end_ns = cut.start_ns, cut.end_ns
        pages = cut.pages(market, partial(self._answered, market, path, name), params, name)
        begun = {symbol: one.begin(first.get(symbol, []), start_ns) for symbol, one in pages.items()}
        found = {symbol: [*rows] for symbol, (rows, _) in begun.items()}
        open_ended = [symbol for symbol in pages if end_ns is None or begun[symbol][1] < end_ns]
        ahead = Ahead([Stretch(pages[symbol], begun[symbol][1], end_ns) for symbol in open_ended])
        async with aclosing(ahead.parts()) as parts:
            async for place, _, rows in parts:
                found[open_ended[place]] += rows
        return {symbol: rows for symbol, rows in found.items() if rows}

    async def _answered(self, market: Market, path: str, name: str, params: Rows) -> Page:
        """A page of several at once; it is tried again as one by itself is, and no more than that."""
        try:
            return await self._page(market, path, params, name)
        except TidebookError as error:
            raise api_error(error) from error

    async def _page(self, market: Market, path: str, params: Rows, name: str) -> Page:
        """One page. Raises APIError for an answer that is none."""
        answer = await self._get(market, path, params)
        return Page(self._member(answer, name) or {}, answer.get("next_page_token"))

    async def _get(self, market: Market, path: str, params: Rows) -> Rows:
        reply = await self._patiently(market, path, params)
        try:
            return self._decode(reply.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise APIError(f"{path}: an answer that is no JSON object: {error}") from None

    async def _patiently(self, market: Market, path: str, params: Rows) -> RawReply:
        """Asked again when Alpaca says that it may be: after too many requests, and no later than that is worth it."""
        for left in reversed(range(TRIES + 1)):
            try:
                return await market.get(f"{BASE}/{path}", params)
            except RateLimited as error:
                pause = ((error.retry_at or 0) - now().wall_ns) / 1e9
                if not left or pause > PATIENCE:
                    raise
                await asyncio.sleep(max(pause, 0.0))
        raise AssertionError

    @staticmethod
    def _member(answer: Rows, name: str) -> Any:
        with suppress(KeyError):
            return answer[name]
        raise APIError(f"an answer without {name!r}")
