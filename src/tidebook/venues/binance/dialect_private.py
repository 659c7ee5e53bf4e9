"""Binance spot from the server's side: orders and accounts over HTTP. Facts: rest-api.md, errors.md of 2026-07-21."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tidebook.core.dialect import ABSENT, Facts, Refusal, Said
from tidebook.core.private import (
    Account,
    Call,
    Denial,
    Denied,
    Distrust,
    Filled,
    Ordered,
    Placing,
    Side,
    State,
    Terms,
    Tif,
    Words,
)
from tidebook.model.wire import MS
from tidebook.venues.binance.dialect_calls import refused
from tidebook.venues.binance.dialect_streams import eight

TERMS: Final = Terms(maker=1_000, taker=1_000, fee_in="received", most_open=200, ids="open")

DENIALS: Final[Mapping[Denial, tuple[int, str]]] = {
    "balance": (-2010, "Account has insufficient balance for requested action."),
    "duplicate": (-2010, "Duplicate order sent."),
    "would_take": (-2010, "Order would immediately match and take."),
    "trigger": (-2010, "Stop price would trigger immediately."),
    "too_many": (-1013, "Filter failure: MAX_NUM_ORDERS"),
    "price": (-1013, "Filter failure: PRICE_FILTER"),
    "tick": (-1013, "Filter failure: PRICE_FILTER"),
    "size": (-1013, "Filter failure: LOT_SIZE"),
    "step": (-1013, "Filter failure: LOT_SIZE"),
    "min_notional": (-1013, "Filter failure: NOTIONAL"),
    "unknown": (-2011, "Unknown order sent."),
    "done": (-2011, "Unknown order sent."),
    "kind": (-2010, "Market is closed."),
    "reduce_only": (-1106, "Parameter 'reduceOnly' sent when not required."),
    "permission": (-2015, "Invalid API-key, IP, or permissions for action."),
}

DISTRUSTS: Final[Mapping[Distrust, tuple[int, str, int]]] = {
    "no_key": (-2014, "API-key format invalid.", 401),
    "unknown_key": (-2015, "Invalid API-key, IP, or permissions for action.", 401),
    "no_time": (-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.", 400),
    "early": (-1021, "Timestamp for this request was 1000ms ahead of the server's time.", 400),
    "late": (-1021, "Timestamp for this request is outside of the recvWindow.", 400),
    "malformed": (-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.", 400),
    "signature": (-1022, "Signature for this request is not valid.", 400),
    "passphrase": (-2015, "Invalid API-key, IP, or permissions for action.", 401),
}

_UNSURE: Final = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
UNSURE: Final = refused(-1007, _UNSURE)


def denied(why: Denial, words: Words) -> Said:
    code, text = DENIALS[why]
    return refused(code, text, 401 if why == "permission" else 400)


def distrusted(why: Distrust) -> Said:
    code, text, status = DISTRUSTS[why]
    return refused(code, text, status)


# ---- words

_CLIENT: Final = re.compile(r"[\.A-Z\:/a-z0-9_-]{1,36}")
_OWN: Final = re.compile(r"sim([0-9]{1,18})")
TIFS: Final[Mapping[str, Tif]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
STATES: Final[Mapping[State, str]] = {
    "open": "NEW", "filled": "FILLED", "cancelled": "CANCELED", "expired": "EXPIRED", "rejected": "REJECTED",
}  # fmt: skip


def missing(name: str) -> Refusal:
    return Refusal(refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))


def text(words: Words, name: str) -> str:
    """A parameter that has to be there."""
    found = words.get(name)
    if found is None or found == "" or isinstance(found, (dict, list)):
        raise missing(name)
    return str(found)


def maybe(words: Words, name: str) -> str:
    found = words.get(name)
    return "" if found is None or isinstance(found, (dict, list)) else str(found)


def number(words: Words, name: str) -> int | None:
    found = maybe(words, name)
    if not found:
        return None
    if not (found.isascii() and found.isdigit() and len(found) <= 18):
        raise Refusal(
            refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        )
    return int(found)


def own_name(one: Ordered) -> str:
    """The client's id; where it gave none the venue has made one."""
    return one.client_id or f"sim{one.number}"


