"""What the server sends: messages of one stream in a file, the whole book before them, what each should leave behind.

Files are made once and kept under `.build`; a change of what makes them makes them anew.
"""

import json
import random
import struct
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchmarks import traffic
from benchmarks.traffic import START_NS, Market, Side

Kind = Literal["depth", "quotes", "trades"]

KEPT: Final = Path(__file__).parents[1] / ".build" / "traffic"
STREAMS: Final[dict[Kind, str]] = {
    "depth": "btcusdt@depth@100ms",
    "quotes": "btcusdt@bookTicker",
    "trades": "btcusdt@trade",
}
FIELDS: Final = 5  # of a state: the id, then four numbers in 10^-8


@dataclass(frozen=True)
class State:
    """After a message: its id, and bid, bid size, ask, ask size, or price and size; in 10^-8."""

    last: int
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Prepared:
    """`count` messages of one stream. Before those of a book comes one more, which its whole book knows already."""

    kind: Kind
    count: int
    frames: Path
    whole: Path
    states: Path

    @property
    def stream(self) -> str:
        return STREAMS[self.kind]

    def after(self, count: int) -> State:
        """What is right after the first `count` messages."""
        size = 8 * FIELDS
        with self.states.open("rb") as file:
            file.seek((count - 1) * size)
            last, *numbers = struct.unpack(f"{FIELDS}q", file.read(size))
        return State(last, tuple(numbers[:2] if self.kind == "trades" else numbers))


def prepared(kind: Kind, count: int) -> Prepared:
    """Light changes of a book, quotes or trades; made now where they are not there yet."""
    makers = zlib.crc32(Path(__file__).read_bytes() + Path(traffic.__file__).read_bytes())
    name = KEPT / f"{kind}-{count}-{makers:08x}"
    one = Prepared(kind, count, *(name.with_suffix(f".{part}") for part in ("frames", "whole", "states")))
    if not one.states.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        _make(one)
    return one


def _make(one: Prepared) -> None:
    if one.kind == "depth":
        whole, frames = traffic.binance(Market(1), "light", one.count)
        states = _book_states(whole, frames)
        frames = [_known_already(whole), *frames]
    else:
        whole = b"{}"
        frames, states = _quotes(one.count) if one.kind == "quotes" else _trades(one.count)
    one.whole.write_bytes(whole)
    one.frames.write_bytes(b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames))
    one.states.write_bytes(states.tobytes())


def _known_already(whole: bytes) -> bytes:
    """A change that is older than the whole book: some clients ask for that when the first change has come."""
    book = json.loads(whole)
    last, (price, size) = book["lastUpdateId"], book["bids"][0]
    return (
        f'{{"stream":"{STREAMS["depth"]}","data":{{"e":"depthUpdate","E":{START_NS // 1_000_000},"s":"BTCUSDT",'
        f'"U":{last},"u":{last},"b":[["{price}","{size}"]],"a":[]}}}}'
    ).encode()


def _exact(text: str) -> int:
    """Text of eight decimals in 10^-8."""
    return int(text.replace(".", ""))


def _book_states(whole: bytes, frames: list[bytes]) -> "array[int]":
    """The model: what is printed is read again, by nothing that is measured."""
    states: array[int] = array("q")
    sides = {"b": Side(1), "a": Side(-1)}
    book = json.loads(whole)
    for name, rows in (("b", book["bids"]), ("a", book["asks"])):
        for price, size in rows:
            sides[name].put(_exact(price), _exact(size))
    for frame in frames:
        data = json.loads(frame)["data"]
        for name, side in sides.items():
            for price, size in data[name]:
                side.put(_exact(price), _exact(size))
        states.extend((data["u"], *sides["b"].best(1)[0], *sides["a"].best(1)[0]))
    return states


def _text(value: int) -> str:
    return f"{value // 10**8}.{value % 10**8:08d}"


def _quotes(count: int) -> tuple[list[bytes], "array[int]"]:
    """Ids of thirteen digits, in which the server writes the time."""
    draw, states = random.Random(2), array("q")
    frames: list[bytes] = []
    bid, first = 6_000_000, START_NS // 1_000_000
    for at in range(count):
        bid += draw.randint(-2, 2)
        numbers = bid * 10**6, draw.randint(1, 10**9), (bid + draw.randint(1, 9)) * 10**6, draw.randint(1, 10**9)
        b, b_size, a, a_size = map(_text, numbers)
        frames.append(
            f'{{"stream":"{STREAMS["quotes"]}","data":{{"u":{first + at},"s":"BTCUSDT","b":"{b}","B":"{b_size}",'
            f'"a":"{a}","A":"{a_size}"}}}}'.encode()
        )
        states.extend((first + at, *numbers))
    return frames, states


def _trades(count: int) -> tuple[list[bytes], "array[int]"]:
    draw, states = random.Random(3), array("q")
    frames: list[bytes] = []
    price, at_ms, first = 6_000_000, START_NS // 1_000_000, 5_000_000_000
    for at in range(count):
        price += draw.randint(-2, 2)
        numbers = price * 10**6, draw.randint(1, 10**9)
        p, q = map(_text, numbers)
        sold = "true" if draw.random() < 0.5 else "false"
        frames.append(
            f'{{"stream":"{STREAMS["trades"]}","data":{{"e":"trade","E":{at_ms + at},"s":"BTCUSDT","t":{first + at},'
            f'"p":"{p}","q":"{q}","T":{at_ms + at},"m":{sold},"M":true}}}}'.encode()
        )
        states.extend((first + at, *numbers, 0, 0))
    return frames, states
