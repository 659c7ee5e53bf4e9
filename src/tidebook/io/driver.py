"""The shell of one machine: its connections, its requests, its one timer."""

import asyncio
import heapq
import logging
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Protocol, TypeVar, assert_never
from urllib.parse import urlsplit

from tidebook.core.clock import Now
from tidebook.core.effects import Close, Effect, Emit, Fetch, Open, Reply, Request, Seal, Send, SendSecret, Urgency
from tidebook.errors import TidebookError, UsageError
from tidebook.io import process
from tidebook.io.clock import now
from tidebook.io.http import NOTHING_SENT, Failure, Http, shown
from tidebook.io.nonces import turn
from tidebook.io.place import Remap
from tidebook.io.tape import Tape
from tidebook.io.tls import client_context
from tidebook.io.websocket import CLOSE_WAIT, Connection
from tidebook.model.health import Health

logger = logging.getLogger("tidebook.io")

_T = TypeVar("_T")
_NO_TURN = f"others used this key all the time; {NOTHING_SENT}"


class Session(Protocol):
    """What takes the messages of one connection."""

    def frames(self, frames: list[bytes], now: Now, /) -> None:
        """All messages of one read, in order. Empty: only control frames or parts of a message came."""


class Machine(Protocol):
    """What the driver drives. It drains `effects` after every input and keeps one timer for `deadline`."""

    @property
    def effects(self) -> list[Effect]: ...
    @property
    def deadline(self) -> int | None: ...
    def opened(self, conn: int, now: Now, /) -> None: ...
    def session(self, conn: int, /) -> Session: ...
    def closed(self, conn: int, code: int | None, reason: str, now: Now, /) -> None: ...
    def replied(self, id: int, reply: Reply, now: Now, /) -> None: ...
    def failed(self, id: int, why: str, now: Now, /) -> None: ...
    def tick(self, now: Now, /) -> None: ...


