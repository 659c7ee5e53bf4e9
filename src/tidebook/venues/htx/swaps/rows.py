"""HTX's swaps: the rows of their REST answers."""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from tidebook.errors import DecodeError
from tidebook.model.number import Exact, exact_raw
from tidebook.model.symbol import canonical
from tidebook.model.wire import BareId, BareNum, Code, Ms
from tidebook.venues.htx.rest import Answer, Stamped
from tidebook.venues.htx.swaps import wire
from tidebook.venues.htx.wire import Push

T = TypeVar("T")


class Contract(msgspec.Struct, rename={"id": "contract_code", "base": "symbol", "ends": "delivery_time"}):
    """One of …/swap_contract_info. What it is quoted in stands in its code: BTC-USDT, BTC-USDT-261225."""

    id: str
    base: str
    contract_size: BareNum
    price_tick: BareNum
    ends: str
    contract_status: Code

    @property
    def quote(self) -> str:
        return self._parts[1]

    @property
    def expiry_ns(self) -> int | None:
        """None for a perpetual: it has an empty text there, and no day in its code."""
        if bool(self.ends) != (len(self._parts) == 3):
            raise DecodeError("malformed", f"{self.id[:40]!r} is delivered at {self.ends[:20]!r}")
        return wire.instant_ns(msgspec.Raw(self.ends.encode("utf-8", "replace"))) if self.ends else None

    @property
    def _parts(self) -> list[str]:
        parts = self.id.split("-")
        if not (2 <= len(parts) <= 3 and all(parts)):
            raise DecodeError("malformed", f"no contract's code: {self.id[:40]!r}")
        return parts

    def settle(self, *, linear: bool) -> str:
        return self.quote if linear else self.base

    def name(self, *, linear: bool) -> str:
        """The canonical symbol."""
        return canonical(self.base, self.quote, settle=self.settle(linear=linear), expiry_ns=self.expiry_ns)


class Time(msgspec.Struct):
    """/api/v1/timestamp."""

    ts: Ms


class Taken(msgspec.Struct):
    """Trades of one taker in …/history/trade."""

    data: list[wire.Trade]


class Merged(wire.Day):
    """…/detail/merged: volumes of 24 hours, the best prices with their sizes."""

    bid: wire.Level
    ask: wire.Level


class LinearMerged(wire.LinearDay):
    bid: wire.Level
    ask: wire.Level


class Row(Merged):
    """One of …/detail/batch_merged, of coin-margined swaps."""

    id: str = msgspec.field(name="contract_code")


class LinearRow(LinearMerged):
    """One of /v2/…/detail/batch_merged, of USDT-margined contracts: `vol` is a turnover, `number_of` are contracts."""

    id: str = msgspec.field(name="contract_code")
    volume: BareNum = msgspec.field(name="number_of")
    turnover: BareNum = msgspec.field(name="vol")


class Rows(msgspec.Struct, Generic[T]):
    """The form of the lists of tickers."""

    ts: Ms
    ticks: list[T]


class Now(msgspec.Struct, rename={"rate": "funding_rate", "at": "funding_time"}):
    """…/swap_funding_rate: the rate under way, and when it is charged."""

    rate: BareNum
    at: BareId


class Charge(msgspec.Struct, rename={"rate": "funding_rate", "at": "funding_time"}):
    """One of …/swap_historical_funding_rate: a rate that was charged."""

    rate: BareNum
    at: BareId


class Charges(msgspec.Struct):
    data: list[Charge]


class Interest(msgspec.Struct, rename={"id": "contract_code"}):
    """One of …/swap_open_interest, in contracts."""

    id: str
    volume: BareNum

    @property
    def exact_value(self) -> Exact | None:
        """In quote currency; of coin-margined swaps it is not told."""
        return None


class LinearInterest(Interest):
    value: BareNum

    @property
    def exact_value(self) -> Exact | None:
        return exact_raw(self.value)


def _both(linear: Any, inverse: Any) -> Mapping[bool, msgspec.json.Decoder[Any]]:
    return {True: msgspec.json.Decoder(linear), False: msgspec.json.Decoder(inverse)}


LISTED: Final = msgspec.json.Decoder(Answer[list[msgspec.Raw]])
CONTRACT: Final = msgspec.json.Decoder(Contract)
CONTRACTS: Final = msgspec.json.Decoder(Answer[list[Contract]])
TIME: Final = msgspec.json.Decoder(Time)
TRADES: Final = msgspec.json.Decoder(Answer[list[Taken]])
MARKS: Final = msgspec.json.Decoder(Stamped[list[wire.Mark]])
NOW: Final = msgspec.json.Decoder(Stamped[Now])
CHARGES: Final = msgspec.json.Decoder(Answer[Charges])
# By whether it is linear.
CANDLES: Final = _both(Stamped[list[wire.LinearCandle]], Stamped[list[wire.Candle]])
MERGED: Final = _both(Push[LinearMerged], Push[Merged])
TICKERS: Final = _both(Rows[LinearRow], Rows[Row])
INTERESTS: Final = _both(Stamped[list[LinearInterest]], Stamped[list[Interest]])
