"""The fault scenarios: each is run for every combination to which it applies, and each run is one seed."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tidebook.core.clock import SECOND, seconds
from tidebook.engine.contract import Engine
from tidebook.engine.rule import Chain, Scope, Seed
from tidebook.model import health
from tidebook.model.market import State
from tidebook.sim.combinations import Combination
from tidebook.sim.speech import Speech, Style
from tidebook.sim.venue import Venue
from tidebook.sim.watch import Figures, Watch, Wrong
from tidebook.sim.world import Client, World

IDLE: Final = 3.0


@dataclass
class Stage:
    """A running World, as a scenario's fault sees it."""

    world: World
    venue: Venue
    client: Client
    watch: Watch
    combination: Combination

    @property
    def rng(self) -> Random:
        return self.world.rng

    def at(self, second: float, call: Callable[..., None], *args: object) -> None:
        """At this second of the run."""
        self.world.after(seconds(1000 + second) - self.world.now_ns, call, *args)

    def cut(self) -> None:
        """The connections are gone, one or all."""
        links = list(self.venue.links)
        for link in links if self.rng.random() < 0.5 else links[:1]:
            self.venue.cut(link)

    def events(self, kind: type[health.Health]) -> list[tuple[int, health.Health]]:
        return [(at, event) for at, event in self.client.events if isinstance(event, kind)]


Fault = Callable[[Stage], None]
Applies = Callable[[Combination], bool]


@dataclass(frozen=True)
class Scenario:
    """`fault` schedules what goes wrong; `verify` looks at the end for what only this scenario promises."""

    name: str
    fault: Fault
    applies: Applies = lambda combination: True
    verify: Callable[[Stage], str | None] = lambda stage: None
    repeats: float | None = None
    lifetime: float | None = None  # seconds, of each connection
    main: float = 8.0  # seconds with faults
    most: float = 240.0  # seconds until everything must be well again


def _knob(*words: str, times: int = 1) -> Fault:
    def fault(stage: Stage) -> None:
        for _ in range(times):
            for word in words:
                stage.at(1.0 + 6 * stage.rng.random(), stage.venue.knobs.add, word)

    return fault


def _from_the_start(word: str, times: int) -> Fault:
    return lambda stage: stage.venue.knobs.add(word, times)


def _from_the_start_and_drop(word: str) -> Fault:
    """Twice from the start on, and a gap later."""

    def fault(stage: Stage) -> None:
        stage.venue.knobs.add(word, 2)
        _knob("drop")(stage)

    return fault


def _old_from_the_start(stage: Stage) -> None:
    """The first answers are older than the first message, which comes after them."""
    stage.venue.mean_gap = 0.3
    stage.world.run(stage.world.now_ns + 3 * SECOND)  # something was before
    stage.venue.knobs.add("http_old", 2)


def _nothing_taken_back(stage: Stage) -> str | None:
    """No book was called live before it was known to be."""
    told = [event for _, event in stage.client.events if isinstance(event, health.Gap | health.Stale)]
    return f"told {told[0]}" if told else None


def _quiet(stage: Stage) -> None:
    """Nothing is said for minutes; its book is there all the same."""

    def look() -> None:
        for book in stage.client.desk.books.values():
            if not book.readable:
                raise Wrong(f"{book.plan.symbol} is {book.state} in a quiet market: {book.reason}")

    stage.world.run(stage.world.now_ns + SECOND)
    stage.venue.mean_gap = 600.0
    stage.world.run(stage.world.now_ns + SECOND)  # the last that is told
    stage.at(2.0 + stage.combination.rule.pace.lag + 1.0, look)


def _then_drop(*words: str, times: int = 1) -> Fault:
    """A gap, whose answer is then one of these."""

    def fault(stage: Stage) -> None:
        at = 1.5 + 4 * stage.rng.random()
        for word in words:
            stage.at(at, stage.venue.knobs.add, word, times)
        stage.at(at, stage.venue.knobs.add, "drop")

    return fault


def _cuts(times: int) -> Fault:
    def fault(stage: Stage) -> None:
        for _ in range(times):
            stage.at(0.02 + 7 * stage.rng.random() ** 2, stage.cut)

    return fault


