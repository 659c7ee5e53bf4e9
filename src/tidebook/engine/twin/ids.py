"""Which id stands for which level (README §6): at most one for each, so that there are never more than levels."""

Place = tuple[bool, int]
"""Whether it is a bid, and the level's key."""


class Ids:
    __slots__ = ("_ids", "_places")

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._ids: dict[Place, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def key(self, level: int, bid: bool) -> int | None:
        """The key which the price that the id stands for has on this side."""
        place = self._places.get(level)
        if place is None:
            return None
        return place[1] if place[0] == bid else -place[1]

    def put(self, level: int, bid: bool, key: int) -> None:
        """The id is this level's, and no other's; the level has no other id."""
        if self._places.get(level) == (bid, key):
            return
        self.removed(level, bid, key)
        self._places[level] = bid, key
        self._ids[bid, key] = level

    def removed(self, level: int | None, bid: bool, key: int) -> None:
        """Forget the row's id, and that of the level which goes."""
        place = None if level is None else self._places.pop(level, None)
        if place is not None:
            del self._ids[place]
        owner = self._ids.pop((bid, key), None)
        if owner is not None:
            del self._places[owner]
