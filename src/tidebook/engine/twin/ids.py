"""Which id stands for which level (README §6): at most one for each, so that there are never more than levels."""

from decimal import Decimal

Place = tuple[bool, Decimal]
"""Whether it is a bid, and the price."""


class Ids:
    __slots__ = ("_ids", "_places")

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._ids: dict[Place, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def price(self, level: int) -> Decimal | None:
        """The price of the level that the id stands for."""
        place = self._places.get(level)
        return None if place is None else place[1]

    def put(self, level: int, bid: bool, price: Decimal) -> None:
        """The id is this level's, and no other's; the level has no other id."""
        if self._places.get(level) == (bid, price):
            return
        self.removed(level, bid, price)
        self._places[level] = bid, price
        self._ids[bid, price] = level

    def removed(self, level: int | None, bid: bool, price: Decimal) -> None:
        """Forget the row's id, and that of the level which goes."""
        place = None if level is None else self._places.pop(level, None)
        if place is not None:
            del self._ids[place]
        owner = self._ids.pop((bid, price), None)
        if owner is not None:
            del self._places[owner]
