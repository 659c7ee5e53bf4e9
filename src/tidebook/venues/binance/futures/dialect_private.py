"""Binance's USD-M futures from the server's side: orders, positions, what happens to an account.

Facts: the venue's SDK as of 2026-08-21 (rest_api/api/trade_api.py, account_api.py, user_data_streams_api.py, and the
messages in tests/unit/rest_api); its error codes and user data streams at developers.binance.com as of 2025-11-30.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tidebook.core.dialect import Facts, Refusal, Said, Values
from tidebook.core.private import (
    Account,
    Call,
    Denial,
    Denied,
    Happened,
    Ordered,
    Placing,
    Position,
    Private,
    Session,
    Socket,
    Terms,
    Tif,
    Words,
)
from tidebook.model.wire import MS
from tidebook.venues.binance import dialect_private as spot
from tidebook.venues.binance import dialect_user
from tidebook.venues.binance.dialect_calls import refused
from tidebook.venues.binance.dialect_private import cut, maybe, named, number, own_name, state_of, text
from tidebook.venues.binance.futures.dialect_calls import routes
from tidebook.venues.binance.private import LEG

TERMS: Final = Terms(maker=200, taker=500, leverage=20, most_open=200, ids="open")

_KILLED: Final = (
    "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history"
)
_TAKES: Final = (
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history"
)
DENIALS: Final[Mapping[Denial, tuple[int, str]]] = {
    **spot.DENIALS,
    "balance": (-2019, "Margin is insufficient."),
    "duplicate": (-4116, "ClientOrderId is duplicated."),
    "would_take": (-5022, _TAKES),
    "trigger": (-2021, "Order would immediately trigger."),
    "too_many": (-2025, "Reach max open order limit."),
    "price": (-4001, "Price less than 0."),
    "tick": (-4014, "Price not increased by tick size."),
    "size": (-4003, "Quantity less than or equal to zero."),
    "step": (-1111, "Precision is over the maximum defined for this asset."),
    "min_notional": (-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
    "reduce_only": (-2022, "ReduceOnly Order is rejected."),
    "leg": (-4061, "Order's position side does not match user's setting."),
}
_POSITION_SIDES: Final = {leg: word for word, leg in LEG.items()}
_TIFS: Final[Mapping[str, Tif]] = {**spot.TIFS, "GTX": "post_only"}


def denied(why: Denial, words: Words) -> Said:
    code, words_of_it = DENIALS[why]
    return refused(code, words_of_it, 401 if why == "permission" else 400)


def placing(words: Words) -> Placing:
    symbol, side, kind = text(words, "symbol"), spot.side_of(words), text(words, "type")
    leg = LEG.get(maybe(words, "positionSide") or "BOTH")
    if leg is None:
        raise Refusal(refused(-4060, "Invalid position side."))
    if leg != "net" and maybe(words, "reduceOnly"):
        raise Refusal(refused(-1106, "Parameter 'reduceonly' sent when not required."))
    price, tif = "", "GTC"
    if kind == "LIMIT":
        price, tif = text(words, "price"), text(words, "timeInForce")
    elif kind in ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"):
        raise Refusal(refused(-4120, "Order type not supported for this endpoint. Please use the Algo Order API."))
    elif kind != "MARKET":
        raise Refusal(refused(-1116, "Invalid orderType."))
    if tif not in _TIFS:
        raise Refusal(refused(-1115, "Invalid timeInForce."))
    return Placing(
        symbol, "buy" if side == "BUY" else "sell", text(words, "quantity"), price, "", _TIFS[tif],
        spot.client_id(words), maybe(words, "reduceOnly") == "true", leg=leg,
    )  # fmt: skip


def _tif(one: Ordered) -> str:
    return "GTX" if one.tif == "post_only" else one.tif.upper()


def _common(one: Ordered) -> dict[str, object]:
    kind = "MARKET" if one.at_market else "LIMIT"
    return {
        "clientOrderId": own_name(one), "executedQty": one.filled, "orderId": one.number, "origQty": one.size,
        "price": one.price or "0", "reduceOnly": one.reduce_only, "side": one.side.upper(), "status": state_of(one),
        "symbol": one.rules.id, "timeInForce": _tif(one), "type": kind, "origType": kind,
        "updateTime": one.updated_ns // MS, "positionSide": _POSITION_SIDES[one.leg],
    }  # fmt: skip


def _acted(one: Ordered) -> Said:
    """Since 2026-07 without `avgPrice` and `cumQuote`."""
    return Said("order_done", {**_common(one), "cumQty": one.filled})


def _order(one: Ordered) -> dict[str, object]:
    return {
        **_common(one), "avgPrice": one.average or "0.00000", "cumQuote": one.spent, "time": one.created_ns // MS,
    }  # fmt: skip


# ---- calls


def _place(account: Account, facts: Facts, words: Words) -> Said:
    one = account.place(placing(words))
    if one.state == "rejected":
        raise Denied("would_take")
    if one.tif == "fok" and one.state == "expired":
        raise Refusal(refused(-5021, _KILLED))
    return _acted(one)


def _test(account: Account, facts: Facts, words: Words) -> Said:
    account.check(placing(words))
    return Said("ping")


def _cancel(account: Account, facts: Facts, words: Words) -> Said:
    return _acted(account.cancel(named(account, words).number))


def _modify(account: Account, facts: Facts, words: Words) -> Said:
    spot.side_of(words)
    size, price = text(words, "quantity"), text(words, "price")
    return _acted(account.amend(named(account, words).number, "", size, price))


def _cancel_all(account: Account, facts: Facts, words: Words) -> Said:
    account.cancel_all(text(words, "symbol"))
    return Said("orders_cancelled")


def _count_down(account: Account, facts: Facts, words: Words) -> Said:
    symbol, ms = text(words, "symbol"), number(words, "countdownTime")
    if ms is None or ms < 0:
        raise Refusal(refused(-1102, "Mandatory parameter 'countdownTime' was not sent, was empty/null, or malformed."))
    account.count_down(ms / 1000, symbol)
    return Said("countdown", {"symbol": symbol, "countdownTime": str(ms)})


def _query(account: Account, facts: Facts, words: Words) -> Said:
    try:
        return Said("order", _order(named(account, words)))
    except Denied:
        raise Refusal(refused(-2013, "Order does not exist.")) from None


def _open_orders(account: Account, facts: Facts, words: Words) -> Said:
    return Said(
        "orders", {"[]": [_order(one) for one in account.orders(maybe(words, "symbol") or None, only_open=True)]}
    )


def _within(words: Words, at_ns: int) -> bool:
    start, end = number(words, "startTime"), number(words, "endTime")
    return (start or 0) <= at_ns // MS and (end is None or at_ns // MS <= end)


def _most(words: Words) -> int:
    return max(1, min(number(words, "limit") or 500, 1000))


def _all_orders(account: Account, facts: Facts, words: Words) -> Said:
    first = number(words, "orderId")
    found = [
        one
        for one in account.orders(text(words, "symbol"))
        if one.state != "rejected" and one.number >= (first or 0) and _within(words, one.created_ns)
    ]
    return Said("orders", {"[]": [_order(one) for one in found][-_most(words) :]})


def _trades(account: Account, facts: Facts, words: Words) -> Said:
    order, first = number(words, "orderId"), number(words, "fromId")
    rows = [
        {
            "symbol": one.rules.id, "id": one.trade, "orderId": one.order, "side": one.side.upper(),
            "price": one.price, "qty": one.size, "realizedPnl": one.realized, "quoteQty": one.amount,
            "commission": one.fee, "commissionAsset": one.fee_currency, "time": one.at_ns // MS,
            "buyer": one.side == "buy", "maker": one.maker, "positionSide": _POSITION_SIDES[one.leg],
        }
        for one in account.fills(maybe(words, "symbol") or None)
        if order in (None, one.order) and one.trade >= (first or 0) and _within(words, one.at_ns)
    ]  # fmt: skip
    return Said("userTrades", {"[]": rows[-_most(words) :]})


def _unrealized(account: Account, currency: str) -> Decimal:
    rows = [one for one in account.positions() if one.rules.settle == currency]
    return sum((Decimal(one.unrealized) for one in rows), Decimal(0))


def _balance(account: Account, facts: Facts, words: Words) -> Said:
    rows = [
        {
            "asset": one.currency, "balance": cut(one.total), "crossWalletBalance": cut(one.total),
            "crossUnPnl": f"{_unrealized(account, one.currency):.8f}", "availableBalance": cut(one.free),
            "maxWithdrawAmount": cut(one.free), "updateTime": facts.now_ns // MS,
        }
        for one in account.balances()
    ]  # fmt: skip
    return Said("balance", {"[]": rows})


def _position(one: Position) -> dict[str, object]:
    margin, gain = cut(one.margin), f"{Decimal(one.unrealized):.8f}"
    worth = f"{'-' if one.size.startswith('-') else ''}{cut(one.notional)}"
    return {
        "symbol": one.rules.id, "positionAmt": one.size, "entryPrice": one.entry or "0.0",
        "breakEvenPrice": one.entry or "0.0", "markPrice": one.mark, "unRealizedProfit": gain, "notional": worth,
        "marginAsset": one.rules.settle, "initialMargin": margin, "positionInitialMargin": margin,
        "updateTime": one.updated_ns // MS, "positionSide": _POSITION_SIDES[one.leg],
    }  # fmt: skip


def _positions(account: Account, facts: Facts, words: Words) -> Said:
    symbol = maybe(words, "symbol")
    found = [one for one in account.positions() if Decimal(one.size) and symbol in ("", one.rules.id)]
    return Said("positionRisk", {"[]": [_position(one) for one in found]})


def _account(account: Account, facts: Facts, words: Words) -> Said:
    now = facts.now_ns // MS
    assets: list[Values] = []
    for one in account.balances():
        gain = _unrealized(account, one.currency)
        assets.append(
            {
                "asset": one.currency, "walletBalance": cut(one.total), "unrealizedProfit": f"{gain:.8f}",
                "marginBalance": f"{Decimal(one.total) + gain:.8f}", "initialMargin": cut(one.held),
                "crossWalletBalance": cut(one.total), "crossUnPnl": f"{gain:.8f}", "availableBalance": cut(one.free),
                "maxWithdrawAmount": cut(one.free), "updateTime": now,
            }
        )  # fmt: skip
    rows: list[Values] = [
        {
            "symbol": one.rules.id, "positionAmt": one.size, "unrealizedProfit": f"{Decimal(one.unrealized):.8f}",
            "notional": cut(one.notional), "initialMargin": cut(one.margin), "updateTime": one.updated_ns // MS,
            "positionSide": _POSITION_SIDES[one.leg],
        }
        for one in account.positions()
        if Decimal(one.size)
    ]  # fmt: skip
    return Said("account", {"assets[]": assets, "positions[]": rows})


# The older paths and messages have what a position was set to; `marginType` and `isolated` are the samples'.
_OF_POSITION: Final = frozenset({
    "symbol", "positionAmt", "entryPrice", "breakEvenPrice", "markPrice", "unRealizedProfit", "notional",
    "positionSide", "updateTime",
})  # fmt: skip
_OF_ACCOUNT: Final = frozenset({
    "symbol", "positionAmt", "entryPrice", "initialMargin", "positionInitialMargin", "positionSide", "updateTime",
})  # fmt: skip


def _older(one: Position, names: frozenset[str]) -> dict[str, object]:
    return {**{name: value for name, value in _position(one).items() if name in names}, "leverage": str(TERMS.leverage)}


def _positions_v2(account: Account, facts: Facts, words: Words) -> Said:
    """Those that are closed, too."""
    symbol = maybe(words, "symbol")
    found = [_older(one, _OF_POSITION) for one in account.positions() if symbol in ("", one.rules.id)]
    return Said("positionRisk_v2", {"[]": found})


def _account_v2(account: Account, facts: Facts, words: Words) -> Said:
    rows = [
        {**_older(one, _OF_ACCOUNT), "unrealizedProfit": f"{Decimal(one.unrealized):.8f}"}
        for one in account.positions()
    ]
    return Said("account_v2", {"assets[]": _account(account, facts, words).values["assets[]"], "positions[]": rows})


def _mode(account: Account, facts: Facts, words: Words) -> Said:
    return Said("positionMode", {"dualSidePosition": account.hedges})


def _set_mode(account: Account, facts: Facts, words: Words) -> Said:
    """Facts: USD-M, "Change Position Mode", "Error Code"."""
    wanted = text(words, "dualSidePosition").lower()
    if wanted not in ("true", "false"):
        raise Refusal(refused(-1130, "Data sent for parameter 'dualSidePosition' is not valid."))
    if account.hedges == (wanted == "true"):
        raise Refusal(refused(-4059, "No need to change position side."))
    try:
        account.hedge(wanted == "true")
    except Denied as denial:
        if denial.why != "leg":
            raise
        if account.orders(only_open=True):
            raise Refusal(
                refused(-4067, "Position side cannot be changed if there exists open orders.")
            ) from None  # fmt: skip
        raise Refusal(refused(-4068, "Position side cannot be changed if there exists position.")) from None
    return Said("positionModeSet")


def _brackets(account: Account, facts: Facts, words: Words) -> Said:
    symbol = maybe(words, "symbol")
    found = [one for one in facts.listed() if symbol in ("", one.id)]
    if symbol and not found:
        raise Refusal(refused(-1121, "Invalid symbol."))
    return Said("leverageBracket", {"[]": [{"symbol": one.id} for one in found]})


def _listen(account: Account, facts: Facts, words: Words) -> Said:
    return Said("listenKey", {"listenKey": account.listen_key("open")})


def _keep(account: Account, facts: Facts, words: Words) -> Said:
    key = account.listen_key("keep", maybe(words, "listenKey"))
    if not key:
        raise Refusal(refused(-1125, "This listenKey does not exist."))
    return Said("listenKey", {"listenKey": key})


def _close(account: Account, facts: Facts, words: Words) -> Said:
    account.listen_key("close", maybe(words, "listenKey"))
    return Said("ping")


CALLS: Final = (
    Call("/fapi/v1/order", _place, "POST", "trade"),
    Call("/fapi/v1/order/test", _test, "POST", "trade"),
    Call("/fapi/v1/order", _cancel, "DELETE", "trade"),
    Call("/fapi/v1/order", _modify, "PUT", "trade"),
    Call("/fapi/v1/order", _query),
    Call("/fapi/v1/allOpenOrders", _cancel_all, "DELETE", "trade"),
    Call("/fapi/v1/countdownCancelAll", _count_down, "POST", "trade", weight=10),
    Call("/fapi/v1/openOrders", _open_orders, fits=lambda words: "symbol" in words),
    Call("/fapi/v1/openOrders", _open_orders, weight=40),
    Call("/fapi/v1/allOrders", _all_orders, weight=5),
    Call("/fapi/v1/userTrades", _trades, weight=5),
    *(Call(f"/fapi/{version}/balance", _balance, weight=5) for version in ("v2", "v3")),
    Call("/fapi/v2/positionRisk", _positions_v2, weight=5),
    Call("/fapi/v3/positionRisk", _positions, weight=5),
    Call("/fapi/v2/account", _account_v2, weight=5),
    Call("/fapi/v3/account", _account, weight=5),
    Call("/fapi/v1/leverageBracket", _brackets),
    Call("/fapi/v1/positionSide/dual", _mode, weight=30),
    Call("/fapi/v1/positionSide/dual", _set_mode, "POST", "trade"),
    Call("/fapi/v1/listenKey", _listen, "POST", "key"),
    Call("/fapi/v1/listenKey", _keep, "PUT", "key"),
    Call("/fapi/v1/listenKey", _close, "DELETE", "key"),
)

# ---- what happens

_CAUSES: Final = {"new": "NEW", "fill": "TRADE", "cancelled": "CANCELED", "expired": "EXPIRED", "amended": "AMENDMENT"}


def _update(happened: Happened, one: Ordered) -> dict[str, object]:
    kind, fill = "MARKET" if one.at_market else "LIMIT", happened.fill
    values: dict[str, object] = {
        "s": one.rules.id, "c": own_name(one), "S": one.side.upper(), "o": kind, "f": _tif(one), "q": one.size,
        "p": one.price or "0", "ap": one.average or "0", "x": _CAUSES[happened.cause],
        "X": "NEW" if happened.cause == "new" else state_of(one), "i": one.number, "z": one.filled,
        "T": one.updated_ns // MS, "R": one.reduce_only, "ot": kind,
        "ps": _POSITION_SIDES[one.leg],
    }  # fmt: skip
    if fill is not None:
        values |= {
            "l": fill.size, "L": fill.price, "N": fill.fee_currency, "n": fill.fee, "t": fill.trade,
            "m": fill.maker, "rp": fill.realized,
        }  # fmt: skip
    return values


def _tell(session: Session, facts: Facts, happened: Happened) -> Iterable[Said]:
    """Those that the URL names; all where it names none. Money first, as the venue does: UNVERIFIED."""
    wanted = str(session.notes["url"].get("events", "")).split("/")
    at = happened.at_ns // MS
    said: list[Said] = []
    if happened.cause in ("fill", "deposit") and ("ACCOUNT_UPDATE" in wanted or wanted == [""]):
        balances = [{"a": one.currency, "wb": cut(one.total), "cw": cut(one.total)} for one in happened.balances]
        rows = [
            {
                "s": one.rules.id, "pa": one.size, "ep": one.entry or "0", "bep": one.entry or "0",
                "cr": one.realized, "up": f"{Decimal(one.unrealized):.8f}",
                "ps": _POSITION_SIDES[one.leg],
            }
            for one in happened.positions
        ]  # fmt: skip
        reason = "ORDER" if happened.cause == "fill" else "DEPOSIT"
        said.append(Said("ACCOUNT_UPDATE", {"E": at, "T": at, "a.m": reason, "a.B[]": balances, "a.P[]": rows}))
    if happened.order is not None and happened.cause in _CAUSES:
        if "ORDER_TRADE_UPDATE" in wanted or wanted == [""]:
            values = {f"o.{name}": value for name, value in _update(happened, happened.order).items()}
            said.append(Said("ORDER_TRADE_UPDATE", {"E": at, "T": at, **values}))
    return said


STREAM: Final = Socket(lambda session, facts, message: (), _tell, every=180.0)


# ---- by message

_TRADES: Final = {"order.place": _place, "order.modify": _modify, "order.cancel": _cancel}
_READS: Final = {
    "order.status": _query, "account.balance": _balance, "v2/account.balance": _balance,
    "account.status": _account_v2, "v2/account.status": _account,
    "account.position": _positions_v2, "v2/account.position": _positions,
}  # fmt: skip
_BY_PATH: Final = {route.path: route for route in routes(usd=True)}
_OPEN: Final = {
    "depth": _BY_PATH["/fapi/v1/depth"], "ticker.price": _BY_PATH["/fapi/v2/ticker/price"],
    "ticker.book": _BY_PATH["/fapi/v1/ticker/bookTicker"],
}  # fmt: skip


def _answered(session: Session, facts: Facts, message: Words) -> Said:
    """Facts: USD-M, "WebSocket API General Info", Trade, Account, Market Data; conditional orders are not here."""
    found = dialect_user.open_to_all(facts, message, _OPEN)
    return found if found is not None else dialect_user.acted(session, facts, message, _TRADES, _READS)


def _hear(session: Session, facts: Facts, message: Words) -> Iterable[Said]:
    return [dialect_user.answered(message, partial(_answered, session, facts, message), denied)]


ORDERS: Final = Socket(_hear, lambda session, facts, happened: (), every=180.0, unsure=dialect_user.unsure)


def _by_key(url: str) -> str | None:
    """The key is in the query of `/private/ws`; that of the path is dead. Orders are signed one by one."""
    if urlsplit(url).path == "/ws-fapi/v1":
        return None
    asked = parse_qs(urlsplit(url).query)
    return next(iter(asked.get("listenKey", ())), "")


USDM_PRIVATE: Final = Private(
    scheme="binance",
    purse="binance.usdm",
    calls=CALLS,
    distrusted=spot.distrusted,
    denied=denied,
    unsure=spot.UNSURE,
    terms=TERMS,
    hosts=("fstream.binance.com/private/", "ws-fapi.binance.com"),
    socket={"/private/ws": STREAM, "/ws-fapi/v1": ORDERS}.get,
    by_key=_by_key,
)
