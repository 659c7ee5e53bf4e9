"""What can be asked of crypto. Arguments are named, as alpaca-py has them; they are checked when a request is made."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from tidebook.compat.alpaca.absent import absent
from tidebook.compat.alpaca.common.enums import Sort, SupportedCurrencies
from tidebook.compat.alpaca.common.requests import NonEmptyRequest, checked_instant, checked_symbols, told_of
from tidebook.compat.alpaca.data.timeframe import TimeFrame

Symbols = str | Sequence[str]
When = datetime | date | str | None


class BaseTimeseriesDataRequest(NonEmptyRequest):
    """Rows of symbols between two instants, both of them in: `start` is Alpaca's beginning of today, `end` now.

    `limit` counts the rows of all symbols together (None: all). A naive datetime is UTC, whatever the machine's zone.
    Kept are instants in UTC, aware. Raises ValueError for what is no symbol, instant or limit.
    """

    symbol_or_symbols: str | list[str]
    start: datetime | None
    end: datetime | None
    limit: int | None
    currency: SupportedCurrencies | None
    sort: Sort | None

    def __init__(
        self, *, symbol_or_symbols: Symbols, start: When = None, end: When = None, limit: int | None = None,
        currency: SupportedCurrencies | str | None = None, sort: Sort | str | None = None, **more: Any,
    ) -> None:  # fmt: skip
        given: object = limit
        if given is not None and (not isinstance(given, int) or given < 1):
            raise ValueError(f"limit={limit!r}: a whole number above 0")
        super().__init__(
            symbol_or_symbols=checked_symbols(symbol_or_symbols), start=checked_instant("start", start),
            end=checked_instant("end", end), limit=limit,
            currency=None if currency is None else SupportedCurrencies(currency),
            sort=None if sort is None else Sort(sort),
        )  # fmt: skip
        told_of(type(self).__name__, more)


class BaseBarsRequest(BaseTimeseriesDataRequest):
    """Bars of one `timeframe`. Raises ValueError as above, and for what is no TimeFrame."""

    timeframe: TimeFrame

    def __init__(
        self, *, symbol_or_symbols: Symbols, timeframe: TimeFrame, start: When = None, end: When = None,
        limit: int | None = None, currency: SupportedCurrencies | str | None = None, sort: Sort | str | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            symbol_or_symbols=symbol_or_symbols, start=start, end=end, limit=limit, currency=currency, sort=sort, **more
        )
        if not isinstance(timeframe, TimeFrame):
            raise ValueError(f"timeframe={timeframe!r}: a TimeFrame")
        self.timeframe = timeframe


class CryptoBarsRequest(BaseBarsRequest):
    """Bars of crypto."""


class CryptoQuoteRequest(BaseTimeseriesDataRequest):
    """Quotes of crypto."""


class CryptoTradesRequest(BaseTimeseriesDataRequest):
    """Trades of crypto."""


class BaseCryptoLatestDataRequest(NonEmptyRequest):
    """What is newest of symbols. Raises ValueError for what is no symbol."""

    symbol_or_symbols: str | list[str]

    def __init__(self, *, symbol_or_symbols: Symbols, **more: Any) -> None:
        super().__init__(symbol_or_symbols=checked_symbols(symbol_or_symbols))
        told_of(type(self).__name__, more)


class CryptoLatestTradeRequest(BaseCryptoLatestDataRequest):
    """The newest trade of each."""


class CryptoLatestQuoteRequest(BaseCryptoLatestDataRequest):
    """The newest quote of each."""


class CryptoLatestBarRequest(BaseCryptoLatestDataRequest):
    """The newest bar of a minute of each."""


class CryptoLatestOrderbookRequest(BaseCryptoLatestDataRequest):
    """The book of each."""


class CryptoSnapshotRequest(BaseCryptoLatestDataRequest):
    """Newest trade, quote, bar of a minute, of a day, and of the day before, of each."""


if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        raise absent(__name__, name)