def client_id(words: Words, name: str = "newClientOrderId") -> str:
    found = maybe(words, name)
    if found and _CLIENT.fullmatch(found) is None:
        legal = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
        raise Refusal(refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."))
    return found


def named(account: Account, words: Words) -> Ordered:
    """The order that a question names. Raises Denied where there is none."""
    symbol, order, name = text(words, "symbol"), number(words, "orderId"), maybe(words, "origClientOrderId")
    if order is None and not name:
        raise Refusal(refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"))
    made = _OWN.fullmatch(name)
    if order is None and made is not None:
        order, name = int(made[1]), ""
    found = account.order(order, name, symbol)
    if (name and own_name(found) != name) or found.state == "rejected":
        raise Denied("unknown")
    return found


_NUMBER: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
_OLDER: Final = ("origQty", "origQuoteOrderQty", "cummulativeQuoteQty")  # what amendments call otherwise
_STOPS: Final = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def side_of(words: Words) -> str:
    side = text(words, "side")
    if side not in ("BUY", "SELL"):
        raise Refusal(refused(-1117, "Invalid side."))
    return side


def placing(words: Words) -> Placing:
    """What `POST order` asks for. Raises Refusal."""
    symbol, side, kind = text(words, "symbol"), side_of(words), text(words, "type")
    size, quote, tif = maybe(words, "quantity"), "", "GTC"
    price = ""
    if kind == "MARKET":
        quote = maybe(words, "quoteOrderQty")
        if size and quote:
            raise Refusal(refused(-1106, "Parameter 'quoteOrderQty' sent when not required."))
        if not size and not quote:
            raise missing("quantity")
    elif kind in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        tif = text(words, "timeInForce") if kind != "LIMIT_MAKER" else "GTC"
        size, price = text(words, "quantity"), text(words, "price")
    elif kind in _STOPS:
        size = text(words, "quantity")
    else:
        raise Refusal(refused(-1116, "Invalid orderType."))
    if tif not in TIFS:
        raise Refusal(refused(-1115, "Invalid timeInForce."))
    how: Tif = "post_only" if kind == "LIMIT_MAKER" else TIFS[tif]
    trigger, rises = "", None
    if kind in _STOPS:
        trigger, rises = text(words, "stopPrice"), kind.startswith("STOP") == (side == "BUY")
    elif maybe(words, "stopPrice"):
        raise Refusal(refused(-1106, "Parameter 'stopPrice' sent when not required."))
    way: Side = "buy" if side == "BUY" else "sell"
    return Placing(
        symbol, way, size, price, quote, how, client_id(words), trigger=trigger, rises=rises
    )  # fmt: skip


def kind_of(one: Ordered) -> str:
    if one.trigger:
        stop = "STOP_LOSS" if one.rises == (one.side == "buy") else "TAKE_PROFIT"
        return stop if one.at_market else f"{stop}_LIMIT"
    return "MARKET" if one.at_market else "LIMIT_MAKER" if one.tif == "post_only" else "LIMIT"


def tif_of(one: Ordered) -> str:
    return one.tif.upper() if one.tif in ("ioc", "fok") else "GTC"


def state_of(one: Ordered) -> str:
    return "PARTIALLY_FILLED" if one.state == "open" and Decimal(one.filled) else STATES[one.state]


def _common(one: Ordered) -> dict[str, object]:
    return {
        "symbol": one.rules.id, "orderId": one.number, "clientOrderId": own_name(one),
        "price": eight(one.price or "0"), "origQty": eight(one.size), "executedQty": eight(one.filled),
        "origQuoteOrderQty": eight(one.quote or "0"), "cummulativeQuoteQty": eight(one.spent),
        "status": state_of(one), "timeInForce": tif_of(one), "type": kind_of(one), "side": one.side.upper(),
        "stopPrice": eight(one.trigger) if one.trigger else ABSENT,
    }  # fmt: skip


def order_of(one: Ordered) -> dict[str, object]:
    created, updated = one.created_ns // MS, one.updated_ns // MS
    works = one.state == "open" and not one.waits
    return {
        **_common(one), "time": created, "updateTime": updated, "isWorking": works,
        "workingTime": -1 if one.waits else created, "stopPrice": eight(one.trigger or "0"),
    }  # fmt: skip


def cancelled_of(one: Ordered, name: str = "") -> dict[str, object]:
    """`name` is the client's id of the cancel itself."""
    return {
        **_common(one), "origClientOrderId": own_name(one), "clientOrderId": name or f"cancel{one.number}",
        "transactTime": one.updated_ns // MS,
    }  # fmt: skip


def _fill_of(one: Filled) -> dict[str, object]:
    return {
        "price": eight(one.price), "qty": eight(one.size), "commission": eight(one.fee),
        "commissionAsset": one.fee_currency, "tradeId": one.trade,
    }  # fmt: skip


# ---- calls


def place(account: Account, facts: Facts, words: Words) -> Said:
    asked = placing(words)
    wanted = maybe(words, "newOrderRespType")
    if wanted not in ("", "ACK", "RESULT", "FULL"):
        raise missing("newOrderRespType")
    one = account.place(asked)
    if one.state == "rejected":
        raise Denied("would_take")
    now = one.created_ns // MS
    if wanted == "ACK":
        return Said(
            "order_ack",
            {"symbol": one.rules.id, "orderId": one.number, "clientOrderId": own_name(one), "transactTime": now},
        )
    values = {**_common(one), "transactTime": now, "workingTime": -1 if one.waits else now}
    if wanted == "RESULT":
        return Said("order_result", values)
    fills = [_fill_of(fill) for fill in account.fills(one.rules.id) if fill.order == one.number]
    return Said("order_full", {**values, "fills[]": fills})


def test(account: Account, facts: Facts, words: Words) -> Said:
    account.check(placing(words))
    return Said("ping")


def cancel(account: Account, facts: Facts, words: Words) -> Said:
    return Said(
        "order_cancelled",
        cancelled_of(account.cancel(named(account, words).number), client_id(words)),
    )


def amend(account: Account, facts: Facts, words: Words) -> Said:
    """It keeps its place, and its name where that is said again."""
    size, name = text(words, "newQty"), client_id(words)
    try:
        before = named(account, words)
        if before.state != "open":
            raise Denied("done")
    except Denied:
        raise Refusal(refused(-2038, "Unknown order sent.")) from None
    if _NUMBER.fullmatch(size) is None:
        raise missing("newQty")
    more = Decimal(size) - Decimal(before.size)
    if more > 0:
        raise Refusal(refused(-2038, "Order amend (quantity increase) is not supported."))
    if not more:
        raise Refusal(refused(-2038, "The requested action would change no state; rejecting."))
    one = account.amend(before.number, "", size, name="" if _OWN.fullmatch(name) else name)
    values = {name: value for name, value in _common(one).items() if name not in _OLDER}
    values |= {
        "origClientOrderId": own_name(before), "qty": eight(one.size), "cumulativeQuoteQty": eight(one.spent),
        "quoteOrderQty": eight("0"), "workingTime": ABSENT if one.waits else one.created_ns // MS,
    }  # fmt: skip
    below = {f"amendedOrder.{name}": value for name, value in values.items()}
    return Said("order_amended", {"transactTime": one.updated_ns // MS, "executionId": one.number * 1000, **below})


def cancel_all(account: Account, facts: Facts, words: Words) -> Said:
    ended = account.cancel_all(text(words, "symbol"))
    if not ended:
        raise Denied("unknown")
    return Said("orders_cancelled", {"[]": [cancelled_of(one) for one in ended]})


def query(account: Account, facts: Facts, words: Words) -> Said:
    try:
        return Said("order", order_of(named(account, words)))
    except Denied:
        raise Refusal(refused(-2013, "Order does not exist.")) from None


def open_orders(account: Account, facts: Facts, words: Words) -> Said:
    found = account.orders(maybe(words, "symbol") or None, only_open=True)
    return Said("orders", {"[]": [order_of(one) for one in found]})


def _most(words: Words) -> int:
    return max(1, min(number(words, "limit") or 500, 1000))


def all_orders(account: Account, facts: Facts, words: Words) -> Said:
    """From an order's number on; else the newest."""
    first, start, end = (number(words, name) for name in ("orderId", "startTime", "endTime"))
    found = [
        one
        for one in account.orders(text(words, "symbol"))
        if one.state != "rejected"
        and one.number >= (first or 0)
        and (start or 0) <= one.created_ns // MS
        and (end is None or one.created_ns // MS <= end)
    ]
    most = _most(words)
    oldest_first = first is not None or start is not None
    return Said("orders", {"[]": [order_of(one) for one in (found[:most] if oldest_first else found[-most:])]})


def trades(account: Account, facts: Facts, words: Words) -> Said:
    order, first, start, end = (number(words, name) for name in ("orderId", "fromId", "startTime", "endTime"))
    found = [
        one
        for one in account.fills(text(words, "symbol"))
        if order in (None, one.order)
        and one.trade >= (first or 0)
        and (start or 0) <= one.at_ns // MS
        and (end is None or one.at_ns // MS <= end)
    ]
    most = _most(words)
    rows = [
        {
            "symbol": one.rules.id, "id": one.trade, "orderId": one.order, "price": eight(one.price),
            "qty": eight(one.size), "quoteQty": eight(one.amount), "commission": eight(one.fee),
            "commissionAsset": one.fee_currency, "time": one.at_ns // MS, "isBuyer": one.side == "buy",
            "isMaker": one.maker,
        }
        for one in (found[:most] if first is not None or start is not None else found[-most:])
    ]  # fmt: skip
    return Said("myTrades", {"[]": rows})


def _balances(account: Account, words: Words) -> list[dict[str, object]]:
    empty_too = maybe(words, "omitZeroBalances") != "true"
    return [
        {"asset": one.currency, "free": cut(one.free), "locked": cut(one.held)}
        for one in account.balances()
        if empty_too or Decimal(one.total)
    ]


def cut(amount: str) -> str:
    """Eight decimals; what is finer is not shown."""
    whole, _, part = amount.partition(".")
    return f"{whole}.{part[:8]:0<8}"


def account_of(account: Account, facts: Facts, words: Words) -> Said:
    rate = f"{TERMS.maker / 1_000_000:.8f}", f"{TERMS.taker / 1_000_000:.8f}"
    return Said(
        "account",
        {
            "makerCommission": TERMS.maker // 100, "takerCommission": TERMS.taker // 100,
            "commissionRates.maker": rate[0], "commissionRates.taker": rate[1], "canTrade": account.may_trade,
            "updateTime": facts.now_ns // MS, "balances[]": _balances(account, words), "uid": account.number,
        },
    )  # fmt: skip


CALLS: Final = (
    Call("/api/v3/order", place, "POST", "trade"),
    Call("/api/v3/order/test", test, "POST", "trade"),
    Call("/api/v3/order", cancel, "DELETE", "trade"),
    Call("/api/v3/order/amend/keepPriority", amend, "PUT", "trade", weight=4),
    Call("/api/v3/order", query, weight=4),
    Call("/api/v3/openOrders", cancel_all, "DELETE", "trade"),
    Call("/api/v3/openOrders", open_orders, weight=6, fits=lambda words: "symbol" in words),
    Call("/api/v3/openOrders", open_orders, weight=80),
    Call("/api/v3/allOrders", all_orders, weight=20),
    Call("/api/v3/myTrades", trades, weight=20),
    Call("/api/v3/account", account_of, weight=20),
)
