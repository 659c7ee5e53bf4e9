"""One simulator for all pages that a worker runs."""

from collections.abc import Iterator

import pytest
from tests.docs.simulator import simulator


@pytest.fixture(scope="session")
def at() -> Iterator[str]:
    """Its address."""
    with simulator() as address:
        yield address
