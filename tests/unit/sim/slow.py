"""The obvious way to match: one list of orders, sorted by price and time at every step. The model of `OrderBook`."""

from dataclasses import dataclass, field

from tidebook.sim.matching import ASK, BID, Side, Tif


@dataclass
class Resting:
    number: int
    side: Side
    price: int
    left: int
    owner: str | None


@dataclass
class SlowBook:
    """Fills are (price, size, maker, taker); ids are counted as `OrderBook` counts them."""

    number: int = 0
    orders: list[Resting] = field(default_factory=list)
    fills: list[tuple[int, int, int, int]] = field(default_factory=list)

    def against(self, side: Side, price: int | None) -> list[Resting]:
        """Whom an order of this side meets, first first."""
        others = [
            order
            for order in self.orders
            if order.side != side and (price is None or (order.price <= price if side == BID else order.price >= price))
        ]
        return sorted(others, key=lambda order: (order.price if side == BID else -order.price, order.number))

    def limit(self, side: Side, price: int, size: int, tif: Tif, owner: str | None) -> str:
        self.number += 1
        met = self.against(side, price)
        if size <= 0 or price <= 0 or (tif == "post_only" and met):
            return "rejected"
        if tif == "fok" and sum(order.left for order in met) < size:
            return "rejected"
        for order in met:
            taken = min(size, order.left)
            if taken:
                self.fills.append((order.price, taken, order.number, self.number))
            order.left -= taken
            size -= taken
        self._sweep()
        if not size:
            return "filled"
        if tif == "ioc":
            return "expired"
        self.orders.append(Resting(self.number, side, price, size, owner))
        return "open"

    def market(self, side: Side, size: int | None, quote: int | None) -> str:
        self.number += 1
        if (size if quote is None else quote) in (None, 0):
            return "rejected"
        bought = 0
        for order in self.against(side, None):
            wanted = order.left
            if size is not None:
                wanted = min(wanted, size - bought)
            if quote is not None:
                wanted = min(wanted, quote // order.price)
            if not wanted:
                break
            self.fills.append((order.price, wanted, order.number, self.number))
            order.left -= wanted
            bought += wanted
            if quote is not None:
                quote -= wanted * order.price
        self._sweep()
        others = self.against(side, None)
        if quote is not None:
            return "filled" if bought and (others or not quote) else "expired"
        return "filled" if bought == size else "expired"

    def cancel(self, number: int, owner: str | None) -> bool:
        found = self._find(number, owner)
        if found is not None:
            self.orders.remove(found)
        return found is not None

    def reduce(self, number: int, left: int, owner: str | None) -> bool:
        found = self._find(number, owner)
        if found is None or not 0 < left < found.left:
            return False
        found.left = left
        return True

    def levels(self, side: Side) -> list[tuple[int, int]]:
        sums: dict[int, int] = {}
        for order in self.orders:
            if order.side == side:
                sums[order.price] = sums.get(order.price, 0) + order.left
        return sorted(sums.items(), reverse=side != ASK)

    def _find(self, number: int, owner: str | None) -> Resting | None:
        return next((order for order in self.orders if order.number == number and order.owner == owner), None)

    def _sweep(self) -> None:
        self.orders = [order for order in self.orders if order.left]