def _cut_while_seeding(stage: Stage) -> None:
    for _ in range(3):
        stage.at(0.03 + 0.4 * stage.rng.random(), stage.cut)


def _late_after_reconnect(stage: Stage) -> None:
    """A request that takes 4 s, a cut meanwhile: the answer comes to another connection's life."""
    stage.venue.knobs.add("http_slow", 2)
    stage.at(0.6 + stage.rng.random(), stage.cut)
    stage.at(5.0, stage.venue.knobs.add, "drop")


def _silent(stage: Stage) -> None:
    silent = stage.venue.knobs.silent
    first = next(iter(stage.venue.books))
    stage.at(3.0, silent.__setitem__, first, True)
    stage.at(12.0, silent.__delitem__, first)


def _silence_told(stage: Stage) -> str | None:
    name = next(iter(stage.venue.books))
    told = [at for at, event in stage.events(health.Stale) if event.symbol == name]
    begin = seconds(1003.0)
    if not any(begin <= at <= begin + seconds(1.5 * IDLE + 0.5) for at in told):
        return f"{name} was silent from 3 s on; stale at {[(at / SECOND - 1000) for at in told]}"
    others = [event.symbol for _, event in stage.events(health.Disconnected)]
    return f"{len(others)} connections renewed" if len(others) > 2 else None


def _checksums_end(stage: Stage) -> None:
    def end() -> None:
        stage.venue.speech.checksums = False

    stage.at(3.0, end)
    stage.at(5.0, stage.venue.knobs.add, "drop")


def _told_once(stage: Stage) -> str | None:
    told = stage.events(health.IntegrityUnavailable)
    books = stage.client.desk.books
    if len(told) != len(books):
        return f"{len(told)} IntegrityUnavailable for {len(books)} books"
    if stage.events(health.Disconnected):
        return "a connection was renewed"
    if stage.combination.proven_depth is not None:
        live = [book.plan.symbol for book in books.values() if book.state is State.LIVE]
        return f"{live} live without any checksum" if live else None
    return None


def _closing(stage: Stage) -> None:
    def end() -> None:
        stage.venue.knobs.closing = False

    stage.venue.knobs.closing = True
    stage.at(600.0, end)


def _handshakes(stage: Stage) -> str | None:
    start = seconds(1000)
    lines = max(len(stage.client.desk.lines), 1)
    minute = sum(at <= start + 60 * SECOND for at in stage.venue.handshakes)
    ten = sum(at <= start + 600 * SECOND for at in stage.venue.handshakes)
    if minute > 10 * lines or ten > 30 * lines:
        return f"{minute} handshakes in 60 s, {ten} in 10 min, over {lines} connections"
    return None


def _churn(stage: Stage) -> None:
    """Wanting and unwanting while connections are cut."""
    names = list(stage.venue.books)

    def turn() -> None:
        have = [book.plan.symbol for book in stage.client.desk.books.values()]
        add = [name for name in names if name not in have and stage.rng.random() < 0.7]
        remove = [name for name in have if stage.rng.random() < 0.4]
        if stage.rng.random() < 0.2:  # both in one breath
            add += remove
        stage.client.wanted(add, remove)

    for _ in range(25):
        stage.at(0.05 + 7 * stage.rng.random(), turn)
        if stage.rng.random() < 0.5:
            stage.at(0.05 + 7 * stage.rng.random(), stage.cut)
    stage.at(7.5, lambda: stage.client.wanted(add=names))


def _one_request(stage: Stage) -> str | None:
    """≤ 1 snapshot request for each gap, where the answer is good."""
    for at, gap in stage.events(health.Gap):
        back = [when for when, event in stage.events(health.Resynced) if when >= at and event.symbol == gap.symbol]
        until = back[0] if back else stage.world.now_ns
        asked = [w for w, name in stage.client.fetches if at <= w <= until and name == gap.symbol]
        if len(asked) > 1:
            return f"{len(asked)} requests for one gap of {gap.symbol}"
    return None


