"""ccxt.pro: contracts, and venues of spot, by one list of calls. The command line names one of `PLANS`.

What is asked of each is in `PLANS`: its markets (the first is asked about more), with the simulator's venue of each and
so many levels as are known of a watched book, and of one that is fetched.
"""

import asyncio
import sys
from decimal import Decimal
from typing import Any, NamedTuple

import calls
import ccxt.pro as ccxt
import ccxt_options as options
import say

BOOKS = 40  # of each
EVERY = 4  # of which so many are said
LATEST = 12.0  # of what may stay silent
KEYS = {"apiKey": "simulator-key", "secret": "simulator-secret"}  # of no account


class Plan(NamedTuple):
    """See the module. `by` is what tells of when a book is: over HTTP, and of the stream."""

    name: str
    markets: dict[str, str]
    settings: dict[str, Any]
    watched: int
    fetched: int
    limits: tuple[int | None, int | None] = (None, None)  # that are asked for
    by: tuple[str, str] = ("ms", "ms")
    contracts: bool = True
    tickers: list[str] | None = None  # of all


def _types(name: str, **options: Any) -> dict[str, Any]:
    return {"options": {"fetchMarkets": {"types": [name]}, **options}}


_USDT, _USD = "BTC/USDT:USDT", "BTC/USD:BTC"
_HTX = {"spot": False, "linear": False, "inverse": False}
PLANS = {
    "binanceusdm": Plan(
        "binanceusdm", {_USDT: "binance.usdm", "ETH/USDT:USDT": "binance.usdm"},
        _types("linear"), 500, 1000, (1000, 1000), ("update", "update"),
    ),
    "binancecoinm": Plan(
        "binancecoinm", {_USD: "binance.coinm", "ETH/USD:ETH": "binance.coinm"},
        _types("inverse"), 500, 1000, (1000, 1000), ("update", "update"),
    ),
    "bybit spot": Plan(
        "bybit", {"BTC/USDT": "bybit.spot", "ETH/USDT": "bybit.spot"}, _types("spot"), 50, 200, (50, 200),
        contracts=False,
    ),
    "bybit linear": Plan(
        "bybit", {_USDT: "bybit.linear", "ETH/USDT:USDT": "bybit.linear"}, _types("linear"), 50, 200, (50, 200)
    ),
    "bybit inverse": Plan(
        "bybit", {_USD: "bybit.inverse", "ETH/USD:ETH": "bybit.inverse"}, _types("inverse"), 50, 200, (50, 200)
    ),
    "htx linear": Plan(
        "htx", {_USDT: "htx.linear", "ETH/USDT:USDT": "htx.linear"},
        {"options": {"fetchMarkets": {"types": _HTX | {"linear": True}}}}, 150, 150,
    ),
    "htx inverse": Plan(
        "htx", {_USD: "htx.inverse", "ETH/USD:ETH": "htx.inverse"},
        {"options": {"fetchMarkets": {"types": _HTX | {"inverse": True}}}}, 150, 150,
    ),
    "alpaca": Plan(
        "alpaca", {"BTC/USDT": "alpaca", "ETH/USDT": "alpaca"}, KEYS, 5000, 5000, contracts=False,
        tickers=["BTC/USDT", "ETH/USDT"],
    ),
}  # fmt: skip
# Trades come added up there where that is asked for.
AGGREGATED = ("binanceusdm",)
# What was traded is told twice over there, by both sides.
TWICE = ("htx.linear", "htx.inverse")


def book(plan: Plan, name: str, symbol: str, one: Any, *, watched: bool) -> None:
    by, depth = plan.by[watched], plan.watched if watched else plan.fetched
    number = one["nonce"] if by == "update" else one["timestamp"]
    # What has left the best of a book may still be in it, and is no part of what is known.
    sides = ([row[:2] for row in one[side]][:depth] for side in ("bids", "asks"))
    say.book(name, plan.markets[symbol], symbol, number, *sides, depth=depth, by=by)


def trades(plan: Plan, name: str, symbol: str, rows: Any) -> None:
    """Single ones: where several are added up, they have a first and a last."""
    venue, found = plan.markets[symbol], []
    for one in rows:
        info = one["info"]
        if "f" in info and info["f"] != info["l"]:
            continue
        amount = Decimal(repr(one["amount"])) / (2 if venue in TWICE else 1)
        found.append((info.get("f", one["id"]), Decimal(repr(one["price"])), amount))
    say.trades(name, venue, symbol, found)


