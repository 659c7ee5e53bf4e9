"""Which programs are sent to the simulator, at which date, and what of them is a known fault of the peer itself."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from tidebook.sim.server import Fault


@dataclass(frozen=True, slots=True)
class Known:
    """A fault that is the peer's own, and why. `what` matches the name of a book, of a call, or of a question.

    `newer`: it explains a book alone whose wrong levels are what the exchange had a little after the book's number.
    """

    what: str
    reason: str
    newer: bool = False

    def covers(self, name: str) -> bool:
        """Whether it explains what happened under this name."""
        return re.fullmatch(self.what, name) is not None


class Least(NamedTuple):
    """How many comparisons a run makes at the least: one that makes fewer has judged nothing, whatever it says."""

    books: int = 0
    trades: int = 0
    instruments: int = 0


NOTHING: Final = Least()


@dataclass(frozen=True, slots=True)
class Program:
    """One program of one peer. `date` None is today; `faults` are what the exchange is asked to get wrong.

    `least` is what the program's own text lets it tell, where all goes well.
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

PROGRAMS: Final = (
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
        Program("python-binance", f"futures {name}", "python_binance_futures.py", (name,), ("binance",))
        for name in ("usdm", "coinm")
    ),
    Program("python-binance", "options", "python_binance_options.py", venues=("binance",)),
    *(
        Program("pybotters", f"{exchange} {name}", "pybotters_streams.py", (exchange, name), (exchange,))
        for exchange, name in (("binance", "spot"), ("binance", "usdm"), ("bybit", "spot"), ("bybit", "linear"))
    ),
    Program("alpaca-py", "crypto", "alpaca_py.py", venues=("alpaca",)),
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
    *(
        Program("ccxt", f"pro {name}", "ccxt_markets.py", (name,), (exchange,))
        for name, exchange in (
            ("binanceusdm", "binance"), ("binancecoinm", "binance"), ("bybit spot", "bybit"),
            ("bybit linear", "bybit"), ("bybit inverse", "bybit"), ("htx linear", "htx"), ("htx inverse", "htx"),
            ("alpaca", "alpaca"),
        )
    ),
    Program("ccxt", "pro okx", "ccxt_mixed.py", ("okx",), ("okx",), least=Least(30, 4, 1)),
)  # fmt: skip
