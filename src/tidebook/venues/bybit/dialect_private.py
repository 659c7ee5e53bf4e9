"""Bybit from the server's side: orders and accounts over HTTP. Facts: bybit-exchange/docs v5 as of 2026-07-24.

One unified account trades spot and linear contracts: which is meant says `category`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from tidebook.core.dialect import Facts, Refusal, Said, Values, paths
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
from tidebook.venues.bybit.dialect_calls import refused

Category = Literal["spot", "linear"]

# order/create-order.mdx: what a conditional order needs is held once it goes off.
SPOT_TERMS: Final = Terms(maker=1_000, taker=1_000, most_open=500, stops_hold=False)
LINEAR_TERMS: Final = Terms(maker=200, taker=550, most_open=500, leverage=10, stops_hold=False)

# error.mdx: of spot, of contracts.
DENIALS: Final[Mapping[Denial, tuple[tuple[int, str], tuple[int, str]]]] = {
    "balance": ((170131, "Balance insufficient"), (110007, "Available balance is insufficient")),
    "duplicate": ((170141, "Duplicate clientOrderId"), (110072, "OrderLinkedID is duplicate")),
    "too_many": (
        (170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders."),
        (110020, "Not allowed to have more than 500 active orders."),
    ),
    "price": ((170133, "Order price lower than the minimum."), (10001, "params error: price invalid")),
    "tick": ((170134, "Order price decimal too long."), (10001, "params error: price invalid")),
    "size": ((170136, "Order quantity lower than the minimum."), (110017, "orderQty will be truncated to zero")),
    "step": ((170137, "Order volume decimal too long"), (10001, "params error: qty invalid")),
    "min_notional": (
        (170140, "Order value exceeded lower limit"), (110094, "Order notional value below the lower limit"),
    ),
    "would_take": (
        (170218, "The LIMIT-MAKER order is rejected due to invalid price."), (110001, "Order does not exist"),
    ),
    "reduce_only": ((10001, "params error: reduceOnly invalid"), (110017, "orderQty will be truncated to zero")),
    "trigger": (
        (10001, "params error: triggerPrice invalid"), (110092, "expect Rising, but trigger_price <= current"),
    ),
    "unknown": ((170213, "Order does not exist."), (110001, "Order does not exist")),
    "done": ((170142, "Order has been cancelled"), (110008, "The order has been completed or cancelled.")),
    "kind": ((10001, "params error: category invalid"), (10001, "params error: category invalid")),
    "leg": ((10001, "params error: positionIdx invalid"), (10001, "position idx not match position mode")),
    "permission": (
        (10005, "Permission denied, please check your API key permissions."),
        (10005, "Permission denied, please check your API key permissions."),
    ),
}  # fmt: skip

DISTRUSTS: Final[Mapping[Distrust, tuple[int, str]]] = {
    "no_key": (10003, "API key is invalid."),
    "unknown_key": (10003, "API key is invalid."),
    "no_time": (10002, "The request time exceeds the time window range."),
    "early": (10002, "The request time exceeds the time window range."),
    "late": (10002, "The request time exceeds the time window range."),
    "malformed": (10001, "Request parameter error"),
    "signature": (10004, "Error sign, please check your signature generation algorithm."),
    "passphrase": (10003, "API key is invalid."),
}

UNSURE: Final = refused(10000, "Server Timeout")


def reason_of(why: Denial, words: Words) -> tuple[int, str]:
    if why == "trigger" and str(words.get("triggerDirection")) == "2":
        return 110093, "expect Falling, but trigger_price >= current"
    return DENIALS[why][0 if words.get("category") == "spot" else 1]


def denied(why: Denial, words: Words) -> Said:
    return refused(*reason_of(why, words))


def distrusted(why: Distrust) -> Said:
    return refused(*DISTRUSTS[why])


# ---- words

_LINK: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
_LINEAR_ID: Final = re.compile(r"00000000-0000-4000-8000-([0-9a-f]{12})")
TIFS: Final[Mapping[str, Tif]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "PostOnly": "post_only"}
_TIF_WORDS: Final[Mapping[Tif, str]] = {tif: word for word, tif in TIFS.items()}
_SIDES: Final[Mapping[str, Literal["buy", "sell"]]] = {"Buy": "buy", "Sell": "sell"}


_LEGS: Final[Mapping[str, Leg]] = {"0": "net", "1": "long", "2": "short"}
_INDEXES: Final = {leg: int(index) for index, leg in _LEGS.items()}


def bad(name: str) -> Refusal:
    return Refusal(refused(10001, f"params error: {name} invalid"))


def text(words: Words, name: str) -> str:
    found = words.get(name)
    if found is None or found == "" or isinstance(found, (dict, list)):
        raise bad(name)
    return str(found)


def maybe(words: Words, name: str) -> str:
    found = words.get(name)
    return "" if found is None or isinstance(found, (dict, list)) else str(found)


def category_of(one: Ordered | Filled | Position) -> Category:
    return "spot" if one.rules.kind == "spot" else "linear"


def id_of(one: Ordered) -> str:
    """Digits in spot, else in the form of a UUID."""
    return _id(one.number, category_of(one))


def _id(number: int, category: Category) -> str:
    return str(number) if category == "spot" else f"00000000-0000-4000-8000-{number:012x}"


def number_of(found: str) -> int:
    """The number of an order's id. Raises Denied for what is none."""
    match = _LINEAR_ID.fullmatch(found)
    if match is not None:
        return int(match[1], 16)
    if not (found.isascii() and found.isdigit() and len(found) <= 18):
        raise Denied("unknown")
    return int(found)