def _nothing_told(stage: Stage) -> str | None:
    """Where nothing is wrong, nothing is reported: no false alarm."""
    told = [event for _, event in stage.client.events if not isinstance(event, health.Connected)]
    # A snapshot may be too old for the stream without any fault; it is asked for again.
    told = [event for event in told if not isinstance(event, health.SnapshotFailed)]
    return f"told {told[0]}" if told else None


def _rotated(times: int) -> Callable[[Stage], str | None]:
    """Connections were replaced, and nobody who reads could tell; where one of them alone means something, as ever."""

    def verify(stage: Stage) -> str | None:
        if stage.combination.rule.scope is Scope.CONNECTION:
            return None
        told = [event for _, event in stage.events(health.Rotated)]
        if len(told) < times * len(stage.client.desk.lines):
            return f"rotated {len(told)} times"
        if _has_no_place(stage.combination):
            return None
        anew = [event for event in told if isinstance(event, health.Rotated) and event.anew]
        silent = (health.Connected, health.SnapshotFailed, health.Rotated)
        others = [event for _, event in stage.client.events if not isinstance(event, silent)]
        return f"told {(anew + others)[0]}" if anew or others else None

    return verify


def _has_no_place(combination: Combination) -> bool:
    """Neither ids nor whole books show where a new connection joins."""
    rule = combination.rule
    return rule.chain is Chain.NONE and rule.seed not in (Seed.EVERY, Seed.STREAM)


def _is_paced(combination: Combination) -> bool:
    """What begins anew each time needs a snapshot each time, more often than its pace allows where lives are short."""
    return not (_has_no_place(combination) and combination.rule.seed is Seed.REST)


def _announced(stage: Stage) -> None:
    for _ in range(3):
        stage.at(1.0 + 10 * stage.rng.random(), stage.venue.announce, 2.0)


def _rotated_and_cut(stage: Stage) -> None:
    """Cuts and other faults while both connections are there."""
    for begin in (6.0, 12.0, 18.0):
        stage.at(begin + 0.05 + 0.6 * stage.rng.random() ** 2, stage.cut)
        stage.at(begin + 0.05 + 0.6 * stage.rng.random() ** 2, stage.cut)
        if stage.rng.random() < 0.5:
            stage.at(begin, stage.venue.knobs.add, "no_handshake")
        stage.at(begin + 0.3 * stage.rng.random(), stage.venue.knobs.add, stage.rng.choice(("drop", "double", "swap")))


def _outside(combination: Combination) -> bool:
    return combination.from_outside


def _rest(combination: Combination) -> bool:
    return combination.rule.seed is Seed.REST


def _outside_and_proven(combination: Combination) -> bool:
    return combination.from_outside and combination.proves


def _has_whole(combination: Combination) -> bool:
    return combination.rule.seed is not Seed.EVERY


def _has_checksum(combination: Combination) -> bool:
    return combination.checksum is not None


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario("none", lambda stage: None, verify=_nothing_told),
    Scenario("dropped", _knob("drop"), verify=_one_request),
    Scenario("dropped ×5", _knob("drop", times=5)),
    Scenario("doubled", _knob("double", times=3)),
    Scenario("swapped", _knob("swap", times=2)),
    Scenario("undecodable", _knob("garble", times=2)),
    Scenario("5 undecodable", _knob("garble", times=7)),
    Scenario("cut", _cuts(3)),
    Scenario("cut while seeding", _cut_while_seeding),
    Scenario("snapshot lost", _from_the_start_and_drop("lose_whole"), _has_whole),
    Scenario("snapshot garbage", _from_the_start_and_drop("garble_whole"), _has_whole),
    Scenario("snapshot old", _then_drop("http_old", times=2), _outside),
    Scenario("snapshot late", _late_after_reconnect, _rest),
    Scenario("HTTP 500", _then_drop("http_500", times=2), _rest),
    Scenario("HTTP 429", _then_drop("http_429"), _rest),
    Scenario("HTTP timeout", _then_drop("http_timeout"), _rest),
    Scenario("request refused", _then_drop("refuse_whole"), lambda c: c.rule.seed is Seed.REQUEST),
    Scenario("ack lost", _from_the_start("lose_ack", 2)),
    Scenario("acks lost for long", _from_the_start("lose_ack", 8)),
    Scenario("ack late", _from_the_start("late_ack", 2)),
    Scenario("refused", _from_the_start("refuse", 2)),
    Scenario("silent topic", _silent, verify=_silence_told, repeats=IDLE, main=14.0),
    Scenario("digit changed", _knob("digit"), _has_checksum),
    Scenario("checksum ends", _checksums_end, _has_checksum, verify=_told_once),
    Scenario("wanted and cut", _churn),
    Scenario("rotated", lambda stage: None, _is_paced, _rotated(2), lifetime=12.0, main=20.0),
    Scenario("rotated and cut", _rotated_and_cut, _is_paced, lifetime=12.0, main=26.0),
    Scenario("announced", _announced, verify=_rotated(1), lifetime=10_000.0, main=16.0),
    Scenario("accept, then close", _closing, verify=_handshakes, main=620.0),
    Scenario("snapshot old at first", _old_from_the_start, _outside_and_proven, _nothing_taken_back),
    Scenario("quiet market", _quiet, _outside),
)
BY_NAME: Final = {scenario.name: scenario for scenario in SCENARIOS}


