"""The simulator as a site: one exchange, the fronts of its venues, and the clock that drives them.

Time begins with the first question, so that with one seed every run begins alike. The exchange's own clock starts at
a fixed instant; the venues' clocks show the time of this machine.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from heapq import heappop, heappush
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.io.clock import now
from tidebook.io.serve import Answer, Asked, Served
from tidebook.sim.bars import DAY
from tidebook.sim.exchange import Exchange
from tidebook.sim.listing import START_DAY, listed
from tidebook.sim.server import spoken
from tidebook.sim.server.door import Door
from tidebook.sim.server.faults import Fault, due_ns
from tidebook.sim.server.front import Front
from tidebook.sim.server.limits import Gate
from tidebook.sim.server.listed import Listed
from tidebook.sim.server.seats import Tellers
from tidebook.sim.server.tally import Tally
from tidebook.sim.server.topic import CUT_NS
from tidebook.venue import Venue

STEP: Final = 0.01  # seconds between two looks at the clock
SLICE_NS: Final = SECOND // 20  # of real time, after which others have their turn
PLAIN_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
CONTROL: Final = "/_sim/"

_faults = msgspec.json.Decoder(Fault | list[Fault])


class Simulator:
    """See the module. `speed`: so many seconds of the exchange in one of ours. `day`: None is today, in UTC.

    `lives`: connections are closed after the life that their endpoint declares, in our seconds, times this.

    `names` are of venues or exchanges, None all that can be spoken. Whatever the `day`, contracts expire after today.
    Raises UsageError for a symbol that none of them lists.
    """

    def __init__(
        self,
        seed: int,
        names: Iterable[str] | None = None,
        symbols: Iterable[str] = (),
        *,
        speed: float = 1.0,
        lives: float = 1.0,
        day: date | None = None,
    ) -> None:
        declared = spoken.every() if names is None else [one for name in names for one in spoken.named(name)]
        declared = [*{one.name: one for one in declared}.values()]
        today = datetime.fromtimestamp(now().wall_ns / 1e9, UTC).date()
        instruments = listed(today)
        tables = {one.name: Listed(spoken.spoken(one).dialect, instruments.values()) for one in declared}
        self.exchange = Exchange(
            seed, tables, instruments=instruments, own={name: table.own for name, table in tables.items()},
            calendar_ns=(today - START_DAY).days * DAY,
        )  # fmt: skip
        self.speed = speed
        self._lives = lives
        self.gates: dict[str, Gate] = {}
        self.day = day or today
        self.tally = Tally()
        self.tellers = Tellers(self.exchange)
        self.fronts = {
            one.name: Front(
                one, spoken.spoken(one), tables[one.name], self.exchange, self.gates, self.day, self.tally, self.tellers
            )
            for one in declared
        }
        self._each = tuple(self.fronts.values())
        self._hosts = {front.venue.name: (*_hosts(front.venue), *_private(front)) for front in self.fronts.values()}
        for symbol in (symbols := tuple(symbols)):
            if not any(front.lists(symbol) for front in self.fronts.values()):
                raise UsageError(f"{symbol} is listed by none of {', '.join(self.fronts)}")
        self._symbols = symbols
        self._due: list[tuple[int, int, Fault]] = []
        self._faults = 0
        self._began: tuple[int, int] | None = None  # monotonic, exchange
        self._next_cut_ns = self.exchange.start_ns + CUT_NS

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all hosts that are served."""
        return tuple(sorted({one.partition("/")[0] for hosts in self._hosts.values() for one in hosts}))

    # ---- time

    def begin(self) -> None:
        """Start the clock, once."""
        if self._began is None:
            instant = now()
            self._began = (instant.mono_ns, self.exchange.now_ns)
            for front in self.fronts.values():
                front.due_ns = self.due_ns
                front.shift_ns = (instant.wall_ns - self.exchange.now_ns) // 1_000_000 * 1_000_000
                for symbol in filter(front.lists, self._symbols):
                    front.of_symbol(symbol)

    def due_ns(self) -> int:
        """What the exchange's time is by this machine's clock: it may have yet to catch up with it."""
        if self._began is None:
            return self.exchange.now_ns
        mono_ns, start_ns = self._began
        return start_ns + int((now().mono_ns - mono_ns) * self.speed)

    async def run(self) -> None:
        """Let time pass, for ever."""
        while True:
            late = self.pass_time()
            await asyncio.sleep(0 if late else STEP)

    def skip(self, seconds: float) -> None:
        """Let so much time pass at once, as fast as it can be told what happens in it."""
        self.begin()
        assert self._began is not None
        mono_ns, start_ns = self._began
        self._began = (mono_ns - int(seconds * SECOND / self.speed), start_ns)

    def pass_time(self) -> bool:
        """Let the exchange catch up with the clock; True when there was not time enough for that."""
        if self._began is None:
            return False
        began, to_ns = now().mono_ns, self.due_ns()
        while self._step(to_ns):
            if now().mono_ns > began + SLICE_NS:
                return True
        return False

    def _step(self, to_ns: int) -> bool:
        """To the next instant at which something happens; False when there is none until `to_ns`."""
        exchange, cut_ns = self.exchange, self._next_cut_ns
        at_ns = exchange.next_ns
        if at_ns is not None and at_ns <= min(to_ns, cut_ns):
            exchange.advance(at_ns)
            self._settle()
            return True
        if cut_ns > to_ns:
            exchange.advance(to_ns)
            return False
        exchange.advance(cut_ns)
        self._next_cut_ns += CUT_NS
        self._settle()
        self._begin_faults(cut_ns)
        for front in self.fronts.values():
            front.cut()
        return True

    def _settle(self) -> None:
        self.tellers.house.tend()
        for front in self._each:
            if front.touched:  # it is of thousands of instants in a second that each front is asked
                front.settle()

    # ---- faults

    def fault(self, fault: Fault) -> None:
        """Let something go wrong, now or when it says. Raises UsageError for a venue that is not served."""
        if fault.venue is not None:
            self._of(fault.venue)
        start_ns, now_ns = self.exchange.start_ns, self.exchange.now_ns
        at_ns = due_ns(fault, start_ns, now_ns)
        self._faults += 1
        heappush(self._due, (at_ns, self._faults, fault))
        self._begin_faults(now_ns)

    def _begin_faults(self, now_ns: int) -> None:
        while self._due and self._due[0][0] <= now_ns:
            fault = heappop(self._due)[2]
            fronts = self._of(fault.venue)
            for front in fronts:
                front.begin(fault)
            if fault.kind in ("clock", "resume"):  # venues of one host have one clock
                for front in self.fronts.values():
                    if any(self._share((front, one)) for one in fronts):
                        front.faults.clock_ns = fronts[0].faults.clock_ns

    def _of(self, name: str | None) -> list[Front]:
        found = [one for one in self.fronts.values() if name in (None, one.venue.name, one.venue.exchange)]
        if not found:
            raise UsageError(f"{name} is not served here. There are: {', '.join(self.fronts)}")
        return found

    # ---- the site

    async def http(self, request: Asked) -> Answer:
        if request.host in PLAIN_HOSTS and request.path.startswith(CONTROL):
            return self._control(request)
        front = self._front(request)
        if front is None:
            self.tally.ask(f"{request.method} {request.host}{request.path}", answered=False)
            return Answer(404, self._nowhere(request))
        self.begin()
        self.pass_time()
        return await front.http(request)

    async def websocket(self, request: Asked, socket: Served) -> None:
        counters = [front.counter for front in self._at(request) if front.counter is not None]
        private = next((found for one in counters if (found := one.socket(request)) is not None), None)
        if private is not None:
            self.begin()
            first, *others = (one for one in counters if one.socket(request) is private)
            await first.websocket(request, socket, private, others)
            return
        here = [(front, front.dialect.door(request.path)) for front in self._at(request)]
        doors = [(front, name) for front, name in here if name is not None]
        plain = request.host in PLAIN_HOSTS
        if not doors or (plain and not self._share([front for front, _ in doors])):
            self.tally.ask(f"WS {request.host}{request.path}", answered=False)
            socket.refuse(Answer(404, self._nowhere(request)))
            return
        self.begin()
        await Door(doors, self._lives).websocket(request, socket)

    def _at(self, request: Asked) -> list[Front]:
        """Who is at a host; everybody where that is this machine."""
        fronts = self.fronts.values()
        if request.host in PLAIN_HOSTS:
            return [*fronts]
        return [front for front in fronts if _covers(self._hosts[front.venue.name], request)]

    def _front(self, request: Asked) -> Front | None:
        """Whose question it is: by the host, then by the path, then by what is asked."""
        here = self._at(request)
        asked = [front for front in here if front.answers(request)]
        found = asked or [front for front in here if front.serves(request.path)]
        if request.host not in PLAIN_HOSTS:
            return next(iter(found or here), None)
        return found[0] if found and self._share(found) else None

    def _share(self, fronts: Sequence[Front]) -> bool:
        """Whether there is a host at which they all are."""
        hosts = [{one.partition("/")[0] for one in self._hosts[front.venue.name]} for front in fronts]
        return bool(set.intersection(*hosts))

    def _nowhere(self, request: Asked) -> bytes:
        names = ", ".join(self.fronts)
        return f"No venue is at {request.host}{request.path}, or several are. The Host header tells: {names}\n".encode()

    def _control(self, request: Asked) -> Answer:
        if (request.method, request.path) != ("POST", CONTROL + "faults"):
            return Answer(404, b"POST /_sim/faults\n")
        try:
            asked = _faults.decode(request.body)
            for fault in asked if isinstance(asked, list) else [asked]:
                self.fault(fault)
        except (msgspec.MsgspecError, UnicodeDecodeError, UsageError) as error:
            return Answer(400, f"{error}\n".encode())
        return Answer(204)


def _hosts(venue: Venue) -> tuple[str, ...]:
    """All hosts of a venue, with the beginning of a path where only that is its own."""
    urls = [endpoint.url for endpoint in venue.endpoints]
    elsewhere = [host for environment in venue.environments for pair in environment.hosts.items() for host in pair]
    bare = [host.partition(":")[0] for host in [*elsewhere, *(urlsplit(url).netloc for url in urls)]]
    return tuple(dict.fromkeys([*venue.aliases, *bare]))


def _private(front: Front) -> tuple[str, ...]:
    return () if front.dialect.private is None else front.dialect.private.hosts


def _covers(hosts: tuple[str, ...], request: Asked) -> bool:
    for one in hosts:
        name, slash, rest = one.partition("/")
        if name == request.host and request.path.startswith(slash + rest):
            return True
    return False
