"""How the invented exchange speaks."""

from collections.abc import Callable
from dataclasses import replace

from tidebook.core.dialect import (
    Args,
    Dialect,
    Facts,
    Levels,
    Liquidated,
    Marked,
    Part,
    Route,
    Rules,
    Said,
    Stream,
    Told,
    Values,
    changed,
    expires_on,
)

MS = 1_000_000
GREEKS = ("mark_iv", "bid_iv", "ask_iv", "delta", "gamma", "theta", "vega")


def id_of(one: Rules) -> str:
    words = [f"{one.base}{one.quote}"]
    if one.kind != "inverse" and one.settle != one.quote:
        words.append(one.settle)
    if one.expiry_ns is not None:
        words.append(f"{expires_on(one):%y%m%d}")
    if one.strike:
        words += [one.strike, one.right[0].upper()]
    return "-".join(words)


def _levels(told: Told, one: Levels) -> Values:
    return {"topic": told.topic, "whole": True, "prev": 0, "last": one.last, "bids": one.bids, "asks": one.asks}


def _mark(told: Told, one: Marked) -> Values:
    return {"topic": told.topic, "id": told.id, **_marked(one)}


def _marked(one: Marked) -> Values:
    return {
        "at": one.at_ns // MS, "price": one.price, "index": one.index, "rate": one.rate, "open": one.open_interest,
        "next": one.funding_ns // MS, **{name: getattr(one, name) for name in GREEKS},
    }  # fmt: skip


def _forced(told: Told, one: Liquidated) -> Values:
    return {
        "topic": told.topic, "id": told.id, "trade": one.id, "price": one.price, "size": one.size, "taker": one.taker,
    }  # fmt: skip


def _part(told: Told, one: Part) -> Values:
    def row(part: Part) -> Values:
        return {
            "data.last": part.day.whole.close, "data.mark": part.mark.price, "data.rate": part.mark.rate,
            "data.next": part.mark.funding_ns // MS,
        }  # fmt: skip

    values = row(one) if one.before is None else changed(row(one), row(one.before))
    return {"topic": told.topic, "whole": one.before is None, **values}


def _stream(endpoint: str, topic: str) -> Stream | None:
    id, _, name = topic.partition("@")
    where = (endpoint,)
    if id == "all":
        return {
            "forced": Stream("liquidation", "", "forced", _forced, among=lambda one: one.expiry_ns is None),
            "marks": Stream(
                "marks", "", "marks",
                lambda told, rows: {
                    "topic": told.topic,
                    "rows[]": [{"id": one, "price": mark.price, "index": mark.index} for one, mark in rows],
                },
                1.0, among=lambda one: one.expiry_ns is None,
            ),
        }.get(name)  # fmt: skip
    return {
        "book": Stream(
            "change", id, "book",
            lambda told, one: {**_levels(told, one), "whole": False, "prev": one.prev}, 0.1,
            opening=_levels, opening_sample="book", endpoints=where,
        ),
        "top": Stream(
            "window", id, "book",
            lambda told, one: {**_levels(told, one), "whole": False, "prev": one.prev}, 0.1, 5,
            opening=_levels, opening_sample="book", endpoints=where,
        ),
        "mark": Stream("mark", id, "mark", _mark, 1.0, endpoints=where),
        "forced": Stream("liquidation", id, "forced", _forced, endpoints=where),
        "part": Stream("part", id, "part", _part, 0.1, endpoints=where),
    }.get(name)  # fmt: skip


def _rules(facts: Facts, args: Args) -> Said:
    rows = [
        {"id": one.id, "kind": one.kind, "step": one.step, "contract": one.contract_size, "ends": one.expiry_ns}
        for one in facts.listed()
    ]
    return Said("rules", {"rows[]": rows})


def _funding(facts: Facts, args: Args) -> Said:
    start, end = (int(args[name]) * MS if name in args else None for name in ("start", "end"))
    some = facts.funding(args.get("id", ""), start, end, int(args.get("most", "100")))
    return Said("funding", {"rows[]": [{"at": one.at_ns // MS, "rate": one.rate, "mark": one.mark} for one in some]})


def _forced_before(facts: Facts, args: Args) -> Said:
    told = Told("", args["id"], facts.now_ns)
    return Said("forceds", {"rows[]": [_forced(told, one) for one in facts.liquidations(args["id"], 100)]})


def _calls(category: str) -> tuple[Route, ...]:
    fits: Callable[[Args], bool] = lambda args: args.get("category") == category  # noqa: E731
    return (
        Route("/rules", _rules, fits=fits),
        Route(
            "/mark", lambda facts, args: Said("mark", _mark(Told("", args["id"], 0), facts.mark(args["id"]))), fits=fits
        ),
        Route("/funding", _funding, fits=fits),
        Route("/forced", _forced_before, fits=fits),
        Route("/time", lambda facts, args: Said("time", {"now": facts.now_ns // MS})),
    )


PERPS = Dialect(
    venue="acme.perps",
    id=lambda base, quote: base + quote,
    stream=lambda topic: _stream("public", topic),
    door={"/public": "public"}.get,
    routes=_calls("perps"),
    pool="acme.calls",
    no_such_id=lambda args: Said("no", status=400),
    limited=lambda seconds, banned: Said("no", status=429),
    unknown=lambda topic: ("1", f"no {topic}"),
    id_of=id_of,
    kinds=("linear",),
    quotes=("USDT",),
)
OPTIONS = replace(
    PERPS, venue="acme.options", stream=lambda topic: _stream("open", topic), door={"/public": "open"}.get,
    routes=_calls("options"), kinds=("option",), quotes=(),
    own=lambda one: one._replace(contract_size="0.1", step="1") if one.settle == "BTC" else one,
)  # fmt: skip
INVERSE = replace(
    PERPS, venue="acme.inverse", stream=lambda topic: _stream("inverse", topic), door={"/inverse": "inverse"}.get,
    routes=_calls("inverse"), kinds=("inverse",), quotes=(),
    own=lambda one: None if one.base == "EOS" else one._replace(contract_size="1"),
)  # fmt: skip
WEST = replace(
    PERPS, venue="acme_west", routes=_calls("spot"), kinds=("spot",), quotes=("USD",), samples="samples_west",
    id_of=None,
)  # fmt: skip

DIALECTS = (PERPS, OPTIONS, INVERSE, WEST)
