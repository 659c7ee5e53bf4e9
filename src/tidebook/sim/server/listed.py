"""What one venue lists, by its own ids and rules."""

from collections.abc import Iterable

from tidebook.core.dialect import Dialect, Rules
from tidebook.sim.listing import Instrument


class Unlisted(KeyError):
    """No instrument has this id."""


class Listed:
    """A venue's instruments: those of the kinds that it lists, as it lists them. `own` has them by symbol."""

    def __init__(self, dialect: Dialect, instruments: Iterable[Instrument]) -> None:
        self._on: dict[str, Instrument] = {}
        self._off: dict[str, Instrument] = {}
        for one in instruments:
            if one.kind not in dialect.kinds or (dialect.quotes and one.settle not in dialect.quotes):
                continue
            usual = rules("", one)
            own = dialect.own(usual)
            if own is not None:
                id = dialect.id(one.base, one.quote) if dialect.id_of is None else dialect.id_of(own)
                same = own == usual
                self._on[id] = one if same else one.on(own.tick, own.step, own.contract_size, own.min_notional)
        self.own = {one.symbol: one for one in self._on.values()}

    def all(self, now_ns: int) -> list[Rules]:
        """What is traded at an instant of the venue's clock."""
        return [rules(id, one) for id, one in self._on.items() if _lives(one, now_ns)]

    def has(self, id: str, now_ns: int) -> bool:
        one = self._on.get(id)
        return one is not None and _lives(one, now_ns)

    def get(self, id: str, now_ns: int) -> Instrument:
        """The instrument of an id. Raises Unlisted for one that is not traded, not any more, or at all."""
        one = self._on.get(id)
        if one is None or not _lives(one, now_ns):
            raise Unlisted(id)
        return one

    def id_of(self, symbol: str) -> str | None:
        """The id of a canonical symbol."""
        return next((id for id, one in self._on.items() if one.symbol == symbol), None)

    def rules_of(self, symbol: str) -> Rules:
        """A canonical symbol's rules. Raises Unlisted for one that was never listed."""
        for id, one in [*self._on.items(), *self._off.items()]:
            if one.symbol == symbol:
                return rules(id, one)
        raise Unlisted(symbol)

    def currencies(self) -> tuple[str, ...]:
        """All in which accounts trade here: of spot both, of others what they are settled in."""
        spot = [code for one in self.own.values() if one.kind == "spot" for code in (one.base, one.quote)]
        return tuple(sorted({*spot, *(one.settle for one in self.own.values() if one.kind == "linear")}))

    def relist(self, symbol: str) -> None:
        _move(symbol, self._off, self._on)

    def delist(self, symbol: str) -> None:
        _move(symbol, self._on, self._off)


def _lives(one: Instrument, now_ns: int) -> bool:
    return one.expiry_ns is None or now_ns < one.expiry_ns


def _move(symbol: str, off: dict[str, Instrument], to: dict[str, Instrument]) -> None:
    for id in [id for id, one in off.items() if one.symbol == symbol]:
        to[id] = off.pop(id)


def rules(id: str, one: Instrument) -> Rules:
    """An instrument as dialects are told of it."""
    return Rules(
        id, one.base, one.quote, one.tick, one.step, one.price_decimals, one.size_decimals, one.min_notional,
        one.kind, "" if one.kind == "spot" else one.settle, one.contract, one.expiry_ns, one.strike, one.right,
    )  # fmt: skip
