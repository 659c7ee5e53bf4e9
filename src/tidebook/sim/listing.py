"""What the embedded exchange lists: one table of assets with their prices, one of instruments with their rules.

Symbols are canonical (ccxt's notation). Prices are counted in ticks and sizes in lots, both whole numbers;
`Instrument` turns them into the exact text that a venue prints. The rules are those of large venues in 2025–2026.
Which derivatives are there depends on the day, see `contracts`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from tidebook.model.number import parse
from tidebook.sim import contracts

Kind = Literal["spot", "linear", "inverse", "option"]
Liquidity = Literal["deep", "liquid", "middle", "thin", "option"]
Right = Literal["", "call", "put"]
START_DAY: Final = date(2026, 1, 1)
_AMOUNT_DECIMALS: Final = 8  # of an inverse contract's amounts, which are quotients


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
    10^−`size_decimals`, in base currency, or in contracts of `contract` (inverse: quote, else base) units each where
    that is not empty. `min_notional` is in quote currency. `settle` is the currency in which is paid; an option that
    settles in base currency has its prices in it. `expiry_ns` is by the calendar, see `Exchange`.
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
    contract: str = ""
    expiry_ns: int | None = None
    strike: str = ""
    right: Right = ""

    @property
    def tick_value(self) -> float:
        return float(self.tick)

    @property
    def step_value(self) -> float:
        return float(self.step)

    @property
    def contract_value(self) -> float:
        """Units of a contract, 1 where base currency is traded."""
        return float(self.contract or 1)

    @property
    def priced_in(self) -> str:
        """The currency of its prices."""
        return self.settle if self.kind == "option" else self.quote

    def on(self, tick: str, step: str, contract: str, min_notional: str) -> "Instrument":
        """The same on another grid, in other contracts."""
        tick_units, price_decimals = _grid(tick)
        step_units, size_decimals = _grid(step)
        return replace(
            self, tick=tick, step=step, contract=contract, min_notional=min_notional, tick_units=tick_units,
            price_decimals=price_decimals, step_units=step_units, size_decimals=size_decimals,
        )  # fmt: skip

    def price_text(self, ticks: int) -> str:
        """The exact price with all of the instrument's decimals."""
        return _text(ticks * self.tick_units, self.price_decimals)

    def size_text(self, lots: int) -> str:
        """The exact size with all of the instrument's decimals."""
        return _text(lots * self.step_units, self.size_decimals)

    def price_texts(self, prices: Iterable[int]) -> list[str]:
        """Several prices at once."""
        tick, places = self.tick_units, self.price_decimals
        return [_text(price * tick, places) for price in prices]

    def size_texts(self, sizes: Iterable[int]) -> list[str]:
        """Several sizes at once."""
        step, places = self.step_units, self.size_decimals
        return [_text(size * step, places) for size in sizes]

    def rows(self, levels: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
        """Levels of (ticks, lots) as the texts of price and size."""
        tick, places, step, size_places = self.tick_units, self.price_decimals, self.step_units, self.size_decimals
        return [(_text(price * tick, places), _text(size * step, size_places)) for price, size in levels]

    def amount(self, ticks: int, lots: int) -> int:
        """What a trade pays, for `amount_text`: ticks × lots; of inverse contracts their worth in base currency."""
        if self.kind != "inverse":
            return ticks * lots
        units, places = _grid(self.contract or "1")
        scale = _AMOUNT_DECIMALS + self.price_decimals - self.size_decimals - places
        worth = lots * self.step_units * units
        return worth * 10**scale // (ticks * self.tick_units) if ticks else 0

    def amount_text(self, amount: int) -> str:
        """Amounts, summed or single: price × size × contract, exactly; inverse contracts' with eight decimals."""
        if self.kind == "inverse":
            return _text(amount, _AMOUNT_DECIMALS)
        total, places = amount * self.tick_units * self.step_units, self.price_decimals + self.size_decimals
        if not self.contract:
            return _text(total, places)
        units, more = _grid(self.contract)
        return _text(total * units, places + more)

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
    digits = str(units)
    if not decimals:
        return digits
    if len(digits) <= decimals:
        return f"0.{digits.zfill(decimals)}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def _count(text: str, units: int, decimals: int) -> int | None:
    exact = parse(text).scaleb(decimals)
    whole = int(exact)
    return whole // units if whole == exact and whole % units == 0 else None


def _grid(step: str) -> tuple[int, int]:
    """'0.50' → (50, 2): units and decimals of a grid's step."""
    _, _, fraction = step.partition(".")
    return int(step.replace(".", "")), len(fraction)


_LIQUIDITIES: Final[Mapping[str, Liquidity]] = {
    "deep": "deep", "liquid": "liquid", "middle": "middle", "thin": "thin", "option": "option"
}  # fmt: skip
_RIGHTS: Final[Mapping[str, Right]] = {"": "", "C": "call", "P": "put"}

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

# Further assets, for breadth: a volatility, then codes and prices in USD.
_BROAD_ASSETS: Final = """
0.4 PAXG 3350
1.6 TAO 340 XMR 310 ZEC 48 DASH 22 NEO 5.6 XTZ 0.62 ALGO 0.19 VET 0.022 IOTA 0.16 EGLD 13.5 THETA 0.72 FLOW 0.34
1.6 KSM 14 QNT 105 GNO 125 ZEN 8.2 DCR 13.5 QTUM 1.95 ICX 0.13 ONT 0.125 ZIL 0.0107 RVN 0.0105 SC 0.0028 DGB 0.0078
1.9 GRT 0.086 MKR 1750 SNX 0.62 COMP 46 CRV 0.58 SUSHI 0.66 YFI 5200 1INCH 0.19 BAT 0.13 ZRX 0.22 ENJ 0.066 MANA 0.26
1.9 SAND 0.25 AXS 2.3 CHZ 0.038 GALA 0.015 IMX 0.45 LDO 0.82 RUNE 1.3 ROSE 0.025 ONE 0.0102 LSK 0.35 STORJ 0.24
1.9 ANKR 0.014 CELR 0.0066 CELO 0.27 BAND 0.55 KAVA 0.38 FET 0.66 RENDER 3.4 CAKE 2.4 GMX 14.5 DYDX 0.55 ENS 21
1.9 STX 0.68 CFX 0.11 MASK 1.3 MINA 0.18 POL 0.22 LPT 7.2 LRC 0.09 KNC 0.38 GLM 0.24 NMR 8.5 METIS 16 RAY 2.6 RLC 1.1
1.9 TRB 45 TWT 0.8 UMA 1.2 WOO 0.075 XVS 6.1 YGG 0.17 SUPER 0.6 RONIN 0.52 JASMY 0.014 IOTX 0.024 HOT 0.00095
2.1 SEI 0.27 TIA 1.7 JUP 0.46 PYTH 0.12 JTO 1.8 STRK 0.12 ZK 0.052 ZRO 1.9 W 0.07 ENA 0.55 ETHFI 0.98 PENDLE 3.8
2.1 EIGEN 1.25 ONDO 0.8 WLD 0.95 ALT 0.027 MANTA 0.2 DYM 0.25 PIXEL 0.03 PORTAL 0.04 AEVO 0.09 SAGA 0.22 REZ 0.011
2.1 BB 0.1 NOT 0.0018 IO 0.7 LISTA 0.22 BANANA 18 RARE 0.055 G 0.012 CATI 0.085 SCR 0.3 LUMIA 0.27 KAIA 0.15 ACX 0.15
2.1 ORCA 2.1 MOVE 0.12 ME 0.75 VANA 4.7 BIO 0.06 COOKIE 0.12 S 0.32 SOLV 0.04 ANIME 0.02 BERA 1.8 LAYER 0.6 RED 0.35
2.1 KAITO 1.1 SHELL 0.14 GPS 0.02 BMT 0.06 NIL 0.3 PARTI 0.17 BABY 0.05 GUN 0.03 WCT 0.31 HYPER 0.22 INIT 0.45
2.1 SIGN 0.07 STO 0.08 SXT 0.08 NXPC 0.75 HUMA 0.025 SOPH 0.035 RESOLV 0.16 HOME 0.03 SPK 0.07 NEWT 0.3 SAHARA 0.08
2.1 ERA 0.9 TREE 0.5 PROVE 0.9 TOWNS 0.03 PLUME 0.09
2.6 WIF 0.85 BONK 0.000025 FLOKI 0.000092 MEME 0.0017 BOME 0.0019 PEOPLE 0.019 TURBO 0.0042 NEIRO 0.0004 ORDI 9.1
2.6 1000SATS 0.000042 DOGS 0.00013 HMSTR 0.0007 ACT 0.04 PNUT 0.24 PENGU 0.03 MUBARAK 0.03 TST 0.04 TRUMP 9.2 APE 0.62
2.0 GMT 0.045 BLUR 0.085 ARKM 0.52 CYBER 1.5 MAV 0.06 ID 0.16 HOOK 0.1 MAGIC 0.2 EDU 0.13 HIGH 0.55 LQTY 1.1 FXS 2.4
2.0 SSV 8.9 RPL 5.6 JOE 0.16 OSMO 0.19 ACH 0.02 ALICE 0.38 AUDIO 0.06 C98 0.05 CTSI 0.06 COTI 0.06 DENT 0.0007
2.0 DUSK 0.065 FIDA 0.07 FIO 0.015 FLUX 0.22 GAS 3.1 GHST 0.45 HIVE 0.22 IOST 0.0034 IQ 0.004 JST 0.033 LUNA 0.16
2.0 LUNC 0.00006 USTC 0.012 MBOX 0.05 MDT 0.02 MLN 8.2 MTL 0.7 NKN 0.03 NTRN 0.11 OG 4.3 OGN 0.06 PHA 0.12 POLYX 0.14
2.0 POND 0.009 POWR 0.16 PUNDIX 0.3 PYR 1.05 QKC 0.008 RAD 0.66 REQ 0.14 RIF 0.05 RSR 0.0075 SANTOS 2.1 SFP 0.5
2.0 SKL 0.024 SLP 0.0017 SPELL 0.0005 STG 0.18 STRAX 0.05 SUN 0.021 SXP 0.19 SYN 0.14 SYS 0.04 T 0.017 TFUEL 0.034
2.0 TLM 0.0042 TNSR 0.12 TRU 0.034 UTK 0.03 VANRY 0.03 VIC 0.24 VTHO 0.002 WAXP 0.022 WIN 0.00005 XAI 0.055
2.0 XEC 0.00002 XNO 0.85 XVG 0.006
"""

# symbol, tick, step, least notional, liquidity. The kind follows from the symbol.
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
"""

# Spot pairs for breadth: a quote currency, the least notional, a liquidity, then bases. Their grids follow from the
# prices, see `_grown`.
_BROAD_PAIRS: Final = """
USDT 5 middle PAXG TAO XMR ZEC DASH NEO XTZ ALGO VET IOTA EGLD THETA FLOW KSM QNT GNO ZEN QTUM GRT MKR SNX COMP CRV
USDT 5 middle SUSHI YFI 1INCH BAT MANA SAND AXS CHZ GALA IMX LDO RUNE ROSE KAVA FET RENDER CAKE GMX DYDX ENS STX CFX
USDT 5 middle MASK MINA POL LPT METIS RAY TRB TWT WOO RONIN JASMY SEI TIA JUP PYTH JTO STRK ZK ZRO W ENA ETHFI PENDLE
USDT 5 middle EIGEN ONDO WLD MANTA KAIA MOVE VANA S BERA KAITO INIT WIF BONK FLOKI MEME PEOPLE TURBO NEIRO ORDI
USDT 5 middle PNUT PENGU TRUMP APE GMT BLUR ARKM SSV LUNA LUNC XEC USDC EUR
USDT 5 thin DCR ICX ONT ZIL RVN SC DGB ZRX ENJ ONE LSK STORJ ANKR CELR CELO BAND LRC KNC GLM NMR RLC UMA XVS YGG SUPER
USDT 5 thin IOTX HOT ALT DYM PIXEL PORTAL AEVO SAGA REZ BB NOT IO LISTA BANANA RARE G CATI SCR LUMIA ACX ORCA ME BIO
USDT 5 thin COOKIE SOLV ANIME LAYER RED SHELL GPS BMT NIL PARTI BABY GUN WCT HYPER SIGN STO SXT NXPC HUMA SOPH RESOLV
USDT 5 thin HOME SPK NEWT SAHARA ERA TREE PROVE TOWNS PLUME BOME 1000SATS DOGS HMSTR ACT MUBARAK TST CYBER MAV ID HOOK
USDT 5 thin MAGIC EDU HIGH LQTY FXS RPL JOE OSMO ACH ALICE AUDIO C98 CTSI COTI DENT DUSK FIDA FIO FLUX GAS GHST HIVE
USDT 5 thin IOST IQ JST USTC MBOX MDT MLN MTL NKN NTRN OG OGN PHA POLYX POND POWR PUNDIX PYR QKC RAD REQ RIF RSR
USDT 5 thin SANTOS SFP SKL SLP SPELL STG STRAX SUN SXP SYN SYS T TFUEL TLM TNSR TRU UTK VANRY VIC VTHO WAXP WIN XAI
USDT 5 thin XNO XVG
BTC 0.0001 middle SOL XRP ADA AVAX LINK DOT LTC BCH TRX
BTC 0.0001 thin UNI NEAR ATOM ETC XLM FIL APT ARB OP INJ SUI TON AAVE ICP PAXG TAO XMR ZEC DASH NEO XTZ EGLD KSM QNT ZEN
BTC 0.0001 thin QTUM MKR SNX COMP CRV YFI AXS LDO RUNE FET RENDER STX ENS TIA ENA WLD WIF ORDI
USDC 5 middle SOL XRP BNB DOGE ADA TRX AVAX LINK DOT LTC BCH SUI
USDC 5 thin UNI NEAR ATOM ETC XLM FIL APT ARB OP INJ TON SHIB PEPE HBAR AAVE ICP TAO ALGO SEI TIA JUP ENA ONDO WLD WIF
USDC 5 thin BONK FET RENDER LDO CRV PENDLE ENS STX
ETH 0.001 thin BNB SOL XRP ADA AVAX LINK DOT LTC UNI AAVE TRX NEAR MKR ENS
EUR 5 thin ETH SOL XRP BNB DOGE ADA LTC
"""


def _kind(base: str, settle: str, right: str) -> Kind:
    if right:
        return "option"
    if not settle:
        return "spot"
    return "inverse" if settle == base else "linear"


def _instrument(row: str) -> Instrument:
    symbol, tick, step, least, liquidity, *rest = row.split()
    pair, _, settlement = symbol.partition(":")
    base, _, quote = pair.partition("/")
    settle, _, dated = settlement.partition("-")
    expiry, strike, right = (*dated.split("-"), "", "")[:3]
    tick_units, price_decimals = _grid(tick)
    step_units, size_decimals = _grid(step)
    return Instrument(
        symbol=symbol,
        kind=_kind(base, settle, right),
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
        contract=rest[0] if rest and rest[0] != "-" else "",
        expiry_ns=contracts.expiry_ns(expiry) if expiry else None,
        strike=strike,
        right=_RIGHTS[right],
    )


def _assets() -> dict[str, Asset]:
    words = _ASSETS.split()
    rows = [*zip(words[::3], words[1::3], words[2::3], strict=True)]
    for row in _BROAD_ASSETS.strip().splitlines():
        volatility, *pairs = row.split()
        rows += [(code, price, volatility) for code, price in zip(pairs[::2], pairs[1::2], strict=True)]
    return {code: Asset(code, float(price), float(volatility)) for code, price, volatility in rows}


def _dollars(code: str) -> Decimal:
    return Decimal(str(ASSETS[code].price))


def _grown() -> Iterator[str]:
    """The rows of the broad pairs; their grids are those of `contracts.grid_of`."""
    for row in _BROAD_PAIRS.strip().splitlines():
        quote, least, liquidity, *bases = row.split()
        for base in bases:
            tick, step = contracts.grid_of(_dollars(base), _dollars(base) / _dollars(quote))
            yield f"{base}/{quote} {tick} {step} {least} {liquidity}"


@cache
def listed(day: date) -> Mapping[str, Instrument]:
    """Every instrument of a day by its symbol."""
    rows = [*_INSTRUMENTS.strip().splitlines(), *_grown(), *contracts.rows(day, _dollars)]
    return MappingProxyType({row.split()[0]: _instrument(row) for row in rows})


ASSETS: Final[Mapping[str, Asset]] = MappingProxyType(_assets())
INSTRUMENTS: Final = listed(START_DAY)
"""Those of the day on which the exchange's own time begins."""
