"""The market: what `tidebook.connect(...)` gives."""

import asyncio
import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from tidebook import engine as engines
from tidebook.client.budgets import budgets_of, checked
from tidebook.client.feeds import HealthFeed
from tidebook.client.healths import Healths
from tidebook.client.keys import Given, given, keys_of
from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.client.reader import Reader
from tidebook.client.recovery import Recovery
from tidebook.client.stats import Stats, lost_by, stats_of
from tidebook.client.subscription import Subscription
from tidebook.client.trader import Trader
from tidebook.client.where import declared_at, hosts_of
from tidebook.core.burst import Burst
from tidebook.core.intents import TAG_BITS, IntentNumbers
from tidebook.core.options import Options
from tidebook.engine import Choice
from tidebook.errors import TidebookError, UsageError, VenueUnavailable
from tidebook.io import http
from tidebook.io.beat import Beat
from tidebook.io.clock import now
from tidebook.io.journal import Journal
from tidebook.io.place import loopback
from tidebook.model import health
from tidebook.model import place as places
from tidebook.model.health import Health
from tidebook.model.orders import Order
from tidebook.model.place import At
from tidebook.venue import Venue

if TYPE_CHECKING:
    from tidebook.record.recorder import Recording

logger = logging.getLogger("tidebook.client")

Orders = Literal["rest", "websocket"]
"""How orders go."""


