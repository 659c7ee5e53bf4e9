"""A dead man's switch: the venue cancels what is open when nothing is heard of this program any more."""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Final, Protocol
from urllib.parse import urlsplit

from tidebook.client.finding import Found, usable
from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.core.clock import SECOND, Now
from tidebook.core.endpoint import Endpoint
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.stream import Flow
from tidebook.core.trading import Act, Countdown, DeadMan, Trading
from tidebook.errors import NetworkError, SubscriptionFailed, TidebookError, Timeout, UsageError, VenueError
from tidebook.io.clock import now
from tidebook.model import health
from tidebook.model.facts import Instrument
from tidebook.model.health import Health
from tidebook.venues import every

LEAVING: Final = 0.35
"""Seconds that disarming may take when it is closed: closing is over within half a second."""
PARTS: Final = 3
"""It is renewed when one part of the time is over, so that the others are left for what goes wrong."""
AGAIN: Final = 12
"""What has failed is tried again after one part of so many."""
_names = count(1)


class Places(Protocol):
    """A market, as its switches see it."""

    @property
    def _timeout(self) -> float: ...
    @property
    def _root(self) -> Opening: ...
    def _tell(self, event: Health) -> None: ...
    def _venues(self, venue: str | None) -> list[VenueAt]: ...
    def _check_allowed(self) -> None: ...
    async def _one(self, symbol: str, venue: str | None) -> Found: ...


