"""Alpaca from the server's side: orders, the account, and what happens to it. Facts: docs.alpaca.markets (2026-04-20).

Coins are positions there, dollars are cash. Crypto is traded good till cancelled or immediate, nothing else.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.core.dialect import Facts, Refusal, Said
from tidebook.core.private import (
    Account,
    Call,
    Denial,
    Denied,
    Distrust,
    Distrusted,
    Filled,
    Happened,
    Ordered,
    Placing,
    Session,
    Socket,
    State,
    Terms,
    Tif,
    Words,
)
from tidebook.errors import DecodeError
from tidebook.model.number import parse, plain
from tidebook.model.wire import iso
from tidebook.venues.alpaca.dialect_stamp import stamp

TERMS: Final = Terms(maker=1_500, taker=2_500, fee_places=9, stops_late=True)

DENIALS: Final[Mapping[Denial, tuple[int, str]]] = {
    "balance": (40310000, "insufficient balance"),
    "duplicate": (40010001, "client_order_id must be unique"),
    "too_many": (40310000, "too many open orders"),
    "price": (42210000, "limit price must be > 0"),
    "tick": (42210000, "invalid limit_price: sub-penny increment does not fulfill minimum pricing criteria"),
    "size": (42210000, "qty must be > 0"),
    "step": (42210000, "qty increment is too small"),
    "min_notional": (40310000, "cost basis must be >= minimal amount of order 10"),
    "would_take": (40010001, "post-only orders are not allowed"),
    "reduce_only": (40010001, "request body format is invalid"),
    "unknown": (40410000, "order not found"),
    "done": (42210000, "order is already in its final state"),
    "kind": (42210000, "asset is not tradable"),
    "permission": (40310000, "account is restricted to liquidation only"),
}


def refused(code: int, text: str) -> Said:
    """The first three digits of a code are the status."""
    return Said("private_error", {"code": code, "message": text}, code // 100_000)


UNSURE: Final = refused(50010000, "internal server error occurred")


def denied(why: Denial, words: Words) -> Said:
    return refused(*DENIALS[why])


def distrusted(why: Distrust) -> Said:
    return Said("error", {"message": "forbidden."}, 403)


# ---- words

_ID: Final = re.compile(r"00000000-0000-4000-8000-([0-9a-f]{12})")
_TIFS: Final[Mapping[str, Tif]] = {"gtc": "gtc", "ioc": "ioc"}
_STATES: Final[Mapping[State, str]] = {
    "open": "new", "filled": "filled", "cancelled": "canceled", "expired": "expired", "rejected": "rejected",
}  # fmt: skip


def id_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def _number(words: Words) -> int:
    match = _ID.fullmatch(maybe(words, "id"))
    if match is None:
        raise Refusal(refused(40410000, f"order not found for {maybe(words, 'id')}"))
    return int(match[1], 16)


def maybe(words: Words, name: str) -> str:
    found = words.get(name)
    return "" if found is None or isinstance(found, (dict, list)) else str(found)


def _text(words: Words, name: str) -> str:
    found = maybe(words, name)
    if not found:
        raise Refusal(refused(42210000, f"{name} is required"))
    return found


def _symbol(facts: Facts, found: str) -> str:
    """Orders may name it without the slash."""
    if not found or "/" in found:
        return found
    return next((one.id for one in facts.listed() if one.id.replace("/", "") == found), found)


def _placing(facts: Facts, words: Words) -> Placing:
    side, kind, tif = _text(words, "side"), _text(words, "type"), _text(words, "time_in_force")
    size, quote = maybe(words, "qty"), maybe(words, "notional")
    if side not in ("buy", "sell"):
        raise Refusal(refused(42210000, f"invalid side: {side}"))
    if tif not in _TIFS:
        raise Refusal(refused(42210000, "invalid crypto time_in_force"))
    if kind not in ("market", "limit", "stop_limit"):
        raise Refusal(refused(42210000, "invalid order type for crypto order"))
    if bool(size) == bool(quote):
        raise Refusal(refused(42210000, "qty or notional is required"))
    price = _text(words, "limit_price") if kind != "market" else ""
    trigger = _text(words, "stop_price") if kind == "stop_limit" else ""
    if quote and price:
        raise Refusal(refused(42210000, "notional orders must be market orders"))
    return Placing(
        _symbol(facts, _text(words, "symbol")), "buy" if side == "buy" else "sell", size, price, quote, _TIFS[tif],
        maybe(words, "client_order_id"), trigger=trigger, rises=side == "buy" if trigger else None,
    )  # fmt: skip


# ---- facts


def _name(one: Ordered) -> str:
    return one.client_id or f"sim-{one.number}"


def order_of(one: Ordered) -> dict[str, object]:
    ended = stamp(one.updated_ns)
    part = one.state == "open" and Decimal(one.filled)
    created = stamp(one.created_ns)
    replaced = one.state == "cancelled" and one.replaced_by
    kind = "stop_limit" if one.trigger else "market" if one.at_market else "limit"
    return {
        "id": id_of(one.number), "client_order_id": _name(one), "created_at": created, "updated_at": ended,
        "submitted_at": created, "filled_at": ended if one.state == "filled" else None,
        "expired_at": ended if one.state == "expired" else None,
        "canceled_at": ended if one.state == "cancelled" and not replaced else None,
        "replaced_at": ended if replaced else None, "replaced_by": id_of(one.replaced_by) if replaced else None,
        "replaces": id_of(one.replaces) if one.replaces else None, "symbol": one.rules.id,
        "notional": one.quote or None, "qty": None if one.quote else plain(Decimal(one.size)),
        "filled_qty": plain(Decimal(one.filled)), "filled_avg_price": one.average or None,
        "order_type": kind, "type": kind, "stop_price": one.trigger or None,
        "side": one.side, "time_in_force": "ioc" if one.tif == "ioc" else "gtc", "limit_price": one.price or None,
        "status": "partially_filled" if part else "replaced" if replaced else _STATES[one.state],
    }  # fmt: skip


# ---- calls


def _place(account: Account, facts: Facts, words: Words) -> Said:
    asked = _placing(facts, words)
    try:
        return Said("order", order_of(account.place(asked)))
    except Denied as denial:
        if denial.why == "balance":
            raise Refusal(_short(account, facts, asked)) from None
        raise


def _short(account: Account, facts: Facts, asked: Placing) -> Said:
    rules = next(one for one in facts.listed() if one.id == asked.id)
    currency = rules.quote if asked.side == "buy" else rules.base
    free = next((one.free for one in account.balances() if one.currency == currency), "0")
    price = Decimal(asked.price or facts.levels(asked.id, 1).asks[0][0])
    wanted = Decimal(asked.quote) if asked.quote else Decimal(asked.size) * (price if asked.side == "buy" else 1)
    text = f"insufficient balance for {currency} (requested: {plain(wanted)}, available: {free})"
    return refused(40310000, text)


def _cancel(account: Account, facts: Facts, words: Words) -> Said:
    account.cancel(_number(words))
    return Said("nothing", status=204)


def _same(one: str, other: str) -> bool:
    """Whether two words, or two numbers, are the same."""
    try:
        return one == other or parse(one) == parse(other)
    except DecodeError:
        return False


def _replace(account: Account, facts: Facts, words: Words) -> Said:
    """Another order comes in the place of an open one: as that was, but for what is said here.

    Reference, "Replace Order by ID" (2026-09). Of one that is filled in part the new one is as large as is said, or as
    the whole was, and begins with nothing filled: alpacahq/Alpaca-API, issue 165.
    """
    number = _number(words)
    old = account.order(number)
    if old.quote:
        raise Refusal(refused(42210000, "notional orders cannot be replaced"))
    was = {"qty": old.size, "limit_price": old.price, "stop_price": old.trigger, "time_in_force": old.tif}
    wanted = {name: maybe(words, name) or was[name] for name in was}
    if all(_same(wanted[name], was[name]) for name in was):
        raise Refusal(refused(40310000, "order parameters are not changed"))
    kind = "stop_limit" if old.trigger else "market" if old.at_market else "limit"
    name = maybe(words, "client_order_id")
    asked = _placing(facts, {**wanted, "symbol": old.rules.id, "side": old.side, "type": kind, "client_order_id": name})
    return Said("order", order_of(account.replace(number, asked)))


def _cancel_all(account: Account, facts: Facts, words: Words) -> Said:
    ended = account.cancel_all(None)
    return Said("orders_cancelled", {"[]": [{"id": id_of(one.number)} for one in ended]}, 207)


def _order(account: Account, facts: Facts, words: Words) -> Said:
    return Said("order", order_of(account.order(_number(words))))


def _by_client(account: Account, facts: Facts, words: Words) -> Said:
    name = _text(words, "client_order_id")
    made = re.fullmatch(r"sim-([0-9]{1,18})", name)
    found = account.order(int(made[1])) if made is not None else account.order(None, name)
    return Said("order", order_of(found))


def _orders(account: Account, facts: Facts, words: Words) -> Said:
    """The newest first."""
    status, limit = maybe(words, "status") or "open", maybe(words, "limit") or "50"
    ids = {_symbol(facts, one) for one in maybe(words, "symbols").split(",") if one}
    after, until = maybe(words, "after"), maybe(words, "until")
    found = [
        one
        for one in account.orders(only_open=status == "open")
        if (status != "closed" or one.state != "open")
        and (not ids or one.rules.id in ids)
        and (not after or one.created_ns > iso(after))
        and (not until or one.created_ns < iso(until))
    ]
    if maybe(words, "direction") != "asc":
        found.reverse()
    most = max(1, min(int(limit) if limit.isdigit() else 50, 500))
    return Said("orders", {"[]": [order_of(one) for one in found[:most]]})


def _account(account: Account, facts: Facts, words: Words) -> Said:
    free, total = next(((one.free, one.total) for one in account.balances() if one.currency == "USD"), ("0", "0"))
    coins = f"{sum((value for *_, value in _coins(account, facts)), Decimal(0)):.2f}"
    worth = Decimal(f"{Decimal(total):.2f}") + Decimal(coins)
    cash = f"{Decimal(free):.2f}"
    return Said(
        "account",
        {
            "id": id_of(account.number), "account_number": f"SIM{account.number}", "buying_power": cash,
            "non_marginable_buying_power": cash, "cash": cash, "equity": f"{worth:.2f}",
            "portfolio_value": f"{worth:.2f}", "position_market_value": coins, "trading_blocked": not account.may_trade,
        },
    )  # fmt: skip


def _coins(account: Account, facts: Facts) -> Iterable[tuple[str, str, str, Decimal, Decimal]]:
    """Symbol, whole and free amount, price, worth of what is no dollar."""
    pairs = {one.base: one.id for one in facts.listed() if one.quote == "USD"}
    for one in account.balances():
        if one.currency in pairs and Decimal(one.total):
            price = Decimal(facts.glance(pairs[one.currency]).whole.close)
            yield pairs[one.currency], one.total, one.free, price, Decimal(one.total) * price


def _position(row: tuple[str, str, str, Decimal, Decimal]) -> dict[str, object]:
    symbol, total, free, price, worth = row
    return {
        "symbol": symbol.replace("/", ""), "qty": total, "qty_available": free, "current_price": plain(price),
        "market_value": plain(worth),
    }  # fmt: skip


def _positions(account: Account, facts: Facts, words: Words) -> Said:
    return Said("positions", {"[]": [_position(row) for row in _coins(account, facts)]})


def _one_position(account: Account, facts: Facts, words: Words) -> Said:
    wanted = _symbol(facts, _text(words, "symbol"))
    for row in _coins(account, facts):
        if row[0] == wanted:
            return Said("position", _position(row))
    raise Refusal(refused(40410000, "position does not exist"))


def _activities(account: Account, facts: Facts, words: Words) -> Said:
    """Fills, the newest first; the fees of the day are not there."""
    left: dict[int, Decimal] = {}
    rows: list[dict[str, object]] = []
    orders = {one.number: one for one in account.orders()}
    for one in account.fills():
        done = left[one.order] = left.get(one.order, Decimal(0)) + Decimal(one.size)
        whole = orders[one.order]
        rows.append(
            {
                "id": f"{one.at_ns // SECOND}::{id_of(one.trade % 2**48)}", "transaction_time": stamp(one.at_ns),
                "type": "fill" if done == Decimal(whole.filled) and whole.state == "filled" else "partial_fill",
                "price": one.price, "qty": plain(Decimal(one.size)), "side": one.side, "symbol": one.rules.id,
                "cum_qty": plain(done), "order_id": id_of(one.order),
                "leaves_qty": plain(max(Decimal(0), Decimal(whole.size) - done)),
            }
        )  # fmt: skip
    return Said("activities", {"[]": rows[::-1][:100]})


CALLS: Final = (
    Call("/v2/orders", _place, "POST", "trade"),
    Call("/v2/orders", _orders),
    Call("/v2/orders", _cancel_all, "DELETE", "trade"),
    Call("/v2/orders:by_client_order_id", _by_client),
    Call("/v2/orders/{id}", _order),
    Call("/v2/orders/{id}", _replace, "PATCH", "trade"),
    Call("/v2/orders/{id}", _cancel, "DELETE", "trade"),
    Call("/v2/account", _account),
    Call("/v2/positions", _positions),
    Call("/v2/positions/{symbol}", _one_position),
    Call("/v2/account/activities/FILL", _activities),
    Call("/v2/account/activities", _activities),
)

# ---- what happens

_EVENTS: Final[Mapping[str, Callable[[Ordered], str]]] = {
    "new": lambda one: "new",
    "fill": lambda one: "fill" if one.state == "filled" else "partial_fill",
    "cancelled": lambda one: "replaced" if one.replaced_by else "canceled",
    "expired": lambda one: "expired",
    "rejected": lambda one: "rejected",
}


def _hear(session: Session, facts: Facts, message: Words) -> Iterable[Said]:
    action = message.get("action")
    if action in ("auth", "authenticate"):
        try:
            session.trust(message, enter=True)
        except Distrusted:
            session.end()
            return [Said("authorization", {"data.action": action, "data.status": "unauthorized"})]
        return [Said("authorization", {"data.action": action, "data.status": "authorized"})]
    if action != "listen" or session.account is None:
        session.end()
        return [Said("authorization", {"data.action": "listen", "data.status": "unauthorized"})]
    data = message.get("data")
    streams = data.get("streams") if isinstance(data, dict) else None
    heard = [one for one in (streams if isinstance(streams, list) else []) if one == "trade_updates"]
    session.notes["streams"] = heard
    return [Said("listening", {"data.streams": heard})]


def _fill(account: Account, one: Filled) -> dict[str, object]:
    held = next((each.total for each in account.balances() if each.currency == one.rules.base), "0")
    return {
        "data.price": one.price, "data.qty": plain(Decimal(one.size)), "data.position_qty": held,
        "data.execution_id": id_of(one.trade % 2**48),
    }  # fmt: skip


def _tell(session: Session, facts: Facts, happened: Happened) -> Iterable[Said]:
    one, account = happened.order, session.account
    if one is None or account is None or not session.notes.get("streams") or happened.cause not in _EVENTS:
        return []
    order = order_of(one)
    if happened.cause == "new":
        order |= {"status": "new"}
    values: dict[str, object] = {
        "data.event": _EVENTS[happened.cause](one), "data.timestamp": stamp(happened.at_ns),
        **{f"data.order.{name}": value for name, value in order.items()},
    }  # fmt: skip
    if happened.fill is None:
        return [Said("trade_update", values)]
    return [Said("trade_fill", {**values, **_fill(account, happened.fill)})]


STREAM: Final = Socket(_hear, _tell, every=30.0, binary=True)
