"""Words that requests are made of."""

from enum import Enum


class BaseURL(str, Enum):  # noqa: UP042 - alpaca-py's print with the name of their class
    """Where market data is."""

    DATA = "https://data.alpaca.markets"
    MARKET_DATA_STREAM = "wss://stream.data.alpaca.markets"


class Sort(str, Enum):  # noqa: UP042
    """Oldest or newest first."""

    ASC = "asc"
    DESC = "desc"


class SupportedCurrencies(str, Enum):  # noqa: UP042
    """Currencies in which prices of stocks can be told; of crypto the symbol says it."""

    USD = "USD"
    GBP = "GBP"
    CHF = "CHF"
    EUR = "EUR"
    CAD = "CAD"
    JPY = "JPY"
    TRY = "TRY"
    AUD = "AUD"
    CZK = "CZK"
    SEK = "SEK"
    DKK = "DKK"
    SGD = "SGD"
    HKD = "HKD"
    HUF = "HUF"
    NZD = "NZD"
    NOK = "NOK"
    PLN = "PLN"
