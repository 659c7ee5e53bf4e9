"""Desks that share budgets: none spends what another has spent, none is kept out, a refusal stops them all."""

from collections.abc import Callable, Mapping

import pytest
from tests.unit.core.transcript import Player, line

from tidebook import engine as engines
from tidebook.core.channel import Answers
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.desk import Desk
from tidebook.core.effects import Close, Emit, Fetch, Open, Reply, Request, Urgency
from tidebook.core.endpoint import Endpoint, Ping, Pool
from tidebook.core.errand import Errand
from tidebook.core.pools import Budgets
from tidebook.core.raw import RawPlan
from tidebook.errors import RateLimited
from tidebook.model.health import Throttled

POOL = Pool("weight", "ip", 10, 1.0)
CONNECTS = Pool("connects", "ip", 100, 60.0)
ENDPOINT = Endpoint(
    "stream", "wss://venue.invalid/ws", None, Ping("server", "frame", every=600, deadline=600), connects=CONNECTS
)
LATENCY = SECOND // 50
GOOD = Reply(200, {}, b"{}")


class Desks:
    """Several desks with one clock; each request is answered a little later by `venue`."""

    def __init__(self, *names: str, pool: Pool = POOL, accounts: Mapping[str, str] | None = None) -> None:
        budgets, engine, accounts = Budgets(), engines.load("python"), accounts or {}
        answers = Answers(_error, lambda headers: {"weight": int(headers["used"])} if "used" in headers else {})
        self.desks = {
            name: Desk(
                name, engine, pools=(pool, CONNECTS), budgets=budgets, account=accounts.get(name, ""), answers=answers
            )
            for name in names
        }
        self.now_ns = SECOND
        self.sent: list[tuple[int, str, int]] = []  # when, who, weight
        self.opens: list[tuple[int, str, int]] = []
        self.told: list[tuple[str, Throttled]] = []
        self.got: list[Reply] = []
        self.ticks = 0
        self.slower_ns = 0  # each answer takes so much longer than the one before
        self.venue: Callable[[str, Fetch], Reply] = lambda who, fetch: GOOD
        self._coming: list[tuple[int, str, int, Reply]] = []

    @property
    def now(self) -> Now:
        return Now(self.now_ns, self.now_ns + 1_790_000_000 * SECOND)

    def ask(self, who: str, weight: int, *, path: str = "x") -> Errand:
        def done(reply: Reply | None, why: str, now: Now) -> None:
            assert reply is not None, why
            self.got.append(reply)

        request = Request("GET", f"https://venue.invalid/{path}")
        errand = Errand(request, "weight", weight, Urgency.SEED, 10.0, 1000, done)
        self.desks[who].send(errand, self.now)
        self._drain()
        return errand

    def connect(self, who: str) -> None:
        self.desks[who].want_raw(RawPlan(who, f"raw {len(self.opens)}", ENDPOINT), self.now)
        self._drain()

    def _drain(self) -> None:
        for who, desk in self.desks.items():
            effects = desk.effects[:]
            desk.effects.clear()
            for effect in effects:
                match effect:
                    case Fetch(number, weight=weight):
                        self.sent.append((self.now_ns, who, weight))
                        at_ns = self.now_ns + LATENCY + len(self.sent) * self.slower_ns
                        self._coming.append((at_ns, who, number, self.venue(who, effect)))
                        self._coming.sort(key=lambda one: one[0])
                    case Open(conn):
                        self.opens.append((self.now_ns, who, conn))
                    case Emit(Throttled() as event):
                        self.told.append((who, event))
                    case Emit() | Close():
                        pass
                    case _:
                        raise AssertionError(line(effect))

    def until(self, at_ns: int) -> None:
        """Let time pass."""
        while True:
            deadlines = [desk.deadline for desk in self.desks.values()]
            times = [at for at in (*deadlines, *(one[0] for one in self._coming[:1])) if at is not None]
            if not times or min(times) > at_ns:
                self.now_ns = at_ns
                return
            self.now_ns = max(min(times), self.now_ns)
            self.ticks += 1
            assert self.ticks < 10_000, "it spins"
            while self._coming and self._coming[0][0] <= self.now_ns:
                _, who, number, reply = self._coming.pop(0)
                self.desks[who].replied(number, reply, self.now)
            for desk in self.desks.values():
                desk.tick(self.now)
            self._drain()

    def heaviest(self) -> int:
        """The most that was sent within one window."""
        return max(sum(w for at, _, w in self.sent if began <= at < began + SECOND) for began, _, _ in self.sent)


def _error(reply: Reply, venue: str, now_ns: int) -> RateLimited | None:
    """A venue that says no with status 200."""
    if reply.body.startswith(b"closed for "):
        return RateLimited("closed", retry_at=now_ns + seconds(int(reply.body[11:])), venue=venue)
    return None


def test_two_desks_spend_one_limit() -> None:
    desks = Desks("a", "b")
    desks.slower_ns = LATENCY // 100  # room comes bit by bit, as on a network
    for _ in range(50):
        desks.ask("a", 1)
    for _ in range(50):
        desks.ask("b", 1)
    desks.until(20 * SECOND)
    assert len(desks.got) == 100
    assert desks.heaviest() == 10
    # a had taken all of the first window. From then on they take turns.
    counts = [sum(one == who for _, one, _ in desks.sent[10:60]) for who in "ab"]
    assert counts == [25, 25]
    assert desks.ticks < 400


