"""One venue at one place: its desk and sockets, its instruments, its state; and who shares which topic."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tidebook.client.book import Book
from tidebook.client.clock import VenueClock
from tidebook.client.keys import Keys
from tidebook.client.private import Private
from tidebook.client.questions import Questions
from tidebook.client.sharing import Joined, Shared
from tidebook.client.symbols import Listing
from tidebook.client.traded import Told, Traded
from tidebook.client.views import Views
from tidebook.core import book as core
from tidebook.core.burst import Burst
from tidebook.core.channel import FactChannel, Question
from tidebook.core.clock import SECOND, Now
from tidebook.core.desk import Desk
from tidebook.core.endpoint import Endpoint
from tidebook.core.options import Options
from tidebook.core.pools import Budgets
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.redact import shown
from tidebook.core.rest import Instruments
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.talk import OrderSocket, Talk
from tidebook.engine.contract import Engine
from tidebook.errors import (
    DecodeError,
    NoCredentials,
    TidebookError,
    UnknownSymbol,
    UsageError,
    VenueUnavailable,
)
from tidebook.io.clock import now
from tidebook.io.driver import Driver
from tidebook.io.journal import Journal
from tidebook.io.place import Remap
from tidebook.io.tape import Tape
from tidebook.model import health
from tidebook.model.credentials import Secret
from tidebook.model.facts import Instrument
from tidebook.model.health import Health
from tidebook.model.place import At
from tidebook.venue import BookChannel, Venue

logger = logging.getLogger("tidebook.client")

RETRY_FIRST, RETRY_MOST = 1.0, 30.0


class VenueAt(Questions):
    """What a market does with one venue: `fetch`, and topics shared by all that want them."""

    def __init__(
        self, declared: Venue, at: At, engine: Engine, options: Options, *,
        remap: Remap | None, masked: bool, on_event: Callable[[Health], None], budgets: Budgets, share: float,
        burst: Burst, keys: Keys, journal: Journal | None = None, by_message: bool = False, lists: bool = True,
    ) -> None:  # fmt: skip
        """`budgets` are shared from here on, until it is closed. `by_message`: orders go so where they can.

        Without `lists` what it lists is not asked for, and it knows no symbol.

        Raises UsageError for a bad proxy or authority.
        """
        self.declared = declared
        self.at = at
        self._is_stood_for = remap is not None and masked
        self.ready = asyncio.Event()
        self._state = "connecting"
        self._closing = False
        self.error: TidebookError | None = None
        self.no_list: NoCredentials | None = None  # why nobody knows what it lists
        self.engine = engine
        self.options = options
        self._budgets, self._share, self._keys = budgets, share, keys
        self._lists = lists

        def told(event: Health) -> None:
            on_event(self.desk.known.event(event))

        self.clock = VenueClock(declared.name, options.clock_off, told)
        self.desk = Desk(
            declared.name, engine, pools=declared.pools, options=options, seed=now().mono_ns,
            budgets=budgets, account=at.account or "", answers=declared.answers, burst=burst,
            credentials=keys.credentials, stamp=self.clock.stamp, resync=self._resync,
            reached=str if remap is None or masked else remap,  # a simulator is told the venue's own host
            is_stood_for=self._is_stood_for,
        )  # fmt: skip
        self._on_event = told
        self._driver = Driver(
            self.desk,
            on_event=told,
            tls_ca=at.ca,
            proxy=at.proxy,
            remap=remap,
            masked=masked,
            headers=declared.environment(at.environment).headers,
            connect_timeout=options.connect_timeout,
        )
        budgets.join(share)
        self._shared: dict[str, Shared] = {}
        self._views = Views(self.desk, self._driver.tell)
        self.private = Private(self, keys, journal, by_message=by_message)
        self._traded = Traded(
            declared.name, self._instruments, ended=self._end, halted=self._halted, passed_over=self._passed_over
        )
        if keys.credentials is None and declared.unlisted is not None:
            self._traded.listing.unlisted = declared.unlisted
        self._driver.failed.add_done_callback(self._died)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unnamed: set[str] = set()  # ids in rows of accounts that nothing is listed by
        self._naming: asyncio.Task[None] | None = None
        self._begin(self._load())

    # Opening ------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _load(self) -> None:
        """Instruments and clock; again and again until they are there."""
        wait = RETRY_FIRST
        while True:
            try:
                await self._load_once()
                self._state, self.error = "up", None
                self.ready.set()
                break
            except Exception as raised:
                error = self.error = self._told(raised)
                final = error.retry == "never" and not isinstance(error, DecodeError)  # the next answer may be one
                self.unavailable(error, None if final else wait)
                if final:
                    self._state = "refused"
                    self.ready.set()
                    return
                self._state = f"retrying({wait:.0f} s)"
            await asyncio.sleep(wait)
            wait = min(wait * 2, RETRY_MOST)
        await self._keep()

    async def _load_once(self) -> None:
        await self.measure_clock()
        if self._lists:
            await self._traded.load()

    def _told(self, error: Exception) -> TidebookError:
        """An error of ours as it is; any other is a bug that an odd answer has found: logged, and no reason to stop."""
        if isinstance(error, TidebookError):
            return error
        logger.error("%s: what it lists, or its time, could not be read", self.declared.name, exc_info=error)
        text = f"{self.declared.name}: {type(error).__name__}: {shown(self.desk.known.without(str(error)))}"
        return VenueUnavailable(text, venue=self.declared.name)

    def unavailable(self, error: TidebookError, again: float | None) -> None:
        """Tell that something was asked and could not be had: again in so many seconds, or never."""
        reason = str(error).removeprefix(f"{self.declared.name}: ")
        self._on_event(health.VenueUnavailable(self.declared.name, None, now().wall_ns, reason, again))

    @property
    def place(self) -> str:
        """This one venue, as users name it."""
        return str(replace(self.at, venue=self.declared.name))

    @property
    def purse(self) -> tuple[str, str, str]:
        """What venues with the same have together: one wallet, of one account, in one environment."""
        wallet = None if self.declared.trading is None else self.declared.trading.wallet
        return wallet or self.declared.name, self.at.account or "", self.at.environment

    @property
    def is_loaded(self) -> bool:
        """Whether it has answered, and its instruments are known where they are asked for."""
        return self._state == "up"

    @property
    def state(self) -> str:
        """``connecting``, ``up``, ``retrying(3 s)``, ``refused``; once it was up, of its connections."""
        if self._state != "up" or self.sockets:
            return self._state
        waits = [
            line.timer.at_ns for line in self.desk.lines if line.timer is not None and line.timer.at_ns is not None
        ]
        if not waits:
            return "up"
        return f"retrying({max(min(waits) - now().mono_ns, 0) / SECOND:.0f} s)"

    # The clock ----------------------------------------------------------------

    async def measure_clock(self) -> None:
        """The venue's clock against ours, where it can be asked."""
        call = self.declared.call("time")
        if call is not None:
            await self.clock.measure(partial(self._time, call))

    def measure_soon(self) -> None:
        """The clocks do not agree any more as they did."""
        if self._state == "up":
            self._begin(self._measure())

    async def _measure(self, *, told: bool = False) -> None:
        """`told`: the desk is, whether it is known now."""
        known = True
        try:
            await self.measure_clock()
        except Exception as error:
            known = False
            logger.debug("%s: the clock was not measured: %s", self.at, self._told(error))
        if told:
            self._quietly(partial(self.desk.measured, known))

    def _resync(self) -> bool:
        """A login was refused for its time stamp, and waits for a better one."""
        self._begin(self._measure(told=True))
        return True

    # What is traded -----------------------------------------------------------

    @property
    def listing(self) -> Listing:
        return self._traded.listing

    def follow(self, told: Told) -> Callable[[], None]:
        """Be told what begins and ends to be traded, and at first of all; the result stops it."""
        return self._traded.follow(told)

    async def relist(self) -> bool:
        """Ask anew what is listed, where that was longer ago than a minute; whether there is a new answer."""
        return await self._traded.again()

    async def _instruments(self) -> Instruments:
        if self.declared.call("instruments") is None and not self.declared.endpoints:
            return []  # hosts alone are declared: it lists nothing, and raw requests go all the same
        try:
            rows: Instruments = await self.fetch("instruments", Question())
        except NoCredentials as error:
            if self.declared.unlisted is None:
                raise
            self.no_list = error
            return []  # what is asked for is taken at its word
        return rows

    async def _keep(self) -> None:
        """As long as something is open: what is traded, and what time it is there."""
        while True:
            await asyncio.sleep(self.options.listing_every)
            if not (self._traded.is_followed or self._views or self._shared or self.private.accounts):
                continue
            try:
                await self._traded.load()
                self._name_anew()
                await self.measure_clock()
            except Exception as error:
                self.unavailable(self._told(error), self.options.listing_every)

    def _passed_over(self, count: int, reason: str) -> None:
        self._on_event(health.PassedOver(self.declared.name, None, now().wall_ns, count, reason))

    def _halted(self, one: Instrument) -> None:
        self._on_event(health.Halted(one.venue, one.symbol, now().wall_ns, one.status))

    def _end(self, one: Instrument) -> None:
        """Whoever reads what is traded no more is told once, instead of waiting for ever."""
        error = UnknownSymbol(f"{one.symbol} is not traded any more", venue=one.venue, symbol=one.symbol)
        views = self._views.of(one.symbol)
        readers = self._readers(one.symbol)
        if views or readers:
            about = (self.declared.name, one.symbol, now().wall_ns)
            self._on_event(health.SubscriptionFailed(*about, "", "not traded any more"))
        for view in views:
            view.fail(error)
        for reader in readers:
            reader.end(error)

    # The end ------------------------------------------------------------------

    def _died(self, failed: "asyncio.Future[None]") -> None:
        """A bug of ours has closed the driver: nothing here may be believed, or waited for, any more."""
        error = None if failed.cancelled() else failed.exception()
        if error is None or self._closing:
            return
        text = (
            f"{self.declared.name}: closed by a bug of Tidebook's, {type(error).__name__}: see the log of tidebook.io"
        )
        self.error = VenueUnavailable(text, venue=self.declared.name, retry="never")
        self._state = "refused"
        self.ready.set()
        for task in tuple(self._tasks):
            task.cancel()
        at = now()
        for line in self.desk.lines:
            wanted: tuple[core.Book | Stream, ...] = (*line.books, *line.streams)
            for each in wanted:
                each.lost("closed by a bug", at)
        self._on_event(health.VenueUnavailable(self.declared.name, None, at.wall_ns, text, None))
        for view in self._views.of():
            view.fail(self.error)
        for reader in self._readers():
            reader.end(self.error)
        for raw in [line.raw for line in self.desk.lines if line.raw is not None]:
            raw.error = self.error
            raw.lost("closed by a bug", at)

    async def usable(self, timeout: float) -> None:
        """Wait until it is. Raises VenueUnavailable, or the venue's refusal."""
        try:
            async with asyncio.timeout(timeout):  # wait_for would swallow a cancellation that comes with the answer
                await self.ready.wait()
        except TimeoutError:
            why = "no answer" if self.error is None else str(self.error)
            raise VenueUnavailable(
                f"{self.place} has not answered for {timeout:g} s: {why}", venue=self.declared.name
            ) from None
        if self.error is not None:
            raise self.error.with_traceback(None)  # the same one again and again must not grow

    async def close(self) -> None:
        self._closing = True
        self._traded.close()
        await self.private.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._quietly(self.desk.released)
        self._budgets.leave(self._share)
        await self._driver.close()

    # Names --------------------------------------------------------------------

    def symbol_of(self, venue_id: str) -> str:
        """The canonical symbol of a venue's id; the id itself where it is not listed."""
        return self._listed(venue_id) or venue_id

    def named(self, venue_id: str) -> str:
        """The same in a row of an account, which keeps it: where this is not listed, what is listed is asked for anew,
        and whoever has rows by the id is told its name before there is one by that.
        """
        symbol = self._listed(venue_id)
        if symbol is not None and venue_id in self._unnamed:
            self._unnamed.discard(venue_id)
            for account in tuple(self.private.accounts):
                account._renamed(venue_id, symbol)
        elif symbol is None and self.private.accounts and venue_id not in self._unnamed:
            self._unnamed.add(venue_id)
            if self._naming is None or self._naming.done():
                self._naming = self._begin(self._look_up())
        return symbol or venue_id

    def _listed(self, venue_id: str) -> str | None:
        listing = self._traded.listing
        name = listing.names.get(venue_id)
        if name is not None:
            return name
        found = listing.by_id.get(venue_id.upper())
        return None if found is None else found.symbol

    async def _look_up(self) -> None:
        """What is not listed may have been since we asked. Where it is not, it is looked for each `listing_every`."""
        while (wait := self._traded.fresh_for) > 0:  # noqa: ASYNC110 - a sleep may end a little early
            await asyncio.sleep(wait)
        if await self._traded.again():
            self._name_anew()

    def _name_anew(self) -> None:
        for venue_id in tuple(self._unnamed):
            self.named(venue_id)

    # Sharing ------------------------------------------------------------------

    def join(
        self, channel: FactChannel, instrument: Instrument, option: str | None, reader: Joined
    ) -> Callable[[], None]:
        """Read a topic, subscribing it when nobody does yet; the result leaves it again.

        Raises UsageError where another channel of the venue has this topic.
        """
        topic = channel.topic(instrument.id, option)
        self._check_endpoint(self.declared.endpoint(channel.endpoint), topic)
        shared = self._shared.get(topic)
        if shared is None:
            symbol = instrument.symbol if channel.spells(instrument.id, topic) else None
            endpoint = self.declared.endpoint(channel.endpoint)
            plan = StreamPlan(self.declared.name, symbol, topic, endpoint, channel, self.symbol_of)
            shared = self._shared[topic] = Shared(self._driver.tell(partial(self.desk.want_stream, plan)))
        elif shared.stream.plan.channel is not channel:
            other = shared.stream.plan.channel.name
            raise UsageError(f"{topic} is open already, as {other}", venue=self.declared.name)
        shared.join(reader)
        return partial(self._leave, topic, reader)

    def _check_endpoint(self, endpoint: Endpoint, topic: str) -> None:
        """Raises NoCredentials where it wants a key and there is none, or the venue's refusal of the one there is."""
        self._keys.check_endpoint(self.declared, endpoint, f"{endpoint.name} {topic}".strip())
        if (refused := self.desk.denied_at.get(endpoint.name)) is not None:
            raise refused.with_traceback(None)

    def _leave(self, topic: str, reader: Joined) -> None:
        shared = self._shared.get(topic)
        if shared is not None and shared.leave(reader):
            del self._shared[topic]
            self._quietly(partial(self.desk.unwant_stream, topic))

    def _readers(self, symbol: str | None = None) -> list[Joined]:
        """All who read facts, or those of one symbol."""
        everyone = [reader for shared in self._shared.values() for reader in shared.readers]
        return [reader for reader in everyone if symbol in (None, reader.symbol)]

    def open_raw(
        self, plan: RawPlan, deliver: Callable[[bytes, Now], None], watch: Callable[[Raw], None],
        token: Secret | None = None,
    ) -> tuple[Raw, Callable[[], None]]:  # fmt: skip
        """Open a connection of its own, `token` the end of its URL; the result's second part closes it."""
        self._check_endpoint(plan.endpoint, " ".join(plan.topics))
        raw = self._driver.tell(lambda at: self.desk.want_raw(plan, at, token))
        raw.deliver = deliver
        raw.changed_to = watch
        return raw, partial(self._quietly, partial(self.desk.unwant_raw, raw))

    def talk(self, declared: OrderSocket) -> Talk:
        """The connection over which orders go, opened when it is first asked for. Raises NoCredentials."""
        return self._driver.tell(partial(self.desk.want_talk, declared))

    def change_raw(self, raw: Raw, add: Sequence[str], remove: Sequence[str]) -> None:
        """Subscribe more topics on its connection, and fewer."""
        self._driver.tell(partial(self.desk.change_raw, raw, add, remove))

    def renew_raw(self, raw: Raw, reason: str) -> None:
        """Give its connection up for another."""
        self._quietly(partial(self.desk.renew_raw, raw, reason))

    def say_raw(self, raw: Raw, data: bytes) -> bool:
        """Say something on its connection, this once; whether there is one that takes it."""
        return self._driver.tell(lambda at: self.desk.say_raw(raw, data, at))

    def heard_ns(self, raw: Raw) -> int | None:
        """When its connection was last heard (monotonic); None while there is none."""
        sessions = [line.session for line in self.desk.lines if line.raw is raw]
        return next((session.heard_ns for session in sessions if session is not None), None)

    def attach(
        self, channel: BookChannel, instrument: Instrument, book: Book, *, limit: int | None = None
    ) -> core.Book:
        """Keep a book, sharing it with whoever wants the same one; the first one's `limit` holds."""
        plan = self.declared.book_plan(channel, instrument.id, symbol=instrument.symbol, limit=limit)
        self._check_endpoint(plan.endpoint, plan.topic)
        return self._views.join(plan, book)

    def listen(self, tape: Tape) -> Callable[[], None]:
        """Have it told of all that is said and heard, until the result is called. What is open already is replaced."""
        self._driver.tapes.append(tape)
        self._quietly(partial(self.desk.rotate_all, "a recording begins"))
        return partial(self._driver.tapes.remove, tape)

    def detach(self, name: str, book: Book) -> None:
        if self._views.leave(name, book):
            self._quietly(lambda at: self.desk.wanted(at, remove=[name]))

    def _quietly(self, call: Callable[[Now], object]) -> None:
        """While closing, the driver may be closed already: then there is nothing left to undo."""
        try:
            self._driver.tell(call)
        except UsageError:
            logger.debug("%s was closed before", self.declared.name)

    @property
    def sockets(self) -> int:
        return sum(line.session is not None and line.session.is_open for line in self.desk.lines)

    @property
    def topics(self) -> int:
        return len(self._shared) + len(self._views)

    def __repr__(self) -> str:
        return f"<{self.at} {self.state}, {self.topics} topics on {self.sockets} sockets>"
