"""Timers against a plain list of deadlines."""

from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.clock import Now
from tidebook.core.timers import Timer, Timers

ACTIONS = st.lists(
    st.tuples(st.sampled_from(("set", "off", "tick")), st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=60
)


def _now(at: int) -> Now:
    return Now(at, at)


@given(ACTIONS)
def test_timers_fire_once_when_due_and_not_before(actions: list[tuple[str, int, int]]) -> None:
    timers, fired, now = Timers(), list[int](), 0
    plain: dict[int, int | None] = dict.fromkeys(range(4))
    all_ = [timers.timer(lambda _, which=which: fired.append(which)) for which in range(4)]  # type: ignore[misc]
    for what, which, number in actions:
        if what == "set":
            all_[which].set(now + number)
            plain[which] = now + number
        elif what == "off":
            all_[which].off()
            plain[which] = None
        else:
            now += number
            due = sorted(w for w, at in plain.items() if at is not None and at <= now)
            fired.clear()
            timers.tick(_now(now))
            assert sorted(fired) == due
            plain.update(dict.fromkeys(due))
        pending = [at for at in plain.values() if at is not None]
        assert timers.deadline == (min(pending) if pending else None)


def test_a_timer_that_arms_itself_for_the_past_waits_for_the_next_tick() -> None:
    timers, count = Timers(), 0

    def due(now: Now) -> None:
        nonlocal count
        count += 1
        timer.set(now.mono_ns - 1)

    timer = timers.timer(due)
    timer.set(5)
    timers.tick(_now(10))
    assert count == 1
    assert timers.deadline == 9
    timers.tick(_now(10))
    assert count == 2


def test_a_timer_may_move_or_stop_another_that_is_due() -> None:
    timers, fired = Timers(), list[str]()
    later: list[Timer] = []

    def first(_: Now) -> None:
        fired.append("first")
        later[0].set(100)
        later[1].off()

    one = timers.timer(first)
    later += [timers.timer(lambda _: fired.append("moved")), timers.timer(lambda _: fired.append("stopped"))]
    for timer, at in zip((one, *later), (1, 2, 3), strict=True):
        timer.set(at)
    timers.tick(_now(10))
    assert fired == ["first"]
    assert timers.deadline == 100


def test_moved_timers_do_not_pile_up() -> None:
    """A far deadline that is moved on with every message leaves nothing behind."""
    timers = Timers()
    near, far = timers.timer(lambda _: None), timers.timer(lambda _: None)
    for at in range(10_000):
        far.set(10**12 + at)
        near.set(at)
        timers.tick(_now(at))
    assert len(timers._heap) < 200
    assert timers.deadline == 10**12 + 9_999
