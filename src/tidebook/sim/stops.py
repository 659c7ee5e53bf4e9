"""Orders that wait until a trade has reached their trigger. Whole ticks, no I/O, no clock."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidebook.sim.records import Account, Ask, Place, Record

Stop = tuple["Account", "Record"]


class Stops:
    """Those of all accounts, by market. An order is here from when it is placed until it goes off or is cancelled."""

    def __init__(self) -> None:
        self._waiting: dict[Place, dict[int, Stop]] = {}
        self._reached: dict[int, Stop] = {}

    def add(self, account: "Account", record: "Record") -> None:
        place = (record.venue, record.instrument.symbol)
        self._waiting.setdefault(place, {})[record.number] = (account, record)

    def drop(self, record: "Record") -> None:
        """It waits no more."""
        self._waiting.get((record.venue, record.instrument.symbol), {}).pop(record.number, None)
        self._reached.pop(record.number, None)

    def any(self, place: "Place") -> bool:
        return bool(self._waiting.get(place))

    def traded(self, place: "Place", price: int) -> None:
        """A trade was made: what it reaches goes off with `take`."""
        for number, (account, record) in self._waiting.get(place, {}).items():
            if reached(record.ask, price):
                self._reached[number] = (account, record)

    def take(self) -> Iterator[Stop]:
        """Those that were reached, in the order in which they were; also what is reached meanwhile."""
        while self._reached:
            stop = self._reached[next(iter(self._reached))]
            self.drop(stop[1])
            yield stop


def reached(ask: "Ask", price: int) -> bool:
    """Whether a trade at this price lets it go off."""
    return ask.trigger is not None and (price >= ask.trigger if ask.rises else price <= ask.trigger)


__all__ = ["Stops", "reached"]
