"""The orders of one venue on their way: sent at most once, asked after where nobody knows what became of them."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from tidebook.client.asking import Asking, outcome
from tidebook.client.evidence import elsewhere
from tidebook.client.journaled import entry_of
from tidebook.client.network import network_error
from tidebook.client.opening import Opening
from tidebook.client.verdicts import answer, is_unsure, note, rejected, words
from tidebook.core.channel import Seen
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import Reply, Request, Seal, Urgency
from tidebook.core.errand import Errand
from tidebook.core.intention import Intention
from tidebook.core.rules import Wish
from tidebook.core.trading import Act, Ref, Trading, placed
from tidebook.errors import (
    ClockRefused,
    DecodeError,
    OrderNotFound,
    TidebookError,
    UsageError,
    VenueError,
)
from tidebook.io.clock import now
from tidebook.io.http import NOTHING_SENT
from tidebook.io.journal import Journal
from tidebook.model.orders import Order

logger = logging.getLogger("tidebook.client")

LOOK: Final = 2.0
"""Seconds for a look at an order that was taken."""
KEPT: Final = 10_000
"""So many whose outcome became known after it was unknown can be asked for by their names."""
LONGEST, PATIENT = 60.0, 5.0
"""Seconds: windows beyond the first are not waited for by `submit`; who sets less than the second wants no waiting."""


class Sends(Protocol):
    """One venue, as its intents see it."""

    @property
    def name(self) -> str: ...
    async def post(self, errand: Errand) -> tuple[Reply | None, str]:
        """Its answer, or why there is none. It is sent, or given up, also when nobody waits any more."""
        ...

    def sealed(self, request: Request, gate: Callable[[Now], bool] | None = None, *, again: bool = False) -> Seal:
        """What signs it in the moment in which it is sent; where `gate` says no then, it is not. `again`: its time
        stamp or its nonce was refused.
        """
        ...

    def errand(self, request: Request, pool: str, weight: int, urgency: Urgency, seal: Seal) -> Errand: ...
    def seen(self) -> Seen: ...
    async def act(self, act: Act, about: Any) -> Any:
        """What an act says. Raises the venue's error, NetworkError, DecodeError."""
        ...

    @property
    def unsure_ns(self) -> int:
        """By how much the venue's clock may differ from what is known of it."""
        ...

    def venue_ns(self, at: Now) -> int:
        """The venue's time, as far as it is known: it is the same whatever becomes of our clock."""
        ...

    def learned(self, order: Order) -> None:
        """An answer has said what an order is."""
        ...

    async def measure(self) -> None:
        """Look at the venue's clock anew."""
        ...


