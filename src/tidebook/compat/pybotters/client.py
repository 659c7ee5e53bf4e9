"""pybotters' Client over a market for each venue that is asked."""

import asyncio
import json
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Self
from urllib.parse import urlsplit

from aiohttp import ClientTimeout

from tidebook.client.keys import Keys
from tidebook.client.market import Market
from tidebook.client.place import VenueAt
from tidebook.client.raw import answered, is_signed, request_of
from tidebook.compat.pybotters.answers import Asking, FetchResult, NotJSONContent, Response
from tidebook.compat.pybotters.apis import Where, load, where
from tidebook.compat.pybotters.sockets import Given, Handlers, WebSocketApp
from tidebook.core.effects import Request
from tidebook.errors import UsageError
from tidebook.io.clock import now

OPENING: Final = 10.0  # seconds that a venue has to tell its time
METHODS: Final = ("GET", "POST", "PUT", "DELETE")


class _ByUrl(Market):
    """A market of which nobody asks anything but by URL: no request waits for a list of thousands of instruments."""

    @property
    def _lists(self) -> bool:
        return False


class Auth:
    """The default of `auth`: whatever is not known to be public is signed. ``auth=None``: nothing is."""


class Client:
    """Requests and sockets by URL: ``async with pybotters.Client(apis=…, base_url=…) as client``.

    `apis` are keys by pybotters' names (``{"bybit": [key, secret]}``, ``bybit_testnet``, …), the path of a JSON file of
    them, or None: `apis.json` in this directory, else the file that PYBOTTERS_APIS names. `base_url` stands before
    relative URLs of requests. `headers` go with each request, `timeout` is a request's, in seconds, or aiohttp's, whose
    `total` counts.

    A host says whose key it is and how it is signed. Where TIDEBOOK_AT sends everything to a simulator the simulator's
    own key is used for those that are named, and none of these is sent. The first request to a venue asks for its
    clock before it. Raises UsageError as `apis.load` does.
    """

    def __init__(
        self,
        apis: Mapping[str, Sequence[str]] | str | bytes | os.PathLike[str] | None = None,
        base_url: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | ClientTimeout | None = None,
    ) -> None:
        self._apis = load(apis)
        self._base_url = base_url
        self._headers = dict(headers or {})
        self._timeout = None if timeout is None else _seconds(timeout)
        self._markets: dict[str, asyncio.Task[Market]] = {}  # by place
        self._apps: set[WebSocketApp] = set()
        self.closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its sockets and connections, within half a second. Twice is fine."""
        self.closed = True
        for app in tuple(self._apps):
            app.end()
        tasks, self._markets = [*self._markets.values()], {}
        for task in tasks:
            task.cancel()
        opened = await asyncio.gather(*tasks, return_exceptions=True)
        markets = [one for one in opened if isinstance(one, Market)]
        await asyncio.gather(*(market.close() for market in markets))

    def __del__(self) -> None:
        markets = [task for task in getattr(self, "_markets", {}).values() if task.done() and not task.cancelled()]
        if markets and not self.closed:
            warnings.warn("a pybotters Client was not closed: write `async with`", ResourceWarning, stacklevel=1)
            for task in markets:
                if task.exception() is None:
                    task.result().close_soon()

    # Requests -----------------------------------------------------------------

    def request(self, method: str, url: str, **options: Any) -> Asking:
        """GET, POST, PUT or DELETE: awaited, or entered with `async with`; see `get` and `post` for its options."""
        return Asking(self._request(method, url, **options))

    def get(self, url: str, *, params: Mapping[str, Any] | None = None, **options: Any) -> Asking:
        """A GET, its `params` in the query. `auth=None` signs nothing; `headers`, `timeout` of this one.

        Awaiting it gives a Response of any status. Raises UsageError for a host that is no venue's, NoCredentials for a
        private path without a key, NetworkError where there is no answer, and RateLimited where there would be no room.
        """
        return self.request("GET", url, params=params, **options)

    def post(self, url: str, *, data: Any = None, **options: Any) -> Asking:
        """A POST, otherwise as `get`. `data` is written as the venue wants it (JSON, a form, the query); a text, or
        bytes, are sent as they are. `json=` is JSON in any case.
        """
        return self.request("POST", url, data=data, **options)

    def put(self, url: str, *, data: Any = None, **options: Any) -> Asking:
        """A PUT, otherwise as `post`."""
        return self.request("PUT", url, data=data, **options)

    def delete(self, url: str, *, data: Any = None, **options: Any) -> Asking:
        """A DELETE whose `data` are its query, otherwise as `get`."""
        return self.request("DELETE", url, data=data, **options)

    async def fetch(
        self, method: str, url: str, *, params: Mapping[str, Any] | None = None, data: Any = None, **options: Any
    ) -> FetchResult:
        """The response, its text and its JSON (NotJSONContent where it is none) at once; otherwise as `request`."""
        response = await self.request(method, url, params=params, data=data, **options)
        text = await response.text()
        try:
            found = await response.json()
        except json.JSONDecodeError as error:
            found = NotJSONContent(error)
        return FetchResult(response, text, found)

    async def _request(
        self, method: str, url: str, *, params: Mapping[str, Any] | None = None, data: Any = None, json: Any = None,
        headers: Mapping[str, str] | None = None, timeout: float | ClientTimeout | None = None,
        auth: type[Auth] | None = Auth,
    ) -> Response:  # fmt: skip
        if method not in METHODS:
            raise UsageError(f"{method!r} is none of {', '.join(METHODS)}")
        given = {**self._headers, **(headers or {})}
        place = where(url if urlsplit(url).scheme else self._base_url + url, given)
        if json is not None:
            given, data = {**given, "Content-Type": "application/json"}, _json(json)
        request = _request(place, method, params, data)
        request = replace(request, headers={**request.headers, **given})
        signs = auth is not None and self._signs(place, request)
        async with asyncio.timeout(self._timeout if timeout is None else _seconds(timeout)):
            one = await self._venue(place)
            reply, error = await answered(one, request, signs=signs)
        at = now()
        return Response(method, request.url, reply, error, self, one.clock.wall_ns(at) - one.clock.unsure_ns(at))

    def _signs(self, place: Where, request: Request) -> bool:
        """Whether it is to be signed. Raises NoCredentials where there is no key for that."""
        if not is_signed(place.venue, request):
            return False
        self.check_key(place, f"{request.method} {urlsplit(request.url).path}", "sent")
        return True

    def check_key(self, place: Where, what: str, nothing: str) -> None:
        """Raises NoCredentials where `apis` has no key of a place for `what`; `nothing` was done."""
        if place.key(self._apis) is None:
            Keys(None, " or ".join(f"apis[{name!r}]" for name in place.names)).check(place.venue, what, nothing)

    async def _venue(self, place: Where) -> VenueAt:
        """The one that a URL means, opened when it is first asked; by all that ask meanwhile."""
        if self.closed:
            raise UsageError("this Client is closed. Make another one")
        known = str(place.at)
        task = self._markets.get(known)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._markets[known] = asyncio.ensure_future(self._opened(place))
        market = await asyncio.shield(task)
        return market._connected[0]

    async def _opened(self, place: Where) -> Market:
        key = place.key(self._apis)
        keys: Any = {} if key is None else {place.account: tuple(key)}
        return await _ByUrl((place.at,), at=None, engine=None, options=None, timeout=OPENING, keys=keys)

    # Sockets ------------------------------------------------------------------

    def ws_connect(
        self, url: str, *, send_str: str | list[str] | None = None, send_bytes: object = None, send_json: Given = None,
        hdlr_str: Handlers = None, hdlr_bytes: Handlers = None, hdlr_json: Handlers = None,
        backoff: tuple[float, ...] | None = None, autoping: bool = True, heartbeat: float = 10.0,
        auth: type[Auth] | None = Auth,
    ) -> WebSocketApp:  # fmt: skip
        """A socket that opens by itself, in a task of its own, and again after each loss; what is to be sent is sent
        each time, after the login where the URL is a private one. Awaiting it waits until it is open.

        Handlers are called in the receive path as ``handler(message, socket)``, in order; what they raise is logged and
        goes no further. Raises UsageError for a host that is no venue's, and for `send_bytes`, which no venue takes;
        NoCredentials for a private URL without a key. `backoff`, `heartbeat` and `autoping` are the venue's own here.
        """
        del backoff, heartbeat, autoping
        if send_bytes is not None:
            raise UsageError("send_bytes: no venue here takes bytes. Write send_str or send_json")
        if self.closed:
            raise UsageError("this Client is closed. Make another one")
        return WebSocketApp(
            self, url, send_str, send_json, (hdlr_str, hdlr_bytes, hdlr_json), signed=auth is not None
        )  # fmt: skip

    def _began(self, app: WebSocketApp) -> None:
        self._apps.add(app)

    def _ended(self, app: WebSocketApp) -> None:
        self._apps.discard(app)

    def __repr__(self) -> str:
        names = ", ".join(self._markets) or "nothing"
        return f"<pybotters Client of {names}{', closed' if self.closed else ''}>"


class ClientSession(Client):
    """aiohttp's name for it, for programs that know no keys."""


def _request(place: Where, method: str, params: Mapping[str, Any] | None, data: Any) -> Request:
    """As Tidebook writes it. Floats, which Tidebook refuses, are the shortest text that means them, as in JSON."""
    venue, asked = place.venue, _exact(params)
    if isinstance(data, (str, bytes)) or method in ("GET", "DELETE"):
        if isinstance(data, Mapping):
            asked = {**(asked or {}), **_exact(data)}
        return request_of(venue, place.url, asked, method, data if isinstance(data, (str, bytes)) else None)
    url = request_of(venue, place.url, asked).url
    return request_of(venue, url, _exact(data), method)


def _seconds(timeout: float | ClientTimeout) -> float | None:
    """None is as long as it takes; of aiohttp's so is 0."""
    return (timeout.total or None) if isinstance(timeout, ClientTimeout) else timeout


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{value} is no number that could be sent")
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _exact(one) for name, one in value.items()}
    return [_exact(one) for one in value] if isinstance(value, (list, tuple)) else value


def _json(value: Any) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise UsageError("what is to be sent is no JSON") from None
