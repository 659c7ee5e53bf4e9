"""The private side of one venue at one place: what is signed, with which key, by which clock; and its orders."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tidebook.client.intents import Intents, path_of
from tidebook.client.keys import Keys
from tidebook.core.channel import Seen
from tidebook.core.clock import SECOND, Now
from tidebook.core.effects import Reply, Request, Seal, Urgency
from tidebook.core.errand import Errand
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.talk import OrderSocket, Talk
from tidebook.core.trading import A, Act, addressed
from tidebook.errors import ClockRefused, DecodeError, OrderNotFound, TidebookError, UsageError
from tidebook.io.clock import now
from tidebook.io.journal import Journal
from tidebook.model.credentials import Credentials, Secret
from tidebook.model.orders import Order

if TYPE_CHECKING:
    from tidebook.client.account import Account
    from tidebook.client.place import VenueAt

logger = logging.getLogger("tidebook.client")

OPENING: Final = 3.0
"""Seconds that the first order waits for the connection over which orders go."""
JUMP: Final = 60_000
"""By so much a nonce jumps after one was refused, which is a minute where nonces are milliseconds: over what another
machine with this key has drawn whose clock is ahead. A finer unit than milliseconds is never chosen by itself: who
counts in a coarser one with this key would be locked out for good."""
MEASURE_EVERY = 60.0
"""Seconds after which the venue's clock is looked at anew, beside what is signed then."""