class Market(Reader, Trader, Opening):
    """Connected venues. `async with tidebook.connect("binance", "htx") as market`."""

    def __init__(
        self,
        where: Sequence[str | At],
        *,
        at: str | None,
        engine: Choice | None,
        options: Options | None,
        timeout: float,
        share: float = 1.0,
        keys: Given | None = None,
        read_only: bool = False,
        journal: str | os.PathLike[str] | None = None,
        orders: Orders = "rest",
    ) -> None:
        Opening.__init__(self)
        if not where:
            raise UsageError("connect to what? Name at least one exchange: connect(NAME)")
        for one in where:
            if not isinstance(one, (str, At)):
                raise UsageError(f"connect({one!r}): places are texts, one argument each")
        if at is not None and not isinstance(at, str):
            raise UsageError(f"at={at!r} is no address like '127.0.0.1:8800'")
        if type(timeout) not in (int, float) or not timeout > 0:
            raise UsageError(f"timeout={timeout!r}: a number of seconds above 0")
        if orders not in get_args(Orders):
            raise UsageError(f"orders={orders!r}: one of {', '.join(get_args(Orders))}")
        self._orders = orders
        self._places = [places.parse(one) for one in where]
        self._declared = {place: declared_at(place) for place in self._places}
        self._over_http = self._without_socket() if orders == "websocket" else ()
        self._keys = given(keys)
        self._only_reads = read_only
        self._journal = None if journal is None else Journal(journal)
        self._recovery: Recovery | None = None
        self._named = IntentNumbers(secrets.randbits(TAG_BITS), now().wall_ns)
        self._at_address = at
        self._engine = engines.load(engine)
        self._opts = options or Options()
        self._wait = timeout
        self._share = checked(share)
        self._open_venues: dict[At, list[VenueAt]] = {}
        self._healths = Healths()
        self._beat: Beat | None = None
        self._receiving = Burst()  # of all its venues: they are on one loop
        self._lost = 0  # items, by readers that are closed

    @property
    def _lists(self) -> bool:
        """Whether venues are asked what they list: names and rules are of that, requests by URL need neither."""
        return True

    def _without_socket(self) -> tuple[str, ...]:
        """The venues whose orders do not go by message. Raises UsageError where those of none do."""
        by_name = {
            one.name: one.trading.by_message(at.environment)
            for at, ones in self._declared.items() for one in ones if one.trading is not None
        }  # fmt: skip
        if not any(by_name.values()):
            names = ", ".join(map(str, self._places))
            text = f"orders='websocket': {names} takes none so. Leave it out, and they go over HTTP"
            raise UsageError(text)
        return tuple(name for name, socket in by_name.items() if socket is None)

    def _within(self, place: str) -> str | None:
        return place

    @property
    def _timeout(self) -> float:
        return self._wait

    @property
    def _options(self) -> Options:
        return self._opts

    @property
    def _burst(self) -> Burst:
        return self._receiving

    @property
    def _root(self) -> Opening:
        return self

    @property
    def _numbers(self) -> IntentNumbers:
        return self._named

    @property
    def _read_only(self) -> bool:
        return self._only_reads

    def _alone(self, one: VenueAt) -> Trader:
        return PlaceMarket(self, one.place)

    def _tell(self, event: Health) -> None:
        self._healths.emit(event)

    async def _open(self) -> None:
        if self._journal is not None:
            self._journal.begin()
        if self._over_http:
            logger.warning("orders of %s go over HTTP: there is no WebSocket for them", ", ".join(self._over_http))
        address = self._at_address or os.environ.get("TIDEBOOK_AT")
        for at in self._places:
            remap = loopback(address) if address else hosts_of(at, self._declared[at])
            if at in self._open_venues:
                continue
            ones = self._open_venues[at] = []
            for one in self._declared[at]:  # each is closed with the market from here on, whatever the next one says
                made = self._opened_at(one, at)  # by its exchange, or by itself: it is one all the same
                if made is None:
                    budgets = budgets_of(one.exchange, at, address)
                    made = VenueAt(
                        one, at, self._engine, self._opts, remap=remap, masked=bool(address), on_event=self._tell,
                        budgets=budgets, share=self._share, burst=self._receiving,
                        keys=keys_of(one, at, self._keys, simulated=bool(address)), journal=self._journal,
                        by_message=self._orders == "websocket", lists=self._lists,
                    )  # fmt: skip
                ones.append(made)
        options = self._opts
        http.prepare()  # before anybody watches the loop: it is told of the program's own delays
        self._beat = Beat(self._blocked, self._jumped, late=options.loop_late, jump=options.clock_jump)
        ones = self._venues(None)
        waits = [asyncio.ensure_future(one.ready.wait()) for one in ones]
        try:
            await asyncio.wait(waits, timeout=self._wait)
        finally:
            for wait in waits:
                wait.cancel()
        if self._journal is not None:
            self._recovery = Recovery(self._journal)
            self._recovery.begin(ones)
        if not any(one.is_loaded for one in ones):
            raise next((one.error for one in ones if one.error is not None), None) or VenueUnavailable(
                f"no venue has answered for {self._wait:g} s: {', '.join(map(str, self._open_venues))}"
            )

    def _opened_at(self, declared: Venue, at: At) -> VenueAt | None:
        place = replace(at, venue="")
        return next((x for x in self._connected if x.declared is declared and replace(x.at, venue="") == place), None)

    @property
    def _connected(self) -> list[VenueAt]:
        """Each once, however often it was named."""
        return list({id(one): one for ones in tuple(self._open_venues.values()) for one in tuple(ones)}.values())

    async def _close(self) -> None:
        if self._beat is not None:
            self._beat.stop()
        if self._recovery is not None:
            await self._recovery.close()
        closing = [one.close() for one in self._connected]
        done = await asyncio.gather(*closing, return_exceptions=True)
        self._healths.close()
        if self._journal is not None:
            await self._journal.close()
        for result in done:
            if isinstance(result, BaseException):
                raise result

    def _blocked(self, seconds: float) -> None:
        self._tell(health.LoopBlocked("", None, now().wall_ns, "something did not give way", seconds))

    def _jumped(self, seconds: float) -> None:
        """This machine's clock was set: what is known of the venues' clocks is worth nothing any more."""
        words = f"this machine's clock moved by {seconds:+.3f} s: it was set, or the machine slept"
        for one in self._connected:
            self._tell(health.ClockSkew(one.declared.name, None, now().wall_ns, -seconds, 0.0, words))
            one.measure_soon()

    def __getitem__(self, name: str) -> "PlaceMarket":
        """The same market at one place: `market["binance"].trades("BTC/USDT")`. Raises UsageError for any other."""
        if not isinstance(name, (str, At)):
            raise UsageError(f"market[{name!r}]: a place is a text")
        self._venues(name)
        return PlaceMarket(self, name)

    def _venues(self, venue: str | None) -> list[VenueAt]:
        self._check_open()
        ones = self._connected
        if venue is None:
            return ones
        wanted = places.parse(venue)
        if wanted in self._open_venues:
            return self._open_venues[wanted]
        found = [
            one for one in ones
            if (one.at.account, one.at.environment) == (wanted.account, wanted.environment)
            and wanted.venue in (one.declared.name, one.declared.exchange)
        ]  # fmt: skip
        if found:
            return found
        declared_at(wanted)  # an unknown one is refused as such
        names = [*map(str, self._open_venues)]
        raise UsageError(
            f"{venue} is not connected; {', '.join(names)} {'is' if len(names) == 1 else 'are'}. "
            f"Write connect({', '.join(map(repr, [*names, str(venue)]))})"
        )

    @property
    def stats(self) -> Stats:
        """What it has and has done, in numbers; at once, from any thread. Raises WrongLoop in a forked process."""
        self._check_process()
        return stats_of(self._connected, tuple(self._things), events=self._healths.emitted, lost=self._lost)

    def _gone(self, thing: Opening) -> None:
        self._lost += lost_by(thing)
        super()._gone(thing)

    @property
    def unresolved(self) -> dict[str, str]:
        untried = {} if self._recovery is None else self._recovery.untried
        return {**untried, **super().unresolved}

    def settle(self, client_id: str, *, arrived: bool) -> None:
        if self._recovery is not None and client_id in self._recovery.untried and type(arrived) is bool:
            self._recovery.settle(client_id, arrived=arrived)
        else:
            super().settle(client_id, arrived=arrived)

    @property
    def recovered(self) -> Mapping[str, Order | TidebookError]:
        """What became of the orders that the journal held without an end, as far as that is known: by client id.

        An Order that its venue has; or the error that says that it never arrived. The others are in `unresolved`. Those
        are among them that were accepted, and that no `submit` and no `resolve` had handed to the program yet.
        """
        return {} if self._recovery is None else dict(self._recovery.outcomes)

    def record(self, path: str | os.PathLike[str], *, venues: Sequence[str] | None = None) -> "Recording":
        """Append all public messages, of all its places or of `venues`, to a file: `async with market.record(FILE)`.

        It has the replay format, gzipped; `tidebook replay` plays it, `tidebook.open` reads it. Connections that are
        open already are replaced, beside the last one where that can be. What concerns accounts is left out. It is on
        the disk twice a second, and nothing here waits for that. Entering raises UsageError for a file that cannot be
        written, is no recording of ours or is being written elsewhere; closing, where its end could not be written.
        """
        from tidebook.record.recorder import Recording

        return Recording(self, path, venues)

    def health(self, *, venue: str | None = None) -> Subscription[Health]:
        """What was lost, gained, refused: the newest 1,000 events, then live.

        Of one place what its venues tell, and what is of none, like a loop that stood still. What nobody reads is told
        to the log.
        """
        names = None if venue is None else partial(self._names_at, venue)
        return HealthFeed(self._healths, self._opts, self, names)

    def _names_at(self, venue: str) -> set[str]:
        return {one.declared.name for one in self._venues(venue)}

    def __repr__(self) -> str:
        try:
            if not self._opened or self._closed or self._is_forked:
                return f"<Market {' '.join(map(str, self._places))} {self._condition()}>"
            shown = " ".join(_shown(str(at), ones) for at, ones in self._open_venues.items())
            ones = self._connected
            topics, sockets = sum(one.topics for one in ones), sum(one.sockets for one in ones)
            return f"<Market {shown}, {topics} subscriptions on {sockets} sockets, {self._engine.name} engine>"
        except Exception as error:  # a repr never raises
            return f"<Market ({type(error).__name__})>"


