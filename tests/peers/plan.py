"""Which programs are sent to the simulator, at which date, and what of them is a known fault of the peer itself."""

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tidebook.sim.server import Fault


@dataclass(frozen=True, slots=True)
class Known:
    """A fault that is the peer's own, and why. `what` matches the name of a book, of a call, or of a question.

    `newer`: it explains a book alone whose wrong levels are what the exchange had a little after the book's number.
    `more`: one alone that has every true level, and others besides. `ours`: it is no fault of the peer's, the venue has
    this and the simulator has not.
    """

    what: str
    reason: str
    newer: bool = False
    more: bool = False
    ours: bool = False

    def covers(self, name: str) -> bool:
        """Whether it explains what happened under this name."""
        return re.fullmatch(self.what, name) is not None


class Least(NamedTuple):
    """How many comparisons a run makes at the least: one that makes fewer has judged nothing, whatever it says."""

    books: int = 0
    trades: int = 0
    instruments: int = 0
    placed: int = 0
    queried: int = 0
    cancelled: int = 0
    fills: int = 0
    streamed: int = 0
    balances: int = 0
    unknown: int = 0
    refused: int = 0
    calls: int = 0  # that came back


NOTHING: Final = Least()
Signs = Literal["hmac", "rsa", "ed25519"]


@dataclass(frozen=True, slots=True)
class Program:
    """One program of one peer. `date` None is today; `faults` are what the exchange is asked to get wrong.

    `least` is what the program's own text lets it tell, where all goes well. `signs`: it has an account, and how it
    signs; what it asks passes by `Between`.
    """

    peer: str
    name: str
    file: str
    arguments: tuple[str, ...] = ()
    venues: tuple[str, ...] = ("binance", "htx")
    date: str | None = None
    faults: tuple[Fault, ...] = ()
    known: tuple[Known, ...] = ()
    least: Least = NOTHING
    signs: Signs | None = None


_LATE: Final = Known(
    r"DepthCacheManager book \d+",
    "DepthCacheManager asks for its snapshot again at its first message and applies that message to it, without asking "
    "whether the snapshot is newer; until later messages have caught up its book is newer than its number",
    newer=True,
)
_TICKER: Final = Known(
    r"ticker_socket|stream_get_listen_key",
    "it still asks for !ticker@arr, which is silent since 2026-03-26, and for listen keys, which are answered with 410 "
    "since 2026-02-20",
)
_NO_ACCOUNT: Final = Known(
    "stream_get_listen_key",
    "listen keys are answered, with -2015: nobody has an account at the simulator, so no key is known to it",
)
_LONG_IDS: Final = Known(
    r"trade id of watch_trades",
    "ccxt reads JSON with orjson, which makes floats of whole numbers beyond 64 bits: HTX's trade ids, 21 digits long, "
    "lose their last ones; its trades are compared by the raw tradeId instead",
)

_LAID_OVER: Final = Known(
    r"OptionsDepthCacheManager book \d+",
    "OptionsDepthCacheManager lays each best ten of a book over the ones before, so what has left them stays in it",
    more=True,
)
_OPTIONS_PATHS: Final = Known(
    r"options_info|options_historical_trades|GET eapi\.binance\.com/eapi/v1/(optionInfo|historicalTrades)",
    "it asks for optionInfo and historicalTrades of options, which are not in the venue's documents of 2026-08",
)
_NO_BARS_OF_MARKS: Final = Known(
    r"futures_(coin_)?(mark_price|index_price|premium_index)_klines"
    r"|GET .*/(markPriceKlines|indexPriceKlines|premiumIndexKlines)",
    "bars of mark prices, of indices and of premiums: the simulator keeps no history of these",
    ours=True,
)
_NO_PARTS_OF_INDICES: Final = Known(
    r"futures_(coin_)?index_price_constituents|futures_index_info|GET .*/(constituents|indexInfo)",
    "what an index is made of: the simulator's are made of nothing",
    ours=True,
)
_ONE_BOOK: Final = Known(
    r"watch_order_book beside watch_bids_asks book \d+",
    "ccxt keeps one book of a market of Bybit: the messages of level 1, which watch_bids_asks reads, replace the 50 "
    "levels of watch_order_book",
)
_NO_RATES: Final = Known(
    r"fetch_funding_rates",
    "ccxt says that it has fetch_funding_rates for this venue, and of linear swaps it has it not",
)
_OLD_STREAM: Final = Known(
    r"watch_\w+( [A-Z/]+)?|WS stream\.data\.alpaca\.markets/v1beta2/crypto",
    "ccxt.pro opens Alpaca's stream at v1beta2, which v1beta3 replaced in 2023-03",
)
_LOWER_CASE: Final = Known(
    r"fetch_ohlcv 1m",
    "ccxt asks Alpaca for bars of 1min; its documents have 1Min and 1T, and whether it takes others is not known",
)
_NO_CLOCK: Final = Known(
    r"fetch_time|GET api\.alpaca\.markets/v2/clock",
    "the clock of the stock exchange, which is not simulated",
    ours=True,
)