def _named(words: Words) -> tuple[int | None, str]:
    order, link = maybe(words, "orderId"), maybe(words, "orderLinkId")
    if not order and not link:
        raise bad("orderId or orderLinkId")
    return (number_of(order), "") if order else (None, link)


def placing(words: Words) -> Placing:
    side, kind = text(words, "side"), text(words, "orderType")
    if side not in _SIDES:
        raise bad("side")
    link = maybe(words, "orderLinkId")
    if link and _LINK.fullmatch(link) is None:
        raise bad("orderLinkId")
    size, quote, price, tif = text(words, "qty"), "", "", "GTC"
    if kind == "Market":
        by_quote = words.get("category") == "spot" and side == "Buy" and maybe(words, "marketUnit") != "baseCoin"
        if by_quote or maybe(words, "marketUnit") == "quoteCoin":
            size, quote = "", size
    elif kind == "Limit":
        price, tif = text(words, "price"), maybe(words, "timeInForce") or "GTC"
    else:
        raise bad("orderType")
    if tif not in TIFS:
        raise bad("timeInForce")
    reduce_only = words.get("reduceOnly") in (True, "true")
    trigger, rises = _trigger(words)
    return Placing(
        text(words, "symbol"), _SIDES[side], size, price, quote, TIFS[tif], link, reduce_only, trigger, rises,
        _leg(words),
    )  # fmt: skip


def _leg(words: Words) -> Leg:
    """Which position of a contract it moves."""
    index = maybe(words, "positionIdx") or "0"
    if words.get("category") == "spot":
        return "net"
    if index not in _LEGS:
        raise bad("positionIdx")
    return _LEGS[index]


def _trigger(words: Words) -> tuple[str, bool | None]:
    """The price for which it waits, and from below or not: of contracts that is asked, on spot the venue finds it."""
    trigger = maybe(words, "triggerPrice")
    if not trigger:
        return "", None
    if maybe(words, "triggerBy") not in ("", "LastPrice"):  # the others are not here
        raise bad("triggerBy")
    if words.get("category") == "spot":
        return trigger, None
    way = maybe(words, "triggerDirection")
    if way not in ("1", "2"):
        raise bad("triggerDirection")
    return trigger, way == "1"


# ---- facts


def state_of(one: Ordered) -> str:
    part = bool(Decimal(one.filled))
    if one.waits:
        return "Untriggered" if one.state == "open" else "Deactivated"
    if one.state == "open":
        return "PartiallyFilled" if part else "New"
    if one.state == "filled":
        return "Filled"
    return "PartiallyFilledCanceled" if part and one.rules.kind == "spot" else "Cancelled"


def _why(one: Ordered) -> str:
    if one.reason == "would_take":
        return "EC_PostOnlyWillTakeLiquidity"
    if one.reason == "balance":  # when its trigger was reached; UNVERIFIED
        return "EC_Others"
    return "EC_NoImmediateQtyToFill" if one.state == "expired" else "EC_NoError"


