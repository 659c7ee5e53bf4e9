"""Below the books: what happened last, and beside it the tape of trades."""

from rich.text import Text

from tidebook.model.facts import Trade
from tidebook.model.number import plain
from tidebook.ui.cells import ASK, BID, HEAD, TONE_STYLE
from tidebook.ui.facts import Happening, Scene
from tidebook.ui.words import clock

BESIDE = 96  # columns of a terminal in which the tape has its own column
TAPE_SHARE = 0.42
GAP = 2


def below(scene: Scene, room: int, width: int) -> list[Text]:
    """So many lines, the newest last. A narrow terminal has one line of trades, above what happened."""
    if not scene.tape:
        return _events(scene, room, width)
    if width < BESIDE:
        return [_tape_line(scene, width), *_events(scene, room - 1, width)] if room > 1 else _events(scene, room, width)
    right = int(width * TAPE_SHARE)
    left = width - right - GAP
    trades = [_deal(trade, right) for trade in [*scene.tape][-room:]]
    events = _events(scene, room, left)
    lines = []
    for n in range(max(len(trades), len(events))):
        line = events[n] if n < len(events) else Text()
        line.truncate(left, overflow="ellipsis", pad=True)
        lines.append(line.append(" " * GAP).append_text(trades[n] if n < len(trades) else Text()))
    return lines


def _events(scene: Scene, room: int, width: int) -> list[Text]:
    lines = [_event(happening) for happening in [*scene.happenings][-room:]]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _event(happening: Happening) -> Text:
    where = " ".join(filter(None, (happening.venue, happening.symbol)))
    return Text.assemble((clock(happening.at), "dim"), f" {where} ", (happening.text, TONE_STYLE[happening.tone]))


def _deal(trade: Trade, width: int) -> Text:
    exchange, base = trade.venue.partition(".")[0], trade.symbol.partition("/")[0]
    line = Text.assemble(
        (f"{trade.time:%M:%S} ", HEAD),
        f"{exchange:<7} {base:<4} ",
        (f"{trade.side:<4} {plain(trade.price):>8}", BID if trade.side == "buy" else ASK),
        f" × {plain(trade.size)}",
    )
    line.truncate(width, overflow="ellipsis")
    return line


def _tape_line(scene: Scene, width: int) -> Text:
    """The newest trades in a row, newest first, as many as fit."""
    line = Text("trades", HEAD)
    for trade in reversed(scene.tape):
        style = BID if trade.side == "buy" else ASK
        base = trade.symbol.partition("/")[0]
        text = f"{trade.venue.partition('.')[0]} {base} "
        deal = f"{trade.side} {plain(trade.price)}×{plain(trade.size)}"
        if line.cell_len + 2 + len(text) + len(deal) > width:
            break
        line.append("  ").append(text).append(deal, style)
    return line
