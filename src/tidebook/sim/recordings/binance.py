"""A recording of Binance spot: combined streams, and snapshots over HTTP."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from urllib.parse import quote

from tidebook.sim.recordings.market import Change, Kind, TrueBook, levels, path
from tidebook.sim.recordings.tape import EPOCH_US, Known, Tape, compact

SYMBOLS = {
    "BTCUSDT": Kind(
        start=60_000.1, lot=5, size=0.08, levels=2.7, spread=0.95, moves=0.12, new=0.42, modified=0.12, absent=0.08,
        half_spread=0.002, depth=1300,
    ),
    "ETHUSDT": Kind(
        start=2_400.5, lot=4, size=1.4, levels=2.3, spread=1.05, moves=0.16, new=0.26, modified=0.46, absent=0.04,
        half_spread=0.03, depth=1100,
    ),
}  # fmt: skip
BASES = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT")}
LIMIT = 1000
CONN = "ws.1"
STREAMS = ("depth@100ms", "bookTicker", "trade")
URL = "wss://stream.binance.com:9443/stream?streams=" + "/".join(
    quote(f"{symbol.lower()}@{stream}", safe="@") for symbol in SYMBOLS for stream in STREAMS
)
RULE = "A snapshot is the best 1000 levels a side; a change follows when U is the last u plus 1."


def tape(seconds: float, lost_at: float | None) -> Tape:
    """The whole recording; one change of the first symbol is lost after `lost_at` seconds."""
    made = Tape("binance.spot", RULE)
    made.add(0.0, "http", "http.meta", "https://api.binance.com/api/v3/exchangeInfo", _listing())
    made.add(0.05, "open", CONN, URL)
    for number, symbol in enumerate(SYMBOLS):
        _Symbol(made, symbol, phase=0.1 + 0.037 * number).record(seconds, lost_at if number == 0 else None)
    return made


def _listing() -> str:
    symbols = [
        {"symbol": symbol, "status": "TRADING", "baseAsset": base, "quoteAsset": to, "isSpotTradingAllowed": True}
        for symbol, (base, to) in BASES.items()
    ]
    return compact({"timezone": "UTC", "serverTime": EPOCH_US // 1000, "rateLimits": [], "symbols": symbols})


def _rows(changes: list[Change]) -> str:
    """Levels as texts with eight decimals."""
    return "[" + ",".join(f'["{price:.8f}","{size:.8f}"]' for price, size in changes) + "]"


class _Symbol:
    """One symbol's records."""

    def __init__(self, made: Tape, symbol: str, phase: float) -> None:
        self._tape = made
        self._symbol = symbol
        self._phase = phase
        self._random = Random(f"binance {symbol} messages")
        self._book = TrueBook("binance", symbol, SYMBOLS[symbol])
        self._known = made.books[symbol] = Known(symbol)
        self._id = self._random.randrange(40_000_000_000, 60_000_000_000)
        self._trade = self._random.randrange(3_000_000_000, 4_000_000_000)

    def record(self, seconds: float, lost_at: float | None) -> None:
        steps = round(seconds * 10) - 2
        snapshots = [3] if lost_at is None else [3, round(lost_at * 10) + 5]
        lost = None if lost_at is None else round(lost_at * 10)
        for step, hidden in enumerate(path(self._symbol, SYMBOLS[self._symbol], steps)):
            at = self._phase + step / 10 + self._random.gauss(0.0, 0.0006)
            first, bids, asks = self._moved(hidden)
            if step != lost:
                self._delta(at, first, bids, asks, follows=lost is None or step != lost + 1)
            if step in snapshots:
                self._snapshot(at)
            for offset in self._moments(7):
                self._ticker(at + offset)
            for offset in self._moments(3):
                self._traded(at + offset)

    def _moments(self, per_second: float) -> Iterator[float]:
        """Moments within one step, in order of drawing."""
        while self._random.random() < per_second / (per_second + 10):
            yield self._random.random() * 0.09

    def _moved(self, hidden: float) -> tuple[int, list[Change], list[Change]]:
        bids, asks = self._book.step(hidden)
        first = self._id + 1
        self._id += len(bids) + len(asks) + self._random.randrange(1, 12)
        return first, bids, asks

    def _delta(self, at: float, first: int, bids: list[Change], asks: list[Change], *, follows: bool) -> None:
        stamp, last, known = self._stamp(at), self._id, self._known

        def effect() -> None:
            if not follows:
                known.lost()
            known.changed(last, bids, asks)

        self._say(
            at, "depth@100ms",
            f'{{"e":"depthUpdate","E":{stamp},"s":"{self._symbol}","U":{first},"u":{last},'
            f'"b":{_rows(bids)},"a":{_rows(asks)}}}',
            effect,
        )  # fmt: skip

    def _snapshot(self, at: float) -> None:
        """What the exchange had now; it arrives after one more change did."""
        bids, asks = levels(self._book.bids, LIMIT), levels(self._book.asks, LIMIT)
        body = f'{{"lastUpdateId":{self._id},"bids":{_rows(bids)},"asks":{_rows(asks)}}}'
        url = f"https://api.binance.com/api/v3/depth?symbol={self._symbol}&limit={LIMIT}"
        self._tape.add(at + 0.13, "http", "http.0", url, body, partial(self._known.whole, self._id, bids, asks))

    def _ticker(self, at: float) -> None:
        (bid, bid_size), (ask, ask_size) = levels(self._book.bids, 1)[0], levels(self._book.asks, 1)[0]
        self._say(
            at, "bookTicker",
            f'{{"u":{self._id},"s":"{self._symbol}","b":"{bid:.8f}","B":"{bid_size:.8f}",'
            f'"a":"{ask:.8f}","A":"{ask_size:.8f}"}}',
        )  # fmt: skip

    def _traded(self, at: float) -> None:
        self._trade += 1
        selling = self._random.random() < 0.5
        price, size = levels(self._book.bids if selling else self._book.asks, 1)[0]
        stamp = self._stamp(at)
        self._say(
            at, "trade",
            f'{{"e":"trade","E":{stamp},"s":"{self._symbol}","t":{self._trade},"p":"{price:.8f}","q":"{size / 4:.8f}",'
            f'"T":{stamp},"m":{str(selling).lower()},"M":true}}',
        )  # fmt: skip

    @staticmethod
    def _stamp(at: float) -> int:
        """The exchange's milliseconds: it said so a little earlier."""
        return EPOCH_US // 1000 + round(at * 1000) - 6

    def _say(self, at: float, stream: str, data: str, effect: Callable[[], None] | None = None) -> None:
        message = f'{{"stream":"{self._symbol.lower()}@{stream}","data":{data}}}'
        self._tape.add(at, "recv", CONN, URL, message, effect)
