"""The orders of one venue on their way: sent at most once, asked after where nobody knows what became of them."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from tidebook.client.journaled import entry_of
from tidebook.core.channel import Seen
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import Reply, Request, Seal, Urgency
from tidebook.core.errand import Errand
from tidebook.core.intention import Intention
from tidebook.core.rules import Wish
from tidebook.core.trading import Act, Trading, placed
from tidebook.errors import (
    ClockRefused,
    DecodeError,
    NetworkError,
    OrderNotFound,
    OrderRejected,
    OutcomeUnknown,
    TidebookError,
    UsageError,
)
from tidebook.io.clock import now
from tidebook.io.journal import Journal
from tidebook.model.orders import Order


class Sends(Protocol):
    """One venue, as its intents see it."""

    @property
    def name(self) -> str: ...
    async def post(self, errand: Errand) -> tuple[Reply | None, str]:
        """Its answer, or why there is none. It is sent, or given up, also when nobody waits any more."""
        ...

    def sealed(self, request: Request, gate: Callable[[Now], bool] | None = None) -> Seal:
        """What signs it in the moment in which it is sent; where `gate` says no then, it is not."""
        ...

    def errand(self, request: Request, pool: str, weight: int, urgency: Urgency, seal: Seal) -> Errand: ...
    def seen(self) -> Seen: ...
    async def act(self, act: Act, about: Any) -> Any:
        """What an act says. Raises the venue's error, NetworkError, DecodeError."""
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

    async def submit(self, wish: Wish, number: int) -> Order:
        """Send it, once. Raises OrderRejected or another refusal of the venue's, NetworkError where nothing arrived,
        OutcomeUnknown where asking gave no answer.

        Cancelled before it has left, it never leaves. Cancelled later it goes its way: what becomes of it stands in
        `unresolved` until it is known.
        """
        intention = Intention(wish, number, self.trading)
        if self._journal is not None:
            entry = entry_of(wish, number, self._place, now())
            try:
                await self._journal.write(entry)
            except OSError as error:
                text = f"the journal cannot be written ({error.strerror}). Nothing was sent"
                raise UsageError(text, venue=self._sends.name, symbol=wish.instrument.symbol) from error
        task = asyncio.ensure_future(self._go(intention))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if intention.given_up():
                task.cancel()
                self._ended(intention)
            raise
        return self._told(intention)

    async def resolve(self, client_id: str) -> Order:
        """Ask until it is known, `Options.resolve_timeout` seconds at most. Raises as `submit` does.

        Raises UsageError for a client id that is none of `unresolved`.
        """
        intention = self.unresolved.get(client_id)
        if intention is None:
            raise UsageError(f"{self._sends.name}: nothing unresolved is called {client_id!r}", venue=self._sends.name)
        await self._asked(intention)
        return self._told(intention)

    def remember(self, intention: Intention) -> None:
        """One of an earlier process."""
        self.unresolved[intention.wish.client_id] = intention

    async def close(self) -> None:
        """What has not left never leaves; what is under way stays unknown, in the journal."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Inside -------------------------------------------------------------------

    async def _go(self, intention: Intention) -> None:
        await self._send(intention)
        if intention.state == "unknown":
            self.unresolved[intention.wish.client_id] = intention
            await self._asked(intention)
        self._ended(intention)

    async def _asked(self, intention: Intention) -> None:
        """Asked after by one task, whoever waits for it."""
        asking = self._asking.get(intention.number)
        if asking is None:
            asking = self._asking[intention.number] = asyncio.ensure_future(self._ask_after(intention))
            self._tasks.add(asking)
            asking.add_done_callback(self._tasks.discard)
            asking.add_done_callback(lambda done: self._asking.pop(intention.number, None))
        await asyncio.shield(asking)

    async def _send(self, intention: Intention) -> None:
        act = self.trading.act("submit")
        assert act is not None
        request = act.request(intention.wish)
        while intention.state == "made":
            seal = self._sends.sealed(request, intention.sends)
            errand = self._sends.errand(request, act.pool, act.cost(intention.wish), Urgency.ORDER, seal)
            try:
                reply, why = await self._sends.post(errand)
            except TidebookError as error:  # before anything was sent
                intention.not_sent(error)
                return
            except asyncio.CancelledError:
                intention.given_up()
                intention.lost("closed while it was under way", now())
                raise
            self._judge(intention, act, errand, reply, why)
            if act.then is not None and intention.order is not None:
                await self._look(intention, act.then)
            if isinstance(intention.error, ClockRefused) and intention.state == "made":
                await self._sends.measure()

    async def _look(self, intention: Intention, then: Act) -> None:
        """The venue has only said that it will see to it: what it has made of it since, where that is answered."""
        try:
            order: Order = await self._sends.act(then, placed(intention.wish))
        except TidebookError:
            return  # it was taken: that much is known
        intention.seen(order, self._rejected(order))

    def _rejected(self, order: Order) -> TidebookError | None:
        if order.status != "rejected" and (order.reason not in self.trading.reasons or order.filled):
            return None
        kind = self.trading.reasons.get(order.reason, OrderRejected)
        text = (
            f"{self._sends.name}: {order.client_id or order.id} was rejected ({order.reason or 'no reason is given'})"
        )
        return kind(text, venue=self._sends.name, symbol=order.symbol, code=order.reason or None)

    def _judge(self, intention: Intention, act: Act, errand: Errand, reply: Reply | None, why: str) -> None:
        """What an answer, or none, says of it."""
        at = now()
        if reply is None:
            if intention.state == "made" or why.endswith("nothing was sent"):
                intention.not_sent(_not_sent(why, self._sends.name))
            else:
                intention.lost(_words(why), at)
            return
        error = errand.refused
        if error is None and reply.status < 400:
            try:
                order: Order = act.read(reply.body, self._sends.seen(), intention.wish)
                intention.accepted(order)
                self._sends.learned(order)
            except (DecodeError, msgspec.MsgspecError) as wrong:
                intention.lost(f"its answer cannot be read ({wrong})", at)
        elif error is None or self.is_unsure(reply, error):
            intention.lost(f"HTTP {reply.status}" if error is None or error.code is None else f"{error.text}", at)
        elif isinstance(error, ClockRefused) and intention.too_late():
            intention.error = error
        else:
            error.symbol = intention.wish.instrument.symbol
            intention.refused(error)

    def is_unsure(self, reply: Reply, error: TidebookError) -> bool:
        """Whether a refusal leaves open what became of it."""
        if error.code in self.trading.unsure:
            return True
        return (reply.status == 408 or reply.status >= 500) and error.retry != "safe"

    async def _ask_after(self, intention: Intention) -> None:
        """Ask until it is known, or for long enough."""
        end_ns = now().mono_ns + seconds(self._timeout)
        act = self.trading.act("order")
        if act is None or self.trading.ability == "none":
            return
        if intention.next_ns is None and intention.state == "unknown":
            intention.not_answered(now())
        ref = placed(intention.wish)
        while intention.state == "unknown" and intention.next_ns is not None:
            wait = intention.next_ns - now().mono_ns
            if intention.next_ns > end_ns:
                return
            await asyncio.sleep(max(wait, 0) / SECOND)
            asked = now()
            if not intention.asks(asked):
                continue
            try:
                order: Order = await self._sends.act(act, ref)
            except OrderNotFound:
                intention.not_found(asked.mono_ns, now())
            except TidebookError as error:
                intention.why = f"{intention.why.partition('; asked')[0]}; asked, and {_words(str(error))}"
                intention.not_answered(now())
            else:
                intention.accepted(order)
        self._ended(intention)

    def _ended(self, intention: Intention) -> None:
        if intention.ended:
            self.unresolved.pop(intention.wish.client_id, None)
            if self._journal is not None:
                self._journal.end(intention.wish.client_id, intention.state)

    def _told(self, intention: Intention) -> Order:
        """What its user is told."""
        wish, name = intention.wish, self._sends.name
        symbol = wish.instrument.symbol
        match intention.state:
            case "accepted" if intention.order is not None:
                return intention.order
            case "refused" | "unsent" if intention.error is not None:
                raise intention.error
            case "absent":
                text = (
                    f"{name}: {wish.client_id} ({wish.words}) never arrived: {intention.why}, and when its time stamp"
                )
                text += " had run out the venue knew nothing of it"
                raise NetworkError(text, venue=name, symbol=symbol)
        text = f"{name.partition('.')[0]} has not said whether {wish.client_id} ({wish.words}) arrived: {intention.why}"
        error = OutcomeUnknown(
            text, venue=name, symbol=symbol, client_id=wish.client_id,
            hint="Don't send it again: await error.resolve()",
        )  # fmt: skip
        raise error


def _words(why: str) -> str:
    """Of a reason, what a user needs."""
    word, _, text = why.partition(": ")
    return "no answer in time" if word == "Timeout" else f"cut after sending ({text.partition(': ')[2] or text or why})"


def _not_sent(why: str, venue: str) -> NetworkError:
    word, _, text = why.partition(": ")
    return NetworkError(f"{venue}: {text or word}", venue=venue)


def path_of(request: Request) -> str:
    """As it stands in texts."""
    return f"{request.method} {urlsplit(request.url).path}"