_SPOT_PROGRAMS: Final = (
    Program("python-binance", "Client", "python_binance_rest.py", venues=("binance",), least=Least(3, 1, 1)),
    Program(
        "python-binance", "streams, books", "python_binance_streams.py", venues=("binance",), known=(_LATE,),
        least=Least(35, 20),
    ),
    # The venue answers from memory, a little behind its stream: the first message does not follow the first snapshot.
    Program(
        "python-binance", "book read late", "python_binance_late.py", venues=("binance",), known=(_LATE,),
        faults=(Fault("old_snapshot", seconds=0.5),), least=Least(20),
    ),
    Program(
        "python-binance", "retired calls", "python_binance_retired.py", venues=("binance",), date="2026-02-19",
        known=(_NO_ACCOUNT,),
    ),
    Program("python-binance", "retired calls", "python_binance_retired.py", venues=("binance",), known=(_TICKER,)),
    *(
        Program("ccxt", f"sync {name}", "ccxt_rest.py", (name,), (name,), least=Least(4, 1, 1))
        for name in ("binance", "htx")
    ),
    *(
        Program("ccxt", f"asyncio {name}", "ccxt_asyncio.py", (name,), (name,), least=Least(4, 0, 1))
        for name in ("binance", "htx")
    ),
    Program("ccxt", "pro binance", "ccxt_pro.py", ("binance",), ("binance",), least=Least(24, 4, 1)),
    Program("ccxt", "pro htx", "ccxt_pro.py", ("htx",), ("htx",), known=(_LONG_IDS,), least=Least(60, 4, 1)),
)  # fmt: skip


def _futures(name: str, books: int) -> Program:
    return Program(
        "python-binance", f"futures {name}", "python_binance_futures.py", (name,), ("binance",),
        known=(_NO_BARS_OF_MARKS, _NO_PARTS_OF_INDICES), least=Least(books, 10, 1),
    )  # fmt: skip


def _stores(exchange: str, name: str) -> Program:
    """Bybit's list of instruments is asked for one of them alone."""
    return Program(
        "pybotters", f"{exchange} {name}", "pybotters_streams.py", (exchange, name), (exchange,),
        least=Least(26, 20, 1 if exchange == "binance" else 0),
    )  # fmt: skip


def _markets(name: str, *known: Known, books: int = 26, trades: int = 20) -> Program:
    exchange = "binance" if name.startswith("binance") else name.partition(" ")[0]
    least = Least(books, trades, 1)
    return Program("ccxt", f"pro {name}", "ccxt_markets.py", (name,), (exchange,), known=known, least=least)


_NO_LISTEN_KEY: Final = Known(
    r"the account's stream",
    "its store of spot wants a listen key, which the venue has answered with 410 since 2026-02-20",
)
_FEE_TURNED: Final = Known(
    r"fills by stream, the fee with the other sign",
    "watch_my_trades of OKX tells fees as the venue writes them, negative where paid; fetch_my_trades turns them",
)
_FILLS_OF_ORDERS: Final = Known(
    r"fills by stream, (without an id|one untold)",
    "watch_my_trades of Alpaca makes a trade of the order that a message is about: its size and average so far, no id",
)
_LOGIN_TWICE_TAKEN: Final = Known(
    "a refused login",
    "what Binance refuses of its spot stream is a KeyError: handle_ws_error has taken out the subscription that "
    "ensure_user_data_stream_ws_subscribe_signature takes out; the refusal is that error's context",
)
_LOGIN_UNHEARD: Final = Known(
    "a refused login",
    "what Alpaca refuses is raised by handle_authenticate in a callback of the loop: watch_orders waits on",
)
_ESCAPED: Final = Known(
    "an order by socket",
    "_ws_futures_api_request signs with _generate_signature, which escapes base64 as for a URL, and says it so in "
    "JSON: refused, where the key is of RSA or Ed25519; of spot it has _generate_ws_api_signature, which does not",
)
_OF_VENUES: Final[dict[tuple[str, str], tuple[Known, ...]]] = {
    ("ccxt", "okx"): (_FEE_TURNED,),
    ("ccxt", "alpaca"): (_FILLS_OF_ORDERS, _LOGIN_UNHEARD),
    ("ccxt", "binance.spot"): (_LOGIN_TWICE_TAKEN,),
    ("pybotters", "binance.spot"): (_NO_LISTEN_KEY,),
}