class PlaceMarket(Reader, Trader):
    """`market["binance"]`: the market with the venue said once."""

    def __init__(self, market: Market, name: str) -> None:
        self._market = market
        self.name = name

    def _within(self, place: str) -> str | None:
        return None

    @property
    def _timeout(self) -> float:
        return self._market._timeout

    @property
    def _options(self) -> Options:
        return self._market._options

    @property
    def _burst(self) -> Burst:
        return self._market._burst

    @property
    def _root(self) -> Opening:
        return self._market

    @property
    def _numbers(self) -> IntentNumbers:
        return self._market._numbers

    @property
    def _read_only(self) -> bool:
        return self._market._read_only

    def _alone(self, one: VenueAt) -> Trader:
        return PlaceMarket(self._market, one.place)

    def _tell(self, event: Health) -> None:
        self._market._tell(event)

    @property
    def _connected(self) -> list[VenueAt]:
        return self._market._connected

    def _venues(self, venue: str | None) -> list[VenueAt]:
        self._check_unsaid(venue)
        return self._market._venues(self.name)

    def _check_unsaid(self, venue: str | None) -> None:
        if venue is not None:
            raise UsageError(f"the venue was said before: {self.name}")

    def health(self, *, venue: str | None = None) -> Subscription[Health]:
        """As `Market.health`, of this place."""
        self._check_unsaid(venue)
        return self._market.health(venue=self.name)

    @property
    def state(self) -> str:
        """``up``, ``connecting``, ``retrying(3 s)``, ``refused``.

        Of several venues what they have in common, else which are not up: ``NAME=retrying(3 s)``.
        """
        states = {one.place: one.state for one in self._venues(None)}
        if len({*states.values()}) == 1:
            return next(iter(states.values()))
        return " ".join(f"{name}={state}" for name, state in states.items() if state != "up")

    def __repr__(self) -> str:
        try:
            return f"<{self.name} {self.state}>"
        except Exception:  # a repr never raises
            return f"<{self.name} of {self._market!r}>"


