"""What one address leads to: a venue, or several that share a host and a path.

Where several do, a connection is not bound to any of them: each of its topics is of the venue that has it, so that
one connection may have topics of both, as it may at the real ones. All else that is said on a connection (pings,
acknowledgements, refusals) belongs to the address, not to a venue: venues that share one declare the same, and the
first of them speaks.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tidebook.core.dialect import Dialect
from tidebook.core.endpoint import Endpoint
from tidebook.io.serve import Asked, Served
from tidebook.sim.server.front import Front
from tidebook.sim.server.line import Line
from tidebook.sim.server.samples import Page, Sheet
from tidebook.sim.server.tally import Tally
from tidebook.venue import Venue


def _as_asked(venue: Venue, endpoint: Endpoint, request: Asked) -> Endpoint:
    """Of several endpoints at one address, the one whose headers a client sends."""
    here = [one for one in venue.endpoints if one.url == endpoint.url]
    fit = [one for one in here if one.headers and _has(request, one.headers)]
    return next(iter(fit), endpoint)


def _has(request: Asked, headers: Mapping[str, str]) -> bool:
    return all(request.headers.get(name.lower()) == value for name, value in headers.items())


class Door:
    """See the module. `fronts` are the venues, one at least, each with the name of its endpoint there."""

    def __init__(self, fronts: Sequence[tuple[Front, str]], lives: float = 1.0) -> None:
        self._fronts = fronts
        self._lives = lives
        self._first = fronts[0][0]

    @property
    def dialect(self) -> Dialect:
        return self._first.dialect

    @property
    def sheets(self) -> Mapping[str, Sheet | Page]:
        return self._first.sheets

    @property
    def tally(self) -> Tally:
        return self._first.tally

    @property
    def now_ms(self) -> int:
        return self._first.now_ms

    def count_in(self, endpoint: Endpoint) -> int:
        """Connections at an endpoint's address that are logged in."""
        return sum(line.is_in and line.endpoint.url == endpoint.url for line in self._first.lines)

    # ---- topics, as `Front` says

    def ask_topic(self, line: Line, topic: str) -> None:
        self._of(line, topic).ask_topic(line, topic)

    def refusal(self, line: Line, topic: str) -> tuple[str, str] | None:
        return self._of(line, topic).refusal(line, topic)

    def joined(self, line: Line, topic: str) -> None:
        self._of(line, topic).joined(line, topic)

    def left(self, line: Line, topic: str) -> None:
        for front, _ in self._fronts:  # what a venue has delisted meanwhile is left all the same
            front.left(line, topic)

    def asked(self, line: Line, message: Mapping[str, Any], plain: Mapping[str, Any]) -> bool:
        return any(front.asked(line, message, plain) for front, _ in self._fronts)

    def _of(self, line: Line, topic: str) -> Front:
        """The venue that has a topic; the first where none has."""
        return next((front for front, _ in self._fronts if front.knows(line, topic)), self._first)

    # ---- connections

    async def websocket(self, request: Asked, socket: Served) -> None:
        """Talk with one client until either side ends it."""
        first, name = self._fronts[0]
        self.tally.ask(f"WS {request.host}{request.path}", answered=True)
        for front, _ in self._fronts:
            front.refuse_cut()
        endpoint = _as_asked(first.venue, first.venue.endpoint(name), request)
        gate = None if endpoint.connects is None else first.gates[endpoint.connects.name]
        wait = None if gate is None else gate.pass_(1, asyncio.get_running_loop().time())
        if wait is not None:
            socket.refuse(first.answer(first.dialect.limited(int(wait) + 1, False)))
            return
        line = Line(self, socket, endpoint)
        for front, there in self._fronts:
            front.lines[line] = there
        if endpoint.lifetime is not None:
            line.end_in(endpoint.lifetime.seconds * self._lives)
        try:
            for topic in self._by_url(f"{request.path}?{request.query}"):
                self.ask_topic(line, topic)
                line.join(topic)
            await line.talk()
        finally:
            for topic in line.topics:
                self.left(line, topic)
            for front, _ in self._fronts:
                del front.lines[line]

    def _by_url(self, url: str) -> list[str]:
        """The topics that a connection has by its address."""
        readers = [front.venue.url_topics for front, _ in self._fronts]
        return list(dict.fromkeys(topic for read in readers if read is not None for topic in read(url)))