# Besides five calls over HTTP: logins, and what is asked by messages.
_SIGNED_MORE: Final[dict[tuple[str, str], int]] = {
    **{("ccxt", venue): 2 for venue in ("binance.spot", "bybit.spot", "bybit.linear", "okx")},
    **{("ccxt", venue): 1 for venue in ("binance.usdm", "htx.spot", "alpaca")},
    **{("pybotters", venue): 1 for venue in ("bybit.spot", "bybit.linear", "okx")},
    ("python-binance", "binance.spot"): 2, ("python-binance", "binance.usdm"): 1, ("alpaca-py", "alpaca"): 1,
}  # fmt: skip


def _orders(peer: str, file: str, venue: str, signs: Signs = "hmac") -> Program:
    """What it does with orders at one venue."""
    known = _OF_VENUES.get((peer, venue), ())
    more = _SIGNED_MORE.get((peer, venue), 0)
    if (peer, venue) == ("python-binance", "binance.usdm") and signs != "hmac":
        known, more = (_ESCAPED,), 0
    times = 3 if venue == "alpaca" else 4  # three bytes of each signature; the clock, where requests have times
    return Program(
        peer, f"orders {venue if signs == 'hmac' else f'{venue}, {signs}'}", file, (venue,), (venue.partition(".")[0],),
        known=known, signs=signs,
        least=Least(
            placed=4, queried=6, cancelled=2, fills=2, streamed=0 if _NO_LISTEN_KEY in known else 2, balances=2,
            unknown=2, refused=(5 + more) * times,
        ),
    )  # fmt: skip


_ORDERS: Final = (
    *(
        _orders("python-binance", "python_binance_orders.py", venue, signs)
        for venue in ("binance.spot", "binance.usdm")
        for signs in ("hmac", "rsa", "ed25519")
    ),
    *(
        _orders("ccxt", "ccxt_orders.py", venue)
        for venue in ("binance.spot", "binance.usdm", "bybit.spot", "bybit.linear", "okx", "htx.spot", "alpaca")
    ),
    *(_orders("ccxt", "ccxt_orders.py", "binance.spot", signs) for signs in ("rsa", "ed25519")),
    *(
        _orders("pybotters", "pybotters_orders.py", venue)
        for venue in ("binance.spot", "binance.usdm", "bybit.spot", "bybit.linear", "okx")
    ),
    _orders("alpaca-py", "alpaca_py_orders.py", "alpaca"),
)

# The "before" side of docs/guides: opening, ten tasks, closing. A task that fails ends the program.
GUIDES: Final = tuple(
    Program(peer, "guide", "guides.py", (peer,), tuple(venues), least=Least(calls=12))
    for peer, *venues in (
        ("python-binance", "binance"), ("ccxt", "binance"), ("pybotters", "binance"), ("alpaca-py", "alpaca"),
        ("cryptofeed", "binance", "htx"),
    )
)  # fmt: skip

PROGRAMS: Final = (
    *_SPOT_PROGRAMS,
    *GUIDES,
    _futures("usdm", 42),
    _futures("coinm", 18),
    Program(
        "python-binance", "options", "python_binance_options.py", venues=("binance",),
        known=(_LAID_OVER, _OPTIONS_PATHS), least=Least(10, 0, 1),
    ),
    _markets("binanceusdm", books=38),
    _markets("binancecoinm", books=38),
    _markets("bybit spot", _ONE_BOOK, books=38),
    _markets("bybit linear", _ONE_BOOK, books=38),
    _markets("bybit inverse", _ONE_BOOK, books=38),
    _markets("htx linear", _NO_RATES),
    _markets("htx inverse"),
    Program("ccxt", "pro okx", "ccxt_mixed.py", ("okx",), ("okx",), least=Least(30, 4, 1)),
    _markets("alpaca", _OLD_STREAM, _LOWER_CASE, _NO_CLOCK, books=2, trades=1),
    *(
        _stores(exchange, name)
        for exchange, name in (("binance", "spot"), ("binance", "usdm"), ("bybit", "spot"), ("bybit", "linear"))
    ),
    *_ORDERS,
    *(
        Program("cryptofeed", f"books {name}", "cryptofeed_books.py", (name,), (name,), least=Least(26, 20))
        for name in ("binance", "okx")
    ),
    Program("alpaca-py", "crypto", "alpaca_py.py", venues=("alpaca",), least=Least(30, 20)),
)  # fmt: skip
