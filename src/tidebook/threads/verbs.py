"""What the verbs of a market without asyncio are built on."""

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, TypeVar

from tidebook import errors
from tidebook.client import market
from tidebook.threads.opened import Home

T = TypeVar("T")


class Verbs(ABC):
    """Something with the verbs of an asynchronous market, whose answers are waited for."""

    _home: Home
    _market: market.Market | market.PlaceMarket

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._home.thread.call(work)
        except errors.OutcomeUnknown as error:
            plain = self._translated(error)
        raise plain

    @abstractmethod
    def _translated(self, error: errors.OutcomeUnknown) -> errors.OutcomeUnknown:
        """The one that is resolved without asyncio."""