class Intents:
    """`unresolved` are those whose outcome nobody knows, by client id."""

    def __init__(self, sends: Sends, trading: Trading, place: str, journal: Journal | None, timeout: float) -> None:
        self.trading = trading
        self.unresolved: dict[str, Intention] = {}
        self._sends = sends
        self._place = place
        self._journal = journal
        self._timeout = timeout
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._going: dict[str, asyncio.Task[None]] = {}
        self._heard: dict[str, Order] = {}  # what others were told of those that are under way
        self._resolved: dict[str, Intention] = {}  # those that were unresolved, the newest last
        self._endings: dict[str, asyncio.Event] = {}
        self._closed = False

    async def submit(self, wish: Wish, number: int, check: Callable[[], None] | None = None) -> Order:
        """Send it, once. Raises OrderRejected or another refusal of the venue's, NetworkError where nothing arrived,
        OutcomeUnknown where asking gave no answer.

        Cancelled before it has left, it never leaves. Cancelled later it goes its way: what becomes of it stands in
        `unresolved` until it is known. `check` is asked in the moment in which it leaves: what it raises is raised.
        An order that was accepted stays in the journal until `handed` says that its user has it.
        """
        intention = Intention(wish, number, self.trading)
        if self._journal is not None:
            entry = entry_of(wish, number, self._place, self._sends.venue_ns(now()))
            try:
                await self._journal.write(entry)
            except OSError as error:
                text = f"the journal cannot be written ({error.strerror}). Nothing was sent"
                raise UsageError(text, venue=self._sends.name, symbol=wish.instrument.symbol) from error
        if self._closed:
            intention.given_up()
            self._ended(intention)
            raise UsageError(f"{self._sends.name} is closed. Nothing was sent", venue=self._sends.name)
        task = asyncio.ensure_future(self._go(intention, check))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if _is_cancelled():
                self._left_alone(intention, task)
                raise
        return outcome(intention, self._sends.name, closed=self._closed)

    def handed(self, client_id: str) -> None:
        """Its user is told now that it was accepted: after a crash nobody needs to be told again."""
        if self._journal is not None:
            self._journal.end(client_id, "accepted")

    def _left_alone(self, intention: Intention, task: asyncio.Task[None]) -> None:
        """Nobody waits for it any more: what has left is told of until it is known."""
        if intention.given_up():
            task.cancel()
            self._ended(intention)
        elif intention.ended:
            self._remembered(intention)
            logger.warning("%s: %s, which nobody waited for", self._place, intention)
        else:
            intention.why = intention.why or "nobody waited for its answer"
            self.unresolved[intention.wish.client_id] = intention
            logger.warning("%s: nobody waits any more for an order that is under way: %s", self._place, intention)
            task.add_done_callback(
                lambda done: logger.warning("%s: %s, which nobody waited for", self._place, intention)
            )

    async def resolve(self, client_id: str, timeout: float | None = None) -> Order:
        """Ask until it is known, `timeout` seconds at most (None: as `Options.resolve_timeout` says).

        Raises as `submit` does; UsageError for a client id that none of `unresolved` has, or had.
        """
        return await self.ask(self._named(client_id), timeout)

    async def ask(self, intention: Intention, timeout: float | None) -> Order:
        """What became of it. Raises as `submit` does; cancelled, it is unknown still."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._known(intention, None if timeout is None else now().mono_ns + seconds(timeout))
                    await self._look_after(intention)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
        return self.told(intention)

    def asking(self, client_id: str, root: Opening, trader: object) -> Asking:
        """What asks after one of `unresolved`, or one that was. Raises UsageError where there is none."""
        return Asking(self, self._named(client_id), root, trader)

    def heard(self, order: Order) -> None:
        """Somebody has been told of an order, be it by the account's stream: it may be one of ours."""
        if order.client_id in self._going:
            self._heard[order.client_id] = order  # its own answer decides, if there is one
        intention = self.unresolved.get(order.client_id)
        if intention is not None and intention.wish.instrument.symbol == order.symbol:
            self._accepted(intention, order)
            self._ended(intention)

    def settle(self, client_id: str, *, arrived: bool) -> None:
        """What a human says of one of `unresolved`. Raises UsageError where there is none, or it is under way yet."""
        intention = self.unresolved.get(client_id)
        if intention is None:
            raise self._nothing(client_id)
        if not intention.settled(arrived=arrived):
            text = f"{client_id} is on its way: its answer is waited for, and decides"
            raise UsageError(text, venue=self._sends.name)
        logger.warning("%s: %s, as somebody says", self._place, intention)
        self._ended(intention)

    def has(self, client_id: str) -> bool:
        """Whether it is one of `unresolved`, or was."""
        return client_id in self.unresolved or client_id in self._resolved

    async def settled(self, client_id: str, within: float) -> None:
        """Wait until one of `unresolved` is known by other ways than asking, so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._endings.setdefault(client_id, asyncio.Event()).wait()

    def _named(self, client_id: str) -> Intention:
        intention = self.unresolved.get(client_id) or self._resolved.get(client_id)
        if intention is None:
            raise self._nothing(client_id)
        return intention

    def _nothing(self, client_id: str) -> UsageError:
        return UsageError(f"{self._sends.name}: nothing unresolved is called {client_id!r}", venue=self._sends.name)

    async def _known(self, intention: Intention, end_ns: int | None) -> None:
        """Wait for its answer and ask after it; with `end_ns` again and again until then."""
        if (going := self._going.get(intention.wish.client_id)) is not None:
            await asyncio.shield(going)
        if not self._is_mute:
            intention.wanted(now())
        while intention.state == "unknown" and not self._closed:
            await self._asked(intention, end_ns)
            if end_ns is None or self._is_mute or now().mono_ns >= end_ns:
                return
            if intention.next_ns is not None and intention.next_ns > end_ns:
                return

    @property
    def _is_mute(self) -> bool:
        """Whether the venue cannot be asked what became of an order."""
        return self.trading.act("order") is None or self.trading.ability == "none"

    def remember(self, intention: Intention) -> None:
        """One of an earlier process."""
        self.unresolved[intention.wish.client_id] = intention

    async def close(self) -> None:
        """What has not left never leaves; what is under way stays unknown, in the journal."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Inside -------------------------------------------------------------------

    async def _go(self, intention: Intention, check: Callable[[], None] | None) -> None:
        client_id = intention.wish.client_id
        going = asyncio.current_task()
        assert going is not None
        self._going[client_id] = going
        try:
            await self._send(intention, check)
            if intention.state == "unknown":
                self.unresolved[client_id] = intention
                if intention.answered_ns is not None and self._journal is not None:
                    self._journal.note_answered(client_id)
                if (order := self._heard.get(client_id)) is not None:
                    self._accepted(intention, order)
                else:
                    await self._asked(intention)
        finally:
            intention.given_up()  # where it has not left by now, it never will
            del self._going[client_id]
            self._heard.pop(client_id, None)
            self._ended(intention)

    async def _asked(self, intention: Intention, end_ns: int | None = None) -> None:
        """Asked after by one task, whoever waits for it."""
        asking = self._asking.get(intention.number)
        if asking is None:
            asking = self._asking[intention.number] = asyncio.ensure_future(self._ask_after(intention, end_ns))
            self._tasks.add(asking)
            asking.add_done_callback(self._tasks.discard)
            asking.add_done_callback(lambda done: self._asking.pop(intention.number, None))
        await asyncio.shield(asking)

    def _gate(self, intention: Intention, check: Callable[[], None] | None, at: Now) -> bool:
        """Whether it may leave, at the last moment."""
        if self._closed:
            return False
        try:
            if check is not None:
                check()
        except TidebookError as error:
            intention.not_sent(error)
        return intention.sends(at, self._sends.unsure_ns)

    async def _send(self, intention: Intention, check: Callable[[], None] | None) -> None:
        act = self.trading.act("submit")
        assert act is not None
        request = act.request(intention.wish)
        while intention.state == "made":
            seal = self._sends.sealed(request, partial(self._gate, intention, check), again=intention.again)
            errand = self._sends.errand(request, act.pool, act.cost(intention.wish), Urgency.ORDER, seal)
            errand.late = partial(self._answered_late, intention, act, errand)
            try:
                reply, why = await self._sends.post(errand)
            except TidebookError as error:  # before anything was sent
                intention.not_sent(error)
                return
            except asyncio.CancelledError:
                intention.given_up()
                intention.lost("it was closed while it was under way", now())
                if not intention.ended:
                    self.unresolved[intention.wish.client_id] = intention
                raise
            self._judge(intention, act, errand, reply, why)
            if act.then is not None and intention.order is not None:
                await self._look(intention, act.then)
            if isinstance(intention.error, ClockRefused) and intention.state == "made":
                await self._sends.measure()

    async def _look(self, intention: Intention, then: Act) -> None:
        """The venue has only said that it will see to it: what it has made of it since, where that is answered."""
        try:
            async with asyncio.timeout(LOOK):
                order: Order = await self._sends.act(then, placed(intention.wish))
        except (TidebookError, TimeoutError):
            return  # it was taken: that much is known
        intention.seen(order, self._no(order))

    def _no(self, order: Order) -> TidebookError | None:
        return rejected(order, self.trading, self._sends.name)

    def _judge(self, intention: Intention, act: Act, errand: Errand, reply: Reply | None, why: str) -> None:
        """What an answer, or none, says of it."""
        at = now()
        if reply is None:
            if intention.state == "made" or why.endswith(NOTHING_SENT):
                intention.not_sent(network_error(why, self._sends.name))
            else:
                intention.lost(words(why), at)
            return
        error = errand.refused
        if error is None and 200 <= reply.status < 300:
            try:
                self._taken(intention, act.read(reply.body, self._sends.seen(), intention.wish))
            except (DecodeError, msgspec.MsgspecError) as wrong:
                intention.lost(f"its answer cannot be read ({type(wrong).__name__})", at, answered=True)
        elif error is None or is_unsure(reply, error, self.trading):
            intention.lost(f"HTTP {reply.status}" if error is None else error.text, at, answered=True)
        elif type(error) is VenueError and reply.status < 400:
            intention.lost(f"its answer says what nobody knows: {error.text}", at, answered=True, no=error)
        elif isinstance(error, ClockRefused) and intention.too_late():
            intention.error = error
        else:
            error.symbol = intention.wish.instrument.symbol
            intention.refused(error)

    def _answered_late(self, intention: Intention, act: Act, errand: Errand, reply: Reply) -> None:
        """The answer, when it was not waited for any more. A no is believed once the order is not found."""
        logger.warning("%s: an answer to %s came late: HTTP %d", self._place, intention.wish.client_id, reply.status)
        if intention.state != "unknown":
            return
        error = errand.refused
        if error is None and 200 <= reply.status < 300:
            with suppress(DecodeError, msgspec.MsgspecError):  # it is asked after all the same
                self._taken(intention, act.read(reply.body, self._sends.seen(), intention.wish))
        elif error is not None and not is_unsure(reply, error, self.trading):
            intention.no = error
        self._ended(intention)

    async def _ask_after(self, intention: Intention, end_ns: int | None) -> None:
        """Ask until it is known, or for long enough."""
        if end_ns is None:
            # Longer than the venue's window where that is not too long to wait for.
            window = min((self.trading.window or 0.0) + 2.0, LONGEST)
            end_ns = now().mono_ns + seconds(self._timeout if self._timeout < PATIENT else max(self._timeout, window))
        act = self.trading.act("order")
        if act is None or self._is_mute:
            return
        if intention.next_ns is None and intention.state == "unknown":
            intention.not_answered(now())
        ref = placed(intention.wish)
        while intention.state == "unknown" and intention.next_ns is not None:
            wait = intention.next_ns - now().mono_ns
            if intention.next_ns > end_ns:
                return
            await self.settled(intention.wish.client_id, max(wait, 0) / SECOND)
            asked = now()
            if not intention.asks(asked):
                continue
            try:
                order = await self._found(intention, act, ref, asked)
            except OrderNotFound:
                intention.not_found(asked.mono_ns, now())
                note(intention, "" if intention.ended else "it is not there yet")
            except TidebookError as error:
                note(intention, answer(error))
                intention.not_answered(now())
            else:
                self._taken(intention, order)
        self._ended(intention)

    async def _found(self, intention: Intention, act: Act, ref: Ref, asked: Now) -> Order:
        """The order as its venue has it. Raises OrderNotFound where there is no trace of it.

        Where that the venue does not know its name proves nothing, it is looked for in other places.
        """
        try:
            order: Order = await self._sends.act(act, ref)
        except OrderNotFound:
            if intention.no is not None or intention.could_prove(asked.mono_ns):
                raise
            since_ns = asked.wall_ns - (asked.mono_ns - (intention.sent_ns or asked.mono_ns)) - intention.age_ns
            found = await elsewhere(self._sends.act, self.trading, intention.wish, since_ns, asked.wall_ns)
            if found is None:
                raise
            return found
        return order

    def _taken(self, intention: Intention, order: Order) -> None:
        """The venue tells of it: it came; and perhaps to nothing."""
        if intention.by_hand and intention.state == "absent":
            logger.error("%s: %s was said not to have arrived, and is there: %s", self._place, intention, order)
        self._accepted(intention, order)
        self._sends.learned(order)

    def _accepted(self, intention: Intention, order: Order) -> None:
        intention.accepted(order)
        if (no := self._no(order)) is not None:
            intention.seen(order, no)

    async def _look_after(self, intention: Intention) -> None:
        """What its venue has made of what a human says has arrived. Raises OrderNotFound where there is no such."""
        act = self.trading.act("order")
        if act is None or self._is_mute or not intention.ended or intention.is_known:
            return
        try:
            order = await self._found(intention, act, placed(intention.wish), now())
        except OrderNotFound as error:
            wish, name = intention.wish, self._sends.name
            text = f"{name}: {wish.client_id} ({wish.words}) has arrived, as somebody said, and the venue has no such"
            raise OrderNotFound(text, venue=name, symbol=wish.instrument.symbol, code=error.code) from error
        except TidebookError as error:
            intention.why = f"it was asked after, and {words(str(error))}"
        else:
            intention.seen(order, self._no(order))

    def _ended(self, intention: Intention) -> None:
        if intention.ended:
            client_id = intention.wish.client_id
            if self.unresolved.pop(client_id, None) is not None:
                self._remembered(intention)
            if (ending := self._endings.pop(client_id, None)) is not None:
                ending.set()
            # One that was accepted may stand at the venue: it stays until somebody has it.
            if self._journal is not None and (intention.state != "accepted" or intention.by_hand):
                self._journal.end(client_id, intention.state)

    def _remembered(self, intention: Intention) -> None:
        """What nobody was told yet can be asked for; of too many the oldest is not kept."""
        self._resolved[intention.wish.client_id] = intention
        while len(self._resolved) > KEPT:
            oldest = next(iter(self._resolved))
            del self._resolved[oldest]
            self.handed(oldest)

    def told(self, intention: Intention) -> Order:
        """What its user is told. Raises as `submit` does."""
        order = outcome(intention, self._sends.name, closed=self._closed)
        self.handed(intention.wish.client_id)
        return order


def _is_cancelled() -> bool:
    """Whether it is the task that waits which is cancelled, and not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def path_of(request: Request) -> str:
    """As it stands in texts."""
    return f"{request.method} {urlsplit(request.url).path}"
