"""What one venue is asked over HTTP: in its turn, within its budgets; its answers, or the errors that they mean."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tidebook.client.clock import Asked, VenueClock
from tidebook.client.keys import Keys
from tidebook.client.network import network_error, unexplained, weighed
from tidebook.client.private import Private
from tidebook.core.channel import Call, Question, Seen
from tidebook.core.clock import SECOND, Now
from tidebook.core.desk import Desk
from tidebook.core.effects import MISDIRECTED, Reply, Request, Seal, Urgency
from tidebook.core.errand import Errand
from tidebook.core.options import Options
from tidebook.core.redact import shown
from tidebook.errors import ClockRefused, DecodeError, RateLimited, UsageError, VenueUnavailable
from tidebook.io.clock import now
from tidebook.io.driver import Driver
from tidebook.io.http import NOTHING_SENT
from tidebook.venue import Venue


class Questions(ABC):
    """See the module. What it needs is its venue's, which opens and closes it."""

    declared: Venue
    desk: Desk
    options: Options
    clock: VenueClock
    private: Private
    _driver: Driver
    _keys: Keys
    _is_stood_for: bool  # by a simulator or a replay, which may have no such venue

    @property
    @abstractmethod
    def place(self) -> str:
        """This one venue, as users name it."""

    @abstractmethod
    def symbol_of(self, venue_id: str) -> str:
        """The canonical symbol of a venue's id; the id itself where it is not listed."""

    async def fetch(self, name: str, question: Question, urgency: Urgency = Urgency.SEED) -> Any:
        """Ask once. Raises the venue's error, a NetworkError, or DecodeError for an answer that is none."""
        call = self.declared.call(name)
        if call is None:
            raise UsageError(f"{self.declared.name} has no {name} over REST", venue=self.declared.name)
        check_limit(question.limit)
        if call.most is not None and question.limit is not None and question.limit > call.most:
            raise UsageError(
                f"limit {question.limit} is more than {call.most}, the most that {self.declared.name} gives"
            )
        found = await self._ask(call, call.request, question, urgency)
        for part in call.parts:
            found = [*found, *await self._ask(call, part, question, urgency)]
        return found

    async def _ask(self, call: Call, ask: Callable[[Question], Request], question: Question, urgency: Urgency) -> Any:
        """One request, and those for what its answer left out."""
        request = ask(question)
        if call.keyed:
            self._keys.check(self.declared, f"{request.method} {urlsplit(request.url).path}", "sent")
        reply = await self.send(request, call.pool, call.weight(question), urgency=urgency)
        if call.limits is not None:
            self.desk.requests.published(call.limits(reply.body))
        found = self._read(call, question, reply)
        asked = {request.url}
        while call.more is not None and (further := call.more(request, reply.body)) is not None:
            request = further
            if request.url in asked:
                text = f"{self.declared.name}: the pages of {call.name} lead in a circle"
                raise DecodeError("malformed", text, venue=self.declared.name)
            asked.add(request.url)
            reply = await self.send(request, call.pool, call.weight(question), urgency=urgency)
            page = self._read(call, question, reply)
            # Of the newest rows each page has older ones than the one before.
            found = page + found if call.ranges and question.start_ns is None else found + page
        return found

    async def send(
        self, request: Request, pool: str, weight: int, seal: Seal | None = None, urgency: Urgency = Urgency.SEED
    ) -> Reply:
        """Send a request within its pool's budget, `fetch_timeout` seconds at most with the wait for room in it.

        Raises the venue's error where the reply means one, a NetworkError (Timeout among them), and RateLimited at
        once where there will be no room in time: nothing was sent then. Cancelled, it may have been sent.
        """
        if type(weight) is not int or weight < 0:
            raise UsageError(f"weight={weight!r} is no weight: a whole number, 0 or more")
        if (credentials := self._keys.credentials) is not None and seal is None:
            headers = {name: credentials.filled(text) for name, text in self.declared.key_headers.items()}
            request = replace(request, secrets=headers)
        errand = self.errand(request, pool, weight, urgency, seal)
        reply, why = await self.post(errand)
        if reply is None:
            raise network_error(why, self.declared.name, request.method)
        error, trading = errand.refused, self.declared.trading
        if error is None and not 200 <= reply.status < 300:
            error = unexplained(reply.status, self.declared.name, request.method)
        if error is not None:
            raise weighed(error, request.method, reply.status, () if trading is None else trading.unsure)
        return reply

    def errand(self, request: Request, pool: str, weight: int, urgency: Urgency, seal: Seal | None) -> Errand:
        options = self.options
        return Errand(request, pool, weight, urgency, options.request_timeout, options.body_cap, _nobody, seal=seal)

    async def post(self, errand: Errand) -> tuple[Reply | None, str]:
        """Send it in its turn, `fetch_timeout` seconds at most; the reply, or why there is none (see `io.http`).

        Raises RateLimited at once where there will be no room in time: nothing was sent then. Cancelled, or after that
        time, what has not been sent never is.
        """
        self._check_room(errand.request, errand.pool, errand.weight)
        if errand.seal is not None and errand.seal.says is not None:
            errand.talk = await self.private.talk()
        future: asyncio.Future[tuple[Reply | None, str]] = asyncio.get_running_loop().create_future()
        sent: list[Now] = []

        def done(reply: Reply | None, why: str, at: Now) -> None:
            if not future.done():
                future.set_result((reply, why))
            elif reply is not None and errand.late is not None:
                errand.late(reply)

        errand.done, errand.sent = done, sent.append
        self._driver.tell(partial(self.desk.send, errand))
        limit = self.options.fetch_timeout
        try:
            async with asyncio.timeout(limit):
                answer = await future
            if self._is_stood_for and (reply := answer[0]) is not None and reply.status == MISDIRECTED:
                errand.refused = VenueUnavailable(
                    f"{self.place}: {shown(reply.body.decode(errors='replace'))}",
                    venue=self.declared.name,
                    retry="never",
                )
            if errand.refused is not None:
                errand.refused = self.desk.known.error(errand.refused)
                if isinstance(errand.refused, ClockRefused) and errand.seal is not None and errand.seal.jump:
                    errand.refused.hint = _ELSEWHERE
            return answer
        except TimeoutError:
            no_room = f"no room in the limit {errand.pool} within {limit:g} s; {NOTHING_SENT}"
            return None, f"Timeout: {f'no answer within {limit:g} s' if sent else no_room}"
        finally:
            errand.given_up = True

    def _check_room(self, request: Request, pool: str, weight: int) -> None:
        at = now()
        wait = self.desk.requests.room_at(pool, request.url, weight, at) - at.mono_ns
        if wait > self.options.fetch_timeout * SECOND:
            text = f"{self.declared.name}: {pool} has no room for {wait / SECOND:.0f} s. Nothing was sent"
            error = RateLimited(text, retry_at=at.wall_ns + wait, venue=self.declared.name)
            error.retry = f"after {-(-wait // SECOND)} s"
            raise error

    def _read(self, call: Call, question: Question, reply: Reply) -> Any:
        at = now()
        seen = Seen(self.declared.name, self.symbol_of, at.wall_ns)
        seen.clock_ns = self.clock.wall_ns(at) - self.clock.unsure_ns(at)
        try:
            return call.read(reply.body, seen, question)
        except (msgspec.MsgspecError, UsageError) as error:
            if isinstance(error, UsageError) and question != Question():
                raise  # what was asked of it; where nothing was, what a venue says is no mistake of the user's
            text = self.desk.known.without(f"{call.name}: {error}")
            raise DecodeError("malformed", text, venue=self.declared.name) from None
        except DecodeError as error:
            self.desk.known.error(error)
            raise

    async def _time(self, call: Call) -> Asked:
        errand = self.errand(call.request(Question()), call.pool, call.weight(Question()), Urgency.RESYNC, None)
        reply, why = await self.post(errand)
        after = now()
        if reply is None:
            raise network_error(why, self.declared.name)
        if errand.refused is not None:
            raise errand.refused
        # Not from when it began to wait for its turn.
        return errand.left or after, after, self._read(call, Question(), reply)


def check_limit(limit: int | None) -> None:
    """Raises UsageError for what is no count of rows."""
    if limit is not None and (type(limit) is not int or limit < 1):
        raise UsageError(f"limit={limit!r}: a whole number, at least one")


_ELSEWHERE: Final = (
    "Nothing was done, though its nonce jumped ahead: another program has counted further with this key, or in a finer"
    " unit. Give this one a key of its own"
)


def _nobody(reply: Reply | None, why: str, at: Now) -> None:
    """Nobody waits for it yet."""
