"""`market.record(FILE)`: all that a market's public connections say and hear, appended to a file that replays."""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.core.channel import Question
from tidebook.core.clock import Now
from tidebook.core.effects import Fetch, Reply
from tidebook.core.line import Line
from tidebook.core.plan import RestSeed
from tidebook.core.redact import redact, shown
from tidebook.engine.shape import Codec
from tidebook.errors import TidebookError, UsageError
from tidebook.io.clock import now
from tidebook.model import health
from tidebook.record.writer import BUFFER, FLUSH, OVERHEAD, Entry, Writer
from tidebook.venue import Venue

if TYPE_CHECKING:
    from tidebook.client.market import Market

logger = logging.getLogger("tidebook.record")

SECRET: Final = b"***"
_TOKEN: Final = re.compile(r"/[A-Za-z0-9_-]{40,}(?:/|$)")  # of a path: topics have marks in them, or are shorter
WATCH: Final = 0.25  # seconds between two looks at what was lost


class Recording(Opening):
    """A recording under way: `async with market.record(FILE) as recording`, or `await` it and `close` it.

    `frames` and `bytes` are what is on the disk, `lost` counts records for which there was no room, `error` says why
    the disk takes none (None: it does). What is lost is a health event `Overrun`, and a record in the file.
    """

    def __init__(
        self, market: "Market", path: str | os.PathLike[str], places: Sequence[str] | None = None, *,
        buffer: int = BUFFER, flush: float = FLUSH,
    ) -> None:  # fmt: skip
        super().__init__(market)
        given: object = path
        if not isinstance(given, (str, os.PathLike)) or not str(given) or "\0" in str(given):
            raise UsageError(f"record({path!r}): no path of a file")
        if isinstance(places, str):
            raise UsageError(f"venues={places!r}: several are a list")
        self._market = market
        self._asked = places
        self._writer = Writer(Path(path), buffer=buffer, flush=flush)
        self._ends: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = 0

    @property
    def path(self) -> Path:
        """Of its file."""
        return self._writer.path

    @property
    def frames(self) -> int:
        """Messages received that are on the disk."""
        return self._writer.frames

    @property
    def bytes(self) -> int:
        """By which the file has grown."""
        return self._writer.bytes

    @property
    def lost(self) -> int:
        """Records for which there was no room."""
        return self._writer.lost

    @property
    def error(self) -> str | None:
        """Why the disk takes nothing now; what waits is tried again."""
        return self._writer.error

    async def _open(self) -> None:
        places = self._asked
        named = self._market._connected if places is None else [
            one for place in places for one in self._market._venues(place)
        ]  # fmt: skip
        ones = list({id(one): one for one in named}.values())
        last = await asyncio.to_thread(self._writer.begin, version("tidebook"))
        numbers = count(last + 1)
        for one in ones:
            tape = VenueTape(one, self._writer, numbers, self._seed)
            self._ends.append(one.listen(tape))
        self._begin(self._watch())
        await asyncio.gather(*(self._list(one) for one in ones))

    async def _list(self, one: VenueAt) -> None:
        """What it lists goes into the file, where an id's symbol is found, and its time: clients ask for both."""
        for name in ("instruments", "time"):
            if one.declared.call(name) is not None:
                try:
                    await one.fetch(name, Question())
                except TidebookError as error:
                    logger.warning("%s: its %s is not in the recording: %s", one.declared.name, name, error)

    def _seed(self, one: VenueAt, line: Line) -> None:
        """A book that has gone over to another connection was given no whole book there: the recording needs one."""
        for book in line.books:
            if book.plan.rest is not None:
                self._begin(self._snapshot(one, book.plan.symbol, book.plan.rest))

    async def _snapshot(self, one: VenueAt, symbol: str, rest: RestSeed) -> None:
        """The answer is recorded as any other; the live book has no need of it."""
        try:
            await one.send(rest.request, rest.pool, rest.weight)
        except TidebookError as error:
            logger.warning("%s %s: no whole book for the recording: %s", one.declared.name, symbol, error)

    async def _watch(self) -> None:
        """Tell of what is lost: the first one at once, then the sum as long as it grows."""
        while True:
            await asyncio.sleep(WATCH)
            self._tell()

    def _tell(self) -> None:
        lost = self._writer.lost - self._told
        if lost:
            self._told += lost
            why = "" if self.error is None else f" ({self.error})"
            self._market._tell(health.Overrun("", None, now().wall_ns, f"the recording {self.path}{why}", lost))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        for end in self._ends:
            end()
        self._ends.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await asyncio.to_thread(self._writer.close)
        finally:
            self._tell()

    def __repr__(self) -> str:
        lost = f", {self.lost} lost" if self.lost else ""
        bad = f", {self.error}" if self.error is not None else ""
        return f"<Recording {self.path.name} {self._condition()}, {self.frames} frames, {self.bytes} bytes{lost}{bad}>"


