"""One venue as its clients see it: markets, topics, calls over HTTP, limits, and what goes wrong on request."""

import asyncio
from collections.abc import Mapping
from datetime import date
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from tidebook.core.clock import SECOND, seconds
from tidebook.core.dialect import (
    Candle,
    Dialect,
    Group,
    Levels,
    Refusal,
    Route,
    Rules,
    Said,
    Sold,
    Stream,
    Today,
    stands,
)
from tidebook.core.span import Span
from tidebook.errors import UsageError
from tidebook.io.serve import Answer, Asked, Cut, Served
from tidebook.sim.exchange import Exchange
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import Event, LevelChange, Trade
from tidebook.sim.server.faults import Fault, Faults
from tidebook.sim.server.limits import Gate
from tidebook.sim.server.line import Line, form
from tidebook.sim.server.market import KEPT_NS, Market, glance
from tidebook.sim.server.samples import Page, samples
from tidebook.sim.server.tally import Tally
from tidebook.sim.server.topic import CUT_NS, Days, Topic
from tidebook.venue import Venue

_JSON: Final = {"Content-Type": "application/json;charset=UTF-8"}
_HTML: Final = {"Content-Type": "text/html"}
_REAL_TIME: Final = ("trade", "taker", "group", "quote")


class Unlisted(KeyError):
    """No instrument has this id."""


def dialect_of(venue: Venue) -> Dialect:
    """The dialect of a venue. Raises UsageError where it has none."""
    name = f"tidebook.venues.{venue.exchange}.dialect"
    try:
        dialects: tuple[Dialect, ...] = import_module(name).DIALECTS
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        dialects = ()
    for dialect in dialects:
        if dialect.venue == venue.name:
            return dialect
    raise UsageError(f"{venue.name} has no dialect yet: the simulator cannot speak it")


