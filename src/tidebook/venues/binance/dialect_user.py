"""Binance spot's WebSocket API from the server's side: orders by message, and what happens to an account.

Facts: web-socket-api.md, user-data-stream.md of 2026-07-21.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from tidebook.core.dialect import ABSENT, Facts, Refusal, Route, Said
from tidebook.core.private import Account, Denial, Denied, Distrusted, Filled, Happened, Ordered, Session, Socket, Words
from tidebook.model.wire import MS
from tidebook.venues.binance import dialect_private as calls
from tidebook.venues.binance.dialect_calls import refused, routes
from tidebook.venues.binance.dialect_streams import eight
from tidebook.venues.binance.rest import MAIN

Act = Callable[[Account, Facts, Words], Said]
_HMAC: Final = re.compile(r"[0-9a-fA-F]{64}")
PATH: Final = "/ws-api/v3"

_TRADES: Final[Mapping[str, Act]] = {
    "order.place": calls.place, "order.test": calls.test, "order.cancel": calls.cancel,
    "order.amend.keepPriority": calls.amend, "openOrders.cancelAll": calls.cancel_all,
}  # fmt: skip
_READS: Final[Mapping[str, Act]] = {
    "order.status": calls.query, "openOrders.status": calls.open_orders, "allOrders": calls.all_orders,
    "myTrades": calls.trades, "account.status": calls.account_of,
}  # fmt: skip


# "Market data requests": each is answered as the same over HTTP, "General requests" too.
_OPEN: Final[Mapping[str, str]] = {
    "ping": "ping", "time": "time", "exchangeInfo": "exchangeInfo", "depth": "depth", "trades.recent": "trades",
    "trades.historical": "historicalTrades", "trades.aggregate": "aggTrades", "klines": "klines",
    "uiKlines": "uiKlines", "avgPrice": "avgPrice", "ticker": "ticker", "ticker.24hr": "ticker/24hr",
    "ticker.price": "ticker/price", "ticker.book": "ticker/bookTicker",
}  # fmt: skip
_BY_PATH: Final = {route.path.removeprefix("/api/v3/"): route for route in routes(MAIN)}
_ROUTES: Final = {method: _BY_PATH[path] for method, path in _OPEN.items()}


def _arguments(params: Words) -> dict[str, str]:
    """As a query says them: lists are JSON there."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in params.items()
    }


def open_to_all(facts: Facts, message: Words, by_method: Mapping[str, Route]) -> Said | None:
    """What needs no key, answered as over HTTP; None where a message asks for another thing."""
    route, params = by_method.get(str(message.get("method", ""))), message.get("params")
    return None if route is None else route.answer(facts, _arguments(params if isinstance(params, dict) else {}))


def _done(message: Words, said: Said) -> Said:
    """An answer, or a refusal, as the WebSocket API wraps it."""
    if said.status >= 400:
        return Said("ws_error", {"id": message.get("id"), "status": said.status, "error": said})
    return Said("ws_result", {"id": message.get("id"), "result": said})


def _subscribed(session: Session, account: Account) -> Said:
    if session.notes.get("subscription") is not None:
        return refused(-2035, "User Data Stream subscription already active.")
    session.notes["subscription"] = number = session.notes.get("next", 0)
    session.notes["next"] = number + 1
    return Said("ws_subscription", {"subscriptionId": number})