class VenueTape:
    """What a recording takes of one venue: see `io.tape`. Connections that were open before are passed over.

    So are those of accounts, all requests that are signed or not a GET, and answers that are no answer: none of that
    is public, or replays. Where a key is in use its own texts are taken out of everything else.
    """

    def __init__(
        self, one: VenueAt, writer: Writer, numbers: Iterator[int], seed: Callable[[VenueAt, Line], None]
    ) -> None:
        self._one = one
        self._put = writer.put
        self._numbers = numbers
        self._seed = seed
        self._known = one.desk.known
        self._tracks: dict[int, Track] = {}
        self._beside: dict[int, Line] = {}  # connections that were opened beside those whose place they will take

    def opened(self, conn: int, url: str, now: Now, /) -> None:
        line = self._one.desk.line(conn)
        if line is None or _is_private(self._one.declared, line):
            return
        plain = line.endpoint.codec is Codec.TEXT and line.endpoint.decode is None
        track = self._tracks[conn] = Track(f"ws.{next(self._numbers)}", self._clean(url), plain)
        if line.session is not None and line.session.conn != conn:
            self._beside[conn] = line
        self._put(Entry(now.wall_ns, "open", track.name, track.url, [b""], size=OVERHEAD))

    def sent(self, conn: int, data: bytes | None, form: str, /) -> None:
        track = self._tracks.get(conn)
        if track is None or form in ("ping", "pong"):
            return
        said = SECRET if data is None else data if form == "binary" else self._clean(data.decode()).encode()
        self._put(Entry(now().wall_ns, "send", track.name, track.url, [said], form == "text", OVERHEAD + len(said)))

    def frames(self, conn: int, frames: list[bytes], now: Now, /) -> None:
        track = self._tracks.get(conn)
        if track is None or not frames:
            return
        if self._known.any:
            frames = [self._known.without_bytes(frame) for frame in frames]
        size = sum(map(len, frames)) + OVERHEAD * len(frames)
        self._put(Entry(now.wall_ns, "recv", track.name, track.url, frames, track.plain, size))
        if self._beside and (line := self._beside.get(conn)) is not None:
            if line.session is not None and line.session.conn == conn:
                del self._beside[conn]
                self._seed(self._one, line)

    def closed(self, conn: int, reason: str, /) -> None:
        self._beside.pop(conn, None)
        track = self._tracks.pop(conn, None)
        if track is not None:
            said = shown(self._known.without(reason)).encode()
            self._put(Entry(now().wall_ns, "close", track.name, track.url, [said], size=OVERHEAD + len(said)))

    def replied(self, effect: Fetch, reply: Reply, /) -> None:
        request = effect.request
        if effect.seal is not None or request.signed is not None or request.method != "GET":
            return
        if not 200 <= reply.status < 300:
            return
        body, url = self._known.without_bytes(reply.body), self._clean(request.url)
        self._put(Entry(now().wall_ns, "http", "http.1", url, [body], size=OVERHEAD + len(body)))

    def _clean(self, text: str) -> str:
        return redact(self._known.without(text))


@dataclass(frozen=True, slots=True)
class Track:
    """One connection in the file. `plain`: its messages are text."""

    name: str
    url: str
    plain: bool


def _is_private(declared: Venue, line: Line) -> bool:
    """Whether it is of an account, also where a URL of the user's own leads to one, or ends in what opens one.

    A key that only lets one read what all may read makes none.
    """
    endpoint, raw = line.endpoint, line.raw
    if raw is None:
        return False
    if raw.token is not None or (endpoint.login or endpoint.handshake) is not None:
        return True
    public = {_place_of(one.url) for one in declared.endpoints}
    account = None if declared.account is None else _place_of(declared.account.endpoint.url)
    return _place_of(line.url) == account not in public or _TOKEN.search(urlsplit(line.url).path) is not None


def _place_of(url: str) -> tuple[str | None, str]:
    parts = urlsplit(url)
    return parts.hostname, parts.path.rstrip("/")
