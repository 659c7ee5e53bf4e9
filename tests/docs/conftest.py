"""One simulator for all pages, ended after them: its markets go on, and cost, as long as it lives."""

from collections.abc import Iterator

import pytest
from tests.docs.simulator import simulator


@pytest.fixture(scope="package")
def at() -> Iterator[str]:
    """Its address."""
    with simulator() as address:
        yield address
