"""HTTP answers as aiohttp shows them, and what pybotters' `fetch` makes of them."""

import json
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from http.client import responses
from types import TracebackType
from typing import Any, Literal, Self

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tidebook.core.effects import Reply
from tidebook.core.redact import excerpt
from tidebook.errors import NetworkError, TidebookError


class Response:
    """A venue's answer, of any status. The body is there already; `text`, `json` and `read` are awaited as in aiohttp.

    `url` is what was asked for, without what was signed; `clock_ns` the venue's time when it came, as far as is known.
    """

    def __init__(
        self, method: str, url: str, reply: Reply, error: TidebookError | None, client: Any, clock_ns: int
    ) -> None:
        self.method = method
        self.url = URL(url, encoded=True)
        self.status = reply.status
        self.headers = CIMultiDictProxy(CIMultiDict(reply.headers))
        self._body = reply.body
        self._error = error
        self.clock_ns = clock_ns
        self.client = client  # that has asked: who keeps something of it may ask again

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def reason(self) -> str:
        """The status in words, as HTTP has them; empty for one that it has not."""
        return responses.get(self.status, "")

    @property
    def host(self) -> str | None:
        return self.url.host

    @property
    def real_url(self) -> URL:
        return self.url

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "application/octet-stream").partition(";")[0].strip()

    async def read(self) -> bytes:
        return self._body

    async def text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body. Raises UnicodeDecodeError where it is not of that encoding."""
        return self._body.decode(encoding, errors)

    async def json(
        self, *, encoding: str | None = None, loads: Callable[[str], Any] = json.loads, content_type: str | None = None
    ) -> Any:
        """What its JSON says, whatever the header calls it; None where the body is empty. Raises what `loads` raises,
        JSONDecodeError at first, and UnicodeDecodeError.
        """
        del content_type
        return loads(self._body.decode(encoding or "utf-8")) if self._body.strip() else None

    def raise_for_status(self) -> None:
        """Raises what the answer means by the venue's own codes where the status is 400 or more, else NetworkError."""
        if not self.ok:
            raise self._error or NetworkError(f"{self.method} {self.url.host}: HTTP {self.status}")

    def release(self) -> None:
        """Nothing: its connection is free already."""

    close = release

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is left to release."""

    def __repr__(self) -> str:
        return f"<Response {self.method} {self.url.with_query(None)} {self.status} {excerpt(self._body)}>"


class Asking(Coroutine[Any, Any, Response]):
    """A request that begins when it is awaited, entered, or made a task."""

    def __init__(self, asking: Coroutine[Any, Any, Response]) -> None:
        self._asking = asking

    def send(self, value: Any, /) -> Any:
        return self._asking.send(value)

    def throw(
        self, kind: Any, error: BaseException | object | None = None, trace: TracebackType | None = None, /
    ) -> Any:
        del error, trace  # of a form that Python has given up
        return self._asking.throw(kind)

    def close(self) -> None:
        self._asking.close()

    def __await__(self) -> Generator[Any, Any, Response]:
        return self._asking.__await__()

    async def __aenter__(self) -> Response:
        return await self._asking

    async def __aexit__(self, *_: object) -> None:
        """Nothing is left to release."""


@dataclass
class NotJSONContent:
    """What `fetch` has for a body that is no JSON; false."""

    error: json.JSONDecodeError

    def __bool__(self) -> Literal[False]:
        return False


@dataclass
class FetchResult:
    """What `fetch` gives: the response, its text, and its JSON or why that is none."""

    response: Response
    text: str
    data: Any