class Private:
    """See the module. Nothing of it is made before it is used."""

    def __init__(self, one: "VenueAt", keys: Keys, journal: Journal | None, *, by_message: bool = False) -> None:
        self._one = one
        self._keys = keys
        self._journal = journal
        self._measured_ns = now().mono_ns
        self.listeners: list[Callable[[Order], None]] = []  # told of each order that an answer speaks of
        self.accounts: list[Account] = []  # those that are open
        self.switches: set[str] = set()  # dead man's switches that are armed: of a symbol, or of all ("")
        self._account = ""
        self._by_message = by_message
        self._settled = asyncio.Event()
        self._warned = False

    @property
    def name(self) -> str:
        return self._one.declared.name

    @cached_property
    def intents(self) -> Intents:
        """Its orders on their way. Raises UsageError where its venue takes none."""
        trading = self._one.declared.trading
        if trading is None:
            raise UsageError(f"{self.name}: orders are not built yet", venue=self.name)
        return Intents(self, trading, self.place, self._journal, self._one.options.resolve_timeout)

    @property
    def place(self) -> str:
        """Whose orders they are: the place, and a name of the key, or that it is a simulator's. As journals have it."""
        credentials = self._keys.credentials
        if credentials is None:
            return self._one.place
        return f"{self._one.place} {'simulator' if self._keys.simulated else 'key ' + _named(credentials)[:12]}"

    @property
    def unsure_ns(self) -> int:
        """By how much the venue's clock may differ from what is known of it."""
        return self._one.clock.unsure_ns(now())

    def venue_ns(self, at: Now) -> int:
        """The venue's time, as far as it is known."""
        return self._one.clock.wall_ns(at)

    @property
    def started(self) -> bool:
        """Whether there were orders."""
        return "intents" in self.__dict__

    # What is signed -----------------------------------------------------------

    def check(self, request: Request) -> tuple[Scheme, Credentials]:
        """What signs it. Raises NoCredentials where there is no key, UsageError where nobody knows how."""
        declared = self._one.declared
        scheme = declared.scheme(self._one.at.environment)
        if scheme is None:
            raise UsageError(f"{self.name}: how its requests are signed is not built yet", venue=self.name)
        self._keys.check(declared, path_of(request), "sent")
        credentials = self._keys.credentials
        assert credentials is not None
        return scheme, credentials

    def sealed(
        self, request: Request, gate: Callable[[Now], bool] | None = None, *, again: bool = False
    ) -> Seal:  # fmt: skip
        """What signs it in the moment in which it is sent; where `gate` says no then, it is not. Raises as `check`.

        `again`: it was refused for its time stamp or its nonce, and this one's nonce jumps over what was refused.
        """
        scheme, credentials = self.check(request)

        def sign(request: Request, at: Now, nonce: int, draw: bytes) -> Request | None:
            signed = scheme.sign(request, credentials, Stamp(self._one.clock.wall_ns(at), nonce, draw))
            return signed if gate is None or gate(at) else None

        self._measure_soon()
        account = _named(credentials) if scheme.wants_nonce else ""
        jump = JUMP if again and account else 0
        return Seal(sign, account, self._message(request, scheme, credentials, gate), jump)

    def _message(
        self, request: Request, scheme: Scheme, credentials: Credentials, gate: Callable[[Now], bool] | None
    ) -> Callable[[str, Now], Secret | None] | None:
        """What says the same by message; None where it goes over HTTP."""
        socket = self.order_socket
        name = None if socket is None else socket.name(request)
        if socket is None or name is None:
            return None

        def says(id: str, at: Now) -> Secret | None:
            message = socket.say(name, request, id, scheme, credentials, self._one.clock.stamp(at))
            return message if gate is None or gate(at) else None

        return says

    @property
    def order_socket(self) -> OrderSocket | None:
        """How orders go by message; None where that is not wanted, or the venue has no such thing here."""
        trading = self._one.declared.trading
        if not self._by_message or trading is None:
            return None
        return trading.by_message(self._one.at.environment)

    async def talk(self) -> Talk | None:
        """The connection over which orders go; None where there is none now, and they go over HTTP instead.

        It is opened when it is first asked for, and waited for `OPENING` seconds then; later on, not at all.
        """
        socket = self.order_socket
        if socket is None:
            return None
        talk = self._one.talk(socket)
        talk.settled = self._settled.set
        if talk.is_opening and not self._settled.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(OPENING):
                    await self._settled.wait()
        if talk.is_open:
            self._warned = False
            return talk
        if not self._warned:
            self._warned = True
            logger.warning("%s: there is no connection for orders now: they go over HTTP", self._one.place)
        return None

    async def send(self, request: Request, pool: str, weight: int, urgency: Urgency = Urgency.SEED) -> Reply:
        """Send it signed. Raises as `VenueAt.send`; where its time stamp or its nonce is refused it is signed once
        more, with the venue's clock looked at anew: nothing was done the first time.
        """
        try:
            return await self._one.send(request, pool, weight, self.sealed(request), urgency)
        except ClockRefused:
            await self.measure()
            return await self._one.send(request, pool, weight, self.sealed(request, again=True), urgency)

    async def act(self, act: Act, about: Any) -> Any:
        """What an act says, all pages of it. Raises the venue's error, NetworkError, DecodeError."""
        about = await self.addressed(about)
        try:
            found = await self._pages(act, about)
        except OrderNotFound:
            if act.otherwise is None:
                raise
            return await self.act(act.otherwise, about)
        return found if act.then is None else await self.act(act.then, about)

    async def addressed(self, about: A) -> A:
        """With what the venue calls the account, where its requests say so: it is asked once. Raises as `act`."""
        trading = self._one.declared.trading
        asks = None if trading is None else trading.act("account")
        if asks is None or about.account:
            return about
        if not self._account:
            self._account = await self._pages(asks, about)
        return addressed(about, self._account)

    async def _pages(self, act: Act, about: Any) -> Any:
        request = act.request(about)
        weight = act.cost(about)
        urgency = Urgency.ORDER if act.name in _URGENT else Urgency.SEED
        reply = await self.send(request, act.pool, weight, urgency)
        found = self._read(act, about, reply)
        asked = 1
        while act.more is not None and (further := act.more(request, reply.body)) is not None:
            request = further
            asked += 1
            if asked > _MOST_PAGES:
                raise DecodeError("malformed", f"{self.name}: more than {_MOST_PAGES} pages of {act.name}")
            reply = await self.send(request, act.pool, weight, urgency)
            page = self._read(act, about, reply)
            found = [*page, *found] if act.backwards else [*found, *page]
        if isinstance(found, Order):
            self.learned(found)
        return found

    def learned(self, order: Order) -> None:
        """An answer has said what an order is."""
        self.heard(order)
        for listener in tuple(self.listeners):
            listener(order)

    def heard(self, order: Order) -> None:
        """Somebody was told what an order is: where nobody knew what became of it, that is known now."""
        if self.started:
            self.intents.heard(order)

    def _read(self, act: Act, about: Any, reply: Reply) -> Any:
        try:
            return act.read(reply.body, self.seen(), about)
        except msgspec.MsgspecError as error:
            wrong = DecodeError("malformed", f"{act.name}: {error}", venue=self.name)
            raise self._one.desk.known.error(wrong) from error
        except DecodeError as error:
            raise self._one.desk.known.error(error) from None

    # For its orders -----------------------------------------------------------

    async def post(self, errand: Errand) -> tuple[Reply | None, str]:
        return await self._one.post(errand)

    def errand(self, request: Request, pool: str, weight: int, urgency: Urgency, seal: Seal) -> Errand:
        return self._one.errand(request, pool, weight, urgency, seal)

    def seen(self) -> Seen:
        return Seen(self.name, self._one.named, now().wall_ns)

    async def measure(self) -> None:
        """Look at the venue's clock anew; where it does not tell, what is known of it stays."""
        self._measured_ns = now().mono_ns
        try:
            await self._one.measure_clock()
        except TidebookError:
            await asyncio.sleep(0)

    def _measure_soon(self) -> None:
        if now().mono_ns - self._measured_ns > MEASURE_EVERY * SECOND:
            self._measured_ns = now().mono_ns
            self._one.measure_soon()

    async def close(self) -> None:
        if self.started:
            await self.intents.close()


_MOST_PAGES = 1000
_URGENT = ("cancel", "cancel_all", "amend", "order", "dead_man")


def _named(credentials: Credentials) -> str:
    """A key's name, of which nobody can tell the key."""
    return sha256(b"tidebook nonces " + credentials.key.reveal().encode()).hexdigest()[:32]
