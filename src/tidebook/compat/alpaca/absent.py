"""What alpaca-py has and this has not: whoever imports it is told what there is instead."""

_DATA = "it has market data of crypto: CryptoHistoricalDataClient and CryptoDataStream; no stocks, options or news"
_ORDERS = (
    "orders and the account of Alpaca are tidebook.connect('alpaca:paper'): submit, fetch_balances, account; "
    "docs/guides/alpaca-py.md has both side by side"
)


def absent(module: str, name: str) -> Exception:
    """The error for a name that a module does not have: an ImportError with a sentence for what a program would import.

    Names that Python itself looks for, and private ones, are missing as usual.
    """
    if not name[:1].isupper():
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    told = _DATA if ".data" in module else _ORDERS
    return ImportError(f"{name!r} is not in {module}: {told}", name=module)
