"""Bybit from the server's side: private connections. Facts: bybit-exchange/docs v5 as of 2026-07-24.

`/v5/private` tells what happens to the account, `/v5/trade` takes orders. One connection hears of all categories.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from tidebook.core.dialect import Facts, Refusal, Said, Values
from tidebook.core.private import Account, Denied, Distrusted, Happened, Session, Socket, Words
from tidebook.model.wire import MS
from tidebook.venues.bybit import dialect_private as calls

_TOPICS: Final = frozenset({"order", "execution", "position", "wallet"})
_CATEGORIES: Final = ("", ".spot", ".linear")
_PROTECTS: Final = {"dcp.spot": "SPOT", "dcp.future": "DERIVATIVES"}
TOPICS: Final = frozenset((*(f"{topic}{category}" for topic in _TOPICS for category in _CATEGORIES), *_PROTECTS)) - {
    "wallet.spot"
}
_WINDOW: Final = 10  # seconds, where none was set
_AGAIN: Final = 20001, "Repeat auth"  # Websocket Trade Guideline, which has the code and not its words


def _entered(session: Session, message: Words) -> tuple[int, str]:
    """Log in; 0, or the code and why not, where that is not done."""
    try:
        session.trust(message, enter=True)
    except Distrusted as error:
        return calls.DISTRUSTS[error.why]
    return 0, ""


def _hear(session: Session, facts: Facts, message: Words) -> Iterable[Said]:
    op, id = message.get("op"), str(message.get("req_id", ""))
    found = message.get("args")
    args = [str(one) for one in found] if isinstance(found, list) else []
    if op == "ping":
        return [Said("private_pong", {"req_id": id, "args": [str(facts.now_ns // MS)]})]
    if op == "auth":
        _, why = _entered(session, message)
        if why:
            session.end()
        return [Said("private_ack", {"success": not why, "ret_msg": why, "op": "auth", "req_id": id})]
    if op not in ("subscribe", "unsubscribe"):
        return [Said("private_ack", {"success": False, "ret_msg": "error:request not supported", "req_id": id})]
    if session.account is None:
        why = "Request not authorized"
        return [Said("private_ack", {"success": False, "ret_msg": why, "op": op, "req_id": id})]
    unknown = [topic for topic in args if topic not in TOPICS]
    if unknown:
        why = f"error:handler not found,topic:{unknown[0]}"
        return [Said("private_ack", {"success": False, "ret_msg": why, "op": op, "req_id": id})]
    topics: dict[str, None] = session.notes.setdefault("topics", {})
    for topic in args:
        if op == "subscribe" and topic not in topics:
            topics[topic] = None
            _watched(session.account, topic, 1)
        elif op == "unsubscribe" and topic in topics:
            del topics[topic]
            _watched(session.account, topic, -1)
    return [Said("private_ack", {"success": True, "ret_msg": "", "op": op, "req_id": id})]


def _watched(account: Account, topic: str, more: int, *, dead: bool = False) -> None:
    """One connection more, or less, with this topic. When the last one has died, and did not leave it, time runs."""
    product = _PROTECTS.get(topic)
    if product is None:
        return
    there = account.notes[topic] = account.notes.get(topic, 0) + more
    if there and not dead:
        wait = 0
    elif dead and not there:
        wait = account.notes.get(f"window {product}", _WINDOW)
    else:
        return
    with suppress(Denied):  # of what is not served here
        account.beside(calls.PRODUCTS[product]).count_down(wait)


def _ended(session: Session) -> None:
    account, topics = session.account, session.notes.pop("topics", {})
    if account is not None:
        for topic in topics:
            _watched(account, topic, -1, dead=True)


def _tell(session: Session, facts: Facts, happened: Happened) -> Iterable[Said]:
    topics: dict[str, Any] = session.notes.get("topics", {})
    at_ms = happened.at_ns // MS

    def said(topic: str, category: str, rows: list[Values]) -> list[Said]:
        heard = next((one for one in (topic, f"{topic}.{category}") if one in topics), None)
        if heard is None or not rows:
            return []
        return [Said(f"private_{topic}", {"topic": heard, "creationTime": at_ms, "data[]": rows})]

    order, fill = happened.order, happened.fill
    messages: list[Said] = []
    if order is not None:
        category = calls.category_of(order)
        if happened.cause not in ("new", "amended") or order.state == "open":
            row = {**calls.order_of(order), "category": category}
            if happened.cause == "triggered":
                row["orderStatus"] = "Triggered"
            messages += said("order", category, [row])
        if fill is not None:
            more = {
                "category": category, "orderType": "Market" if order.at_market else "Limit", "orderQty": order.size,
                "orderPrice": order.price or "0", "leavesQty": order.left, "execPnl": fill.realized,
            }  # fmt: skip
            messages += said("execution", category, [{**calls.fill_of(fill), **more}])
    rows: list[Values] = [{**calls.position_of(one), "entryPrice": one.entry or "0"} for one in happened.positions]
    messages += said("position", "linear", rows)
    coins: list[Values] = [calls.coin_of(one) for one in happened.balances]
    messages += said("wallet", "", [{"coin[]": coins}] if coins else [])
    return messages


# ---- orders by message


def _trade_hear(session: Session, facts: Facts, message: Words) -> Iterable[Said]:
    op, id = str(message.get("op", "")), str(message.get("reqId", ""))
    if op == "ping":
        return [Said("trade_pong", {"data": [str(facts.now_ns // MS)]})]
    if op == "auth":
        inside = session.account is not None
        code, why = _entered(session, message)
        if inside and not code:
            code, why = _AGAIN
        return [Said("trade_auth", {"retCode": code, "retMsg": why or "OK"})]
    if session.account is None:
        return [_refused(facts, op, id, 10003, "Request not authorized")]
    if not _in_time(facts, message):
        return [_refused(facts, op, id, *calls.DISTRUSTS["late"])]
    act = calls.TRADES.get(op.removeprefix("order."))
    if act is None or not op.startswith("order."):
        return [_refused(facts, op, id, 10404, "op type is not found")]
    return [_acted(session.account, facts, op, id, _order_words(message))]


def _order_words(message: Words) -> Words:
    args = message.get("args")
    return args[0] if isinstance(args, list) and len(args) == 1 and isinstance(args[0], dict) else {}


def _trade_kind(message: Words) -> str:
    return str(_order_words(message).get("category", ""))


def _in_time(facts: Facts, message: Words) -> bool:
    """Whether the time in a message's header is within the window that it names, or 5 s."""
    header = message.get("header")
    words: Words = header if isinstance(header, dict) else {}
    at, window = (str(words.get(f"X-BAPI-{name}", "")) for name in ("TIMESTAMP", "RECV-WINDOW"))
    if not (at.isascii() and at.isdigit()):
        return False
    wide = int(window) if window.isascii() and window.isdigit() else 5_000
    now = facts.stamp_ns // MS
    return now - wide <= int(at) < now + 1_000


