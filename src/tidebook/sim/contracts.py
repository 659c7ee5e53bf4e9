"""Which derivatives are listed on a day: perpetuals, dated contracts, options, as rows of `listing`'s table.

Dated contracts and options expire at 08:00 UTC on the last Friday of a month or quarter, as at most venues. Their
names say when, so they are another table every quarter; nothing that expires within `LEAST_LIFE` days is listed.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

LEAST_LIFE: Final = 14  # days: a run that lasts shorter sees nothing expire
LIFE_NS: Final = 270 * 86_400 * 10**9  # from the listing of a contract to its end
_EXPIRES: Final = time(8, tzinfo=UTC)
_FRIDAY: Final = 4
_SECOND: Final = 1_000_000_000

# settle, liquidity, bases: linear perpetuals, traded in base currency. Where a grid is given it is a large venue's.
_LINEAR: Final = """
USDT deep   BTC/0.1/0.001 ETH/0.01/0.001
USDT liquid SOL XRP BNB DOGE
USDT middle ADA TRX AVAX LINK DOT LTC BCH SUI UNI NEAR ATOM ETC XLM FIL APT ARB OP INJ TON HBAR AAVE ICP TAO ENA WLD WIF
USDT thin   XMR ZEC ALGO VET MKR CRV AXS IMX LDO RUNE RENDER DYDX ENS STX SEI TIA JUP ONDO ORDI PENDLE PYTH STRK KAITO
USDT thin   BERA TRUMP APE GMT NEO DASH
USDC middle BTC/0.1/0.001 ETH/0.01/0.001
USDC thin   SOL XRP
"""

# liquidity, bases, with tick and dollars of one contract.
_INVERSE: Final = """
deep   BTC/0.1/100
liquid ETH/0.01/10
middle SOL/0.01/10 XRP/0.0001/10 BNB/0.01/10 ADA/0.0001/10 DOGE/0.00001/10 EOS/0.0001/10
thin   LINK/0.001/10 DOT/0.001/10 LTC/0.01/10 BCH/0.01/10 AVAX/0.001/10 TRX/0.00001/10
"""

# base, tick and step of linear dated contracts; tick and dollars a contract of inverse ones.
_DATED: Final = (("BTC", "0.1", "0.001", "0.1", "100"), ("ETH", "0.01", "0.001", "0.01", "10"))

# base, tick in quote currency, tick in base currency, strikes as whole numbers.
_OPTIONS: Final = (
    ("BTC", "5", "0.0001", range(56_000, 72_001, 2_000)),
    ("ETH", "0.1", "0.0001", range(2_200, 3_001, 200)),
)


def _last_friday(year: int, month: int) -> date:
    after = date(year + month // 12, month % 12 + 1, 1)
    return after - timedelta(days=(after.weekday() - _FRIDAY - 1) % 7 + 1)


def expiries(day: date, months: int, most: int = 2) -> list[date]:
    """The next last Fridays of every so many months that are `LEAST_LIFE` days away or more."""
    found: list[date] = []
    year, month = day.year, -(-day.month // months) * months
    while len(found) < most:
        one = _last_friday(year, month)
        if one >= day + timedelta(days=LEAST_LIFE):
            found.append(one)
        year, month = year + (month + months - 1) // 12, (month + months - 1) % 12 + 1
    return found


def expiry_ns(yymmdd: str) -> int:
    """The instant at which what has this day in its name expires."""
    day = date(2000 + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:]))
    return int(datetime.combine(day, _EXPIRES).timestamp()) * _SECOND


def rows(day: date, price: Callable[[str], Decimal]) -> Iterator[str]:
    """Rows of symbol, tick, step, least notional, liquidity and contract, `-` where base currency is traded.

    `price` is an asset's in US dollars.
    """
    yield from _perpetuals(price)
    for one in expiries(day, 3):
        for base, tick, step, inverse_tick, dollars in _DATED:
            yield f"{base}/USDT:USDT-{one:%y%m%d} {tick} {step} 5 middle -"
            yield f"{base}/USD:{base}-{one:%y%m%d} {inverse_tick} 1 0 middle {dollars}"
    for one in _option_expiries(day):
        for base, tick, base_tick, strikes in _OPTIONS:
            for strike in strikes:
                for right in "CP":
                    yield f"{base}/USDT:USDT-{one:%y%m%d}-{strike}-{right} {tick} 0.01 0 option 1"
                    yield f"{base}/USD:{base}-{one:%y%m%d}-{strike}-{right} {base_tick} 0.01 0 option 1"


def _option_expiries(day: date) -> list[date]:
    """The next quarter's, and the month's before or, where that is the same, after it."""
    (quarter,), months = expiries(day, 3, 1), expiries(day, 1)
    return sorted({quarter, next(one for one in months if one != quarter)})


def _perpetuals(price: Callable[[str], Decimal]) -> Iterator[str]:
    for row in _LINEAR.strip().splitlines():
        settle, liquidity, *words = row.split()
        for word in words:
            base, *grid = word.split("/")
            tick, step = grid or grid_of(price(base), price(base) / price(settle))
            yield f"{base}/{settle}:{settle} {tick} {step} 5 {liquidity} -"
    for row in _INVERSE.strip().splitlines():
        liquidity, *words = row.split()
        for word in words:
            base, tick, dollars = word.split("/")
            yield f"{base}/USD:{base} {tick} 1 0 {liquidity} {dollars}"


def grid_of(dollars: Decimal, price: Decimal) -> tuple[str, str]:
    """Tick and step of what costs so much, in dollars and in quote currency.

    A price has five digits and eight decimals at most; a step of size is worth some cents, and never less than the
    fifth decimal nor more than one unit of base.
    """
    tick = Decimal(1).scaleb(max(price.adjusted() - 4, -8))
    step = Decimal(1).scaleb(-min(max(dollars.adjusted() + 2, 0), 5))
    return f"{tick:f}", f"{step:f}"
