"""The venue's clock beside ours: what is known of it, and how sure that is."""

import pytest

from tidebook.client.clock import Asked, VenueClock
from tidebook.core.clock import SECOND, Now

HOUR = 3600 * SECOND


async def _measured() -> VenueClock:
    """Ten seconds ahead of ours, found in a fifth of a second."""

    async def ask() -> Asked:
        return Now(SECOND, HOUR), Now(SECOND + SECOND // 5, HOUR + SECOND // 5), HOUR + SECOND // 10 + 10 * SECOND

    clock = VenueClock("x.spot", 60.0, lambda event: None)
    await clock.measure(ask)
    return clock


@pytest.mark.asyncio
@pytest.mark.parametrize("moved", [0, 20 * SECOND, -20 * SECOND])
async def test_what_our_clock_was_set_by_since_is_not_known_of_the_venues(moved: int) -> None:
    """An order stamped so far ahead may be on its way for longer than the venue's window."""
    clock = await _measured()
    at = Now(31 * SECOND, HOUR + 30 * SECOND + moved)
    assert clock.wall_ns(at) == HOUR + 40 * SECOND + moved
    assert clock.unsure_ns(at) == SECOND // 10 + abs(moved)


def test_before_it_was_measured_nothing_is_said() -> None:
    assert VenueClock("x.spot", 60.0, lambda event: None).unsure_ns(Now(5, HOUR)) == 0
