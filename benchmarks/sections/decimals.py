"""(a) What exact prices cost whoever reads them."""

from collections.abc import Iterator
from statistics import median
from typing import Final

from benchmarks import shapes, traffic
from benchmarks.measure import Contender, Work, in_rounds, pinned
from benchmarks.record import Bench, Result, Section
from benchmarks.sections.engine import available
from tidebook.engine.contract import Engine

DEPTHS: Final = (100, 1000, 5000)
COUNT: Final = 2000
LEVELS: Final = 5


def _fed(of: Engine, name: str, whole: bytes, frames: list[bytes], read: bool) -> Contender:
    def prepare() -> Work:
        feed, book = shapes.fed(of, "binance", whole)
        take, top = feed.feed, book.top

        def work() -> int:
            for frame in frames:
                take(frame, shapes.AT_NS)
                if read:
                    for side in top(LEVELS):
                        for one in side:
                            one.price, one.size  # noqa: B018 - made when looked at
            return len(frames)

        return work

    return Contender(name, prepare)


def run(bench: Bench) -> Iterator[Result]:
    _, engines = available(bench)
    for depth in DEPTHS:
        whole, frames = traffic.binance(traffic.Market(depth=depth), "light", COUNT)
        for choice, engine in engines.items():
            part = frames if choice == "native" else frames[: COUNT // 10]
            both = [_fed(engine, "read", whole, part, True), _fed(engine, "unread", whole, part, False)]
            with pinned():
                rounds = in_rounds(both, bench.rounds, bench.seed)
            reads = [one["read"] - one["unread"] for one in rounds]
            yield Result(
                "decimals", f"top {LEVELS} as Decimal, {depth} levels a side", choice, median(reads),
                low=min(reads), high=max(reads), rounds=len(reads), messages=len(part),
            )  # fmt: skip


SECTION = Section(
    "decimals",
    "Exact prices",
    "The best five levels of both sides as Decimals, read after each light change; the change itself is taken off. "
    "Levels that are as they were keep theirs.",
    run,
    order=12,
    seconds=5,
)