def test_none_is_kept_out_where_all_room_comes_at_once() -> None:
    desks = Desks("a", "b")
    for _ in range(50):
        desks.ask("a", 1)
    for _ in range(5):
        desks.ask("b", 1)
    desks.until(20 * SECOND)
    assert [at // SECOND - 1 for at, who, _ in desks.sent if who == "b"] == [1, 2, 3, 4, 5]


def test_a_heavy_request_is_not_kept_out_by_light_ones_of_others() -> None:
    desks = Desks("a", "b")
    for _ in range(10):
        desks.ask("b", 1)
    desks.ask("a", 10)
    for step in range(1, 100):
        desks.until(SECOND + step * SECOND // 20)
        desks.ask("b", 1)
    desks.until(30 * SECOND)
    [heavy] = [at for at, who, _ in desks.sent if who == "a"]
    assert heavy <= SECOND + POOL.per * SECOND + 2 * LATENCY, "as soon as what was before it has passed"
    assert len(desks.got) == 110
    assert desks.heaviest() == 10


@pytest.mark.parametrize(
    "refusal", [Reply(429, {"retry-after": "20"}, b""), Reply(200, {}, b"closed for 20")], ids=["status", "body"]
)
def test_a_refusal_of_one_stops_all(refusal: Reply) -> None:
    desks = Desks("a", "b", "c")
    desks.venue = lambda who, fetch: refusal if who == "a" and desks.now_ns < 2 * SECOND else GOOD
    for _ in range(3):
        desks.ask("a", 1)
    refused_ns = desks.now_ns + LATENCY
    desks.until(3 * SECOND)
    for who in "abb":
        desks.ask(who, 1)
    desks.until(60 * SECOND)
    late = [(at, who) for at, who, _ in desks.sent if at > SECOND]
    assert sorted(who for _, who in late) == ["a", "b", "b"]
    assert all(at == refused_ns + 20 * SECOND for at, _ in late)
    # Once for each desk that it concerns; c has nothing to send.
    assert [(who, event.pool) for who, event in desks.told] == [("a", "weight"), ("b", "weight")]
    assert desks.told[0][1].seconds == 20
    assert desks.told[1][1].seconds == pytest.approx(18 + LATENCY / SECOND)
    assert desks.ticks < 50


def test_a_longer_pause_is_told_anew() -> None:
    desks = Desks("a")
    waits = iter(["20", "20", "300"])
    desks.venue = lambda who, fetch: Reply(429, {"retry-after": next(waits)}, b"")
    for _ in range(3):
        desks.ask("a", 1)
    desks.until(2 * SECOND)
    assert [event.seconds for _, event in desks.told] == [20, 300]


def test_what_others_spent_delays_both() -> None:
    desks = Desks("a", "b")
    desks.venue = lambda who, fetch: Reply(200, {"used": "8"} if desks.now_ns < SECOND + LATENCY else {}, b"{}")
    desks.ask("a", 1)
    desks.until(SECOND + LATENCY)
    for who in "ab" * 3:
        desks.ask(who, 1)
    assert len(desks.sent) == 1 + 2
    desks.until(10 * SECOND)
    assert len(desks.sent) == 1 + 6
    assert {at for at, _, _ in desks.sent[3:]} == {2 * SECOND + LATENCY}


def test_a_refused_handshake_stops_the_connections_of_all() -> None:
    desks = Desks("a", "b")
    desks.connect("a")
    desks.desks["a"].closed(1, 429, "ConnectFailed: HTTP 429, retry-after 20", desks.now)
    desks.connect("b")
    desks.until(20 * SECOND)
    assert [who for _, who, _ in desks.opens] == ["a"]
    desks.until(22 * SECOND)
    assert sorted((at, who) for at, who, _ in desks.opens[1:]) == [(21 * SECOND, "a"), (21 * SECOND, "b")]
    assert [(who, event.pool, event.seconds) for who, event in desks.told] == [
        ("a", "connects", 20),
        ("b", "connects", 20),
    ]


def test_accounts_and_endpoints_have_budgets_of_their_own() -> None:
    accounts = {"a": "one", "b": "one", "c": "two"}
    desks = Desks("a", "b", "c", pool=Pool("weight", "account", 10, 1.0), accounts=accounts)
    for who in "abc":
        desks.ask(who, 6)
    assert [who for _, who, _ in desks.sent] == ["a", "c"]
    desks = Desks("a", "b", pool=Pool("weight", "endpoint", 10, 1.0))
    for who, path in (("a", "x?q=1"), ("b", "x?q=2"), ("b", "y")):
        desks.ask(who, 6, path=path)
    assert [who for _, who, _ in desks.sent] == ["a", "b"]


def test_a_desk_that_ends_leaves_its_room_to_others() -> None:
    desks = Desks("a", "b")
    for _ in range(3):
        desks.ask("a", 10)
    desks.ask("b", 10)
    desks.desks["a"].released(desks.now)
    desks.until(2 * SECOND + LATENCY)
    assert [who for _, who, _ in desks.sent] == ["a"], "b was told before that it has to wait longer"
    desks.until(4 * SECOND)
    assert [who for _, who, _ in desks.sent] == ["a", "b"]
    assert desks.desks["a"].deadline is None or desks.desks["a"].deadline > desks.now_ns


def test_a_book_says_when_its_snapshot_can_come() -> None:
    """The pace would allow it in half a second, the pool is closed for twenty."""
    player = Player({"subscribing": {"subscribe": {"ch": "$topic"}}, "rule": "rest"}, engines.load("python"))
    player.step({"at": 0, "want": ["A"]})
    player.step({"at": 0, "opened": 1})
    told = player.step({"at": 1, "replied": 1, "status": 429, "headers": {"retry-after": "20"}})
    assert told == ["Throttled - · rest · 20.000", "SnapshotFailed A · HTTP 429 · 20.000"]
    assert player.desk.books["book.A"].asks_in(player.now) == 20
    player.step({"at": 11, "wait": True})
    assert player.desk.books["book.A"].asks_in(player.now) == 10
