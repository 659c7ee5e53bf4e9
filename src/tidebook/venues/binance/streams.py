"""What the streams of Binance's markets have in common: how they are subscribed, wrapped and named."""

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tidebook.model.facts import Fact
from tidebook.venue import BookShape, FactChannel, Id, Kind, Seen, Subscribing, Template, Time

# Unknown streams are acknowledged all the same.
SUBSCRIBING: Final = Subscribing(
    subscribe=Template('{"method":"SUBSCRIBE","params":"@topics","id":"#id"}'),
    ack=Template('{"result":null,"id":"#id"}'),
    unsubscribe=Template('{"method":"UNSUBSCRIBE","params":"@topics","id":"#id"}'),
    refusals=(Template('{"code":"#code","msg":"$text","id?":"#id"}'),),
    topics_per_message=100,
    pace=0.25,
)

WRAPPED: Final = ("stream",)

CHANGES: Final = BookShape(
    route=WRAPPED,
    kind=Kind(default="delta"),
    bids=("data.b",),
    asks=("data.a",),
    first=Id("data.U"),
    last=Id("data.u"),
    time=Time("data.E"),
)


def partials(speeds: Sequence[str]) -> tuple[str, ...]:
    """The names of partial books, without a symbol."""
    return tuple(f"depth{n}{speed}" for n in (5, 10, 20) for speed in speeds)


def named(*suffixes: str) -> Callable[[str], str | None]:
    """The way back from a stream of one of these names to the instrument's id."""

    def instrument_of(topic: str) -> str | None:
        symbol, _, rest = topic.partition("@")
        return symbol.upper() if rest in suffixes and symbol else None

    return instrument_of


def asked_at(path: str) -> Callable[[str], str | None]:
    """For which instrument the URL of a snapshot asks; other versions of the path, which it ends with, too."""

    def instrument_of(url: str) -> str | None:
        parts = urlsplit(url)
        symbol = parse_qs(parts.query).get("symbol") if parts.path.endswith(path) else None
        return symbol[0].upper() if symbol else None

    return instrument_of


def facts(
    name: str, stream: str, read: Callable[[bytes, Seen], Sequence[Fact]], options: tuple[str, ...] = (),
    endpoint: str = "streams",
) -> FactChannel:  # fmt: skip
    """A stream of one symbol; `stream` ends where the option follows."""
    return FactChannel(
        name, endpoint, lambda instrument, option: f"{instrument.lower()}@{stream}{option or ''}", read, WRAPPED,
        options=options,
    )  # fmt: skip