class DeadManSwitch(Opening):
    """A dead man's switch at one venue. Made by `market.dead_man(…)`; entering arms it.

    While it is open it is renewed each third of its time, or hangs on a connection that is kept, as its venue does it.
    What goes wrong with that is a `NotRenewed` of `market.health()`. Leaving it disarms it, as long as the market's
    timeout; `close`, and closing the market, take no more than half a second for that. Where the venue has not
    answered by then a `NotDisarmed` says so. A process that is killed disarms nothing, and neither does an exception by
    which ``async with`` is left, be it a cancellation: then the venue cancels.
    """

    def __init__(self, places: Places, seconds: float, symbol: str | None, venue: str | None, *, dry_run: bool) -> None:
        super().__init__(places._root)
        self._places = places
        self._seconds = seconds
        self._symbol = symbol
        self._asked_venue = venue
        self._dry = dry_run
        self._one: VenueAt | None = None
        self._instrument: Instrument | None = None
        self._armed = False  # perhaps: what was asked may have come, whatever was answered
        self._until_ns = 0  # monotonic, when the venue cancels at the earliest; of a connection: while there is none
        self._apart_ns = 0  # what lay between our two clocks then: more since, and this machine was asleep
        self._raw: Raw | None = None
        self._settled = asyncio.Event()
        self._leave: Callable[[], None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._holds = False  # no other one of this program may have it now
        self._abandoned = ""  # why it is left armed
        self._patience = LEAVING
        self._turn = asyncio.Lock()  # of one request after the other

    # What users read ----------------------------------------------------------

    @property
    def venue(self) -> str:
        """The venue's name; before it is opened, what was asked for."""
        return self._asked_venue or "" if self._one is None else self._one.declared.name

    @property
    def seconds(self) -> float:
        """Its time."""
        return self._seconds

    @property
    def covers(self) -> str:
        """What the venue will cancel, in words; empty before it is opened."""
        return "" if self._one is None else self._declared.covers

    @property
    def armed(self) -> bool:
        """Whether the venue has it, as far as is known: False before it is opened, with `dry_run`, once disarmed."""
        return self._armed

    @property
    def left(self) -> float:
        """Seconds until the venue cancels at the earliest if nothing is renewed from now on; 0 where it may have.

        Of a switch that hangs on a connection: all its time while that is there. Infinite where it is not armed.
        """
        if not self._armed:
            return math.inf
        if self._raw is not None and self._raw.flow is Flow.OPEN:
            return self._seconds
        at = now()
        slept_ns = max(at.apart_ns - self._apart_ns, 0)
        return max((self._until_ns - at.mono_ns - slept_ns) / SECOND, 0.0)

    @property
    def says(self) -> str:
        """What arms it: the request in the venue's words, without the signature; and what is subscribed then.

        Raises UsageError before it is opened.
        """
        if self._one is None:
            raise UsageError("a dead man's switch says that once it is opened")
        request = self._act.request(self._countdown(self._seconds))
        parts = urlsplit(request.url)
        words = f"{request.method} {parts.netloc}{parts.path} {request.body.decode() or parts.query}"
        topic = self._declared.topic
        return f"{words}, then {topic} is subscribed" if topic else words

    # Opening ------------------------------------------------------------------

    async def _open(self) -> None:
        self._places._check_allowed()
        one = self._one = await self._chosen()
        self._check()
        request = self._act.request(self._countdown(self._seconds))
        if self._dry:
            return
        one.private.check(request)
        if self._scope in one.private.switches:
            raise UsageError(f"{one.place}: its dead man's switch is armed already, by this market")
        one.private.switches.add(self._scope)
        self._holds = True
        await self._set(self._seconds, self._places._timeout)
        if self._declared.endpoint is None:
            self._renewing = asyncio.ensure_future(self._renew())
            self._renewing.add_done_callback(self._renewed)
        else:
            await self._hang(self._declared.endpoint)

    async def _chosen(self) -> VenueAt:
        """The one venue that is meant. Raises UsageError that names those that have such a switch."""
        if self._symbol is not None:
            one, self._instrument = await self._places._one(self._symbol, self._asked_venue)
            ones = [one]
        else:
            ones = self._places._venues(self._asked_venue)
        found = [one for one in ones if _declared(one) is not None]
        if not found:
            have = ", ".join(name for name, one in every().items() if one.trading and one.trading.dead_man)
            names = ", ".join(one.place for one in ones)
            raise UsageError(f"{names} has no dead man's switch that is known here. These have one: {have}")
        if len(ones) > 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(one.place for one in found)}")
        await usable(found, self._places._timeout)
        return found[0]

    def _check(self) -> None:
        """Raises UsageError for a time or a symbol that this switch cannot have."""
        declared, seconds, name = self._declared, self._seconds, self.venue
        if type(seconds) not in (int, float) or not math.isfinite(seconds) or seconds <= 0:
            raise UsageError(f"seconds={seconds!r}: a number of seconds, above 0")
        if not declared.least <= seconds <= (declared.most or math.inf):
            most = "" if declared.most is None else f", {declared.most:g} at most"
            raise UsageError(f"{name}: seconds={seconds:g}: {declared.least:g} at least{most}. Nothing was sent")
        if declared.whole and seconds != int(seconds):
            raise UsageError(f"{name}: seconds={seconds:g}: it counts whole seconds. Nothing was sent")
        if declared.one and self._instrument is None:
            raise UsageError(f"{name}: a dead man's switch is of one symbol there: of which? Nothing was sent")
        if not declared.one and self._instrument is not None:
            raise UsageError(f"{name} cancels {declared.covers}, not one symbol's: leave symbol= out. Nothing was sent")

    async def disarm(self) -> None:
        """Disarm it now, and wait for the venue's word, as long as entering would.

        Raises NetworkError or the venue's error where there is none: it is armed still, and renewed no more. So does
        cancelling this leave it.
        """
        self._check_open()
        timeout = self._places._timeout
        await self._stop(timeout)
        if self._armed:
            await self._release(timeout)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left_by(error)
        await self.close()

    def _left_by(self, error: BaseException | None) -> None:
        """How its block has ended. What is closed afterwards is closed in that way."""
        if error is not None:
            self._abandoned = f"left by {type(error).__name__}, it stays armed"
        else:  # a venue that lets it be set once a second may want more than closing has
            self._patience = self._places._timeout

    async def _close(self) -> None:
        began_ns = now().mono_ns
        await self._stop(0.0 if self._abandoned else self._patience)
        try:
            if self._armed and self._abandoned:
                self._not_disarmed(self._abandoned)
            elif self._armed:
                await self._release(max(self._patience - (now().mono_ns - began_ns) / SECOND, 0.0))
        except TidebookError as error:
            self._not_disarmed(str(error))
        finally:
            self._unhang()
            if self._one is not None and self._holds:
                self._one.private.switches.discard(self._scope)

    # Inside -------------------------------------------------------------------

    @property
    def _declared(self) -> DeadMan:
        assert self._one is not None
        declared = _declared(self._one)
        assert declared is not None
        return declared

    @property
    def _act(self) -> Act:
        act = self._trading.act("dead_man")
        assert act is not None, "a declaration with a switch has its act"
        return act

    @property
    def _trading(self) -> Trading:
        assert self._one is not None
        assert self._one.declared.trading is not None, "a venue with a switch takes orders"
        return self._one.declared.trading

    @property
    def _about(self) -> str | None:
        return None if self._instrument is None else self._instrument.symbol

    def _countdown(self, seconds: float) -> Countdown:
        return Countdown(seconds, self._instrument)

    @property
    def _scope(self) -> str:
        """What no two of them may have at one place."""
        return self._about or ""

    def _tell(self, event: Health) -> None:
        self._places._tell(event if self._one is None else self._one.desk.known.event(event))

    def _not_disarmed(self, why: str) -> None:
        self._tell(health.NotDisarmed(self.venue, self._about, now().wall_ns, why, self.left))

    async def _set(self, seconds: float, timeout: float) -> None:
        """Have the venue count so many seconds; 0 for no more. Raises NetworkError, or the venue's error.

        Until it is known to be refused it counts as armed: nobody knows what became of a request without an answer.
        """
        assert self._one is not None
        asked = now()
        counts = self._declared.endpoint is None
        is_first = counts and not self._armed
        if is_first:
            self._armed = True
            self._counted(asked, seconds)
        try:
            async with asyncio.timeout(timeout):
                await self._one.private.act(self._act, self._countdown(seconds))
        except TimeoutError:
            raise Timeout(f"{self.venue}: no answer within {timeout:.3g} s", venue=self.venue) from None
        except VenueError as error:
            # What nobody knows, a gateway's page among it, does not say that it was not set.
            if is_first and type(error) is not VenueError and error.code not in self._trading.unsure:
                self._armed = False
            raise
        if counts:  # from when it was asked for: the venue counts from when it has heard that, which is later
            self._armed = seconds > 0
            self._counted(asked, seconds)

    def _counted(self, since: Now, seconds: float) -> None:
        self._until_ns, self._apart_ns = since.mono_ns + int(seconds * SECOND), since.apart_ns

    async def _renew(self) -> None:
        """Each third of its time, and sooner where that fails."""
        part = self._seconds / PARTS
        wait, goes = part, True
        while True:
            await asyncio.sleep(wait)
            if goes and not self.left:  # this program slept, or something in it did not give way
                self._not_renewed(f"nothing was said for more than {self._seconds:g} s: what was open may be cancelled")
            asked_ns = now().mono_ns
            try:
                async with self._turn:
                    await self._set(self._seconds, part)
            except TidebookError as error:
                self._not_renewed(str(error))
                wait, goes = self._seconds / AGAIN if self.left else part, False
            else:
                goes = True
                wait = max(part - (now().mono_ns - asked_ns) / SECOND, 0.0)

    def _renewed(self, task: asyncio.Task[None]) -> None:
        """It is renewed no more. What is no error of ours is a bug, and is told of in both ways."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._not_renewed(f"a bug: {error!r}; it is tried no more")
            raise error

    def _not_renewed(self, why: str) -> None:
        self._tell(health.NotRenewed(self.venue, self._about, now().wall_ns, why, self.left))

    async def _stop(self, timeout: float) -> None:
        """Renew it no more. A renewal that is under way is waited for: what disarms must not come before it."""
        if self._renewing is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._turn.acquire()
        self._renewing.cancel()
        await asyncio.wait([self._renewing])
        self._renewing = None

    async def _release(self, timeout: float) -> None:
        """Disarm it. Raises what `_set` does."""
        if self._declared.endpoint is None:
            await self._set(0, timeout)
            return
        assert self._one is not None
        assert self._raw is not None
        if not self._one.say_raw(self._raw, self._declared.leaves):
            raise NetworkError(f"{self.venue}: its connection is gone, and can say nothing", venue=self.venue)
        self._armed = False
        self._unhang()

    # The connection on which it hangs -----------------------------------------

    async def _hang(self, endpoint: Endpoint) -> None:
        """Raises SubscriptionFailed, or the venue's refusal of the key, where there is no such connection in time."""
        assert self._one is not None
        plan = RawPlan(self.venue, f"dead man {next(_names)}", endpoint, (self._declared.topic,))
        self._raw, self._leave = self._one.open_raw(plan, _heard, self._watch)
        wait = self._places._timeout
        try:
            async with asyncio.timeout(wait):
                await self._settled.wait()
        except TimeoutError:
            text = f"{self.venue}: {self._declared.topic} was not there within {wait:g} s"
            raise SubscriptionFailed(text, venue=self.venue) from None
        if self._raw.error is not None:
            raise self._raw.error

    def _unhang(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _watch(self, raw: Raw) -> None:
        if raw.flow is Flow.OPEN:
            self._armed, self._apart_ns = True, now().apart_ns
            self._settled.set()
        elif raw.error is not None and not self._settled.is_set():
            self._settled.set()
        elif self._armed and raw.flow is not Flow.CLOSED:
            if raw.flow is Flow.INTERRUPTED:  # the venue may have missed us since we heard it last
                heard_ns = now().mono_ns if raw.heard_ns is None else raw.heard_ns
                self._until_ns = heard_ns + int(self._seconds * SECOND)  # with any sleep since it opened
            self._not_renewed("its connection is gone" if raw.error is None else str(raw.error))

    def __repr__(self) -> str:
        try:
            if self._one is None or self._is_forked or self._closed:
                return f"<DeadManSwitch {self.venue} {self._condition()}>"
            how = "dry" if self._dry else f"armed, {self.left:.1f} s left" if self._armed else "disarmed"
            return f"<DeadManSwitch {self.venue} {self._seconds:g} s, {self.covers}: {how}>"
        except Exception as error:  # a repr never raises
            return f"<DeadManSwitch ({type(error).__name__})>"


def _declared(one: VenueAt) -> DeadMan | None:
    trading = one.declared.trading
    return None if trading is None else trading.dead_man


def _heard(frame: bytes, at: Now) -> None:
    """What comes there beside answers is of no use: that the connection is there is all."""
