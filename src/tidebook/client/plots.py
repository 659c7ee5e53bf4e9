"""Tables as pictures, drawn by matplotlib: candles, lines over time, points by side, a book's depth, bars by name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from itertools import accumulate
from typing import Any, Final

from tidebook.errors import UsageError

Rows = Sequence[Mapping[str, Any]]
CANDLES: Final = 400  # bars; more of them are a line and the range around it
NAMES: Final = 25  # bars with a name beside each
_UP, _DOWN = "#2a9d68", "#d1495b"
_SIDES: Final = {"buy": _UP, "sell": _DOWN, "bid": _UP, "ask": _DOWN}


def drawn(title: str, about: str, rows: Rows, ax: Any = None) -> Any:
    """The axes on which rows of one kind were drawn: `ax`, or those of a new figure of pyplot's.

    Raises UsageError for rows of which nothing can be drawn, and where matplotlib is not installed.
    """
    draw = _DRAWN.get(title)
    if draw is None:
        raise UsageError(f"{title}: nothing of them can be drawn. There are pictures of {', '.join(_DRAWN)}")
    if ax is None:
        try:
            ax = import_module("matplotlib.pyplot").subplots()[1]
        except ImportError:
            raise UsageError('matplotlib is not installed. pip install "tidebook[plots]"') from None
    draw(ax, rows)
    if rows and "timestamp" in rows[0]:
        dates = import_module("matplotlib.dates")
        ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(ax.xaxis.get_major_locator()))
    ax.set_title(about or title)
    if ax.get_legend_handles_labels()[1]:
        ax.legend()
    return ax


def _candles(ax: Any, rows: Rows) -> None:
    several = list(_by_symbol(rows))
    if len(several) > 1 or len(rows) > CANDLES:
        for name, some in several:
            times = _times(some)
            (line,) = ax.plot(times, _floats(some, "close"), linewidth=1, label=name)
            ax.fill_between(times, _floats(some, "low"), _floats(some, "high"), color=line.get_color(), alpha=0.25)
        return
    times = _times(rows)
    opens, closes = _floats(rows, "open"), _floats(rows, "close")
    colors = [_UP if last >= first else _DOWN for first, last in zip(opens, closes, strict=True)]
    ax.vlines(times, _floats(rows, "low"), _floats(rows, "high"), color=colors, linewidth=1)
    heights = [last - first for first, last in zip(opens, closes, strict=True)]
    width = min(times[1:] - times[:-1]) * 8 // 10 if len(rows) > 1 else 0.0005  # of a day
    ax.bar(times, heights, width, opens, color=colors)


def _lines(*names: str) -> Callable[[Any, Rows], None]:
    """These columns over time."""

    def draw(ax: Any, rows: Rows) -> None:
        several = list(_by_symbol(rows))
        for symbol, some in several:
            for name in names:
                label = name if len(several) == 1 else f"{symbol} {name}"
                ax.plot(_times(some), _floats(some, name), drawstyle="steps-post", linewidth=1, label=label)

    return draw


def _points(ax: Any, rows: Rows) -> None:
    """Prices over time, larger where more was traded."""
    most = max(_floats(rows, "size"), default=0.0)
    for side in ("buy", "sell"):
        some = [row for row in rows if row["side"] == side and row["price"] is not None]
        areas = [4 + 60 * size / most if most else 4 for size in _floats(some, "size")]
        ax.scatter(_times(some), _floats(some, "price"), areas, color=_SIDES[side], alpha=0.6, label=side)


def _depth(ax: Any, rows: Rows) -> None:
    """How much there is up to each price."""
    for side in ("bid", "ask"):
        some = [row for row in rows if row["side"] == side]
        sums = list(accumulate(_floats(some, "size")))
        ax.fill_between(_floats(some, "price"), sums, step="post", color=_SIDES[side], alpha=0.5, label=side)
    ax.set_ylim(bottom=0)


def _best(ax: Any, rows: Rows) -> None:
    """The best prices of books over time."""
    several = list(_by_symbol(rows))
    for symbol, some in several:
        for side in ("bid", "ask"):
            first = [row for row in some if row["side"] == side and row["place"] == 0]
            label = side if len(several) == 1 else f"{symbol} {side}"
            ax.plot(_times(first), _floats(first, "price"), drawstyle="steps-post", linewidth=1, label=label)


def _named(name: str, value: str) -> Callable[[Any, Rows], None]:
    """A bar for each of the largest."""

    def draw(ax: Any, rows: Rows) -> None:
        most = sorted(rows, key=lambda row: abs(row[value]))[-NAMES:]
        ax.barh([_bar(row, name) for row in most], _floats(most, value))
        ax.set_xlabel(value)

    return draw


_DRAWN: Final[dict[str, Callable[[Any, Rows], None]]] = {
    "Bars": _candles,
    "Trades": _points,
    "Quotes": _lines("bid", "ask"),
    "Funding": _lines("rate"),
    "Mark prices": _lines("price", "index"),
    "Open interest": _lines("size"),
    "Greeks": _lines("mark_iv", "bid_iv", "ask_iv"),
    "Liquidations": _points,
    "Orders": _points,
    "Fills": _points,
    "Book": _depth,
    "Books": _best,
    "Balances": _named("currency", "total"),
    "Positions": _named("symbol", "size"),
}


def _by_symbol(rows: Rows) -> Iterable[tuple[str, Rows]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(f"{row['symbol']} {row['venue']}", []).append(row)
    return found.items()


def _times(rows: Rows) -> Any:
    numpy = import_module("numpy")  # matplotlib needs it, too
    return numpy.array([row["timestamp"] for row in rows], "datetime64[ns]")


def _floats(rows: Rows, name: str) -> list[float]:
    return [float("nan") if row[name] is None else float(row[name]) for row in rows]


def _bar(row: Mapping[str, Any], name: str) -> str:
    """What a bar is called: two positions of one symbol are two bars."""
    apart = [row["leg"]] if row.get("leg", "net") != "net" else []
    apart += ["isolated"] if row.get("margin") == "isolated" else []
    return " ".join([row[name], *apart])