class Driver:
    """Does what a machine asks and tells it what came of it, on the loop in which it is made.

    `on_event` gets every emitted event, in order. `tls_ca` is the path of a private authority in PEM, `proxy` the
    URL of an HTTP proxy (``http://host:port``). `remap` (see `io.place`) sends everything elsewhere; `masked`, to a
    server that stands for the venue: without a proxy, and the `Host` header keeps the venue's own host. `headers` go
    with each request.
    At most `most_opens` connections are being opened and `most_fetches` requests under way at a time; of those that
    wait, connections go in order and requests by urgency, orders at once. A timeout counts from the start.

    The texts of `Machine.closed` are `io.websocket`'s, those of `Machine.failed` are `io.http`'s.
    An exception of the machine or of `on_event` is a bug: it is logged once on ``tidebook.io``, everything is
    closed, and the future `failed` and every `close` raise it. Raises UsageError for a bad `tls_ca` or `proxy`.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        on_event: Callable[[Health], None],
        tls_ca: str | None = None,
        proxy: str | None = None,
        remap: Remap | None = None,
        masked: bool = True,
        headers: Mapping[str, str] | None = None,
        connect_timeout: float = 10.0,
        most_opens: int = 8,
        most_fetches: int = 16,
    ) -> None:
        if proxy is not None and urlsplit(proxy).scheme != "http":
            raise UsageError("a proxy is written http://host:port; other kinds are not supported")
        self._machine = machine
        self._on_event = on_event
        self._tls_ca = tls_ca
        self._context: ssl.SSLContext | None = None if tls_ca is None else client_context(tls_ca)
        self._remap = remap
        self._masked = remap is not None and masked
        self._proxy = None if self._masked else proxy
        self._headers = headers or {}
        self._connect_timeout = connect_timeout
        self._most_opens = most_opens
        self._most_fetches = most_fetches
        self._loop = asyncio.get_running_loop()
        self._http = Http(self._tls, proxy=self._proxy)
        self._connections: dict[int, Connection] = {}
        self._urls: dict[int, str] = {}  # of these, as the machine knows them: without a token
        self.tapes: list[Tape] = []  # who else is told of all that goes over the sockets
        self._opening: set[int] = set()
        self._opens: deque[Open] = deque()
        self._fetches: list[tuple[int, int, Fetch]] = []  # a heap: urgency, order of asking
        self._asked = 0
        self._requests: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._settling = False
        self._ticking = False
        self._timer: asyncio.TimerHandle | None = None
        self.armed: int | None = None  # the instant (monotonic ns) for which the timer is set
        self._ending: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._forks = process.count_forks()
        self._kept = self._loop.create_task(self._keep())

    # ---- for the owner

    def tell(self, call: Callable[..., _T], *args: object) -> _T:
        """Call an input of the machine, ``call(*args, now)``, then do what it asks; the result is the call's.

        A UsageError goes to the caller and harms nothing. Any other exception is a bug (see the class) and is
        raised here too. Raises UsageError after `close`.
        """
        if self._ending is not None:
            raise UsageError("the driver is closed")
        try:
            result = call(*args, now())
        except UsageError:
            self.settle()
            raise
        except Exception as error:
            self.fail(error)
            raise
        self.settle()
        return result

    async def close(self) -> None:
        """Close every connection and request; over in half a second, whatever the servers do.

        Twice is fine, and from several tasks. Cancelled, the closing goes on by itself.
        Raises the machine's error when there was one.
        """
        await asyncio.shield(self._end())
        if self._error is not None:
            raise self._error

    # ---- doing what the machine asks

    def settle(self) -> None:
        """Do all that the machine has asked for, then set the timer.

        Inputs that come of it add to the same loop: this never runs inside itself.
        """
        if self._settling:
            return
        self._settling = True
        try:
            while self._ending is None and (effects := self._machine.effects):
                batch = effects[:]
                effects.clear()
                for effect in batch:
                    if self._ending is None:
                        self._perform(effect)
            if self._ending is None:
                self._arm()
        except Exception as error:
            self.fail(error)
        finally:
            self._settling = False

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Send(conn, data, form):
                connection = self._connections.get(conn)
                if connection is not None:  # else it ended in this same turn, and the machine has been told
                    for tape in self.tapes:
                        tape.sent(conn, data, form)
                    connection.send(data, form)
            case SendSecret(conn):
                connection = self._connections.get(conn)
                if connection is not None:
                    for tape in self.tapes:
                        tape.sent(conn, None, "text")
                    connection.send(*effect.message())
            case Emit(event):
                self._on_event(event)
            case Fetch():
                self._asked += 1
                heapq.heappush(self._fetches, (effect.urgency, self._asked, effect))
                self._next_fetch()
            case Open():
                self._opens.append(effect)
                self._next_open()
            case Close(conn, code):
                self._drop(conn, code)
            case _:
                assert_never(effect)

    def _input(self, call: Callable[..., None], *args: object) -> None:
        """One input that comes from here."""
        if self._ending is None:
            try:
                call(*args, now())
            except Exception as error:
                self.fail(error)
            self.settle()

    def fail(self, error: Exception) -> None:
        """The machine, or who listens to it, is broken: say so and close."""
        if self._error is None:
            self._error = error
            logger.critical("a bug: everything of this venue is closed", exc_info=error)
            if not self.failed.done():
                self.failed.set_exception(error)
                self.failed.exception()  # it has been logged: no second line when nobody awaits it
        self._end()

    # ---- the timer

    def _arm(self) -> None:
        """Set the timer when the deadline came nearer; one that moved away is looked at when the timer fires."""
        deadline = self._machine.deadline
        if deadline is None or (self.armed is not None and self.armed <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self.armed = deadline
        # After a tick a millisecond at least: a deadline that stays in the past must not take the whole processor.
        wait = max(deadline - now().mono_ns, 1_000_000 if self._ticking else 0)
        self._timer = self._loop.call_at(self._loop.time() + wait / 1e9, self._tick)

    def _tick(self) -> None:
        self._timer = self.armed = None
        deadline = self._machine.deadline
        if deadline is not None and deadline <= now().mono_ns:
            self._ticking = True
            self._input(self._machine.tick)
            self._ticking = False
        else:
            self.settle()

    # ---- connections

    def _next_open(self) -> None:
        while self._opens and len(self._opening) < self._most_opens:
            effect = self._opens.popleft()
            url, headers = self._placed(*effect.revealed())
            connection = Connection(
                url,
                headers,
                _Link(self, self._machine, effect.conn),
                cap=effect.cap,
                timeout=self._connect_timeout,
                context=self._tls() if url.startswith("wss:") else None,
                proxy=self._proxy,
            )
            self._connections[effect.conn] = connection
            self._urls[effect.conn] = effect.url
            self._opening.add(effect.conn)
            self._track(connection.start())

    def _drop(self, conn: int, code: int) -> None:
        connection = self._connections.pop(conn, None)
        self._over(conn, f"closed by us ({code})")
        if connection is None:
            self._opens = deque(effect for effect in self._opens if effect.conn != conn)
        else:
            connection.drop(code)
            self._settled(conn)

    def _settled(self, conn: int) -> None:
        """It is open, or will not be: the next one may try."""
        self._opening.discard(conn)
        self._next_open()

    def opened(self, conn: int) -> Session | None:
        """Told by a link. The session that takes its messages, or None when the machine closed it at once."""
        self._settled(conn)
        for tape in self.tapes:
            tape.opened(conn, self._urls[conn], now())
        self._input(self._machine.opened, conn)
        return self._machine.session(conn) if conn in self._connections else None

    def closed(self, conn: int, code: int | None, reason: str) -> None:
        """Told by a link."""
        self._connections.pop(conn, None)
        self._over(conn, reason if code is None else f"{reason} ({code})")
        self._settled(conn)
        self._input(self._machine.closed, conn, code, reason)

    def _over(self, conn: int, reason: str) -> None:
        if self._urls.pop(conn, None) is not None:
            for tape in self.tapes:
                tape.closed(conn, reason)

    # ---- requests

    def _next_fetch(self) -> None:
        while self._fetches and (len(self._requests) < self._most_fetches or self._fetches[0][0] == Urgency.ORDER):
            task = self._loop.create_task(self._fetch(heapq.heappop(self._fetches)[2]))
            self._requests.add(task)
            self._track(task)

    async def _fetch(self, effect: Fetch) -> None:
        try:
            async with self._sealed(effect) as request:
                reply = await self._http.fetch(request, timeout=effect.timeout, cap=effect.cap)
        except Failure as failure:
            self._input(self._machine.failed, effect.id, str(failure))
        except TidebookError as error:  # of what signs it: nothing was sent
            self._input(self._machine.failed, effect.id, f"UsageError: {error}; {NOTHING_SENT}")
        except OSError as error:  # of the file of its nonce
            why = f"the file of its nonces cannot be kept ({error.strerror}); {NOTHING_SENT}"
            self._input(self._machine.failed, effect.id, f"UsageError: {why}")
        else:
            for tape in self.tapes:
                tape.replied(effect, reply)
            self._input(self._machine.replied, effect.id, reply)

    @asynccontextmanager
    async def _sealed(self, effect: Fetch) -> AsyncIterator[Request]:
        """The request as it is sent; where its nonce must be the highest, others of the same key wait meanwhile."""
        request, seal = replace(effect.request, headers={**self._headers, **effect.request.headers}), effect.seal
        if seal is None:
            yield self._elsewhere(request)
        elif not seal.account:
            yield self._signed(seal, request, 0)
        else:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(effect.timeout):
                        nonce = await stack.enter_async_context(turn(seal.account, lambda: now().wall_ns, seal.jump))
                except TimeoutError:
                    raise Failure(f"Timeout: {shown(request)}: {_NO_TURN}") from None
                yield self._signed(seal, request, nonce)

    def _signed(self, seal: Seal, request: Request, nonce: int) -> Request:
        """Some venues have their host signed: the one that is meant, also where a simulator stands for it."""
        try:
            signed = seal.sign(request if self._masked else self._elsewhere(request), now(), nonce, os.urandom(16))
        except TidebookError:
            raise
        except Exception as error:  # what it says may hold what it was to sign with
            name = type(error).__name__
            raise UsageError(f"{shown(request)} cannot be signed with this key ({name})") from None
        if signed is None:
            raise Failure(f"NetworkError: {shown(request)}: given up; {NOTHING_SENT}")
        return self._elsewhere(signed) if self._masked else signed

    def _elsewhere(self, request: Request) -> Request:
        url, headers = self._placed(request.url, request.headers)
        return replace(request, url=url, headers=headers)

    # ---- what both need

    def _placed(self, url: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        if self._remap is None:
            return url, headers
        if not self._masked:
            return self._remap(url), headers
        host = urlsplit(url).netloc.rpartition("@")[2]
        given = {name: value for name, value in headers.items() if name.lower() != "host"}
        return self._remap(url), {"Host": host, **given}

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = client_context(self._tls_ca)
        return self._context

    def _track(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._requests.discard(task)
        if not task.cancelled():
            error = task.exception()
            if isinstance(error, Exception):
                self.fail(error)
        if self._ending is None:
            self._next_fetch()

    # ---- the end

    async def _keep(self) -> None:
        """As long as it is open. Who ends a loop cancels its tasks, this one too: then it is closed in good order.

        But not in a process that was forked meanwhile: there, what is open is the other process's.
        """
        try:
            await self._closed
        except asyncio.CancelledError:
            if self._forks == process.forks:
                await asyncio.wait([self._end()])
            raise

    def _end(self) -> asyncio.Task[None]:
        """Nothing new begins from here on; the task waits for what is under way."""
        if self._ending is None:
            self._ending = self._loop.create_task(self._wind_up())
            if not self._closed.done():  # else it was cancelled with its task
                self._closed.set_result(None)
            if self._timer is not None:
                self._timer.cancel()
            self._opens.clear()
            self._fetches.clear()
            for request in self._requests:
                request.cancel()
            for connection in self._connections.values():
                connection.drop()
            self._connections.clear()
        return self._ending

    async def _wind_up(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_WAIT + 0.05)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=0.1)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._http.close(), 0.1)


class _Link:
    """One connection's listener: from its callbacks to the machine's inputs."""

    __slots__ = ("_conn", "_driver", "_machine", "_take")

    def __init__(self, driver: Driver, machine: Machine, conn: int) -> None:
        self._driver = driver
        self._machine = machine
        self._conn = conn
        self._take: Callable[[list[bytes], Now], None] | None = None

    def opened(self) -> None:
        try:
            session = self._driver.opened(self._conn)
            self._take = None if session is None else session.frames
        except Exception as error:
            self._driver.fail(error)

    def frames(self, frames: list[bytes], now: Now) -> None:
        if self._take is None:
            return
        driver, machine = self._driver, self._machine
        try:
            for tape in driver.tapes:
                tape.frames(self._conn, frames, now)
            self._take(frames, now)
            deadline = machine.deadline
            if machine.effects or (deadline is not None and (driver.armed is None or deadline < driver.armed)):
                driver.settle()
        except Exception as error:
            driver.fail(error)

    def closed(self, code: int | None, reason: str) -> None:
        self._driver.closed(self._conn, code, reason)