def _answered(session: Session, facts: Facts, message: Words) -> Said:
    method, given = str(message.get("method", "")), message.get("params")
    params: Words = given if isinstance(given, dict) else {}
    if (found := open_to_all(facts, message, _ROUTES)) is not None:
        return found
    if method == "userDataStream.unsubscribe":
        session.notes.pop("subscription", None)
        return Said("ping")
    if method == "session.logon":
        if _HMAC.fullmatch(str(params.get("signature", ""))) is not None:
            return refused(-4056, "HMAC_SHA256 API key is not supported.")
        session.notes["logon"] = session.trust(message, enter=True)
        return Said("ws_session", {"apiKey": params.get("apiKey"), "serverTime": facts.now_ns // MS})
    if method == "userDataStream.subscribe.signature":
        return _subscribed(session, session.trust(message, enter=True))
    if method == "userDataStream.subscribe":
        if "logon" not in session.notes:
            return refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return _subscribed(session, session.notes["logon"])
    return acted(session, facts, message, _TRADES, _READS)


def acted(session: Session, facts: Facts, message: Words, trades: Mapping[str, Act], reads: Mapping[str, Act]) -> Said:
    """What whoever has signed a message, or the session, asks for. Raises Refusal, Denied, Distrusted, KeyError."""
    method, found = str(message.get("method", "")), message.get("params")
    params: Words = found if isinstance(found, dict) else {}
    act = trades.get(method) or reads.get(method)
    if act is None:
        return refused(-1020, "This operation is not supported.")
    inside: Account | None = None if "signature" in params else session.notes.get("logon")
    account = inside or session.trust(message, enter=False)
    if method in trades and not account.may_trade:
        return calls.denied("permission", params)
    return act(account, facts, params)


def _hear(session: Session, facts: Facts, message: Words) -> Iterable[Said]:
    return [answered(message, lambda: _answered(session, facts, message), calls.denied)]


def answered(message: Words, act: Callable[[], Said], denied: Callable[[Denial, Words], Said]) -> Said:
    """The answer to a message, whatever comes of it."""
    try:
        said = act()
    except Refusal as refusal:
        said = refusal.said
    except Denied as denial:
        said = denied(denial.why, message)
    except Distrusted as error:
        said = calls.distrusted(error.why)
    except KeyError:
        said = refused(-1121, "Invalid symbol.")
    return _done(message, said)


# ---- what happens

_CAUSES: Final = {"new": "NEW", "fill": "TRADE", "cancelled": "CANCELED", "expired": "EXPIRED", "amended": "REPLACED"}


def _report(happened: Happened, one: Ordered, fill: Filled | None) -> dict[str, object]:
    cancel = happened.cause == "cancelled"
    state = "NEW" if happened.cause == "new" else calls.state_of(one)
    values: dict[str, object] = {
        "E": happened.at_ns // MS, "s": one.rules.id, "c": f"cancel{one.number}" if cancel else calls.own_name(one),
        "S": one.side.upper(), "o": calls.kind_of(one), "f": calls.tif_of(one), "q": eight(one.size),
        "p": eight(one.price or "0"), "C": calls.own_name(one) if cancel else "",
        "x": _CAUSES[happened.cause], "X": state, "i": one.number, "z": eight(one.filled),
        "T": one.updated_ns // MS, "I": one.number * 1000 + (0 if fill is None else fill.trade % 1000),
        "w": one.state == "open" and not one.waits, "P": eight(one.trigger or "0"),
        "O": one.created_ns // MS, "Z": eight(one.spent), "Q": eight(one.quote or "0"),
        "W": ABSENT if one.waits else one.created_ns // MS,
    }  # fmt: skip
    if fill is not None:
        values |= {
            "l": eight(fill.size), "L": eight(fill.price), "n": eight(fill.fee), "N": fill.fee_currency,
            "t": fill.trade, "m": fill.maker, "Y": eight(fill.amount),
        }  # fmt: skip
    return values


def _tell(session: Session, facts: Facts, happened: Happened) -> Iterable[Said]:
    number = session.notes.get("subscription")
    if number is None:
        return []
    said: list[Said] = []
    if happened.order is not None and happened.cause in _CAUSES:
        values = _report(happened, happened.order, happened.fill)
        said.append(Said("executionReport", {"subscriptionId": number, **_below(values)}))
    if happened.balances:
        rows = [{"a": one.currency, "f": calls.cut(one.free), "l": calls.cut(one.held)} for one in happened.balances]
        values = {"E": happened.at_ns // MS, "u": happened.at_ns // MS, "B[]": rows}
        said.append(Said("outboundAccountPosition", {"subscriptionId": number, **_below(values)}))
    return said


def _below(values: Mapping[str, object]) -> dict[str, object]:
    return {f"event.{name}": value for name, value in values.items()}


def unsure(message: Words) -> Said:
    """It does not know what became of what a message asked for."""
    return _done(message, replace(calls.UNSURE, status=408))


SOCKET: Final = Socket(_hear, _tell, every=20.0, unsure=unsure)


def socket(path: str) -> Socket | None:
    return SOCKET if path == PATH else None
