"""A short run with `make test`; the long one is `python -m tests.intents`."""

import pytest
from tests.intents.run import PATHS, run


@pytest.mark.parametrize("venue", PATHS)
async def test_no_order_is_there_twice_or_otherwise_than_told(venue: str) -> None:
    found = await run(venue, 120, 3)
    assert found.wrong == []
    assert found.sent == 120
    assert found.hits > 40
