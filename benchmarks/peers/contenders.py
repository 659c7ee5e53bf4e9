"""Who is measured beside us, and with how much."""

from dataclasses import dataclass
from typing import Final

from benchmarks import targets
from benchmarks.traffic import Weight

COUNTS: Final[dict[Weight, int]] = {"light": 1000, "heavy": 300}
"""So many messages see all contenders, the slow ones too: enough for means, and soon done."""

READS: Final = {"best": 1, "top 20": 20}


@dataclass(frozen=True, slots=True)
class Contender:
    """`driver` is its module. `importing` is what a program that uses it begins with.

    `peer`: a library that others publish, of which the best is looked for. `home`: it runs in our own environment.
    `receives`: how many messages of a book one run over a socket has; 0 where it cannot be driven so.
    """

    driver: str
    name: str
    importing: str = ""
    peer: bool = True
    home: bool = False
    receives: int = 0


SLOW: Final = 1000
QUICK: Final = 10_000

PEERS: Final = (
    Contender(
        "python_binance", "python-binance", "from binance import AsyncClient, BinanceSocketManager, DepthCacheManager",
        receives=SLOW,
    ),
    Contender("ccxt_pro", "ccxt.pro", "import ccxt.pro", receives=QUICK),
    Contender(
        "cryptofeed", "cryptofeed", "from cryptofeed import FeedHandler; from cryptofeed.exchanges import Binance",
        receives=SLOW,
    ),
    Contender("pybotters", "pybotters", "import pybotters", receives=SLOW),
    Contender("unicorn", "unicorn", "from unicorn_binance_local_depth_cache import BinanceLocalDepthCacheManager"),
    Contender(
        "nautilus", "nautilus_trader",
        "from nautilus_trader.adapters.binance import BinanceDataClientConfig, BinanceLiveDataClientFactory",
    ),
    Contender("nautilus_pyo3", "nautilus_trader, its Rust classes", "from nautilus_trader.core import nautilus_pyo3"),
)  # fmt: skip

HANDMADE: Final = (
    Contender("handmade", "by hand: msgspec, sortedcontainers", peer=False, receives=QUICK),
    Contender("order_book", "by hand: orjson, order_book", peer=False),
)

# Much is imported when it is first used: a client when `connect` is called, aiohttp when a whole book is asked for.
TIDEBOOK: Final = "import tidebook; tidebook.connect('binance'); import aiohttp"

OURS: Final = (
    Contender("floor", targets.FLOOR, peer=False, home=True),
    Contender("floor_called", targets.CALLED, peer=False, home=True),
    Contender("native", "native", TIDEBOOK, peer=False, home=True),
    Contender("twin", "python", peer=False, home=True),
)

NOT_DRIVEN: Final = (
    "unicorn-binance-local-depth-cache, which calls nobody when a book has changed",
    "nautilus_trader, which receives within a trading node alone",
)
