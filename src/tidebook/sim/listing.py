"""What the embedded exchange lists: one table of assets with their prices, one of instruments with their rules.

Symbols are canonical (ccxt's notation). Prices are counted in ticks and sizes in lots, both whole numbers;
`Instrument` turns them into the exact text that a venue prints. The rules are those of large venues in 2025–2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from tidebook.model.number import parse

Kind = Literal["spot", "linear", "inverse", "option"]
Liquidity = Literal["deep", "liquid", "middle", "thin"]


@dataclass(frozen=True, slots=True)
class Asset:
    """A currency: its price in US dollars, around which it moves, and its volatility in basis points per √second."""

    code: str
    price: float
    volatility: float


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol's rules.

    A price of n ticks is n × `tick_units` × 10^−`price_decimals`; a size of n lots is n × `step_units` ×
    10^−`size_decimals`, in base currency, or in contracts of `contract` (linear: base; inverse: quote) units each.
    `min_notional` is in quote currency. `mix` says what its makers do mostly: come and go, or change sizes.
    """

    symbol: str
    kind: Kind
    base: str
    quote: str
    settle: str
    tick: str
    step: str
    min_notional: str
    liquidity: Liquidity
    tick_units: int
    price_decimals: int
    step_units: int
    size_decimals: int
    contract: str = "1"

    @property
    def tick_value(self) -> float:
        return float(self.tick)

    @property
    def step_value(self) -> float:
        return float(self.step)

    def price_text(self, ticks: int) -> str:
        """The exact price with all of the instrument's decimals."""
        return _text(ticks * self.tick_units, self.price_decimals)

    def size_text(self, lots: int) -> str:
        """The exact size with all of the instrument's decimals."""
        return _text(lots * self.step_units, self.size_decimals)

    def quote_text(self, ticks_times_lots: int) -> str:
        """The exact product of price and size, with the decimals of both (a spot trade's amount in quote currency)."""
        units = ticks_times_lots * self.tick_units * self.step_units
        return _text(units, self.price_decimals + self.size_decimals)

    def ticks(self, text: str) -> int | None:
        """The price in ticks; None if it is not on the grid. Raises DecodeError for what is no number."""
        return _count(text, self.tick_units, self.price_decimals)

    def lots(self, text: str) -> int | None:
        """The size in lots; None if it is not on the grid. Raises DecodeError for what is no number."""
        return _count(text, self.step_units, self.size_decimals)

    def quote_units(self, text: str) -> int:
        """An amount of quote currency in ticks × lots, rounded down. Raises DecodeError for what is no number."""
        exact = parse(text).scaleb(self.price_decimals + self.size_decimals)
        return int(exact) // (self.tick_units * self.step_units)


def _text(units: int, decimals: int) -> str:
    if not decimals:
        return str(units)
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"


def _count(text: str, units: int, decimals: int) -> int | None:
    exact = parse(text).scaleb(decimals)
    whole = int(exact)
    return whole // units if whole == exact and whole % units == 0 else None


def _grid(step: str) -> tuple[int, int]:
    """'0.50' → (50, 2): units and decimals of a grid's step."""
    _, _, fraction = step.partition(".")
    return int(step.replace(".", "")), len(fraction)


_LIQUIDITIES: Final[Mapping[str, Liquidity]] = {"deep": "deep", "liquid": "liquid", "middle": "middle", "thin": "thin"}

# code, price in USD, volatility. Prices of mid 2025 to 2026, rounded.
_ASSETS: Final = """
USD 1 0        USDT 1 0       USDC 1 0.02    EUR 1.15 0.1   JPY 0.0067 0.1
BTC 64000 0.9  ETH 2600 1.2   BNB 640 1.0    SOL 150 1.5    XRP 2.2 1.4
DOGE 0.17 1.8  ADA 0.58 1.6   TRX 0.27 0.8   AVAX 18 1.8    LINK 13.5 1.7
DOT 3.4 1.7    LTC 86 1.4     BCH 480 1.5    UNI 7.2 2.0    NEAR 2.2 1.9
ATOM 4.0 1.7   ETC 16.5 1.5   XLM 0.25 1.6   FIL 2.3 1.8    APT 4.6 1.9
ARB 0.34 2.1   OP 0.56 2.1    INJ 11 2.1     SUI 2.9 2.1    TON 2.9 1.4
SHIB 0.0000115 1.9            PEPE 0.0000102 2.6            HBAR 0.15 1.9
AAVE 270 1.9   ICP 4.8 1.8    EOS 0.55 1.7   STEEM 0.13 1.8
"""

