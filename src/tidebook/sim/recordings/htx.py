"""A recording of HTX spot: changes of the best 150 levels, asked-for snapshots on the same socket, gzipped frames."""

import gzip
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from random import Random

from tidebook.sim.recordings.market import Change, Kind, TrueBook, levels, path
from tidebook.sim.recordings.tape import EPOCH_US, Known, Tape, compact

SYMBOLS = {
    "BTCUSDT": Kind(
        start=60_000.1, lot=6, size=0.05, levels=2.6, spread=0.9, moves=0.12, new=0.40, modified=0.25, absent=0.0,
        half_spread=0.01, depth=420, odd_sizes=True,
    ),
    "ETHUSDT": Kind(
        start=2_400.5, lot=4, size=0.9, levels=2.3, spread=0.9, moves=0.16, new=0.34, modified=0.35, absent=0.0,
        half_spread=0.06, depth=380, odd_sizes=True,
    ),
}  # fmt: skip
WINDOW = 150
CONN = "ws.1"
URL = "wss://api.huobi.pro/feed"
PING = 5.0
RULE = "A snapshot is the best 150 levels a side; a change follows when prevSeqNum is the last seqNum."


def tape(seconds: float) -> Tape:
    """The whole recording."""
    made = Tape("htx.spot", RULE)
    made.add(0.0, "http", "http.meta", "https://api.huobi.pro/v1/common/symbols", _listing())
    made.add(0.04, "open", CONN, URL)
    for number, symbol in enumerate(SYMBOLS):
        _Symbol(made, symbol.lower(), SYMBOLS[symbol], number).record(
            path(symbol, SYMBOLS[symbol], round(seconds * 10) - 4)
        )
    at = 1.2
    while at < seconds:
        stamp = EPOCH_US // 1000 + round(at * 1000) - 40
        _receive(made, at, f'{{"ping":{stamp}}}')
        made.add(at + 0.0004, "send", CONN, URL, f'{{"pong":{stamp}}}')
        at += PING
    return made


def _listing() -> str:
    symbols = [
        {"base-currency": symbol[:3].lower(), "quote-currency": "usdt", "symbol": symbol.lower(), "state": "online"}
        for symbol in SYMBOLS
    ]
    return compact({"status": "ok", "data": symbols})


def _receive(made: Tape, at: float, text: str, effect: Callable[[], None] | None = None) -> None:
    """A frame as it came: gzipped."""
    made.add(at, "recv", CONN, URL, gzip.compress(text.encode(), mtime=0), effect)


def _rows(changes: list[Change]) -> str:
    """Levels as bare numbers."""
    return "[" + ",".join(f"[{_bare(price)},{_bare(size)}]" for price, size in changes) + "]"


def _bare(value: Decimal) -> str:
    """No zeros at the end; what is very small has an exponent."""
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text and "E" not in text else text


class _Symbol:
    """One symbol's records."""

    def __init__(self, made: Tape, symbol: str, kind: Kind, number: int) -> None:
        self._tape = made
        self._symbol = symbol
        self._topic = f"market.{symbol}.mbp.{WINDOW}"
        self._number = number
        self._random = Random(f"htx {symbol} messages")
        self._book = TrueBook("htx", symbol, kind)
        self._known = made.books[symbol] = Known(symbol)
        self._seq = self._random.randrange(160_000_000_000, 170_000_000_000)

    def record(self, prices: list[float]) -> None:
        late = 0.05 + 0.02 * self._number
        self._send(late, "sub", 1 + self._number)
        stamp = EPOCH_US // 1000 + round(late * 1000)
        ack = {"id": str(1 + self._number), "status": "ok", "subbed": self._topic, "ts": stamp + 30}
        _receive(self._tape, late + 0.06, compact(ack))
        self._send(late + 0.07, "req", 3 + self._number)
        for step, hidden in enumerate(prices):
            at = 0.2 + late + step / 10 + self._random.gauss(0.0, 0.001)
            if step == 0:  # asked for too early: it is from before the first change
                self._reply(at + 0.01, 3 + self._number, self._seq - self._random.randrange(20, 90), known=False)
                self._send(at + 0.12, "req", 5 + self._number)
            self._delta(at, hidden)
            if step == 2:
                self._reply(at + 0.03, 5 + self._number, self._seq, known=True)

    def _send(self, at: float, what: str, ask_id: int) -> None:
        self._tape.add(at, "send", CONN, URL, compact({what: self._topic, "id": str(ask_id)}))

    def _window(self) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
        return dict(levels(self._book.bids, WINDOW)), dict(levels(self._book.asks, WINDOW))

    def _delta(self, at: float, hidden: float) -> None:
        """What differs between the best 150 before and after."""
        before = self._window()
        self._book.step(hidden)
        after = self._window()
        sides, changed = [], []
        for name, old, new in zip(("bids", "asks"), before, after, strict=True):
            gone = [(price, Decimal(0)) for price in old if price not in new]
            changes = [(price, size) for price, size in new.items() if old.get(price) != size] + gone
            changed.append(changes)
            if changes or self._random.random() < 0.5:  # a side without changes is empty, or is not there
                sides.append(f'"{name}":{_rows(changes)}')
        previous, self._seq = self._seq, self._seq + self._random.randrange(1, 60)
        stamp = EPOCH_US // 1000 + round(at * 1000) - 40
        ids = f'"seqNum":{self._seq},"prevSeqNum":{previous}'
        tick = ",".join([ids, *sides])
        effect = partial(self._known.changed, self._seq, *changed)
        _receive(self._tape, at, f'{{"ch":"{self._topic}","ts":{stamp},"tick":{{{tick}}}}}', effect)

    def _reply(self, at: float, ask_id: int, seq: int, *, known: bool) -> None:
        bids, asks = levels(self._book.bids, WINDOW), levels(self._book.asks, WINDOW)
        data = f'{{"seqNum":{seq},"bids":{_rows(bids)},"asks":{_rows(asks)}}}'
        effect = partial(self._known.whole, seq, bids, asks) if known else None
        _receive(self._tape, at, f'{{"id":"{ask_id}","rep":"{self._topic}","status":"ok","data":{data}}}', effect)
