"""The picture of the README: who takes how long for one change of a book, on a logarithmic scale.

SVG written by hand: it is one axis and some lines. There are two, because GitHub's pages are light or dark and a
picture inside of them does not know.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.sax.saxutils import escape

from benchmarks import targets
from benchmarks.kept import Kept
from benchmarks.record import Result
from benchmarks.report import number

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Colours:
    ground: str
    text: str
    faint: str
    line: str
    ours: str
    floor: str
    other: str


COLOURS: Final[dict[Theme, Colours]] = {
    "light": Colours("#ffffff", "#1f2328", "#59636e", "#d1d9e0", "#0969da", "#59636e", "#bc4c00"),
    "dark": Colours("#0d1117", "#f0f6fc", "#9198a1", "#3d444d", "#4493f8", "#9198a1", "#db6d28"),
}
FONT: Final = "-apple-system,BlinkMacSystemFont,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif"

TITLE: Final = "One change of a book: decoded, applied, best prices read"
WIDTH, LEFT, RIGHT, TOP, STEP, BOTTOM = 840, 276, 90, 64, 26, 34
RIM: Final = 'stroke-width="5" stroke-linejoin="round"'
SOURCES: Final = (("peers", "binance light, best"), ("engine", "binance light, best"))
"""The first of these that was measured is drawn: one run, in which all can be compared."""

NAMES: Final = {
    "native": "Tidebook",
    "python": "Tidebook, Python engine",
    targets.FLOOR: "C, a sorted array (floor)",
    targets.CALLED: "the same, called from Python",
    targets.TRICKS: "C with the known tricks",
}


def drawn(kept: Kept) -> list[Result]:
    """The results in the picture, the quickest first."""
    found = next((rows for source in SOURCES if (rows := kept.find(*source))), [])
    return sorted(found, key=lambda one: one.value)


def svg(results: Sequence[Result], theme: Theme) -> str:
    colours = COLOURS[theme]
    low = math.floor(math.log10(min((one.value for one in results), default=1.0)))
    high = max(math.log10(max((one.value for one in results), default=10.0)), low + 1)
    bottom = TOP + STEP * len(results)
    height = bottom + BOTTOM

    def x(value: float) -> float:
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def text(at_x: float, at_y: float, words: str, colour: str, extra: str = "") -> str:
        return f'<text x="{at_x:.1f}" y="{at_y:.1f}" fill="{colour}"{extra}>{escape(words)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="{FONT}" font-size="13" role="img">',
        f"<title>{TITLE}, microseconds</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{colours.ground}"/>',
        text(16, 26, TITLE, colours.text,
             ' font-size="15" font-weight="600"'),
        text(16, 45, "microseconds of one processor, logarithmic; shorter is better", colours.faint, ' font-size="12"'),
    ]  # fmt: skip
    for power in range(low, math.floor(high) + 1):
        at = x(10.0**power)
        parts.append(
            f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom}" stroke="{colours.line}" stroke-width="1"/>'
        )
        label = f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"
        parts.append(text(at, bottom + 18, label, colours.faint, ' text-anchor="middle" font-size="12"'))
    for row, one in enumerate(results):
        middle = TOP + STEP * row + STEP / 2
        ours = one.contender in ("native", "python")
        floor = one.contender in (targets.FLOOR, targets.CALLED, targets.TRICKS)
        colour = colours.ours if ours else colours.floor if floor else colours.other
        weight = ' font-weight="600"' if ours else ""
        name, at = NAMES.get(one.contender, one.contender), x(one.value) + 8
        parts += [
            text(LEFT - 12, middle + 4.5, name, colours.text, f' text-anchor="end"{weight}'),
            f'<rect x="{LEFT}" y="{middle - 7:.1f}" width="{x(one.value) - LEFT:.1f}" height="14" rx="2" '
            f'fill="{colour}"/>',
            # First its rim, so that no line of the axis runs through the figure.
            text(at, middle + 4.5, number(one.value), colours.ground, f'{weight} stroke="{colours.ground}" {RIM}'),
            text(at, middle + 4.5, number(one.value), colours.text, weight),
        ]
    return "\n".join([*parts, "</svg>", ""])
