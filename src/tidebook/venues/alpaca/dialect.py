"""Alpaca's market of crypto from the server's side. Facts: docs.alpaca.markets, "Real-time Crypto Data" (2026-06-09).

What the messages look like is in samples/, what they stand on in samples/NOTES.md.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from tidebook.core.clock import SECOND
from tidebook.core.dialect import (
    Args,
    Candle,
    Change,
    Dialect,
    Facts,
    Levels,
    Refusal,
    Route,
    Row,
    Said,
    Sold,
    Stream,
    Told,
    Values,
    paths,
    whole,
)
from tidebook.core.private import Private
from tidebook.core.span import Span
from tidebook.venues.alpaca import dialect_private
from tidebook.venues.alpaca.dialect_stamp import stamp

_MINUTE: Final = 60 * SECOND
_SPANS: Final = {
    "1Min": Span(_MINUTE), "3Min": Span(3 * _MINUTE), "5Min": Span(5 * _MINUTE), "15Min": Span(15 * _MINUTE),
    "30Min": Span(30 * _MINUTE), "1Hour": Span(60 * _MINUTE),
}  # fmt: skip
_DAY: Final = Span(1440 * _MINUTE, 6 * 60 * _MINUTE)  # at 06:00 UTC, as it is in winter
_ASKED: Final = {**_SPANS, "1Day": _DAY}
# Each has two names: 5Min and 5T, 1Hour and 1H, 1Day and 1D.
_SHORT: Final = {name.replace("Min", "T").replace("Hour", "H").replace("Day", "D"): name for name in _ASKED}
_MOST: Final = 10_000
_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)
_PAGE: Final = 1_000  # rows that a page has at most, whatever was asked for: the venue promises no full ones


def plain(text: str) -> str:
    """A number without trailing zeros."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def bare(text: str) -> msgspec.Raw:
    """The same as it is written mostly: bare."""
    return msgspec.Raw(plain(text).encode())


def _side(rows: Sequence[Row]) -> list[Values]:
    return [{"p": bare(price), "s": bare(size)} for price, size in rows]


def _trade(one: Sold) -> Values:
    return {
        "p": bare(one.price), "s": bare(one.size), "t": stamp(one.at_ns), "i": one.id,
        "tks": "B" if one.taker == "buy" else "S",
    }  # fmt: skip


def _quote(one: Levels) -> Values:
    (bid, bid_size), (ask, ask_size) = (one.bids or [("0", "0")])[0], (one.asks or [("0", "0")])[0]
    return {"bp": bare(bid), "bs": bare(bid_size), "ap": bare(ask), "as": bare(ask_size), "t": stamp(one.at_ns)}


def _bar(one: Candle) -> Values:
    texts = {"o": one.open, "h": one.high, "l": one.low, "c": one.close, "v": one.volume}
    start = stamp(one.start_ns, fine=False)
    mean = float(one.turnover) / float(one.volume) if float(one.volume) else float(one.close)
    return {
        **{name: bare(text) for name, text in texts.items()}, "n": one.trades, "t": start,
        "vw": msgspec.Raw(repr(mean).encode()),
    }  # fmt: skip


def _book(one: Levels | Change) -> Values:
    return {"t": stamp(one.at_ns), "b[]": _side(one.bids), "a[]": _side(one.asks)}


def _said(kind: str, told: Told, values: Values) -> Values:
    return paths("0", {"T": kind, "S": told.id, **values})


def _over(told: Told, one: Candle) -> Values | None:
    """Only what is over."""
    return _said("b", told, _bar(one)) if one.closed else None


def stream(topic: str) -> Stream | None:
    name, _, id = topic.partition(" ")
    return {
        "trades": Stream("trade", id, "trade", lambda told, one: _said("t", told, _trade(one))),
        "quotes": Stream("quote", id, "quote", lambda told, one: _said("q", told, _quote(one))),
        "bars": Stream("bar", id, "bar", _over, 60.0, span=_SPANS["1Min"]),
        "updatedBars": Stream("bar", id, "bar", lambda told, one: None, 60.0, span=_SPANS["1Min"]),
        "dailyBars": Stream("bar", id, "bar", lambda told, one: _said("d", told, _bar(one)), 60.0, span=_DAY),
        "orderbooks": Stream(
            "change", id, "orderbook", lambda told, one: _said("o", told, _book(one)), 0.1,
            opening=lambda told, one: _said("o", told, _book(one)), opening_sample="orderbook_whole",
        ),
    }.get(name)  # fmt: skip