@dataclass
class Result:
    """What one run came to; `trouble` None: every promise held."""

    figures: Figures
    trouble: str | None
    stage: Stage


def stage_of(combination: Combination, scenario: Scenario, seed: int, engine: Engine) -> Stage:
    world = World(seed)
    style = Style.draw(world.rng, combination, scenario.repeats)
    names = ["A", "B", "C"][: world.rng.choice((1, 2, 3))]
    venue = Venue(world, Speech(combination, style, scenario.lifetime), names)
    client = Client(world, venue, engine, seed=seed)
    return Stage(world, venue, client, Watch(client), combination)


def run(combination: Combination, scenario: Scenario, seed: int, engine: Engine) -> Result:
    """One seed: faults for a while, time to recover, then silence and the last look."""
    stage = stage_of(combination, scenario, seed, engine)
    trouble: str | None
    try:
        trouble = _play(stage, scenario)
    except Wrong as wrong:
        trouble = str(wrong)
    figures = stage.watch.figures
    figures.runs = 1
    figures.gaps = len(stage.events(health.Gap)) + len(stage.events(health.Mismatch))
    figures.requests = len(stage.client.fetches)
    figures.handshakes = len(stage.client.opens)
    return Result(figures, trouble, stage)


def _play(stage: Stage, scenario: Scenario) -> str | None:
    world, venue, watch = stage.world, stage.venue, stage.watch
    if scenario.main > 100:
        venue.mean_gap = 1.0
    scenario.fault(stage)
    stage.client.wanted(add=list(venue.books))
    world.run(seconds(1000 + scenario.main))
    venue.knobs.counts.clear()
    venue.mean_gap = 1.0
    end = world.now_ns + seconds(scenario.most)
    while world.now_ns < end and not watch.settled():
        world.run(world.now_ns + SECOND)
    world.run(world.now_ns + 3 * SECOND)  # a few more messages: what is missing is found by the next
    while world.now_ns < end and not watch.settled():
        world.run(world.now_ns + SECOND)
    if _scheduled(stage.combination) and venue.losses:
        world.run(world.now_ns + 25 * SECOND)  # until the next whole book has come by itself
    while world.now_ns < end and _rotates_soon(stage):
        world.run(world.now_ns + SECOND // 10)
    venue.running = False
    world.run(world.now_ns + SECOND)
    trouble = watch.final() or watch.pace() or scenario.verify(stage)
    watch.figures.unsettled = trouble is not None
    return trouble


def _rotates_soon(stage: Stage) -> bool:
    """Whether two connections carry the same now, or will before the last look."""
    soon = stage.world.now_ns + 2 * SECOND
    return any(
        line.handover is not None or (line.rotate is not None and (line.rotate.at_ns or 0) <= soon)
        for line in stage.client.desk.lines
        if stage.venue.speech.lifetime is not None
    )


def _scheduled(combination: Combination) -> bool:
    return combination.whole_every is not None or combination.rule.compare_every is not None
