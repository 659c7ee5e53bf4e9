"""Shared by all tests: hypothesis is deterministic unless told otherwise, and `engine` runs a test on each engine."""

import os
from typing import cast

import pytest
from hypothesis import HealthCheck, settings

from tidebook import engine as engines
from tidebook.engine.contract import Engine

_QUICK = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    # An engine is a module: it is the same for all examples.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("quick", _QUICK)
settings.register_profile("long", _QUICK, max_examples=5_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(params=engines.available())
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine that can be loaded here."""
    return engines.load(cast(engines.Choice, request.param))


@pytest.fixture(autouse=True)
def nobody_was_here_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of one test may get the port of an earlier one's, with which a limit was exhausted."""
    monkeypatch.setattr("tidebook.client.budgets._places", {})