async def books(exchange: Any, plan: Plan, symbol: str, said: str = "") -> None:
    try:
        async with asyncio.timeout(LATEST):
            for n in range(BOOKS):
                one = await exchange.watch_order_book(symbol, plan.limits[0])
                if n < 3 or n % EVERY == 0:
                    book(plan, f"watch_order_book{said} book {n + 1}", symbol, one, watched=True)
        say.did(f"watch_order_book{said} {symbol}")
    except Exception as error:
        say.failed(f"watch_order_book{said} {symbol}", error)


async def watched(exchange: Any, plan: Plan, call: str, *arguments: Any) -> None:
    name = f"{call} {arguments[-1]['name']}" if isinstance(arguments[-1], dict) else call
    try:
        async with asyncio.timeout(LATEST):
            for _ in range(4):
                answer = await getattr(exchange, call)(*arguments)
                if not answer:
                    raise calls.EMPTY
                if call == "watch_trades":
                    trades(plan, name, arguments[0], answer)
        say.did(name)
    except Exception as error:
        say.failed(name, error)


def has(exchange: Any, call: str) -> bool:
    """Whether it says that it has it itself."""
    word = "".join(part.upper() if part == "ohlcv" else part.title() for part in call.split("_"))
    return exchange.has.get(word[0].lower() + word[1:]) is True


async def streams(exchange: Any, plan: Plan) -> None:
    first, *_ = plan.markets
    asked: list[tuple[Any, ...]] = [("watch_trades", first), ("watch_ticker", first), ("watch_ohlcv", first, "1m")]
    asked += [("watch_trades", first, None, None, {"name": "aggTrade"})] if plan.name in AGGREGATED else []
    await asyncio.gather(
        *(books(exchange, plan, symbol) for symbol in plan.markets),
        *(watched(exchange, plan, *call) for call in asked),
    )


async def beside(exchange: Any, plan: Plan) -> None:
    """Best prices and the book of one market at once."""
    first, *_ = plan.markets
    if has(exchange, "watch_bids_asks"):
        await asyncio.gather(
            books(exchange, plan, first, " beside watch_bids_asks"),
            watched(exchange, plan, "watch_bids_asks", [first]),
        )


def named(call: str, *arguments: Any) -> str:
    """Bars are told apart by how long they are."""
    return f"{call} {arguments[1]}" if call == "fetch_ohlcv" else call


async def rest(exchange: Any, plan: Plan) -> None:
    first, *_ = plan.markets
    for symbol in plan.markets:
        one = await calls.tried("fetch_order_book", exchange.fetch_order_book, symbol, plan.limits[1])
        if one:
            book(plan, "fetch_order_book", symbol, one, watched=False)
    found = await calls.tried("fetch_trades", exchange.fetch_trades, first)
    if found:
        trades(plan, "fetch_trades", first, found)
    asked: list[tuple[Any, ...]] = [
        ("fetch_time",), ("fetch_ticker", first), ("fetch_tickers", plan.tickers), ("fetch_ohlcv", first, "1m"),
        ("fetch_ohlcv", first, "1h", exchange.milliseconds() - 360_000_000, 50), ("fetch_bids_asks",),
        ("fetch_funding_rate", first), ("fetch_funding_rates", [first]), ("fetch_funding_rate_history", first),
        ("fetch_open_interest", first), ("fetch_mark_price", first),
    ]  # fmt: skip
    for call in asked:
        if has(exchange, call[0]) and (plan.contracts or not any(word in call[0] for word in ("fund", "interest"))):
            await calls.all_tried(exchange, [call], named)


async def loaded(exchange: Any, plan: Plan) -> Any:
    """Of inverse contracts there it would also ask for those with a day of delivery, which are not served."""
    if "htx.inverse" not in plan.markets.values():
        return await exchange.load_markets()
    return exchange.set_markets(await exchange.fetch_markets_by_type_and_sub_type("swap", "inverse"))


def opened(plan: Plan) -> Any:
    trust = {"cafile": options.trusted(), "has": {"fetchCurrencies": False}, "timeout": options.PATIENCE}
    return getattr(ccxt, plan.name)({**plan.settings, **trust})


async def main(name: str) -> None:
    plan = PLANS[name]
    exchange = opened(plan)
    try:
        options.instruments(next(iter(plan.markets.values())), await loaded(exchange, plan))
        await streams(exchange, plan)
        await rest(exchange, plan)
    finally:
        await exchange.close()
    another = opened(plan)
    try:
        await loaded(another, plan)
        await beside(another, plan)
    finally:
        await another.close()


say.version(ccxt.__version__)
asyncio.run(main(sys.argv[1]))
