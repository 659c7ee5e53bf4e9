"""`AsyncClient` and `Client`: python-binance's REST methods over our client.

Whether a request is signed, by which key, and by whose clock, is the venue's declaration's to say, not a method's.
"""

import asyncio
import atexit
import inspect
import logging
import warnings
import weakref
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Final, Self, TypeVar, get_type_hints
from urllib.parse import urlsplit

import msgspec

from tidebook.client.market import Market, connect
from tidebook.client.place import VenueAt
from tidebook.client.raw import answered, is_signed, request_of
from tidebook.compat.binance import enums
from tidebook.compat.binance._history import History, Walk
from tidebook.compat.binance._listen_keys import ListenKeys
from tidebook.compat.binance._messages import sealed
from tidebook.compat.binance._orders import Orders
from tidebook.compat.binance._table import Method, messages, methods
from tidebook.compat.binance.exceptions import (
    BinanceRegionException,
    BinanceRequestException,
    NotImplementedException,
    Response,
    in_their_words,
)
from tidebook.compat.binance.helpers import written
from tidebook.core.effects import Request, Seal
from tidebook.core.options import Options
from tidebook.errors import TidebookError, VenueError
from tidebook.model.credentials import NO_KEY, Credentials
from tidebook.model.place import At, parse
from tidebook.threads.loop import LoopThread

_EXCHANGES: Final = {"com": "binance", "us": "binance_us"}
_PORTFOLIO: Final = "papi.binance.com"
T = TypeVar("T")