class Front:
    """See the module. It is the `Facts` that its dialect may ask. It speaks as the venue does on `day`."""

    def __init__(self, venue: Venue, exchange: Exchange, gates: dict[str, Gate], day: date, tally: Tally) -> None:
        self.venue = venue
        self.day = day
        self.tally = tally
        self.dialect = dialect_of(venue)
        self._routes = {(one.method, one.path): one for one in self.dialect.routes}
        self.sheets = samples(f"tidebook.venues.{venue.exchange}")
        self.faults = Faults(exchange.seed, venue.name)
        self.lines: dict[Line, None] = {}
        self.shift_ns = 0
        self._exchange = exchange
        self._gates = gates
        for pool in venue.pools:
            gates.setdefault(pool.name, Gate(pool, self.dialect.bans))
        self._listed = {
            self.dialect.id(one.base, one.quote): one for one in exchange.instruments.values() if one.kind == venue.kind
        }
        self._unlisted: dict[str, Instrument] = {}
        self._markets: dict[str, Market] = {}
        self._topics: dict[str, Topic | Days] = {}
        self._cutting: dict[str, list[Topic | Days]] = {}
        self._bursting: dict[str, list[Topic | Days]] = {}
        self._touched: dict[str, None] = {}

    # ---- the facts

    @property
    def now_ns(self) -> int:
        return self._exchange.now_ns + self.shift_ns + self.faults.clock_ns

    @property
    def now_ms(self) -> int:
        return self.now_ns // 1_000_000

    def listed(self) -> list[Rules]:
        return [rules(id, one) for id, one in self._listed.items()]

    def relist(self, symbol: str) -> None:
        """Trade a symbol (again)."""
        self._move(symbol, self._unlisted, self._listed)

    def delist(self, symbol: str) -> None:
        """Trade a symbol no more: it is not listed, and its topics say nothing."""
        self._move(symbol, self._listed, self._unlisted)

    def _move(self, symbol: str, off: dict[str, Instrument], to: dict[str, Instrument]) -> None:
        for id in [id for id, one in off.items() if one.symbol == symbol]:
            to[id] = off.pop(id)

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
        instrument = self._listed.get(id)
        if instrument is None:
            raise Unlisted(id)
        market = self._markets.get(id)
        if market is not None:
            return market.glance()
        return glance(self._exchange, self.venue.name, instrument, self.shift_ns)

    def best(self, id: str) -> Levels:
        return self.levels(id, 1) if id in self._markets else self.glance(id).best

    def market(self, id: str) -> Market:
        """The market of an id, which begins if need be."""
        instrument = self._listed.get(id)
        if instrument is None:
            raise Unlisted(id)
        market = self._markets.get(id)
        if market is None:
            symbol = instrument.symbol
            self._exchange.want(self.venue.name, symbol)
            market = Market(self._exchange, self.venue.name, rules(id, instrument), instrument, self.shift_ns)
            self._markets[id] = market
            self._exchange.listen(self.venue.name, lambda _, event: self._happened(id, event), symbol)
        return market

    def of_symbol(self, symbol: str) -> Market:
        """The market of a canonical symbol."""
        for id, one in self._listed.items():
            if one.symbol == symbol:
                return self.market(id)
        raise Unlisted(symbol)

    # ---- time

    def _happened(self, id: str, event: Event) -> None:
        if type(event) is LevelChange:
            self._markets[id].changed(event)
        elif type(event) is Trade:
            self._markets[id].traded(event)
        else:
            return
        self._touched[id] = None

    def settle(self) -> None:
        """An instant is over: tell of it."""
        touched, self._touched = self._touched, {}
        for id in touched:
            trades, groups = self._markets[id].burst()
            for topic in self._bursting.get(id, ()):
                topic.burst(self._exchange.now_ns, trades, groups)

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
        if stream.content != "days" and stream.id not in self._listed:
            return None
        return stream if not stream.endpoints or line.endpoint.name in stream.endpoints else None

    def joined(self, line: Line, name: str) -> None:
        """A connection subscribes; what is not there stays silent."""
        topic = self._topics.get(name)
        if topic is None:
            stream = self._stream(line, name)
            if stream is None:
                return
            if stream.content == "days":
                topic = Days(name, stream, self._markets, self._emit)
            else:
                topic = Topic(name, stream, self.market(stream.id), self._exchange.now_ns, self._emit)
            self._topics[name] = topic
            at_once = stream.content in _REAL_TIME or not stream.every
            (self._bursting if at_once else self._cutting).setdefault(stream.id, []).append(topic)
        topic.lines[line] = None

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

    def _emit(self, topic: Topic | Days, content: Any) -> None:
        if topic.stream.content == "days":
            content = [(id, day) for id, day in content if id in self._listed]
            heard = bool(content)
        else:
            heard = topic.stream.id in self._listed
        copies = self.faults.copies(topic.name, self._exchange.now_ns) if heard else 0
        if not copies:
            return
        told = topic.told(self._exchange.now_ns + self.shift_ns)
        plain = self.sheets[topic.stream.sample].print(topic.stream.values(told, content))
        forms: dict[tuple[bool, object], str | bytes] = {}
        for line in topic.lines:
            key = (line.wrapped, line.codec)
            message = forms.get(key)
            if message is None:
                data = self.dialect.wrap(topic.name, plain) if line.wrapped else plain
                message = forms[key] = form(data, line.codec)
            for _ in range(copies):
                line.push(message)

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

    # ---- connections

    async def websocket(self, request: Asked, socket: Served) -> None:
        name = self.dialect.door(request.path)
        self.tally.ask(f"WS {request.host}{request.path}", answered=name is not None)
        if name is None:
            socket.refuse(Answer(404, b"no stream here"))
            return
        if self.faults.take("cut", self._exchange.now_ns):
            raise Cut
        endpoint = self.venue.endpoint(name)
        gate = None if endpoint.connects is None else self._gates[endpoint.connects.name]
        wait = None if gate is None else gate.pass_(1, asyncio.get_running_loop().time())
        if wait is not None:
            socket.refuse(self._answer(self.dialect.limited(int(wait) + 1, False)))
            return
        line = Line(self, socket, endpoint)
        self.lines[line] = None
        try:
            url = f"{request.path}?{request.query}"
            for topic in self.venue.url_topics(url) if self.venue.url_topics is not None else ():
                self.ask_topic(line, topic)
                line.join(topic)
            await line.talk()
        finally:
            del self.lines[line]
            for topic in line.topics:
                self.left(line, topic)

    def begin(self, fault: Fault) -> None:
        """A fault sets in."""
        self.faults.begin(fault, self._exchange.now_ns)
        if fault.kind == "cut":
            for line in [*self.lines]:
                line.socket.abort()

    def serves(self, path: str, *, websocket: bool) -> bool:
        """Whether a path is one of this venue's."""
        if websocket:
            return self.dialect.door(path) is not None
        return any(route.path == path for route in self.dialect.routes)

    # ---- calls

    async def http(self, request: Asked) -> Answer:
        now_ns = self._exchange.now_ns
        if self.faults.take("cut", now_ns):
            raise Cut
        fault = self.faults.take("status", now_ns, request.path)
        if fault is not None:
            if fault.status in (418, 429):
                said = self.dialect.limited(fault.retry_after, fault.status == 418)
                return self._answer(said, fault.status, {"Retry-After": str(fault.retry_after)})
            return Answer(fault.status, b"{}", _JSON)
        route = self._routes.get((request.method, request.path))
        retired = route is not None and not stands(route, self.day)
        name = f"{request.method} {request.host}{request.path}"
        self.tally.ask(name, answered=route is not None, retired=retired)
        if route is None or (retired and self.dialect.gone is None):
            return Answer(404, b"")
        if retired and self.dialect.gone is not None:
            return self._answer(self.dialect.gone)
        args = {name: unquote(value) for name, value in parse_qsl(request.query, keep_blank_values=True)}
        answer = self._spend(route, args)
        late = self.faults.take("late_snapshot", now_ns, request.path) if route.snapshot else None
        if late is not None:
            await asyncio.sleep(late.seconds)
        return answer

    def _spend(self, route: Route, args: Mapping[str, str]) -> Answer:
        gate, now = self._gates[self.dialect.pool], asyncio.get_running_loop().time()
        refused: Refusal | None = None
        try:
            weight = route.weight(args)
        except Refusal as refusal:  # a question whose price cannot be told is refused, at the least price
            weight, refused = 1, refusal
        wait = gate.pass_(weight, now)
        if wait is not None:
            return self._answer(
                self.dialect.limited(int(wait) + 1, gate.banned), headers={"Retry-After": str(int(wait) + 1)}
            )
        headers = self.dialect.spent(gate.used, gate.pool.limit, gate.left(now))
        if refused is not None:
            return self._answer(refused.said, headers=headers)
        try:
            return self._answer(route.answer(self, args), headers=headers)
        except Refusal as refusal:
            return self._answer(refusal.said, headers=headers)
        except Unlisted:
            return self._answer(self.dialect.no_such_id(args), headers=headers)

    def _answer(self, said: Said, status: int | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        sheet = self.sheets[said.sample]
        kind = _HTML if isinstance(sheet, Page) else _JSON
        return Answer(status or said.status, sheet.print(said.values), {**kind, **(headers or {})})


def rules(id: str, one: Instrument) -> Rules:
    return Rules(id, one.base, one.quote, one.tick, one.step, one.price_decimals, one.size_decimals, one.min_notional)
