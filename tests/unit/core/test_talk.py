"""Orders by message, without a socket: what is answered, late, cut; and that nothing is said twice."""

from tidebook.core.clock import SECOND, Now
from tidebook.core.effects import Reply, Request, Seal, Urgency
from tidebook.core.endpoint import Endpoint, Ping
from tidebook.core.errand import NOTHING_SENT, Errand
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.talk import KEPT, Answered, OrderSocket, Talk
from tidebook.core.timers import Timers
from tidebook.errors import DecodeError, UsageError
from tidebook.model.credentials import Secret
from tidebook.model.health import Health, Undecodable

END = Endpoint("orders", "wss://x/orders", None, Ping(by="server", form="frame", every=20, deadline=60))


def at(seconds: float) -> Now:
    return Now(int(seconds * SECOND), int(seconds * SECOND))


def read(frame: bytes) -> Answered | None:
    if frame == b"?":
        raise DecodeError("malformed", "no answer")
    id, _, body = frame.partition(b" ")
    return Answered(id.decode(), Reply(200, {}, body)) if body else None


class Bench:
    """A talk, and what comes of it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ends: list[tuple[int, str]] = []
        self.lates: list[bytes] = []
        self.events: list[Health] = []
        self.timers = Timers()
        self.raw = Raw(RawPlan("v", "orders", END))
        socket = OrderSocket(END, {("POST", "/order"): "place"}, lambda *_: Secret(""), read)
        self.talk = Talk("v", socket, self.raw, self, self.timers, self._say, self.events.append)

    def _say(self, message: Secret) -> None:
        self.said.append(message.reveal())

    def replied(self, fetch: int, reply: Reply, now: Now) -> None:
        self.ends.append((fetch, reply.body.decode()))

    def failed(self, fetch: int, why: str, now: Now) -> None:
        self.ends.append((fetch, why))

    def late(self, errand: Errand, reply: Reply, now: Now) -> None:
        self.lates.append(reply.body)

    def take(self, fetch: int, message: str | None = "m", when: float = 0.0) -> bool:
        seal = Seal(lambda *_: None, says=lambda id, now: None if message is None else Secret(f"{message}{id}"))
        return self.talk.take(fetch, errand(seal), at(when))


def errand(seal: Seal | None) -> Errand:
    return Errand(Request("POST", "https://x/order"), "p", 1, Urgency.ORDER, 5.0, 1, lambda *_: None, seal=seal)


def test_before_it_is_open_nothing_is_said_and_the_request_goes_elsewhere() -> None:
    bench = Bench()
    assert not bench.take(1)
    bench.raw.opened()
    assert bench.take(2)
    assert bench.said == ["m2"]


def test_an_answer_is_its_messages_by_id_and_counts_once() -> None:
    bench = Bench()
    bench.raw.opened()
    assert bench.take(1)
    assert bench.take(2)
    for frame in (b"2 two", b"1 one", b"1 again", b"7 nobody", b"x none", b"hello"):
        bench.raw.frame(frame, at(1))
    assert bench.ends == [(2, "two"), (1, "one")]
    assert bench.lates == []


def test_what_was_said_and_is_cut_has_no_answer_and_is_not_said_again() -> None:
    bench = Bench()
    bench.raw.opened()
    assert bench.take(1)
    bench.raw.lost("lost: cut", at(1))
    assert bench.ends == [(1, "NetworkError: wss://x/orders: lost: cut")]
    bench.raw.opened()
    bench.raw.frame(b"1 one", at(2))
    assert (bench.said, len(bench.ends)) == (["m1"], 1)


def test_an_answer_after_the_time_is_handed_over_as_late() -> None:
    bench = Bench()
    bench.raw.opened()
    assert bench.take(1)
    bench.timers.tick(at(5))
    assert bench.ends == [(1, "Timeout: wss://x/orders: no answer within 5 s")]
    bench.raw.frame(b"1 one", at(6))
    bench.raw.frame(b"1 one", at(6))
    assert bench.lates == [b"one"]


def test_late_ones_are_bounded() -> None:
    bench = Bench()
    bench.raw.opened()
    for fetch in range(KEPT + 5):
        assert bench.take(fetch)
    bench.timers.tick(at(5))
    for fetch in range(KEPT + 5):
        bench.raw.frame(b"%d late" % fetch, at(6))
    assert len(bench.lates) == KEPT


def test_what_must_not_leave_or_cannot_be_signed_is_told_so() -> None:
    bench = Bench()
    bench.raw.opened()
    assert bench.take(1, None)

    def broken(id: str, now: Now) -> Secret | None:
        raise ValueError("canary")

    def refused(id: str, now: Now) -> Secret | None:
        raise UsageError("no key of ours")

    for fetch, says in ((2, broken), (3, refused)):
        assert bench.talk.take(fetch, errand(Seal(lambda *_: None, says=says)), at(0))
    assert bench.said == []
    assert all(why.endswith(NOTHING_SENT) for _, why in bench.ends)
    assert "canary" not in str(bench.ends)
    assert "no key of ours" in str(bench.ends)


def test_one_that_is_to_be_replaced_stays_for_its_answers_and_says_nothing_more() -> None:
    bench = Bench()
    bench.raw.opened()
    assert bench.take(1)
    assert bench.raw.stays is not None
    assert bench.raw.stays()
    assert not bench.take(2)
    bench.raw.frame(b"1 one", at(1))
    assert not bench.raw.stays()
    bench.raw.lost("rotated", at(2))
    bench.raw.opened()
    assert bench.take(3)
    assert bench.ends == [(1, "one")]


def test_what_cannot_be_read_is_told_and_answers_nothing() -> None:
    bench = Bench()
    bench.raw.opened()
    assert bench.take(1)
    bench.raw.frame(b"?", at(1))
    assert bench.ends == []
    assert isinstance(bench.events[0], Undecodable)


def test_an_id_of_any_length_is_no_reason_to_fall_over() -> None:
    bench = Bench()
    bench.raw.opened()
    assert bench.take(1)
    bench.raw.frame(b"1" * 5_000 + b" no", at(1))
    assert bench.ends == []