def order_of(one: Ordered) -> dict[str, object]:
    """What the call and the stream have in common."""
    worth = Decimal(one.left) * Decimal(one.price or 0) if one.state == "open" else Decimal(0)
    return {
        "orderId": id_of(one), "orderLinkId": one.client_id, "symbol": one.rules.id, "price": one.price or "0",
        "qty": one.quote or one.size, "side": one.side.capitalize(), "orderStatus": state_of(one),
        "rejectReason": _why(one), "avgPrice": one.average or "", "leavesQty": one.left if one.state == "open" else "0",
        "leavesValue": plain(worth), "cumExecQty": one.filled, "cumExecValue": one.spent,
        "cumExecFee": plain(sum((Decimal(fee) for fee in one.fees.values()), Decimal(0))),
        "timeInForce": "IOC" if one.at_market else _TIF_WORDS[one.tif],
        "orderType": "Market" if one.at_market else "Limit", "reduceOnly": one.reduce_only,
        "createdTime": str(one.created_ns // MS), "updatedTime": str(one.updated_ns // MS),
        "cancelType": "CancelByUser" if one.state == "cancelled" else "UNKNOWN", "cumFeeDetail": dict(one.fees),
        **_of_trigger(one), "marketUnit": _unit(one), "positionIdx": _INDEXES[one.leg],
    }  # fmt: skip


def _of_trigger(one: Ordered) -> dict[str, object]:
    if not one.trigger:
        return {"triggerPrice": "0.00", "triggerDirection": 0, "triggerBy": "UNKNOWN", "stopOrderType": "UNKNOWN"}
    return {
        "triggerPrice": one.trigger, "triggerDirection": 1 if one.rises else 2, "triggerBy": "LastPrice",
        "stopOrderType": "Stop",
    }  # fmt: skip


def _unit(one: Ordered) -> str:
    """In what `qty` is counted, of market orders on spot."""
    if category_of(one) != "spot" or not one.at_market:
        return ""
    return "quoteCoin" if one.quote else "baseCoin"


def fill_of(one: Filled) -> dict[str, object]:
    terms = SPOT_TERMS if one.rules.kind == "spot" else LINEAR_TERMS
    return {
        "symbol": one.rules.id, "orderLinkId": one.client_id, "side": one.side.capitalize(),
        "orderId": _id(one.order, category_of(one)), "execTime": str(one.at_ns // MS),
        "feeCurrency": one.fee_currency, "isMaker": one.maker, "execFee": one.fee,
        "feeRate": plain(Decimal(terms.maker if one.maker else terms.taker).scaleb(-6)),
        "execId": execution_id(one), "execPrice": one.price, "execValue": one.amount, "execQty": one.size,
        "seq": one.trade,
    }  # fmt: skip


def execution_id(one: Filled) -> str:
    return str(one.trade) if one.rules.kind == "spot" else f"00000000-0000-4000-9000-{one.trade % 2**48:012x}"


def position_of(one: Position) -> dict[str, object]:
    size = Decimal(one.size)
    return {
        "symbol": one.rules.id, "side": "Buy" if size > 0 else "Sell" if size < 0 else "",
        "size": one.size.lstrip("-"), "positionValue": one.notional, "leverage": str(one.leverage),
        "markPrice": one.mark, "positionIM": one.margin, "positionIMByMp": one.margin,
        "unrealisedPnl": one.unrealized, "curRealisedPnl": one.realized, "cumRealisedPnl": one.realized,
        "createdTime": str(one.updated_ns // MS), "updatedTime": str(one.updated_ns // MS),
        "positionIdx": _INDEXES[one.leg],
    }  # fmt: skip


def coin_of(one: Balance) -> dict[str, object]:
    return {
        "coin": one.currency, "equity": one.total, "walletBalance": one.total, "locked": one.held, "usdValue": "0",
        "availableToWithdraw": one.free, "cumRealisedPnl": "0",
    }  # fmt: skip


# ---- calls


def _answer(facts: Facts, sample: str, result: Values) -> Said:
    return Said(sample, {"time": facts.now_ns // MS, **paths("result", result)})


Done = tuple[str, str]
"""The order's id, and its client's."""


def create(account: Account, words: Words) -> Done:
    one = account.place(placing(words))
    return id_of(one), one.client_id


def cancel(account: Account, words: Words) -> Done:
    one = account.cancel(*_named(words), text(words, "symbol"))
    return id_of(one), one.client_id


def amend(account: Account, words: Words) -> Done:
    size, price = maybe(words, "qty"), maybe(words, "price")
    if not size and not price:
        raise bad("qty or price")
    one = account.amend(*_named(words), size, price, text(words, "symbol"))
    return id_of(one), one.client_id


def _acked(act: Callable[[Account, Words], Done], account: Account, facts: Facts, words: Words) -> Said:
    order, link = act(account, words)
    return _answer(facts, "order_done", {"orderId": order, "orderLinkId": link})


def _cancel_all(account: Account, facts: Facts, words: Words) -> Said:
    symbol = maybe(words, "symbol") or None
    if text(words, "category") == "spot":  # one kind alone, and the usual one where none is named
        stops = maybe(words, "orderFilter") == "StopOrder"
        wanted = [one for one in account.orders(symbol, only_open=True) if one.waits == stops]
        ended: Sequence[Ordered] = [account.cancel(one.number) for one in wanted]
    else:
        ended = account.cancel_all(symbol)
    rows = [{"orderId": id_of(one), "orderLinkId": one.client_id} for one in ended]
    return _answer(facts, "orders_cancelled", {"list[]": rows})


PRODUCTS: Final[Mapping[str, Category]] = {"SPOT": "spot", "DERIVATIVES": "linear"}


def _protect(account: Account, facts: Facts, words: Words) -> Said:
    """How long after its last connection with the topic `dcp` what is open is cancelled."""
    product, window = maybe(words, "product") or "OPTIONS", text(words, "timeWindow")
    if product not in ("OPTIONS", *PRODUCTS):
        raise bad("product")
    if not (window.isascii() and window.isdigit() and 3 <= int(window) <= 300):
        raise bad("timeWindow")
    account.notes[f"window {product}"] = int(window)
    return Said("protected")


def _page(words: Words, rows: Sequence[Values], most: int) -> tuple[list[Values], str]:
    """The rows of a page, and the cursor of the next one."""
    limit, cursor = maybe(words, "limit") or "20", maybe(words, "cursor") or "0"
    if not (limit.isdigit() and 1 <= int(limit) and cursor.isdigit()):
        raise bad("limit")
    start, size = int(cursor), min(int(limit), most)
    return [*rows[start : start + size]], str(start + size) if start + size < len(rows) else ""


def _orders(words: Words, found: Sequence[Ordered], facts: Facts) -> Said:
    """The newest first; of one id, or of a client's, that one."""
    order, link = maybe(words, "orderId"), maybe(words, "orderLinkId")
    number = number_of(order) if order else None
    found = [
        one for one in reversed(found) if number in (None, one.number) and (not link or one.client_id == link)
    ]  # fmt: skip
    rows, cursor = _page(words, [order_of(one) for one in found], 50)
    return _answer(
        facts, "orders", {"category": text(words, "category"), "nextPageCursor": cursor, "list[]": rows}
    )  # fmt: skip


def _realtime(account: Account, facts: Facts, words: Words) -> Said:
    """Those that are open; one that is named also when it has ended."""
    named = bool(maybe(words, "orderId") or maybe(words, "orderLinkId"))
    closed = named or maybe(words, "openOnly") == "1"
    return _orders(words, account.orders(maybe(words, "symbol") or None, only_open=not closed), facts)


def _history(account: Account, facts: Facts, words: Words) -> Said:
    found = [one for one in account.orders(maybe(words, "symbol") or None) if one.state != "open"]
    return _orders(words, found, facts)


def _executions(account: Account, facts: Facts, words: Words) -> Said:
    order, link = maybe(words, "orderId"), maybe(words, "orderLinkId")
    start, end = maybe(words, "startTime") or "0", maybe(words, "endTime") or "9" * 13
    if not (start.isdigit() and end.isdigit()):
        raise bad("startTime")
    orders = {one.number: one for one in account.orders()}
    rows: list[Values] = []
    for one in reversed(account.fills(maybe(words, "symbol") or None)):
        if (order and one.order != number_of(order)) or (link and one.client_id != link):
            continue
        if not int(start) <= one.at_ns // MS <= int(end):
            continue
        whole = orders[one.order]
        more = {
            "orderType": "Market" if whole.at_market else "Limit", "orderQty": whole.size,
            "orderPrice": whole.price or "0", "leavesQty": whole.left,
        }  # fmt: skip
        rows.append({**fill_of(one), **more})
    rows, cursor = _page(words, rows, 100)
    return _answer(
        facts, "executions", {"category": text(words, "category"), "nextPageCursor": cursor, "list[]": rows}
    )  # fmt: skip


def _positions(account: Account, facts: Facts, words: Words) -> Said:
    """Also that of a symbol that was never held, where one is asked for."""
    symbol, coin = maybe(words, "symbol"), maybe(words, "settleCoin")
    rows: list[Values] = [
        {**position_of(one), "avgPrice": one.entry or "0"}
        for one in account.positions()
        if symbol in ("", one.rules.id) and coin in ("", one.rules.settle) and (symbol or Decimal(one.size))
    ]
    return _answer(facts, "positions", {"category": text(words, "category"), "list[]": rows})


def _switch(account: Account, facts: Facts, words: Words) -> Said:
    """position/position-mode.mdx, error.mdx. There it is of a symbol or of all of a coin, here of the whole account."""
    mode = text(words, "mode")
    if mode not in ("0", "3") or not (maybe(words, "symbol") or maybe(words, "coin")):
        raise bad("mode" if mode not in ("0", "3") else "symbol")
    if account.hedges == (mode == "3"):
        raise Refusal(refused(110025, "Position mode has not been modified."))
    try:
        account.hedge(mode == "3")
    except Denied as denial:
        if denial.why != "leg":
            raise
        what, code = ("open orders", 110028) if account.orders(only_open=True) else ("an existing position", 110024)
        raise Refusal(refused(code, f"You have {what}, so the position mode cannot be switched.")) from None
    return Said("switch_mode", {"time": facts.now_ns // MS})


def _wallet(account: Account, facts: Facts, words: Words) -> Said:
    if text(words, "accountType") != "UNIFIED":
        raise bad("accountType")
    coins = set(filter(None, maybe(words, "coin").split(",")))
    rows = [coin_of(one) for one in account.balances() if (not coins or one.currency in coins) and Decimal(one.total)]
    return _answer(facts, "wallet_balance", {"list.0.coin[]": rows})


def _key(account: Account, facts: Facts, words: Words) -> Said:
    return _answer(facts, "query_api", {"readOnly": 0 if account.may_trade else 1, "userID": account.number})


def _info(account: Account, facts: Facts, words: Words) -> Said:
    return _answer(facts, "account_info", {"updatedTime": str(facts.now_ns // MS)})


def calls(category: Category) -> tuple[Call, ...]:
    """Those of one category; what needs none is the same in both."""

    def of(words: Words) -> bool:
        return words.get("category") == category

    def act(one: Callable[[Account, Words], Done]) -> Callable[[Account, Facts, Words], Said]:
        return lambda account, facts, words: _acked(one, account, facts, words)

    trades = [Call(f"/v5/order/{name}", act(one), "POST", "trade", fits=of) for name, one in TRADES.items()]
    reads = (
        ("/v5/order/realtime", _realtime), ("/v5/order/history", _history), ("/v5/execution/list", _executions),
        *([("/v5/position/list", _positions)] if category == "linear" else []),
    )  # fmt: skip
    return (
        *trades,
        Call("/v5/order/cancel-all", _cancel_all, "POST", "trade", fits=of),
        *(Call(path, one, fits=of) for path, one in reads),
        *([Call("/v5/position/switch-mode", _switch, "POST", "trade", fits=of)] if category == "linear" else []),
        Call("/v5/order/disconnected-cancel-all", _protect, "POST", "trade"),
        Call("/v5/account/wallet-balance", _wallet),
        Call("/v5/account/info", _info),
        Call("/v5/user/query-api", _key),
    )


TRADES: Final[Mapping[str, Callable[[Account, Words], Done]]] = {"create": create, "cancel": cancel, "amend": amend}