# symbol, tick, step, least notional, liquidity[, contract]. The kind follows from the symbol.
_INSTRUMENTS: Final = """
BTC/USDT   0.01       0.00001 5       deep
ETH/USDT   0.01       0.0001  5       deep
SOL/USDT   0.01       0.001   5       liquid
XRP/USDT   0.0001     0.1     5       liquid
BNB/USDT   0.01       0.001   5       liquid
DOGE/USDT  0.00001    1       5       liquid
ADA/USDT   0.0001     0.1     5       liquid
TRX/USDT   0.0001     0.1     5       liquid
AVAX/USDT  0.01       0.01    5       liquid
LINK/USDT  0.01       0.01    5       liquid
DOT/USDT   0.001      0.01    5       liquid
LTC/USDT   0.01       0.001   5       liquid
BCH/USDT   0.1        0.001   5       liquid
UNI/USDT   0.001      0.01    5       middle
NEAR/USDT  0.001      0.1     5       middle
ATOM/USDT  0.001      0.01    5       middle
ETC/USDT   0.01       0.01    5       middle
XLM/USDT   0.0001     1       5       middle
FIL/USDT   0.001      0.01    5       middle
APT/USDT   0.001      0.01    5       middle
ARB/USDT   0.0001     0.1     5       middle
OP/USDT    0.0001     0.01    5       middle
INJ/USDT   0.001      0.01    5       middle
SUI/USDT   0.0001     0.1     5       liquid
TON/USDT   0.001      0.01    5       middle
SHIB/USDT  0.00000001 1       5       middle
PEPE/USDT  0.00000001 1       5       middle
HBAR/USDT  0.00001    1       5       middle
AAVE/USDT  0.01       0.001   5       middle
ICP/USDT   0.001      0.01    5       middle
EOS/USDT   0.0001     0.1     5       middle
STEEM/USDT 0.00001    1       5       thin
ETH/BTC    0.00001    0.0001  0.0001  liquid
BNB/BTC    0.000001   0.001   0.0001  middle
STEEM/BTC  0.00000001 1       0.0001  thin
BTC/USD    0.01       0.00001 1       liquid
ETH/USD    0.01       0.0001  1       liquid
BTC/USDC   0.01       0.00001 5       liquid
ETH/USDC   0.01       0.0001  5       liquid
BTC/EUR    0.01       0.00001 5       middle
BTC/JPY    1          0.0001  100     middle
BTC/USDT:USDT        0.1    0.001 5 deep
ETH/USDT:USDT        0.01   0.001 5 deep
BTC/USDT:USDT-260327 0.1    0.001 5 middle
BTC/USD:BTC          0.1    1     1 deep   1
ETH/USD:ETH          0.01   1     1 liquid 1
EOS/USD:EOS          0.0001 1     1 middle 1
XRP/USD:XRP          0.0001 1     1 liquid 1
BTC/USDT:USDT-260327-70000-C 5   0.01 0 thin
BTC/USDT:USDT-260327-60000-P 5   0.01 0 thin
ETH/USDT:USDT-260327-3000-C  0.1 0.01 0 thin
"""


def _kind(base: str, settle: str, expiry: str) -> Kind:
    if "-" in expiry:
        return "option"
    if not settle:
        return "spot"
    return "inverse" if settle == base else "linear"


def _instrument(row: str) -> Instrument:
    symbol, tick, step, least, liquidity, *rest = row.split()
    pair, _, settlement = symbol.partition(":")
    base, _, quote = pair.partition("/")
    settle, _, expiry = settlement.partition("-")
    tick_units, price_decimals = _grid(tick)
    step_units, size_decimals = _grid(step)
    return Instrument(
        symbol=symbol,
        kind=_kind(base, settle, expiry),
        base=base,
        quote=quote,
        settle=settle or quote,
        tick=tick,
        step=step,
        min_notional=least,
        liquidity=_LIQUIDITIES[liquidity],
        tick_units=tick_units,
        price_decimals=price_decimals,
        step_units=step_units,
        size_decimals=size_decimals,
        contract=rest[0] if rest else "1",
    )


def _assets() -> dict[str, Asset]:
    words = _ASSETS.split()
    rows = zip(words[::3], words[1::3], words[2::3], strict=True)
    return {code: Asset(code, float(price), float(volatility)) for code, price, volatility in rows}


ASSETS: Final[Mapping[str, Asset]] = MappingProxyType(_assets())
INSTRUMENTS: Final[Mapping[str, Instrument]] = MappingProxyType(
    {row.split()[0]: _instrument(row) for row in _INSTRUMENTS.strip().splitlines()}
)
"""Every instrument by its symbol. Options are listed for later: they have rules here, but no market yet."""
