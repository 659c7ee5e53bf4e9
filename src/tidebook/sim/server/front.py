"""One venue as its clients see it: markets, topics, calls over HTTP, limits, and what goes wrong on request."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from tidebook.core.clock import SECOND, seconds
from tidebook.core.dialect import (
    Candle,
    Group,
    Levels,
    Liquidated,
    Marked,
    Refusal,
    Route,
    Rules,
    Said,
    Settled,
    Sold,
    Stream,
    Today,
    Told,
    Values,
    stands,
)
from tidebook.core.span import Span
from tidebook.io.serve import Answer, Asked, Cut, Served
from tidebook.model.credentials import SIMULATOR
from tidebook.sim.exchange import Exchange
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import Event
from tidebook.sim.server.counter import Counter
from tidebook.sim.server.faults import Fault, Faults, spoiled
from tidebook.sim.server.limits import Gate
from tidebook.sim.server.line import Line, form
from tidebook.sim.server.listed import Listed, Unlisted, rules
from tidebook.sim.server.market import KEPT_NS, Market, glance
from tidebook.sim.server.marks import PAST_NS, marked, settled
from tidebook.sim.server.samples import Page, samples
from tidebook.sim.server.seats import Tellers
from tidebook.sim.server.spoken import Spoken
from tidebook.sim.server.tally import Tally
from tidebook.sim.server.topic import CUT_NS, Many, Topic
from tidebook.venue import Venue

_JSON: Final = {"Content-Type": "application/json;charset=UTF-8"}
_HTML: Final = {"Content-Type": "text/html"}
_REAL_TIME: Final = ("trade", "taker", "group", "quote", "liquidation")
_BEGIN: Final = "deep"  # markets that begin for a stream about all: in others little happens, and each costs
_FEW: Final = 4  # that begin where none is deep


class Front:
    """See the module. It is the `Facts` that its dialect may ask. It speaks as the venue does on `day`."""

    def __init__(
        self, venue: Venue, spoken: Spoken, listed: Listed, exchange: Exchange, gates: dict[str, Gate], day: date,
        tally: Tally, tellers: Tellers,
    ) -> None:  # fmt: skip
        self.venue = venue
        self.name = venue.name
        self.day = day
        self.tally = tally
        self.dialect = spoken.dialect
        self._routes: dict[tuple[str, str], list[Route]] = {}
        for route in self.dialect.routes:
            self._routes.setdefault((route.method, route.path), []).append(route)
        self._paths = {route.path for route in self.dialect.routes}
        self.sheets = samples(spoken.package, self.dialect.samples)
        self.faults = Faults(exchange.seed, venue.name)
        self.lines: dict[Line, str] = {}  # with the name of the endpoint that it is here
        self.shift_ns = 0
        self.due_ns: Callable[[], int] = lambda: exchange.now_ns  # until time begins
        self._exchange = exchange
        self.gates = gates
        for pool in venue.pools:
            gates.setdefault(pool.name, Gate(pool, self.dialect.bans))
        self._listed = listed
        self._markets: dict[str, Market] = {}
        self._topics: dict[str, Topic | Many] = {}
        self._cutting: dict[str, list[Topic | Many]] = {}
        self._bursting: dict[str, list[Topic | Many]] = {}
        self.touched: dict[str, None] = {}
        private = self.dialect.private
        self.counter = None if private is None else Counter(self, private, tellers)
        if private is not None:
            tellers.desks[self.name] = self
            tellers.house.funds.terms[self.name] = private.terms
            tellers.begin(private.purse, listed.currencies())

    # ---- the facts

    @property
    def now_ns(self) -> int:
        return self._exchange.now_ns + self.shift_ns + self.faults.clock_ns

    @property
    def stamp_ns(self) -> int:
        return self.due_ns() + self.shift_ns + self.faults.clock_ns

    @property
    def now_ms(self) -> int:
        return self.now_ns // 1_000_000

    @property
    def clock_ns(self) -> int:
        """The venue's clock where nothing is wrong with it."""
        return self._exchange.now_ns + self.shift_ns

    def listed(self) -> list[Rules]:
        return self._listed.all(self.clock_ns)

    def instrument(self, id: str) -> Instrument:
        """An instrument, and its market begins. Raises Unlisted."""
        self.market(id)
        return self._listed.get(id, self.clock_ns)

    @property
    def purse(self) -> str:
        return "" if self.dialect.private is None else self.dialect.private.purse

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.dialect.kinds

    def rules_of(self, symbol: str) -> Rules:
        """A symbol's rules, also of one that is not listed any more."""
        return self._listed.rules_of(symbol)

    def lists(self, symbol: str) -> bool:
        """Whether a canonical symbol is traded here."""
        return self._listed.id_of(symbol) is not None

    def relist(self, symbol: str) -> None:
        """Trade a symbol (again)."""
        self._listed.relist(symbol)

    def delist(self, symbol: str) -> None:
        """Trade a symbol no more: it is not listed, and its topics say nothing."""
        self._listed.delist(symbol)

    def levels(self, id: str, depth: int | None = None, *, lag: float = 0.0, step: int = 0) -> Levels:
        market = self.market(id)
        if not lag:
            return market.levels(depth, step)
        old = self.faults.take("old_snapshot", self._exchange.now_ns, id)
        lag += old.seconds if old is not None else 0.0
        return market.levels_at(self._exchange.now_ns - min(seconds(lag), KEPT_NS), depth=depth)

    def trades(self, id: str, most: int) -> list[Sold]:
        return self.market(id).trades(most)

    def groups(self, id: str, most: int) -> list[Group]:
        return self.market(id).groups(most)

    def takers(self, id: str, most: int) -> list[tuple[Sold, ...]]:
        return self.market(id).takers(most)

    def candles(self, id: str, span: Span, start_ns: int | None, end_ns: int | None, most: int) -> list[Candle]:
        return self.market(id).candles(span, start_ns, end_ns, most)

    def today(self, id: str) -> Today:
        return self.market(id).today()

    def glance(self, id: str) -> Today:
        instrument = self._listed.get(id, self.clock_ns)
        market = self._markets.get(id)
        if market is not None:
            return market.glance()
        return glance(self._exchange, self.venue.name, instrument, self.shift_ns)

    def best(self, id: str) -> Levels:
        return self.levels(id, 1) if id in self._markets else self.glance(id).best

    def mark(self, id: str) -> Marked:
        one = self._listed.get(id, self.clock_ns)
        derived = self._exchange.derived(self.venue.name, one.symbol)
        return marked(one, derived, self._exchange.now_ns, self.shift_ns, lambda: self.best(id))

    def funding(self, id: str, start_ns: int | None, end_ns: int | None, most: int) -> list[Settled]:
        one = self._listed.get(id, self.clock_ns)
        derived = self._exchange.derived(self.venue.name, one.symbol)
        since_ns = self._exchange.start_ns + self.shift_ns - PAST_NS
        end_ns = self.clock_ns if end_ns is None else min(end_ns, self.clock_ns)
        return settled(one, derived, self.shift_ns, since_ns, start_ns, end_ns, most)

    def liquidations(self, id: str, most: int) -> list[Liquidated]:
        return self.market(id).liquidations(most)

    def market(self, id: str) -> Market:
        """The market of an id, which begins if need be."""
        instrument = self._listed.get(id, self.clock_ns)
        market = self._markets.get(id)
        if market is None:
            symbol = instrument.symbol
            self._exchange.want(self.venue.name, symbol)
            market = Market(self._exchange, self.venue.name, rules(id, instrument), instrument, self.shift_ns)
            self._markets[id] = market
            self._exchange.follow(self.venue.name, symbol, partial(self._happened, id, market))
        return market

    def of_symbol(self, symbol: str) -> Market:
        """The market of a canonical symbol."""
        id = self._listed.id_of(symbol)
        if id is None:
            raise Unlisted(symbol)
        return self.market(id)

    # ---- time

    def _happened(self, id: str, market: Market, events: Iterable[Event]) -> None:
        if market.happened(events):
            self.touched[id] = None

    def settle(self) -> None:
        """An instant is over: tell of it."""
        touched, self.touched = self.touched, {}
        for id in touched:
            burst = self._markets[id].burst()
            for topic in (*self._bursting.get(id, ()), *self._bursting.get("", ())):
                topic.burst(self._exchange.now_ns, id, burst)

    def cut(self) -> None:
        """A tenth of a second is over: tell of it."""
        now_ns = self._exchange.now_ns
        for topics in self._cutting.values():
            for topic in topics:
                topic.cut(now_ns)
        if not now_ns % SECOND:
            for market in self._markets.values():
                market.forget()

    # ---- topics

    def knows(self, line: Line, topic: str) -> bool:
        """Whether there is such a topic for a connection."""
        return self._stream(line, topic) is not None

    def refusal(self, line: Line, topic: str) -> tuple[str, str] | None:
        """Why a topic is refused to a connection."""
        if self.dialect.unknown is None or self._stream(line, topic) is not None:
            return None
        return self.dialect.unknown(topic)

    def ask_topic(self, line: Line, name: str) -> None:
        """Count a topic that is asked for."""
        declared = self.dialect.stream(name)
        retired = declared is not None and not stands(declared, self.day)
        self.tally.ask(f"topic {name}", answered=self._stream(line, name) is not None, retired=retired)

    def _stream(self, line: Line, name: str) -> Stream | None:
        stream = self.dialect.stream(name)
        if stream is None or not stands(stream, self.day):
            return None
        if not stream.of_all and not self._listed.has(stream.id, self.clock_ns):
            return None
        return stream if not stream.endpoints or self.lines[line] in stream.endpoints else None

    def joined(self, line: Line, name: str) -> None:
        """A connection subscribes; what is not there stays silent."""
        topic = self._topics.get(name)
        if topic is None:
            stream = self._stream(line, name)
            if stream is None:
                return
            topic = self._topics[name] = self._made(name, stream)
            at_once = stream.content in _REAL_TIME or not stream.every
            (self._bursting if at_once else self._cutting).setdefault(stream.id, []).append(topic)
        topic.lines[line] = None
        told = Told(name, topic.stream.id, self.clock_ns, topic.number)
        first = topic.first(told) if self._listed.has(told.id, self.clock_ns) else None
        if first is not None:
            self._say(topic, *first, [line])

    def _made(self, name: str, stream: Stream) -> Topic | Many:
        if not stream.of_all:
            return Topic(name, stream, self.market(stream.id), self._exchange.now_ns, self._emit)
        if stream.content in ("liquidation", "trade"):
            among = [*self._among(stream)]
            deep = [one for one in among if self._listed.get(one, self.clock_ns).liquidity == _BEGIN]
            for one in deep or (among[:_FEW] if stream.content == "trade" else ()):
                self.market(one)

        def marks() -> list[tuple[str, Marked]]:
            return [(one, self.mark(one)) for one in self._among(stream)]

        return Many(name, stream, self._markets, marks, lambda: self._among(stream), self._emit)

    def _among(self, stream: Stream) -> dict[str, None]:
        """The ids that a stream about many is about, as they are listed now."""
        return {one.id: None for one in self.listed() if stream.among(one)}  # in their order

    def left(self, line: Line, name: str) -> None:
        """A connection does not want a topic any more."""
        topic = self._topics.get(name)
        if topic is None:
            return
        topic.lines.pop(line, None)
        if not topic.lines:
            del self._topics[name]
            for topics in (self._bursting.get(topic.stream.id, []), self._cutting.get(topic.stream.id, [])):
                if topic in topics:
                    topics.remove(topic)

    def _emit(self, topic: Topic | Many, content: Any, id: str) -> None:
        now_ns = self.clock_ns
        if id:
            heard = self._listed.has(id, now_ns)
        else:
            content = [(one, what) for one, what in content if self._listed.has(one, now_ns)]
            heard = bool(content)
        if heard:
            values = topic.stream.values(Told(topic.name, id, now_ns, topic.number + 1), content)
            if values is not None:
                topic.number += 1
                self._say(topic, topic.stream.sample, values, topic.lines)

    def _say(self, topic: Topic | Many, sample: str, values: Values, lines: Iterable[Line]) -> None:
        """A message of a topic, unless a fault withholds it, or spoils it."""
        copies = self.faults.copies(topic.name, self._exchange.now_ns)
        if not copies:
            return
        plain = self.sheets[sample].print(values)
        if self.faults.take("wrong", self._exchange.now_ns, topic.name):
            plain = spoiled(plain)
        forms: dict[tuple[bool, object], str | bytes] = {}
        for line in lines:
            key = (line.wrapped, line.codec)
            message = forms.get(key)
            if message is None:
                data = self.dialect.wrap(topic.name, plain) if line.wrapped else plain
                message = forms[key] = form(data, line.codec)
            for _ in range(copies):
                line.push(message, of_topic=True)

    def asked(self, line: Line, message: Mapping[str, Any], plain: Mapping[str, Any]) -> bool:
        """A request for a whole book on the socket, if it is one."""
        for channel in self.venue.books:
            slots = None if channel.ask is None else channel.ask.match(plain)
            if slots is None or self.dialect.whole is None:
                continue
            name = str(slots["topic"])
            stream = self._stream(line, name)
            if stream is None or stream.content != "window":
                continue
            now_ns = self._exchange.now_ns
            said = self.dialect.whole(name, str(message.get("id")), self._whole(name, stream))
            late = self.faults.take("late_snapshot", now_ns, name)
            if late is None:
                line.answer(said)
            else:
                asyncio.get_running_loop().call_later(late.seconds, line.answer, said)
            return True
        return False

    def _whole(self, name: str, stream: Stream) -> Levels:
        """The book a little ago, at the end of a message of its topic."""
        now_ns = self._exchange.now_ns
        old = self.faults.take("old_snapshot", now_ns, name)
        lag = self.dialect.request_lag + (old.seconds if old is not None else 0.0)
        at_ns = now_ns - min(seconds(lag), KEPT_NS)
        market, topic = self.market(stream.id), self._topics.get(name)
        said = [last for time_ns, last in topic.said if time_ns <= at_ns] if topic is not None else []
        if said:
            return market.levels_at(update_id=said[-1], depth=stream.depth)
        return market.levels_at(at_ns - at_ns % CUT_NS if stream.every else at_ns, depth=stream.depth)

    # ---- what it answers

    def begin(self, fault: Fault) -> None:
        """A fault sets in."""
        self.faults.begin(fault, self._exchange.now_ns)
        if fault.kind == "cut":
            for socket in [*(line.socket for line in self.lines), *self._private_sockets()]:
                socket.abort()
        if fault.kind == "shutdown":
            for line in self.lines:
                line.announce_end()
                line.end_in(fault.seconds)

    def _private_sockets(self) -> list[Served]:
        return [] if self.counter is None else [line.served for line in self.counter.lines]

    def refuse_cut(self) -> None:
        """Raises Cut while nobody can connect."""
        if self.faults.take("cut", self._exchange.now_ns):
            raise Cut

    def answers(self, request: Asked) -> bool:
        """Whether a question over HTTP is this venue's."""
        known = self._route(request.method, request.path, args_of(request)) is not None
        return known or (self.counter is not None and self.counter.call(request) is not None)

    def serves(self, path: str) -> bool:
        """Whether it has a call at a path, however asked."""
        return path in self._paths or (self.counter is not None and self.counter.serves(path))

    def _route(self, method: str, path: str, args: Mapping[str, str]) -> Route | None:
        return next((one for one in self._routes.get((method, path), ()) if one.fits(args)), None)

    # ---- calls

    async def http(self, request: Asked) -> Answer:
        now_ns = self._exchange.now_ns
        self.refuse_cut()
        fault = self.faults.take("status", now_ns, request.path)
        if fault is not None:
            if fault.status in (418, 429):
                said = self.dialect.limited(fault.retry_after, fault.status == 418)
                return self.answer(said, fault.status, {"Retry-After": str(fault.retry_after)})
            return Answer(fault.status, b"{}", _JSON)
        call = None if self.counter is None else self.counter.call(request)
        if call is not None and self.counter is not None:
            self.tally.ask(f"{request.method} {request.host}{request.path}", answered=True)
            return await self.counter.http(request, *call)
        args = args_of(request)
        route = self._route(request.method, request.path, args)
        retired = route is not None and not stands(route, self.day)
        name = f"{request.method} {request.host}{request.path}"
        self.tally.ask(name, answered=route is not None, retired=retired)
        if route is None or (retired and self.dialect.gone is None):
            return Answer(404, b"")
        if retired and self.dialect.gone is not None:
            return self.answer(self.dialect.gone)
        key = _key_of(self.venue, request)
        if self.dialect.refuses_key is not None and (key is False or (route.keyed and key is None)):
            return self.answer(self.dialect.refuses_key)
        answer = self.spend(
            self.gate(route.pool, route.path), lambda: route.weight(args), lambda: route.answer(self, args), args
        )  # fmt: skip
        late = self.faults.take("late_snapshot", now_ns, request.path) if route.snapshot else None
        if late is not None:
            await asyncio.sleep(late.seconds)
        return answer

    def spend(self, gate: Gate, weight: Callable[[], int], act: Callable[[], Said], args: Mapping[str, Any]) -> Answer:
        """Answer what costs so much, or refuse it where that is too much."""
        now = asyncio.get_running_loop().time()
        refused: Refusal | None = None
        try:
            cost = weight()
        except Refusal as refusal:  # a question whose price cannot be told is refused, at the least price
            cost, refused = 1, refusal
        wait = gate.pass_(cost, now)
        if wait is not None:
            return self.answer(
                self.dialect.limited(int(wait) + 1, gate.banned), headers={"Retry-After": str(int(wait) + 1)}
            )
        headers = self.dialect.spent(gate.used, gate.pool.limit, gate.left(now))
        if refused is not None:
            return self.answer(refused.said, headers=headers)
        try:
            return self.answer(act(), headers=headers)
        except Refusal as refusal:
            return self.answer(refusal.said, headers=headers)
        except Unlisted:
            return self.answer(self.dialect.no_such_id(args), headers=headers)

    def gate(self, pool: str, path: str) -> Gate:
        """What a call is counted by: its pool, or itself where each has the pool's limit for itself."""
        gate = self.gates[pool or self.dialect.pool]
        if gate.pool.scope != "endpoint":
            return gate
        return self.gates.setdefault(f"{gate.pool.name} {path}", Gate(gate.pool, gate.bans))

    def answer(self, said: Said, status: int | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """What a dialect says, as it goes over HTTP."""
        sheet = self.sheets[said.sample]
        kind = _HTML if isinstance(sheet, Page) else _JSON
        return Answer(status or said.status, self.printed(said), {**kind, **(headers or {})})

    def printed(self, said: Said) -> bytes:
        """What a dialect says; a value that is something said itself is printed in its place."""
        inner = {path: msgspec.Raw(self.printed(one)) for path, one in said.values.items() if isinstance(one, Said)}
        return self.sheets[said.sample].print({**said.values, **inner})


def _key_of(venue: Venue, request: Asked) -> bool | None:
    """Whether the key of a question is right; None where it has none."""
    wanted = {name.lower(): SIMULATOR.filled(text).reveal() for name, text in venue.key_headers.items()}
    given = {name: request.headers[name] for name in wanted if name in request.headers}
    return given == wanted if given else None


def args_of(request: Asked) -> dict[str, str]:
    return {name: unquote(value) for name, value in parse_qsl(request.query, keep_blank_values=True)}