# ---- calls


def _refused(text: str, status: int = 400) -> Said:
    return Said("error", {"message": text}, status)


def _ids(args: Args) -> list[str]:
    ids = [one for one in args.get("symbols", "").split(",") if one]
    for one in ids:
        base, slash, quote = one.partition("/")
        if not (slash and base.isalpha() and quote.isalpha() and one == one.upper()):
            raise Refusal(_refused(f"Invalid symbol(s): {one} does not match ^[A-Z]+/[A-Z]+$"))
    if not ids:
        raise Refusal(_refused("symbols is required"))
    return ids


def _only(facts: Facts, args: Args) -> list[str]:
    """Those that are traded; of others nothing is said."""
    listed = {one.id for one in facts.listed()}
    return [one for one in _ids(args) if one in listed]


def _time(args: Args, name: str) -> int | None:
    """An instant as RFC 3339 writes it, with any offset, or a day."""
    if name not in args:
        return None
    match = _RFC_3339.fullmatch(args[name])
    try:
        if match is None:
            raise ValueError(args[name])
        day, time, fraction, offset = match.groups()
        found = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{(offset or 'Z').upper().replace('Z', '+00:00')}")
    except ValueError:
        raise Refusal(_refused(f"Invalid format for parameter {name}")) from None
    return int(found.timestamp()) * SECOND + int((fraction or "").ljust(9, "0"))


def _limit(args: Args) -> int:
    return whole(args.get("limit", "1000"), _refused("Invalid limit"), 1, _MOST)


def _history(name: str, rows: Callable[[Facts, str, Args, int], list[tuple[int, Values]]]) -> Route:
    """Rows within the range of all that are traded, one after the other, and where they go on: a token counts rows."""

    def answer(facts: Facts, args: Args) -> Said:
        ids = sorted(_only(facts, args))
        start, end, limit = _time(args, "start"), _time(args, "end"), _limit(args)
        first = whole(args.get("page_token", "0"), _refused("Invalid page_token"))
        last = first + min(limit, _PAGE)
        fit: list[tuple[str, Values]] = []
        for id in ids:
            if len(fit) > last:
                break
            found = rows(facts, id, args, last + 1)
            some = [row for at, row in found if (start is None or at >= start) and (end is None or at <= end)]
            fit += [(id, row) for row in (some[::-1] if args.get("sort") == "desc" else some)]
        page: dict[str, list[Values]] = {}
        for id, row in fit[first:last]:
            page.setdefault(id, []).append(row)
        return Said(name, {name: page, "next_page_token": str(last) if len(fit) > last else None})

    return Route(f"/v1beta3/crypto/us/{name}", answer)


def _bars(facts: Facts, id: str, args: Args, most: int) -> list[tuple[int, Values]]:
    word = args.get("timeframe", "")
    span = _ASKED.get(_SHORT.get(word, word))
    if span is None:
        raise Refusal(_refused("Invalid timeframe"))
    start = None if args.get("sort") == "desc" else _time(args, "start")
    bars = facts.candles(id, span, start, _time(args, "end"), most)
    return [(one.start_ns, _bar(one)) for one in bars]


def _now(facts: Facts, id: str) -> Levels:
    return facts.levels(id, 1)


def _latest(name: str, row: Callable[[Facts, str], Values | None]) -> Route:
    """One row of each that is traded, where there is one."""

    def answer(facts: Facts, args: Args) -> Said:
        rows = {id: found for id in _only(facts, args) if (found := row(facts, id)) is not None}
        return Said(f"latest_{name}", {name: rows})

    return Route(f"/v1beta3/crypto/us/latest/{name}", answer)


def _last_trade(facts: Facts, id: str) -> Values | None:
    """What the venue always has of a market that it lists; before the first trade here it is the last bar's."""
    for one in facts.trades(id, 1):
        return _trade(one)
    bars = facts.candles(id, _SPANS["1Min"], None, None, 60)
    return next((_trade(_closing(one, facts.now_ns)) for one in reversed(bars) if one.trades), None)


