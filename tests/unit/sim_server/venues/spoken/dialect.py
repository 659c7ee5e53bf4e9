"""The server's side of the invented venues: one stream, the trades of a market."""

from collections.abc import Callable
from functools import partial

from tidebook.core.dialect import Dialect, Said, Sold, Stream, Told, Values


def _trade(prefix: str, told: Told, sold: Sold) -> Values:
    return {f"{prefix}id": told.id, f"{prefix}price": sold.price}


def _stream(sample: str, prefix: str, of: Callable[[str], tuple[str, str]], topic: str) -> Stream | None:
    channel, id = of(topic)
    return Stream("trade", id, sample, partial(_trade, prefix)) if channel == "trades" else None


def _split(separator: str, topic: str) -> tuple[str, str]:
    channel, _, id = topic.partition(separator)
    return channel, id


def _dialect(name: str, sample: str, prefix: str, separator: str, *, refuses: bool = True) -> Dialect:
    return Dialect(
        venue=f"spoken.{name}",
        id=lambda base, quote: f"{base}-{quote}",
        stream=partial(_stream, sample, prefix, partial(_split, separator)),
        door={"/ws": "stream"}.get,
        routes=(),
        pool="spoken",
        no_such_id=lambda args: Said("trade"),
        limited=lambda seconds, banned: Said("trade"),
        unknown=(lambda topic: ("404", f"no {topic}")) if refuses else None,
        too_many=("405", "too many topics"),
        not_understood=("400", "not understood"),
    )


DIALECTS = (
    _dialect("objects", "trade", "data.", " "),
    _dialect("part", "trade", "data.", "."),
    _dialect("lists", "frame", "0.", " "),
    _dialect("deaf", "trade", "data.", " ", refuses=False),
)
