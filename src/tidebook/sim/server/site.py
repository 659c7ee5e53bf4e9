"""The simulator as a site: one exchange, the fronts of its venues, and the clock that drives them.

Time begins with the first question, so that with one seed every run begins alike. The exchange's own clock starts at
a fixed instant; the venues' clocks show the time of this machine.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime
from heapq import heappop, heappush
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tidebook import venues
from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.io.clock import now
from tidebook.io.serve import Answer, Asked, Served
from tidebook.sim.exchange import Exchange
from tidebook.sim.server.faults import Fault, due_ns
from tidebook.sim.server.front import Front
from tidebook.sim.server.limits import Gate
from tidebook.sim.server.tally import Tally
from tidebook.sim.server.topic import CUT_NS
from tidebook.venue import Venue

STEP: Final = 0.01  # seconds between two looks at the clock
SLICE_NS: Final = SECOND // 20  # of real time, after which others have their turn
PLAIN_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
CONTROL: Final = "/_sim/"

_faults = msgspec.json.Decoder(Fault | list[Fault])


class Simulator:
    """See the module. `speed`: so many seconds of the exchange in one of ours. `day`: None is today, in UTC."""

    def __init__(
        self,
        seed: int,
        names: Iterable[str],
        symbols: Iterable[str] = (),
        *,
        speed: float = 1.0,
        day: date | None = None,
    ) -> None:
        declared = [one for name in names for one in _named(name)]
        self.exchange = Exchange(seed, [venue.name for venue in declared])
        self.speed = speed
        self.gates: dict[str, Gate] = {}
        self.day = day or datetime.fromtimestamp(now().wall_ns / 1e9, UTC).date()
        self.tally = Tally()
        self.fronts = {venue.name: Front(venue, self.exchange, self.gates, self.day, self.tally) for venue in declared}
        self._hosts = {front.venue.name: _hosts(front.venue) for front in self.fronts.values()}
        self._symbols = tuple(symbols)
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
                front.shift_ns = (instant.wall_ns - self.exchange.now_ns) // 1_000_000 * 1_000_000
                for symbol in self._symbols:
                    front.of_symbol(symbol)

    async def run(self) -> None:
        """Let time pass, for ever."""
        while True:
            late = self.pass_time()
            await asyncio.sleep(0 if late else STEP)

    def pass_time(self) -> bool:
        """Let the exchange catch up with the clock; True when there was not time enough for that."""
        if self._began is None:
            return False
        mono_ns, start_ns = self._began
        began = now().mono_ns
        to_ns = start_ns + int((began - mono_ns) * self.speed)
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
        for front in self.fronts.values():
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
            for front in self._of(fault.venue):
                front.begin(fault)

    def _of(self, name: str | None) -> list[Front]:
        found = [one for one in self.fronts.values() if name in (None, one.venue.name, one.venue.exchange)]
        if not found:
            raise UsageError(f"{name} is not served here. There are: {', '.join(self.fronts)}")
        return found

    # ---- the site

    async def http(self, request: Asked) -> Answer:
        if request.host in PLAIN_HOSTS and request.path.startswith(CONTROL):
            return self._control(request)
        front = self._front(request, websocket=False)
        if front is None:
            self.tally.ask(f"{request.method} {request.host}{request.path}", answered=False)
            return Answer(404, self._nowhere(request))
        self.begin()
        self.pass_time()
        return await front.http(request)

    async def websocket(self, request: Asked, socket: Served) -> None:
        front = self._front(request, websocket=True)
        if front is None:
            self.tally.ask(f"WS {request.host}{request.path}", answered=False)
            socket.refuse(Answer(404, self._nowhere(request)))
            return
        self.begin()
        await front.websocket(request, socket)

    def _front(self, request: Asked, *, websocket: bool) -> Front | None:
        """Whose question it is: by the host, or, where that is this machine, by the path."""
        path = request.path
        if request.host not in PLAIN_HOSTS:
            return next((self.fronts[name] for name, hosts in self._hosts.items() if _covers(hosts, request)), None)
        found = [one for one in self.fronts.values() if one.serves(path, websocket=websocket)]
        return found[0] if len(found) == 1 else None

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


def _named(name: str) -> list[Venue]:
    """The venues of an exchange, or the one of this name."""
    found = [venue for venue in venues.every().values() if venue.exchange == name]
    return found or [venues.named(name)]


def _hosts(venue: Venue) -> tuple[str, ...]:
    """All hosts of a venue, with the beginning of a path where only that is its own."""
    urls = [endpoint.url for endpoint in venue.endpoints]
    elsewhere = [host for environment in venue.environments for pair in environment.hosts.items() for host in pair]
    bare = [host.partition(":")[0] for host in [*elsewhere, *(urlsplit(url).netloc for url in urls)]]
    return tuple(dict.fromkeys([*venue.aliases, *bare]))


def _covers(hosts: tuple[str, ...], request: Asked) -> bool:
    for one in hosts:
        name, slash, rest = one.partition("/")
        if name == request.host and request.path.startswith(slash + rest):
            return True
    return False