def _closing(one: Candle, now_ns: int) -> Sold:
    """The trade with which a bar ended, of the size that its trades had in the mean; it has no number."""
    step = Decimal(1).scaleb(-len(one.volume.partition(".")[2]))
    size = max((Decimal(one.volume) / one.trades).quantize(step), step)
    return Sold(0, min(one.end_ns, now_ns) - 1, one.close, f"{size:f}", "", "buy")


def _last_bar(facts: Facts, id: str) -> Values | None:
    return next((_bar(one) for one in facts.candles(id, _SPANS["1Min"], None, None, 1)), None)


def _latest_books(facts: Facts, args: Args) -> Said:
    books = {id: facts.levels(id) for id in _only(facts, args)}
    rows = {id: {"a": _side(one.asks), "b": _side(one.bids), "t": stamp(one.at_ns)} for id, one in books.items()}
    return Said("latest_orderbooks", {"orderbooks": rows})


def _snapshots(facts: Facts, args: Args) -> Said:
    found: dict[str, Values] = {}
    for id in _only(facts, args):
        if trade := _last_trade(facts, id):
            days = facts.candles(id, _DAY, None, None, 2)
            minutes = facts.candles(id, _SPANS["1Min"], None, None, 1)
            found[id] = {
                "latestTrade": trade, "latestQuote": _quote(_now(facts, id)),
                "minuteBar": _bar(minutes[-1]), "dailyBar": _bar(days[-1]), "prevDailyBar": _bar(days[0]),
            }  # fmt: skip
    return Said("snapshots", {"snapshots": found})


def _assets(facts: Facts, args: Args) -> Said:
    if args.get("asset_class", "crypto") != "crypto":
        raise Refusal(_refused("only crypto is traded here", 422))
    rows = [
        {
            "symbol": one.id, "name": f"{one.base} / {one.quote}", "min_order_size": plain(one.step),
            "min_trade_increment": plain(one.step), "price_increment": plain(one.tick),
        }
        for one in facts.listed()
    ]  # fmt: skip
    return Said("assets", {"[]": rows})


ROUTES: Final = (
    Route("/v2/assets", _assets, keyed=True),
    _history("bars", _bars),
    _history("trades", lambda facts, id, args, most: [(one.at_ns, _trade(one)) for one in facts.trades(id, _MOST)]),
    _history("quotes", lambda facts, id, args, most: [(_now(facts, id).at_ns, _quote(_now(facts, id)))]),
    _latest("trades", _last_trade),
    _latest("quotes", lambda facts, id: _quote(_now(facts, id))),
    _latest("bars", _last_bar),
    Route("/v1beta3/crypto/us/latest/orderbooks", _latest_books, snapshot=True),
    Route("/v1beta3/crypto/us/snapshots", _snapshots),
)

ALPACA: Final = Dialect(
    venue="alpaca",
    id=lambda base, quote: f"{base}/{quote}",
    own=lambda one: one if one.base.isalpha() and one.quote.isalpha() else None,  # as symbols are written there
    stream=stream,
    door={"/v1beta3/crypto/us": "stream"}.get,
    routes=ROUTES,
    pool="alpaca.rest",
    no_such_id=lambda args: _refused("asset not found", 404),
    limited=lambda seconds, banned: _refused("too many requests.", 429),
    spent=lambda used, limit, left: {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(limit - used)},
    too_many=("405", "symbol limit exceeded"),
    not_understood=("400", "invalid syntax"),
    joined=lambda messages: b"[" + b",".join(one[1:-1] for one in messages) + b"]",
    connections=1,
    times=("t",),
    no_key=("402", "auth failed"),
    no_login=("401", "not authenticated"),
    no_answer=("404", "auth timeout"),
    no_place=("406", "connection limit exceeded"),
    refuses_key=Said("error", {"message": "forbidden."}, 403),
    private=Private(
        scheme="alpaca",
        purse="alpaca",
        calls=dialect_private.CALLS,
        distrusted=dialect_private.distrusted,
        denied=dialect_private.denied,
        unsure=dialect_private.UNSURE,
        terms=dialect_private.TERMS,
        hosts=("api.alpaca.markets", "paper-api.alpaca.markets"),
        socket={"/stream": dialect_private.STREAM}.get,
    ),
)

DIALECTS: Final = (ALPACA,)