class AsyncClient(Orders, History, ListenKeys):
    """Binance by python-binance's names. `client = await AsyncClient.create()`; then `await client.get_…(…)`.

    Methods take the exchange's own parameters by keyword and return its JSON; numbers with a point are floats there,
    texts stay texts. They raise BinanceAPIException for what the exchange refuses, BinanceRequestException where there
    is no answer. Floats are sent with all their digits and no exponent; no identifiers of any broker are added.

    Cancelled, a request may have been sent. Not closed, it is closed when it is collected, with one ResourceWarning.
    """

    OPTIONS: Options = Options()
    """Bounds and times of all that it opens; a subclass may have others."""

    REQUEST_TIMEOUT: float = 10

    def __init__(
        self, api_key: str | None = None, api_secret: str | None = None, requests_params: dict[str, Any] | None = None,
        tld: str = "com", base_endpoint: str = "", testnet: bool = False, demo: bool = False,
        loop: asyncio.AbstractEventLoop | None = None, session_params: dict[str, Any] | None = None,
        private_key: str | Path | None = None, private_key_pass: str | None = None, https_proxy: str | None = None,
        time_unit: str | None = None, verbose: bool = False,
    ) -> None:  # fmt: skip
        """Nothing is opened yet. `loop`, `base_endpoint` and `session_params` are taken, and mean nothing.

        `requests_params` may hold `timeout`, in seconds. With `verbose` what is asked is logged, without its
        parameters, and the `logger` of all clients is set to DEBUG for that. Raises BinanceRegionException for a `tld`
        that is neither ``com`` nor ``us``, NotImplementedException for a `time_unit`.
        """
        del loop, base_endpoint, session_params
        if tld not in _EXCHANGES:
            raise BinanceRegionException("com or .us", tld, "this client")
        if time_unit not in (None, "MILLISECOND"):
            raise NotImplementedException(f"time_unit={time_unit!r}: times are milliseconds")
        self.verbose = verbose
        self.logger = logging.getLogger("tidebook.compat.binance")
        if verbose:
            self.logger.setLevel(logging.DEBUG)
        self.tld = tld
        self.testnet = testnet
        self.demo = demo
        self.https_proxy = https_proxy
        self.timestamp_offset = 0
        self.response: Response | None = None
        self._timeout = float((requests_params or {}).get("timeout") or self.REQUEST_TIMEOUT)
        self._keys = _keys(self._place, api_key, api_secret, private_key, private_key_pass)
        self._markets: dict[str, Market] = {}
        self._opening = asyncio.Lock()
        self._closed = False
        self._dropped = weakref.finalize(self, _dropped, self._markets)
        self._dropped.atexit = False

    @classmethod
    async def create(cls, *args: Any, **kwargs: Any) -> Self:
        """A client that has reached the exchange and knows its clock; the arguments are the constructor's.

        Raises BinanceAPIException or BinanceRequestException where it cannot be reached; nothing is left open then.
        """
        self = cls(*args, **kwargs)
        try:
            one = await self.venue_at("spot")
        except BaseException:
            await self.close_connection()
            raise
        self.timestamp_offset = (one.clock.offset_ns or 0) // 1_000_000
        return self

    @property
    def _place(self) -> str:
        environment = ":testnet" if self.testnet else ":demo" if self.demo else ""
        return f"{_EXCHANGES[self.tld]}{environment}"

    async def market(self, market: str, *, by_message: bool = False) -> Market:
        """Our own market of ``spot``, ``usdm``, ``coinm`` or ``options``, opened when it is first wanted.

        Requests go over the one of `by_message` by message, where they can.
        """
        if self._closed:
            raise BinanceRequestException("the client is closed. Make another one")
        called = f"{market}, by message" if by_message else market
        async with self._opening:
            if called not in self._markets:
                exchange, _, environment = self._place.partition(":")
                place = f"{exchange}.{market}" + (f":{environment}" if environment else "")
                try:
                    self._markets[called] = await connect(
                        self._at(place), keys=self._keys, timeout=self._timeout, options=self.OPTIONS,
                        orders="websocket" if by_message else "rest",
                    )  # fmt: skip
                except TidebookError as error:
                    raise in_their_words(error) from error
            return self._markets[called]

    def _at(self, place: str) -> At:
        return replace(parse(place), proxy=self.https_proxy)

    async def venue_at(self, market: str) -> VenueAt:
        """What our client does with that venue."""
        return await (await self.market(market))._place(None)

    async def close_connection(self) -> None:
        """Close all that was opened out of it, within half a second; twice is fine."""
        self._closed = True
        self._dropped.detach()
        markets, self._markets = self._markets, {}
        await asyncio.gather(*(market.close() for market in markets.values()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close_connection()

    # Asking -------------------------------------------------------------------

    async def request(self, method: Method, params: Mapping[str, Any]) -> Any:
        """Ask an endpoint. See the class for what is raised."""
        given = {name: written(value) for name, value in params.items() if name not in ("requests_params", "version")}
        path = method.path
        if "version" in params:
            path = _versioned(path, params["version"])
        one = await self.venue_at(method.market)
        host = _PORTFOLIO if path.startswith("/papi/") else urlsplit(one.declared.rest).netloc
        try:
            request = request_of(one.declared, f"https://{host}{path}", given, method.verb)
            return await self._answer(one, request)
        except TidebookError as error:
            raise in_their_words(error) from error

    async def say(self, method: Method, params: Mapping[str, Any]) -> Any:
        """Ask by message; over HTTP where there is no connection for messages now. Else as `request`."""
        given = {name: value for name, value in params.items() if name != "id" and value is not None}
        one = await (await self.market(method.market, by_message=True))._place(None)
        try:
            url = f"https://{urlsplit(one.declared.rest).netloc}{method.path}"
            texts = {name: written(value) for name, value in given.items()}
            request = request_of(one.declared, url, texts, method.verb)
            return await self._answer(one, request, sealed(one, method, request, given))
        except TidebookError as error:
            raise in_their_words(error) from error

    async def _answer(self, one: VenueAt, request: Request, seal: Seal | None = None) -> Any:
        path = urlsplit(request.url).path
        reply, refused = await answered(one, request, signs=is_signed(one.declared, request), seal=seal)
        text = reply.body.decode("utf-8", "replace")
        self.logger.debug("%s %s: HTTP %d, %d bytes", request.method, path, reply.status, len(reply.body))
        self.response = Response(reply.status, dict(reply.headers), text, f"{request.method} {path}")
        if refused is not None or not 200 <= reply.status < 300:
            cause = refused or VenueError(f"HTTP {reply.status}", venue=one.declared.name)
            raise in_their_words(cause, self.response)
        if not text:
            return {}
        try:
            return msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            raise BinanceRequestException(f"Invalid Response: {text[:200]}") from None

    async def get_products(self) -> Any:
        """Not here: it is a page of Binance's web site, and no part of its API. Raises NotImplementedException."""
        raise NotImplementedException("get_products: it is no part of the exchange's API")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._place} {'closed' if self._closed else 'open'}>"


def _versioned(path: str, version: object) -> str:
    words = path.split("/")
    words[2] = f"v{str(version).removeprefix('v')}"
    return "/".join(words)


def _keys(
    place: str, key: str | None, secret: str | None, private: str | Path | None, password: str | None
) -> dict[str, tuple[str, str] | Credentials]:
    """As `connect` wants them: what is given here, and never what our own variables and file hold.

    A key without a secret is none. Raises NotImplementedException, which shows nothing of them, for a password.
    """
    if password is not None:
        raise NotImplementedException("private_key_pass: write the key to a file without a password, for you alone")
    said = private.read_text() if isinstance(private, Path) else private or secret
    return {place: NO_KEY if key is None or said is None else (key, said)}


def _dropped(markets: dict[str, Market]) -> None:
    """A client was forgotten: its sockets are closed all the same."""
    if not markets:
        return
    _left[:] = [one for one in _left if one._closing is None or not one._closing.done()]
    for market in markets.values():
        market.close_soon()
        _left.append(market)
    warnings.warn("a client of tidebook.compat.binance was not closed: await client.close_connection()",
                  ResourceWarning, stacklevel=2)  # fmt: skip


def _forgotten(thread: LoopThread, client: AsyncClient) -> None:
    """A plain client was: its thread closes what is open and ends. Nobody waits for it, since this may be anywhere."""
    was_open = bool(client._markets)
    atexit.unregister(thread.stop)
    thread.stop(0)
    if was_open:
        warnings.warn("a client of tidebook.compat.binance was not closed: client.close_connection()",
                      ResourceWarning, stacklevel=2)  # fmt: skip


_left: Final[list[Market]] = []


@atexit.register
def _close_left() -> None:
    """A program may end with its loop stopped and not closed; what a forgotten client has open there is closed now."""
    for market in _left:
        loop = market._loop
        if loop is not None and not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(market.close())


def _endpoint(method: Method) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def ask(self: AsyncClient, **params: Any) -> Any:
        return await (self.say(method, params) if method.message else self.request(method, params))

    ask.__name__ = method.name
    ask.__qualname__ = f"AsyncClient.{method.name}"
    said = f"{method.message!r} by message, as " if method.message else ""
    ask.__doc__ = f"{said}{method.verb} {method.path} ({method.market}): the parameters are the exchange's own."
    return ask


for _method in (*methods(), *messages()):
    if not hasattr(AsyncClient, _method.name):
        setattr(AsyncClient, _method.name, _endpoint(_method))
for _name in enums.WORDS:
    setattr(AsyncClient, _name, getattr(enums, _name))


class Client:
    """The same without asyncio: each method waits for its answer, from any thread. `Client()` connects at once.

    One thread with a loop does the work; `close_connection` ends it, and so does the end of the program. Not closed, it
    is closed when it is collected, with one ResourceWarning. Raises what AsyncClient raises; UsageError from inside
    that thread.
    """

    def __init__(
        self, api_key: str | None = None, api_secret: str | None = None, requests_params: dict[str, Any] | None = None,
        tld: str = "com", base_endpoint: str = "", testnet: bool = False, demo: bool = False,
        private_key: str | Path | None = None, private_key_pass: str | None = None, ping: bool = True,
        time_unit: str | None = None, verbose: bool = False, **more: Any,
    ) -> None:  # fmt: skip
        """AsyncClient's, in python-binance's order. With `ping` the exchange is reached before it returns."""
        self._async = AsyncClient(
            api_key, api_secret, requests_params, tld, base_endpoint, testnet, demo, private_key=private_key,
            private_key_pass=private_key_pass, time_unit=time_unit, verbose=verbose, **more,
        )  # fmt: skip
        self._thread = LoopThread("tidebook.compat.binance", self._async.close_connection)
        self._thread.start()
        self._dropped = weakref.finalize(self, _forgotten, self._thread, self._async)
        self._dropped.atexit = False
        atexit.register(self._thread.stop)  # programs for python-binance close nothing
        if ping:
            try:
                self.call(self._async.venue_at("spot"))
            except BaseException:
                self.close_connection()
                raise

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in its thread and wait for it."""
        return self._thread.call(work)

    def close_connection(self) -> None:
        """Close it and end its thread; twice is fine."""
        self._dropped.detach()
        atexit.unregister(self._thread.stop)
        self._thread.stop()

    @property
    def verbose(self) -> bool:
        """Whether what is asked is logged."""
        return self._async.verbose

    @property
    def logger(self) -> logging.Logger:
        """Where that is."""
        return self._async.logger

    @property
    def response(self) -> Response | None:
        """The last answer, as it came."""
        return self._async.response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close_connection()

    def __repr__(self) -> str:
        return f"<Client of {self._async!r}>"


def _waiting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def ask(self: Client, *args: Any, **kwargs: Any) -> Any:
        return self.call(getattr(self._async, name)(*args, **kwargs))

    return ask


def _walking(name: str, method: Callable[..., Walk]) -> Callable[..., Iterator[Any]]:
    @wraps(method)
    def walk(self: Client, *args: Any, **kwargs: Any) -> Iterator[Any]:
        rows = getattr(self._async, name)(*args, **kwargs)
        while True:
            try:
                yield self.call(anext(rows))
            except StopAsyncIteration:
                return

    return walk


for _name, _found in inspect.getmembers(AsyncClient):
    if _name.startswith("_") or hasattr(Client, _name) or _name in ("create", "market", "venue_at", "request", "say"):
        continue
    if inspect.iscoroutinefunction(_found):
        setattr(Client, _name, _waiting(_name, _found))
    elif inspect.isfunction(_found) and get_type_hints(_found).get("return") is Walk:
        setattr(Client, _name, _walking(_name, _found))
    elif isinstance(_found, str):
        setattr(Client, _name, _found)
