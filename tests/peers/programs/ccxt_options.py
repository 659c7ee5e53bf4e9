"""How the ccxt programs open a venue: by its own public settings, for spot alone where that is a venue of its own."""

import os
from decimal import Decimal
from typing import Any

import say

SPOT = {"binance": "binance.spot", "htx": "htx.spot", "okx": "okx"}

# By default it also asks for the venues' other markets, which are not served, and for the chains of currencies.
SETTINGS: dict[str, dict[str, Any]] = {
    "binance": {"options": {"fetchMarkets": {"types": ["spot"]}}},
    "htx": {
        "options": {
            "fetchMarkets": {"types": {"spot": True, "linear": False, "inverse": False}},
            # What it uses otherwise, /market/history/candles, is in none of the venue's documents.
            "fetchOHLCV": {"useHistoricalEndpointForSpot": False},
        },
        "has": {"fetchCurrencies": False},
    },
    "okx": {"options": {"fetchMarkets": {"types": ["spot", "swap", "future", "option"]}}},
}

# Milliseconds of one call. A busy machine is no fault of anybody's; by default it waits for ten seconds.
PATIENCE = 40_000


def trusted() -> str:
    """The file of whom to trust, which its asyncio side wants to be told."""
    return os.environ["SSL_CERT_FILE"]


def opened(module: Any, name: str) -> Any:
    """A venue; `cafile` tells its asyncio side, and the environment its requests side, whom to trust."""
    trust = {"cafile": trusted(), "requests_trust_env": True, "timeout": PATIENCE}
    return getattr(module, name)({**SETTINGS[name], **trust})


def instruments(venue: str, markets: dict[str, Any]) -> None:
    rows = {
        symbol: (Decimal(repr(one["precision"]["price"])), Decimal(repr(one["precision"]["amount"])))
        for symbol, one in markets.items()
    }
    say.instruments(venue, rows)


def book(name: str, venue: str, symbol: str, one: Any, depth: int | None) -> None:
    # Over HTTP the second venue tells a version and not the number of an update.
    by = "version" if venue == "htx.spot" and name.startswith("fetch") else "update"
    say.book(name, venue, symbol, one["nonce"], one["bids"], one["asks"], depth=depth, by=by)


def trades(name: str, venue: str, symbol: str, rows: Any) -> None:
    """With the ids of the venue's own count where it has a longer one besides."""
    found = []
    for one in rows:
        info = one["info"]
        id = one["id"] if venue == "binance.spot" else info.get("tradeId", info.get("trade-id"))
        found.append((id, Decimal(repr(one["price"])), Decimal(repr(one["amount"]))))
    say.trades(name, venue, symbol, found)
    for one in rows:
        if not str(one["id"]).isdigit():
            say.failed(f"trade id of {name}", ValueError(one["id"]))