def _acted(account: Account, facts: Facts, op: str, id: str, words: Words) -> Said:
    try:
        category = words.get("category")
        if category not in ("spot", "linear"):
            return _refused(facts, op, id, 10001, "params error: category invalid")
        order, link = calls.TRADES[op.removeprefix("order.")](account.beside(category), words)
    except Denied as denial:
        return _refused(facts, op, id, *calls.reason_of(denial.why, words))
    except Refusal as refusal:
        values = refusal.said.values
        return _refused(facts, op, id, *(values[name] for name in ("retCode", "retMsg")))
    except KeyError:
        return _refused(facts, op, id, 10001, "params error: symbol invalid")
    now = str(facts.now_ns // MS)
    return Said(
        "trade_done",
        {"reqId": id, "op": op, "data.orderId": order, "data.orderLinkId": link, "header.Timenow": now},
    )


def _refused(facts: Facts, op: str, id: str, code: object, why: object) -> Said:
    now = str(facts.now_ns // MS)
    return Said(
        "trade_refused", {"reqId": id, "op": op, "retCode": code, "retMsg": why, "header.Timenow": now}
    )  # fmt: skip


PRIVATE: Final = Socket(_hear, _tell, every=3600.0, ended=_ended)


def _unsure(message: Words) -> Said:
    return Said(
        "trade_refused",
        {"reqId": message.get("reqId"), "op": message.get("op"), "retCode": 10000, "retMsg": "Server Timeout"},
    )


TRADE: Final = Socket(
    _trade_hear, lambda session, facts, happened: (), every=3600.0, unsure=_unsure, kind=_trade_kind
)  # fmt: skip
