"""Logins refused for their time stamp, without a socket: when the next one is said, and which is the last."""

import pytest

from tidebook.core.clock import SECOND, Now
from tidebook.core.desk import Desk
from tidebook.core.effects import Open, SendSecret
from tidebook.core.endpoint import Endpoint, Ping
from tidebook.core.login import Login
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.stream import Flow
from tidebook.core.template import Template
from tidebook.engine.contract import Engine
from tidebook.errors import ClockRefused, NotPermitted, SignatureRefused
from tidebook.model.credentials import Credentials

LOGIN = Login(
    Template('{"op":"login","key":"$key"}'), Template('{"op":"in"}'), (Template('{"no":"$code"}'),),
    final=("bad",), errors={"late": ClockRefused, "bad": SignatureRefused}, late=("late", "unsaid"),
)  # fmt: skip
END = Endpoint("account", "wss://venue.invalid", None, Ping("server", "frame", 600, 600), login=LOGIN)
LATE, UNSAID, BAD, IN = b'{"no":"late"}', b'{"no":"unsaid"}', b'{"no":"bad"}', b'{"op":"in"}'


class Play:
    """A desk with one connection. `asked`: how often its clock was to be looked at."""

    def __init__(self, engine: Engine, *, answers: bool = True) -> None:
        self.asked = 0
        self._answers = answers
        credentials = Credentials.of("CANARY", "CANARY", source="here")
        self.desk = Desk("venue", engine, credentials=credentials, resync=self._resync)
        self.seconds = 1.0
        self.raw: Raw = self.desk.want_raw(RawPlan("venue", "account", END), self.now)

    def _resync(self) -> bool:
        self.asked += 1
        return self._answers

    @property
    def now(self) -> Now:
        at_ns = int(self.seconds * SECOND)
        return Now(at_ns, at_ns)

    def opens(self) -> list[int]:
        """Connections that are to be opened."""
        found = [one.conn for one in self.desk.effects if isinstance(one, Open)]
        self.desk.effects.clear()
        return found

    def login(self, conn: int, answer: bytes) -> None:
        self.desk.opened(conn, self.now)
        assert any(isinstance(one, SendSecret) for one in self.desk.effects)
        self.desk.effects.clear()
        self.desk.session(conn).frames([answer], self.now)

    def wait(self, seconds: float) -> list[int]:
        self.seconds += seconds
        self.desk.tick(self.now)
        return self.opens()


@pytest.mark.parametrize("refusal", [LATE, UNSAID])
def test_the_next_login_waits_for_the_clock_and_is_said_at_once_then(engine: Engine, refusal: bytes) -> None:
    play = Play(engine)
    assert play.opens() == [1]
    play.login(1, refusal)
    assert (play.asked, play.wait(3600)) == (1, [])
    play.desk.measured(True, play.now)
    assert play.wait(0) == [2]
    play.login(2, IN)
    assert (play.raw.flow, play.raw.error) == (Flow.OPEN, None)


@pytest.mark.parametrize(("refusal", "kind"), [(LATE, ClockRefused), (UNSAID, NotPermitted), (BAD, SignatureRefused)])
def test_the_second_refusal_is_the_last(engine: Engine, refusal: bytes, kind: type[Exception]) -> None:
    play = Play(engine)
    play.login(1, LATE)
    play.desk.measured(True, play.now)
    play.wait(0)
    play.login(2, refusal)
    assert type(play.raw.error) is kind
    assert (play.asked, play.wait(3600)) == (1, [])
    # What was wrong with a clock may be right the next time; a key that is refused stays so.
    assert ("account" in play.desk.denied_at) == (kind is not ClockRefused)


def test_where_the_clock_was_not_told_the_next_refusal_is_not_the_last(engine: Engine) -> None:
    play = Play(engine)
    for conn in (1, 2, 3):
        play.login(conn, LATE)
        play.desk.measured(False, play.now)
        assert play.wait(0) == []
        assert play.wait(3600) == [conn + 1]
    assert (play.asked, play.raw.error) == (3, None)


def test_where_nobody_can_look_at_it_the_login_is_said_once_more_all_the_same(engine: Engine) -> None:
    play = Play(engine, answers=False)
    play.login(1, LATE)
    assert play.wait(3600) == [2]
    play.login(2, LATE)
    assert isinstance(play.raw.error, ClockRefused)


def test_one_that_is_let_in_counts_anew(engine: Engine) -> None:
    play = Play(engine)
    for conn in (1, 3, 5):
        play.login(conn, LATE)
        play.desk.measured(True, play.now)
        assert play.wait(0) == [conn + 1]
        play.login(conn + 1, IN)
        play.desk.closed(conn + 1, 1006, "gone", play.now)
        assert play.wait(3600) == [conn + 2]
    assert (play.asked, play.raw.error) == (3, None)


def test_what_is_not_wanted_any_more_is_not_opened(engine: Engine) -> None:
    play = Play(engine)
    play.login(1, LATE)
    play.desk.unwant_raw(play.raw, play.now)
    play.desk.measured(True, play.now)
    assert play.wait(3600) == []
