"""An account as it happens: what its stream says, joined with what is fetched after each login."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import count
from typing import Any, Protocol

import msgspec

from tidebook.client.finding import usable
from tidebook.client.missed import ALL, Missed
from tidebook.client.opening import Opening
from tidebook.client.parts import Parts
from tidebook.client.place import VenueAt
from tidebook.client.stats import lost_by
from tidebook.client.stores import Positions, Store
from tidebook.client.waits import within
from tidebook.core.account import Holdings
from tidebook.core.burst import Burst
from tidebook.core.channel import Seen
from tidebook.core.clock import SECOND, Now
from tidebook.core.options import Options
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.redact import excerpt, shown
from tidebook.core.stream import Flow
from tidebook.core.trading import AccountStream, Expired, Look, Row, Token, Trading
from tidebook.errors import DecodeError, SubscriptionFailed, TidebookError, UsageError, VenueError
from tidebook.io.clock import now
from tidebook.model import health
from tidebook.model.credentials import Secret
from tidebook.model.health import Health
from tidebook.model.market import State
from tidebook.model.orders import Balance, Fill, Leg, Margin, Order, Position

AGAIN_FIRST, AGAIN_MOST = 0.25, 10.0
"""Seconds until what has failed is asked anew."""
UNPAID_MOST = 60.0
"""Seconds until fills are asked for anew that should be there and are not."""
_names = count(1)


class Places(Protocol):
    """A market, as its accounts see it."""

    @property
    def _timeout(self) -> float: ...
    @property
    def _options(self) -> Options: ...
    @property
    def _burst(self) -> Burst: ...
    @property
    def _root(self) -> Opening: ...
    def _tell(self, event: Health) -> None: ...
    def _exchanges(self, venue: str | None) -> dict[str, list[VenueAt]]: ...


class Account(Opening):
    """One account, live, at one venue or at all of an exchange. Made by `market.account(venue=…)`; entering waits
    until it is.

    `orders`, `positions`, `balances` and `fills` are stores of rows that never change. `orders` has those that are open
    when it is opened and all that come; `fills` all from then on, and those of the open orders. Nothing in it goes
    backwards, and each fill is there once, whatever connections do: after each login what was missed is fetched. An
    order that another client sent and ended while the connection was away, without a fill, stays unknown.

    At several venues of an exchange it is live when it is at each; what ends it at one ends it. A venue that refuses it
    when it is opened is named in `failed`, with the reason; asking for a symbol of such a venue raises that.
    """

    def __init__(
        self, places: Places, venue: str | None, timeout: float | None, part: tuple["Account", VenueAt] | None = None
    ) -> None:
        super().__init__(places._root if part is None else part[0])
        self._places = places
        self._whole: Account | None = None if part is None else part[0]
        self._one: VenueAt | None = None if part is None else part[1]
        self._parts: Parts | None = None  # where there are several
        self._asked_venue = venue
        self._wait = places._timeout if timeout is None else timeout
        self._raw: Raw | None = None
        self._leave: Callable[[], None] | None = None
        self._state = State.SYNCING
        self._failed: TidebookError | None = None
        self._why = "no answer"
        self._settled = asyncio.Event()
        self._stir = asyncio.Event()
        self._looks: set[str] = set()  # what is to be fetched …
        self._asking: set[str] = set()  # … and what is being
        self._word = ""
        self._lost = 0  # items, by readers that are closed
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None  # one of these is enough, however often it is interrupted
        self._lost_ns = self._told_ns = now().mono_ns
        self._apart_ns = 0  # our two clocks, when it was all there last
        self._missed: Missed | None = None
        self._holdings = Holdings(0, places._options.kept_rows, self._changed)
        self.orders: Store[Order] = Store(self, "orders", Order, self._orders, self._order)
        self.fills: Store[Fill] = Store(self, "fills", Fill, self._fills, self._fill)
        self.balances: Store[Balance] = Store(self, "balances", Balance, self._balances, self._balance)
        self.positions = Positions(self, self._positions, self._position)

    # What users read ----------------------------------------------------------

    @property
    def venue(self) -> str:
        """The venue's name, of several the exchange's; before it is opened, what was asked for."""
        if self._parts is not None:
            return self._parts.exchange
        return self._asked_venue or "" if self._one is None else self._one.declared.name

    @property
    def state(self) -> State:
        """``syncing`` until it has all, ``live``, ``stale`` from when its connection is lost until all is fetched."""
        if self._closed or self._failed is not None:
            return State.CLOSED
        return self._state if self._parts is None else self._parts.state

    @property
    def failed(self) -> dict[str, TidebookError]:
        """Why it is not there at some of an exchange's venues, by their names; the others go on without these."""
        return {} if self._parts is None else dict(self._parts.failed)

    @property
    def complete(self) -> bool:
        """Whether nothing is known to be missing: it is live, and what each order is filled by is the sum of its fills.

        Where the venue tells fills of one symbol only, those of another client's order in a symbol that this account
        had nothing in are found by the balances that they moved. What a venue refuses to tell of one symbol, trading it
        no more, is missing, until it tells it after a later login; `market.health()` names it.
        """
        if self._parts is not None:
            return self.state is State.LIVE and self._parts.complete
        missing = self._looks or self._asking or (self._missed is not None and self._missed.refused)
        return self.state is State.LIVE and self._holdings.is_whole and not missing

    @property
    def age(self) -> float:
        """Seconds since it was last told something."""
        if self._parts is not None:
            return self._parts.age
        return (now().mono_ns - self._told_ns) / SECOND

    @property
    def proof_age(self) -> float:
        """Seconds since its connection was last heard, be it by a ping; of several the one that is silent longest."""
        if self._parts is not None:
            return self._parts.proof_age
        heard_ns = None if self._one is None or self._raw is None else self._one.heard_ns(self._raw)
        return (now().mono_ns - (self._lost_ns if heard_ns is None else heard_ns)) / SECOND

    @property
    def unresolved(self) -> dict[str, str]:
        """Orders of this process at this venue of which nobody knows what became of them: by client id."""
        if self._parts is not None:
            return self._parts.unresolved
        private = None if self._one is None else self._one.private
        if private is None or not private.started:
            return {}
        return {name: f"{one.wish.words}: {one.why}" for name, one in private.intents.unresolved.items()}

    @property
    def lost(self) -> int:
        """Items that readers of its changes were too slow for."""
        return self._lost + sum(lost_by(thing) for thing in self._things)

    # Opening ------------------------------------------------------------------

    async def _open(self) -> None:
        if self._one is None:
            exchange, ones = self._chosen()
            if len(ones) > 1:
                self._parts = Parts(exchange, [Account(self._places, None, self._wait, (self, one)) for one in ones])
                try:
                    await self._parts.open()
                except UsageError:  # closed while it was opened: by the one that ended meanwhile?
                    if self._failed is None:
                        raise
                if self._failed is not None:  # one of them was there, and ended before the others were
                    raise self._failed
                return
            self._one = ones[0]
        one = self._one
        await usable([one], self._wait)
        stream, at = self._stream, now()
        self._holdings.began_ns = one.clock.wall_ns(at)
        self._missed = Missed(one, self._trading, self._holdings, self._tell)
        plan = RawPlan(self.venue, f"account {next(_names)}", stream.endpoint, stream.topics)
        async with within(self._wait, f"account of {self.venue}"):
            token = None if stream.token is None else await self._new_token(stream.token)
        one.private.listeners.append(self._learned)
        one.private.accounts.append(self)
        self._raw, self._leave = one.open_raw(plan, self._take, self._watch, token)
        if stream.token is not None:
            self._begin(self._keep(stream.token))
        try:
            async with asyncio.timeout(self._wait):
                await self._settled.wait()
        except TimeoutError:
            raise SubscriptionFailed(f"account of {self.venue}: {self._why}", venue=self.venue) from None
        if self._failed is not None:
            raise self._failed

    def _chosen(self) -> tuple[str, list[VenueAt]]:
        """The exchange that is meant, and its venues that tell of accounts."""
        grouped = self._places._exchanges(self._asked_venue)
        told = {name: [one for one in ones if one.declared.account is not None] for name, ones in grouped.items()}
        found = {name: ones for name, ones in told.items() if ones}
        if not found:
            raise UsageError(f"accounts of {', '.join(grouped)} as they happen are not built yet")
        if len(found) > 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(found)}")
        ((name, ones),) = found.items()
        return name, ones

    @property
    def _stream(self) -> AccountStream:
        assert self._one is not None
        assert self._one.declared.account is not None
        return self._one.declared.account

    @property
    def _trading(self) -> Trading:
        assert self._one is not None
        assert self._one.declared.trading is not None, "an account's declaration says so"
        return self._one.declared.trading

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error if isinstance(error, TidebookError) else TidebookError(f"a bug: {error!r}"))
            if not isinstance(error, TidebookError):
                raise error

    async def _close(self) -> None:
        self._stop()
        for store in self._stores:
            store._end(None)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _gone(self, thing: Opening) -> None:
        self._lost += lost_by(thing)
        super()._gone(thing)

    def _stop(self) -> None:
        """Nothing more of it is wanted; twice is fine."""
        if self._one is not None and self in self._one.private.accounts:
            self._one.private.listeners.remove(self._learned)
            self._one.private.accounts.remove(self)
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
        if self._parts is not None:
            self._parts.close_soon()

    def _fail(self, error: TidebookError) -> None:
        """It is over, for good."""
        if self._failed is not None or self._closed:
            return
        self._failed = error
        if self._whole is not None and self._settled.is_set():  # else opening it raises that
            self._whole._fail(error)
        self._settled.set()
        for store in self._stores:
            store._end(error)
        for task in tuple(self._tasks):
            task.cancel()
        asyncio.get_running_loop().call_soon(self._stop)  # this may be inside of the receive path

    # What its stores ask ------------------------------------------------------

    @property
    def _stores(self) -> tuple[Store[Any], ...]:
        return self.orders, self.fills, self.balances, self.positions

    @property
    def _options(self) -> Options:
        return self._places._options

    @property
    def _burst(self) -> Burst:
        return self._places._burst

    @property
    def _root(self) -> Opening:
        return self

    def _tell(self, event: Health) -> None:
        self._places._tell(event if self._one is None else self._one.desk.known.event(event))

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed.with_traceback(None)
        self._check_open()

    def _check_asked(self, symbol: object) -> None:
        """Raises why there is nothing of a symbol: its venue has refused the account."""
        if self._parts is not None:
            self._parts.check_asked(symbol)

    def _orders(self) -> list[Order]:
        return self._holdings.orders() if self._parts is None else self._parts.orders()

    def _order(self, id: str, symbol: str | None) -> Order | None:
        return self._holdings.order(id, symbol) if self._parts is None else self._parts.order(id, symbol)

    def _fills(self) -> list[Fill]:
        return [*self._holdings.fills.values()] if self._parts is None else self._parts.fills()

    def _fill(self, id: str, symbol: str | None) -> Fill | None:
        rows = reversed(self._fills())
        return next((row for row in rows if row.id == id and symbol in (None, row.symbol)), None)

    def _balances(self) -> list[Balance]:
        return [*self._holdings.balances.values()] if self._parts is None else self._parts.balances()

    def _balance(self, currency: str, _: str | None) -> Balance | None:
        return self._holdings.balances.get(currency) if self._parts is None else self._parts.balance(currency)

    def _positions(self) -> list[Position]:
        return [*self._holdings.positions.values()] if self._parts is None else self._parts.positions()

    def _position(self, symbol: str, leg: Leg | None, margin: Margin | None) -> Position | None:
        known = self._holdings if self._parts is None else self._parts
        return known.position(symbol, leg, margin)

    # Told ---------------------------------------------------------------------

    def _changed(self, row: Row) -> None:
        self._pass_on(row)
        whole = self._whole
        if whole is not None and whole._parts is not None and whole._parts.speaks(self, row):
            whole._pass_on(row)

    def _pass_on(self, row: Row) -> None:
        if isinstance(row, Order):
            self.orders._changed(row)
            if self._one is not None:
                self._one.private.heard(row)
        elif isinstance(row, Fill):
            self.fills._changed(row)
        elif isinstance(row, Balance):
            self.balances._changed(row)
        else:
            self.positions._changed(row)

    def _take(self, frame: bytes, at: Now) -> None:
        """A message of the stream, in the receive path."""
        assert self._one is not None
        try:
            told = self._stream.read(frame, Seen(self.venue, self._one.named, at.wall_ns))
        except (DecodeError, msgspec.MsgspecError) as error:
            kind, text = (error.kind, error.text) if isinstance(error, DecodeError) else ("malformed", str(error))
            self._tell(health.Undecodable(self.venue, None, at.wall_ns, kind, shown(text), excerpt(frame)))
            self._look(ALL)  # whatever it said
            return
        for one in told:
            self._told_ns = at.mono_ns
            if isinstance(one, Look):
                self._look(one.acts)
            elif isinstance(one, Expired):
                self._begin(self._renew(one.why))
            else:
                self._holdings.told([one])
        if not self._holdings.is_whole:
            self._stir.set()

    def _learned(self, order: Order) -> None:
        """What an answer says of one order, to whoever asked."""
        self._holdings.told([order], "answer")
        self._stir.set()

    def _renamed(self, old: str, new: str) -> None:
        """What rows were called by their venue's id is listed now."""
        self._holdings.rename(old, new)
        if self._missed is not None:
            self._missed.rename(old, new)
        self._look(ALL)  # by its id not all of it could be asked for

    def _look(self, acts: Iterable[str]) -> None:
        self._looks.update(acts)
        self._stir.set()

    # The connection -----------------------------------------------------------

    def _watch(self, raw: Raw) -> None:
        if raw.flow is Flow.OPEN:
            self._why = "what it has is not fetched yet"
            self._following = self._begin(self._follow())
        elif raw.error is not None:
            if not (self._settled.is_set() and isinstance(raw.error, SubscriptionFailed)):
                self._fail(raw.error)  # else a topic is refused now, and asked for anew
        elif raw.flow is Flow.INTERRUPTED:
            self._interrupted()

    def _deaf_ns(self, at: Now) -> int:
        """How long nothing may have been heard. One clock stands still while the machine sleeps: that counts too."""
        heard_ns = None if self._raw is None else self._raw.heard_ns
        silent_ns = 0 if heard_ns is None else at.mono_ns - heard_ns
        return silent_ns + max(at.apart_ns - self._apart_ns, 0)

    def _interrupted(self) -> None:
        assert self._one is not None
        if self._following is not None:
            self._following.cancel()
            self._following = None
        self._why = "its connection is gone"
        if self._state is State.LIVE:
            at = now()
            self._state, self._lost_ns = State.STALE, at.mono_ns
            if self._missed is not None:
                self._missed.missing_from(self._one.clock.wall_ns(at) - self._deaf_ns(at))
            self._tell(health.Stale(self.venue, None, at.wall_ns, f"account: {self._why}"))
        else:
            self._one.measure_soon()  # perhaps what we signed was too old
        token = self._stream.token
        if token is not None and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = self._begin(self._refresh(token))

    async def _follow(self) -> None:
        """As long as the connection is there: fetch what was missed, then what turns out to be missing."""
        self._looks.update(ALL)
        await self._again(self._catch_up)
        at = now()
        if self._state is State.STALE:
            away = (at.mono_ns - self._lost_ns) / SECOND
            self._tell(health.Resynced(self.venue, None, at.wall_ns, away, None))
        self._state, self._apart_ns = State.LIVE, at.apart_ns
        self._settled.set()
        wait, looked_ns = self._options.settle, 0
        while True:
            if self._holdings.is_whole and not self._looks:
                wait = self._options.settle
                self._stir.clear()
                await self._stir.wait()
            if self._looks:
                await asyncio.sleep(looked_ns / SECOND + self._options.look_apart - now().mono_ns / SECOND)
            else:
                await asyncio.sleep(wait)  # it may be on its way
                wait = min(2 * wait, UNPAID_MOST)
            if self._looks or not self._holdings.is_whole:
                looked_ns = now().mono_ns
                await self._again(self._catch_up)

    async def _again(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it, again and again until it is done. Raises what will never be better."""
        wait = AGAIN_FIRST
        while True:
            try:
                return await work()
            except TidebookError as error:
                if error.retry == "never" and not isinstance(error, DecodeError):  # the next answer may be one
                    raise
                self._why = str(error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, AGAIN_MOST)

    async def _catch_up(self) -> None:
        """What `_looks` says, and what is missing besides."""
        assert self._missed is not None
        looks, self._looks = self._looks, set()
        self._asking = looks
        try:
            await self._missed.fetch(looks)
            self.orders._wake()  # the venue may know of one no more
        except BaseException:
            self._looks |= looks
            raise
        finally:
            self._asking = set()

    # The token ----------------------------------------------------------------

    async def _new_token(self, token: Token) -> Secret:
        assert self._one is not None
        reply = await self._one.private.send(token.ask(), token.pool, token.weight)
        self._word = token.read(reply.body)
        self._one.desk.known.learn(self._word)
        return Secret(token.tail(self._word))

    async def _refresh(self, token: Token) -> None:
        """A token for the next connection; the same one where the venue still has it."""

        async def fetch() -> None:
            found = await self._new_token(token)
            if self._raw is not None:
                self._raw.token = found

        await self._again(fetch)

    async def _renew(self, why: str) -> None:
        """The connection has nothing more to say: the next one."""
        if self._stream.token is not None:
            await self._refresh(self._stream.token)
        if self._one is not None and self._raw is not None:
            self._one.renew_raw(self._raw, why)

    async def _keep(self, token: Token) -> None:
        """Keep it alive, as long as this is open."""
        assert self._one is not None
        wait = token.every
        while True:
            await asyncio.sleep(wait)
            wait = token.every
            try:
                await self._one.private.send(token.keep(self._word), token.pool, token.weight)
            except VenueError as error:
                if error.code in token.gone:
                    await self._renew("its token has ended")
                else:
                    wait = token.every / 10
            except TidebookError:
                wait = token.every / 10

    def __repr__(self) -> str:
        try:
            if (self._one is None and self._parts is None) or self._is_forked or self._closed:
                return f"<Account {self.venue} {self._condition()}>"
            rows = self._orders()
            many = f"{sum(row.open for row in rows)} of {len(rows)} orders open, {len(self.fills)} fills"
            without = f", without {' and '.join(self.failed)}" if self.failed else ""
            return f"<Account {self.venue} {self.state}, {many}, age {self.age:.3f} s{without}>"
        except Exception as error:  # a repr never raises
            return f"<Account ({type(error).__name__})>"
