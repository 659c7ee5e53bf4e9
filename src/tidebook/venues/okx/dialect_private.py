"""OKX from the server's side: orders and accounts over HTTP. Facts: OKX API v5, change log, error codes, 2026-09.

Contracts are held crossed, in net mode or in long/short mode; the account trades all with one balance.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from tidebook.core.dialect import Facts, Refusal, Said, Values
from tidebook.core.private import (
    Account,
    Balance,
    Call,
    Denial,
    Denied,
    Distrust,
    Filled,
    Ordered,
    Placing,
    Position,
    Terms,
    Tif,
    Words,
)
from tidebook.model.number import plain
from tidebook.model.orders import Leg
from tidebook.model.wire import MS
from tidebook.venues.okx.dialect_calls import refused
from tidebook.venues.okx.wire import kind_of

TERMS: Final = Terms(maker=800, taker=1_000, leverage=10, most_open=500)

DENIALS: Final[Mapping[Denial, tuple[str, str]]] = {
    "balance": ("51008", "Order failed. Insufficient balance in account."),
    "duplicate": ("51016", "Client order ID already exists."),
    "too_many": ("51026", "Maximum number of open orders reached."),
    "price": ("51000", "Parameter px error"),
    "tick": ("51000", "Parameter px error"),
    "size": ("51020", "Your order should meet or exceed the minimum order amount."),
    "step": ("51121", "Order quantity must be a multiple of the lot size."),
    "min_notional": ("51020", "Your order should meet or exceed the minimum order amount."),
    "would_take": ("51000", "Parameter ordType error"),
    "reduce_only": ("51169", "Order failed because you don't have any positions in this direction to close."),
    "unknown": ("51603", "Order does not exist."),
    "done": ("51400", "Cancellation failed as the order has been filled, canceled or does not exist."),
    "kind": ("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."),
    "leg": ("51000", "Parameter posSide error"),
    "permission": ("50120", "This API key doesn't have permission to use this function."),
}

DISTRUSTS: Final[Mapping[Distrust, tuple[str, str]]] = {
    "no_key": ("50103", 'Request header "OK-ACCESS-KEY" can\'t be empty'),
    "unknown_key": ("50111", "Invalid OK-ACCESS-KEY"),
    "no_time": ("50112", "Invalid OK-ACCESS-TIMESTAMP"),
    "early": ("50102", "Timestamp request expired"),
    "late": ("50102", "Timestamp request expired"),
    "malformed": ("50112", "Invalid OK-ACCESS-TIMESTAMP"),
    "passphrase": ("50105", "Request header OK-ACCESS-PASSPHRASE incorrect."),
    "signature": ("50113", "Invalid Sign"),
}

UNSURE: Final = refused(
    "50004", "API endpoint request timeout (does not mean that the request was successful or failed)"
)


def denied(why: Denial, words: Words) -> Said:
    """A refusal of what is no order's; an order's is in the list."""
    return refused(*DENIALS[why], 401 if why == "permission" else 200)


def distrusted(why: Distrust) -> Said:
    return refused(*DISTRUSTS[why], 401)


# ---- words

_CLIENT: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_TIFS: Final[Mapping[str, Tif]] = {"limit": "gtc", "post_only": "post_only", "fok": "fok", "ioc": "ioc"}
_TIF_WORDS: Final[Mapping[Tif, str]] = {tif: word for word, tif in _TIFS.items()}
_CANCELLED: Final[Mapping[Tif, str]] = {"fok": "13", "ioc": "14", "post_only": "31", "gtc": ""}


_LEGS: Final[Mapping[str, Leg]] = {"": "net", "net": "net", "long": "long", "short": "short"}
_MODES: Final = {"net_mode": False, "long_short_mode": True}


class Bad(Exception):
    """A parameter is none; `code` and `text` say it."""

    def __init__(self, name: str, *, missing: bool = False) -> None:
        super().__init__(name)
        self.code = "50014" if missing else "51000"
        self.text = f"Parameter {name} can not be empty" if missing else f"Parameter {name} error"


class Expired(Bad):
    """It was to be done until an instant that is over."""

    def __init__(self) -> None:
        super().__init__("expTime")
        self.code = "50036"
        self.text = "The expTime can't be earlier than the current system time."


def text(words: Words, name: str) -> str:
    found = maybe(words, name)
    if not found:
        raise Bad(name, missing=True)
    return found


def maybe(words: Words, name: str) -> str:
    found = words.get(name)
    return "" if found is None or isinstance(found, (dict, list)) else str(found)


def _named(words: Words) -> tuple[int | None, str]:
    order, client = maybe(words, "ordId"), maybe(words, "clOrdId")
    if not order and not client:
        raise Bad("ordId or clOrdId", missing=True)
    if order and not (order.isascii() and order.isdigit() and len(order) <= 20):
        raise Denied("unknown")
    return (int(order), "") if order else (None, client)


def placing(words: Words) -> Placing:
    id, side, kind = text(words, "instId"), text(words, "side"), text(words, "ordType")
    if side not in ("buy", "sell"):
        raise Bad("side")
    if text(words, "tdMode") not in ("cash", "cross"):
        raise Bad("tdMode")
    client = maybe(words, "clOrdId")
    if client and _CLIENT.fullmatch(client) is None:
        raise Bad("clOrdId")
    size, quote, price, tif = text(words, "sz"), "", "", "limit"
    spot = kind_of(id) == "SPOT"
    if kind == "market":
        wanted = maybe(words, "tgtCcy") or ("quote_ccy" if side == "buy" else "base_ccy")
        if spot and wanted == "quote_ccy":
            size, quote = "", size
    elif kind in _TIFS:
        price, tif = text(words, "px"), kind
    else:
        raise Bad("ordType")
    leg = _LEGS.get("" if spot else maybe(words, "posSide"))
    if leg is None:
        raise Bad("posSide")
    reduce_only = not spot and leg == "net" and words.get("reduceOnly") in (True, "true")  # of net mode alone
    way: Literal["buy", "sell"] = "buy" if side == "buy" else "sell"
    return Placing(id, way, size, price, quote, _TIFS[tif], client, reduce_only, leg=leg)


# ---- facts


def _state(one: Ordered) -> str:
    if one.state == "open":
        return "partially_filled" if Decimal(one.filled) else "live"
    return "filled" if one.state == "filled" else "canceled"


def order_of(one: Ordered) -> dict[str, object]:
    spot = one.rules.kind == "spot"
    fees = next(iter(one.fees.items()), ("", "0"))
    ended = one.state in ("expired", "rejected")
    source = _CANCELLED[one.tif] if ended else "1" if one.state == "cancelled" else ""
    return {
        "accFillSz": one.filled, "avgPx": one.average, "cTime": str(one.created_ns // MS), "cancelSource": source,
        "clOrdId": one.client_id, "fee": plain(-Decimal(fees[1])), "feeCcy": fees[0], "instId": one.rules.id,
        "instType": kind_of(one.rules.id), "ordId": str(one.number),
        "ordType": "market" if one.at_market else _TIF_WORDS[one.tif], "px": one.price,
        "reduceOnly": "true" if one.reduce_only else "false", "side": one.side, "state": _state(one),
        "sz": one.quote or one.size, "tgtCcy": "quote_ccy" if one.quote else "base_ccy" if spot else "",
        "tdMode": "cash" if spot else "cross", "uTime": str(one.updated_ns // MS), "posSide": one.leg,
    }  # fmt: skip


def fill_of(one: Filled) -> dict[str, object]:
    """What an order's message says of its last fill."""
    return {
        "fillPx": one.price, "fillSz": one.size, "fillTime": str(one.at_ns // MS), "tradeId": str(one.trade),
        "execType": "M" if one.maker else "T", "pnl": one.realized,
    }  # fmt: skip


def position_of(one: Position) -> dict[str, object]:
    """In long/short mode what is short is told above 0."""
    at = str(one.updated_ns // MS)
    size, id = (one.size, one.rules.id) if one.leg == "net" else (one.size.lstrip("-"), f"{one.rules.id}-{one.leg}")
    return {
        "instId": one.rules.id, "instType": kind_of(one.rules.id), "pos": size, "posSide": one.leg,
        "ccy": one.rules.settle,
        "lever": str(one.leverage), "markPx": one.mark, "avgPx": one.entry, "upl": one.unrealized, "uTime": at,
        "cTime": at, "realizedPnl": one.realized, "pnl": one.realized, "imr": one.margin, "posId": id,
        "notionalUsd": one.notional,
    }  # fmt: skip


def detail_of(one: Balance, at_ns: int) -> dict[str, object]:
    return {
        "ccy": one.currency, "availBal": one.free, "availEq": one.free, "cashBal": one.total, "eq": one.total,
        "frozenBal": one.held, "ordFrozen": one.held, "uTime": str(at_ns // MS),
    }  # fmt: skip


# ---- calls

Row = Mapping[str, object]
Act = Callable[[Account, Facts, Words], Ordered]


def order(account: Account, facts: Facts, words: Words) -> Ordered:
    return account.place(placing(words))


def cancel(account: Account, facts: Facts, words: Words) -> Ordered:
    """One that nobody knows is called one that has ended."""
    try:
        return account.cancel(*_named(words), text(words, "instId"))
    except Denied as denial:
        raise Denied("done" if denial.why == "unknown" else denial.why) from None


def amend(account: Account, facts: Facts, words: Words) -> Ordered:
    size, price = maybe(words, "newSz"), maybe(words, "newPx")
    if not size and not price:
        raise Bad("newSz or newPx", missing=True)
    return account.amend(*_named(words), size, price, text(words, "instId"))


TRADES: Final[Mapping[str, Act]] = {"order": order, "cancel-order": cancel, "amend-order": amend}


def done(act: Act, account: Account, facts: Facts, words: Words) -> Row:
    """One row of an answer: what became of one order."""
    now, client = str(facts.now_ns // MS), maybe(words, "clOrdId")
    try:
        one = act(account, facts, words)
    except Denied as denial:
        code, why = DENIALS[denial.why]
    except Bad as bad:
        code, why = bad.code, bad.text
    except KeyError:
        code, why = DENIALS["kind"]
    else:
        return {"clOrdId": one.client_id, "ordId": str(one.number), "ts": now}
    return {"clOrdId": client, "ordId": maybe(words, "ordId"), "sCode": code, "sMsg": why, "ts": now}


def summed(rows: Sequence[Row]) -> dict[str, object]:
    """What an answer says of all its rows."""
    bad = sum("sCode" in row for row in rows)
    if not bad:
        return {}
    whole = bad == len(rows)
    return {"code": "1" if whole else "2", "msg": "All operations failed" if whole else "Partially succeeded"}


def _acted(act: Act, account: Account, facts: Facts, words: Words) -> Said:
    asked: Iterable[Any] = words.get("[]", [words])
    rows = [done(act, account, facts, one if isinstance(one, dict) else {}) for one in asked]
    return Said("order_done", {**summed(rows), "data[]": rows})


def _guarded(act: Callable[[Account, Facts, Words], Said]) -> Callable[[Account, Facts, Words], Said]:
    def guarded(account: Account, facts: Facts, words: Words) -> Said:
        try:
            return act(account, facts, words)
        except Bad as bad:
            raise Refusal(refused(bad.code, bad.text, 400)) from None

    return guarded


def _cancel_all_after(account: Account, facts: Facts, words: Words) -> Said:
    wait = text(words, "timeOut")
    if not (wait.isascii() and wait.isdigit() and (wait == "0" or 10 <= int(wait) <= 120)):
        raise Bad("timeOut")
    at_ns = account.count_down(int(wait))
    return Said("countdown", {"data.0.triggerTime": str(at_ns // MS), "data.0.ts": str(facts.now_ns // MS)})


def _query(account: Account, facts: Facts, words: Words) -> Said:
    return Said("order_list", {"data[]": [order_of(account.order(*_named(words), text(words, "instId")))]})


def _fit(words: Words, id: str) -> bool:
    return maybe(words, "instType") in ("", kind_of(id)) and maybe(words, "instId") in ("", id)


def _most(words: Words) -> int:
    limit = maybe(words, "limit") or "100"
    if not limit.isdigit():
        raise Bad("limit")
    return max(1, min(int(limit), 100))


def _pages(words: Words, found: Sequence[Ordered]) -> Said:
    """The newest first; `after` an order's id are older ones."""
    after, before = maybe(words, "after") or "9" * 18, maybe(words, "before") or "0"
    if not (after.isdigit() and before.isdigit()):
        raise Bad("after")
    rows = [
        order_of(one) for one in reversed(found) if _fit(words, one.rules.id) and int(before) < one.number < int(after)
    ]
    return Said("order_list", {"data[]": rows[: _most(words)]})


def _pending(account: Account, facts: Facts, words: Words) -> Said:
    return _pages(words, account.orders(only_open=True))


def _history(account: Account, facts: Facts, words: Words) -> Said:
    return _pages(words, [one for one in account.orders() if one.state != "open"])


def _fills(account: Account, facts: Facts, words: Words) -> Said:
    order = maybe(words, "ordId")
    rows = [
        {
            **fill_of(one), "instType": kind_of(one.rules.id), "instId": one.rules.id, "ordId": str(one.order),
            "clOrdId": one.client_id, "billId": str(one.trade), "side": one.side, "feeCcy": one.fee_currency,
            "fee": plain(-Decimal(one.fee)), "ts": str(one.at_ns // MS), "fillPnl": one.realized,
            "posSide": one.leg,
        }
        for one in reversed(account.fills())
        if _fit(words, one.rules.id) and order in ("", str(one.order))
    ]  # fmt: skip
    for row in rows:
        del row["pnl"]
    return Said("fills", {"data[]": rows[: _most(words)]})


def _balance(account: Account, facts: Facts, words: Words) -> Said:
    asked = set(filter(None, maybe(words, "ccy").split(",")))
    rows = [
        detail_of(one, facts.now_ns)
        for one in account.balances()
        if Decimal(one.total) and (not asked or one.currency in asked)
    ]
    return Said("account_balance", {"data.0.uTime": str(facts.now_ns // MS), "data.0.details[]": rows})


def held(account: Account) -> list[Position]:
    return [one for one in account.positions() if Decimal(one.size)]


def _positions(account: Account, facts: Facts, words: Words) -> Said:
    ids = set(filter(None, maybe(words, "instId").split(",")))
    rows: list[Values] = [
        position_of(one)
        for one in held(account)
        if maybe(words, "instType") in ("", kind_of(one.rules.id)) and (not ids or one.rules.id in ids)
    ]
    return Said("account_positions", {"data[]": rows})


def _config(account: Account, facts: Facts, words: Words) -> Said:
    perm = "read_only,trade" if account.may_trade else "read_only"
    uid = str(account.number)
    mode = "long_short_mode" if account.hedges else "net_mode"
    return Said(
        "account_config",
        {"data.0.perm": perm, "data.0.uid": uid, "data.0.mainUid": uid, "data.0.posMode": mode},
    )


def _set_mode(account: Account, facts: Facts, words: Words) -> Said:
    mode = text(words, "posMode")
    if mode not in _MODES:
        raise Bad("posMode")
    try:
        account.hedge(_MODES[mode])
    except Denied as denial:
        if denial.why != "leg":
            raise
        text_of_it = "Settings failed. Close any open positions or orders before modifying settings."
        raise Refusal(refused("59000", text_of_it)) from None
    return Said("position_mode", {"data.0.posMode": mode})


def _trade(path: str, act: Act) -> Call:
    return Call(
        f"/api/v5/trade/{path}", lambda account, facts, words: _acted(act, account, facts, words), "POST", "trade"
    )  # fmt: skip


CALLS: Final = (
    _trade("order", order),
    _trade("cancel-order", cancel),
    _trade("amend-order", amend),
    _trade("batch-orders", order),
    _trade("cancel-batch-orders", cancel),
    _trade("amend-batch-orders", amend),
    Call("/api/v5/trade/cancel-all-after", _guarded(_cancel_all_after), "POST", "trade"),
    Call("/api/v5/trade/order", _guarded(_query)),
    Call("/api/v5/trade/orders-pending", _guarded(_pending)),
    Call("/api/v5/trade/orders-history", _guarded(_history)),
    Call("/api/v5/trade/fills", _guarded(_fills)),
    Call("/api/v5/trade/fills-history", _guarded(_fills)),
    Call("/api/v5/account/balance", _guarded(_balance)),
    Call("/api/v5/account/positions", _guarded(_positions)),
    Call("/api/v5/account/config", _config),
    Call("/api/v5/account/set-position-mode", _guarded(_set_mode), "POST", "trade"),
)