def _shown(name: str, ones: Sequence[VenueAt]) -> str:
    """A place and its state; where its venues differ, each of them."""
    states = [one.state for one in ones]
    if len({*states}) == 1:
        return f"{name}={states[0]}"
    return " ".join(f"{one.place}={state}" for one, state in zip(ones, states, strict=True))


def connect(
    *where: str | At, at: str | None = None, engine: Choice | None = None, options: Options | None = None,
    timeout: float = 10.0, share: float = 1.0, keys: Given | None = None, read_only: bool = False,
    journal: str | os.PathLike[str] | None = None, orders: Orders = "rest",
) -> Market:  # fmt: skip
    """Connect to exchanges: `async with connect("binance", "htx") as market`, or `market = await connect("binance")`.

    Each place is ``venue[@account][:environment]``; an exchange's name stands for all its venues, and a symbol chooses
    among them. All are asked at once what they list; WebSockets open when they are first needed. `at` (or the
    variable TIDEBOOK_AT) sends every venue to a simulator or replay server on this machine. `timeout` is how long
    entering waits for venues to answer, in seconds: those that do not are retried and named by `market[…].state`;
    when none does, entering raises VenueUnavailable or the venue's refusal. Raises UnknownVenue before any socket
    opens, VenueClosed for an exchange that has shut down or a host that was its own.

    All markets of a process share each venue's limits. `share` is the part of them that this process takes, above 0
    and at most 1 (UsageError otherwise), so that several processes at one address may divide them; of open markets
    with different shares the smallest holds. A request heavier than the part goes alone.

    `keys` are accounts' keys by exchange: ``{"NAME": (key, secret)}``, with a passphrase where the venue has one. What
    is not there is looked for in TIDEBOOK_<EXCHANGE>[_<ACCOUNT>][_<ENVIRONMENT>]_KEY, _SECRET and _PASSPHRASE, then in
    ~/.config/tidebook/keys.toml, which nobody else may read. With `at` none of them is read: a simulator has its own.
    Entering raises UsageError for one that is incomplete; without one, what needs it raises NoCredentials.

    With `read_only` nothing can be sent, changed or cancelled (UsageError). `journal` is a file in which each order
    stands before it is sent; what it holds from an earlier run without an end is asked after when its exchange is
    connected: `recovered` says what became of it, until then it is in `unresolved`. One process has it at a time.

    With `orders` "websocket" they are sent, changed and cancelled over the venue's WebSocket API, where it has one for
    that (see docs/venues.md); what it takes over REST alone goes there as ever. The connection is opened for the first
    order, which waits three seconds for it at most, and then kept. While there is none, orders go over REST: nothing of
    them was sent before. One that was given to a connection which then broke is unknown, and asked after over REST.
    Raises UsageError where no venue that is named takes orders so; where some do not, a warning names these.
    """
    return Market(
        where, at=at, engine=engine, options=options, timeout=timeout, share=share, keys=keys, read_only=read_only,
        journal=journal, orders=orders,
    )  # fmt: skip
