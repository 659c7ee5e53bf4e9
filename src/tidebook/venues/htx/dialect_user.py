"""HTX spot from the server's side: the private connection. Facts: huobiapi/docs v1_en (2021-06), Websocket Asset and
Order."""

from collections.abc import Iterable, Mapping
from typing import Final

from tidebook.core.dialect import Facts, Said
from tidebook.core.private import Account, Balance, Distrusted, Filled, Happened, Ordered, Session, Socket, Words
from tidebook.model.wire import MS
from tidebook.venues.htx import dialect_private as calls


def _hear(session: Session, facts: Facts, message: Words) -> Iterable[Said]:
    action, channel = message.get("action"), str(message.get("ch", ""))
    if action == "pong":
        return []
    if action == "ping":
        return [Said("private_ping", {"action": "pong", "data": message.get("data", {})})]
    if action == "req" and channel == "auth":
        try:
            session.trust(message, enter=True)
        except Distrusted:
            session.end()
            return [_refused("req", "auth", 2002, "auth.fail")]
        return [Said("private_ack", {"action": "req", "ch": "auth"})]
    account = session.account
    if account is None:
        return [_refused(str(action), channel, 2002, "invalid.auth.state")]
    topics: dict[str, None] = session.notes.setdefault("topics", {})
    if action == "unsub":
        topics.pop(channel, None)
        return [Said("private_ack", {"action": "unsub", "ch": channel})]
    if action != "sub" or not _is_topic(facts, channel):
        return [_refused(str(action), channel, 2001, "invalid.ch")]
    topics[channel] = None
    said = [Said("private_ack", {"action": "sub", "ch": channel})]
    if channel.startswith("accounts.update"):
        at = facts.now_ns // MS
        said += [_account(channel, account, one, None, at) for one in account.balances()]
    return said


def _refused(action: str, channel: str, code: int, text: str) -> Said:
    return Said("private_refused", {"action": action, "code": code, "ch": channel, "message": text})


def _is_topic(facts: Facts, channel: str) -> bool:
    name, _, rest = channel.partition("#")
    symbol, _, mode = rest.partition("#")
    if name == "accounts.update":
        return rest in ("", "0", "1", "2")
    known = symbol == "*" or any(one.id == symbol for one in facts.listed())
    return known and ((name == "orders" and not mode) or (name == "trade.clearing" and mode in ("", "0", "1")))


def _account(channel: str, account: Account, one: Balance, kind: str | None, at: int) -> Said:
    """How a balance is; first of all without what changed it."""
    values = {
        "currency": one.currency.lower(), "accountId": account.number, "balance": one.total, "available": one.free,
        "changeType": kind, "changeTime": None if kind is None else at,
    }  # fmt: skip
    return Said("accounts_update", {"ch": channel, **_below(values)})


def _below(values: Mapping[str, object]) -> dict[str, object]:
    return {f"data.{name}": value for name, value in values.items()}


_KINDS: Final = {
    "new": "order.place", "fill": "order.match", "cancelled": "order.cancel", "expired": "order.cancel",
    "deposit": "deposit", "rejected": "order.cancel", "amended": "order.cancel",
}  # fmt: skip


def _order(channel: str, happened: Happened, one: Ordered) -> Said:
    fill = happened.fill
    values: dict[str, object] = {
        "orderId": one.number, "type": calls.type_of(one), "clientOrderId": one.client_id, "symbol": one.rules.id,
        "orderPrice": one.price or "0", "orderSize": one.quote or one.size,
        "orderStatus": "submitted" if happened.cause == "new" else calls.state_of(one),
    }  # fmt: skip
    if fill is not None:
        values |= {
            "tradePrice": fill.price, "tradeVolume": fill.size, "tradeId": fill.trade, "tradeTime": fill.at_ns // MS,
            "aggressor": not fill.maker, "remainAmt": one.left, "execAmt": one.filled,
        }  # fmt: skip
        return Said("orders_trade", {"ch": channel, **_below(values)})
    if happened.cause == "new":
        values["orderCreateTime"] = one.created_ns // MS
        return Said("orders_creation", {"ch": channel, **_below(values)})
    values |= {"lastActTime": one.updated_ns // MS, "remainAmt": one.left, "execAmt": one.filled}
    return Said("orders_cancellation", {"ch": channel, **_below(values)})


def _clearing(channel: str, account: Account, one: Ordered, fill: Filled) -> Said:
    values: dict[str, object] = {
        "symbol": one.rules.id, "orderId": one.number, "tradePrice": fill.price, "tradeVolume": fill.size,
        "orderSide": fill.side, "aggressor": not fill.maker, "tradeId": fill.trade, "tradeTime": fill.at_ns // MS,
        "transactFee": fill.fee, "feeCurrency": fill.fee_currency.lower(), "accountId": account.number,
        "orderPrice": one.price or "0", "orderSize": one.quote or one.size, "clientOrderId": one.client_id,
        "orderCreateTime": one.created_ns // MS, "orderStatus": calls.state_of(one), "orderType": calls.type_of(one),
    }  # fmt: skip
    return Said("trade_clearing", {"ch": channel, **_below(values)})


def _tell(session: Session, facts: Facts, happened: Happened) -> Iterable[Said]:
    account, one = session.account, happened.order
    if account is None:
        return
    topics: dict[str, None] = session.notes.get("topics", {})
    for channel in topics:
        name, _, rest = channel.partition("#")
        if name == "accounts.update":
            kind = _KINDS[happened.cause]
            for balance in happened.balances:
                yield _account(channel, account, balance, kind, happened.at_ns // MS)
        elif one is not None and rest.partition("#")[0] in ("*", one.rules.id):
            where = channel.replace("*", one.rules.id)
            if name == "orders":
                yield _order(where, happened, one)
            elif happened.fill is not None:
                yield _clearing(where, account, one, happened.fill)


def _beat(facts: Facts) -> Said:
    return Said("private_ping", {"data": {"ts": facts.now_ns // MS}})


V2: Final = Socket(_hear, _tell, beat=_beat, every=20.0)
