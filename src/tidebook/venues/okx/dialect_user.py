"""OKX from the server's side: the private connection. Facts: OKX API v5, its change log and error codes, 2026-09."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tidebook.core.dialect import Facts, Said, Values
from tidebook.core.private import Account, Denied, Distrust, Distrusted, Happened, Ordered, Session, Socket, Words
from tidebook.model.number import plain
from tidebook.model.wire import MS
from tidebook.venues.okx import dialect_private as calls
from tidebook.venues.okx.dialect_calls import KINDS, codes
from tidebook.venues.okx.dialect_private import maybe
from tidebook.venues.okx.wire import kind_of

CHANNELS: Final = ("orders", "account", "positions")

_DISTRUSTS: Final[Mapping[Distrust, tuple[str, str]]] = {
    "no_key": ("60001", '"OK-ACCESS-KEY" can\'t be empty'),
    "unknown_key": ("60005", "Invalid OK-ACCESS-KEY"),
    "no_time": ("60004", "Invalid timestamp"),
    "early": ("60006", "Timestamp request expired"),
    "late": ("60006", "Timestamp request expired"),
    "malformed": ("60004", "Invalid timestamp"),
    "passphrase": ("60024", "Wrong passphrase"),
    "signature": ("60007", "Invalid sign"),
}


def _error(code: str, text: str) -> list[Said]:
    return [Said("private_error", {"code": code, "msg": text})]


def _hear(session: Session, facts: Facts, message: Words) -> Iterable[Said]:
    op, found = message.get("op"), message.get("args")
    args = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    if op == "login":
        try:
            session.trust(message, enter=True)
        except Distrusted as error:
            session.end()
            return _error(*_DISTRUSTS[error.why])
        return [Said("login")]
    account = session.account
    if account is None:
        return _error("60011", "Please log in")
    if op in calls.TRADES or op in _BATCHES:
        return [_traded(account, facts, str(op), message, args)]
    if op not in ("subscribe", "unsubscribe") or not args:
        return _error("60012", "Invalid request")
    said: list[Said] = []
    topics: dict[str, dict[str, Any]] = session.notes.setdefault("topics", {})
    for arg in args:
        said += _joined(account, facts, topics, arg) if op == "subscribe" else _left(topics, arg)
    return said


def _key(arg: Words) -> str:
    return " ".join(f"{name}={arg[name]}" for name in sorted(arg))


def _left(topics: dict[str, dict[str, Any]], arg: dict[str, Any]) -> list[Said]:
    topics.pop(_key(arg), None)
    return [Said("private_subscribe", {"event": "unsubscribe", "arg": arg})]


def _joined(account: Account, facts: Facts, topics: dict[str, dict[str, Any]], arg: dict[str, Any]) -> list[Said]:
    """An answer, and of account and positions how they are."""
    channel = arg.get("channel")
    if channel not in CHANNELS or (channel != "account" and arg.get("instType") not in ("ANY", *KINDS)):
        text = f"Wrong URL or channel:{channel},instId:{arg.get('instId', '')} doesn't exist."
        return _error("60018", f"{text} Please use the correct URL, channel and parameters referring to API document.")
    topics[_key(arg)] = arg
    said = [Said("private_subscribe", {"arg": arg})]
    if channel == "account":
        rows = [calls.detail_of(one, facts.now_ns) for one in account.balances() if Decimal(one.total)]
        said.append(_account(arg, facts.now_ns, rows))
    if channel == "positions":
        held: list[Values] = [calls.position_of(one) for one in calls.held(account) if _fits(arg, one.rules.id)]
        said.append(Said("positions", {"arg": arg, "data[]": held}))
    return said


def _account(arg: Words, at_ns: int, rows: Iterable[Values]) -> Said:
    return Said("account", {"arg": arg, "data.0.uTime": str(at_ns // MS), "data.0.details[]": [*rows]})


def _fits(arg: Words, id: str) -> bool:
    return arg.get("instType") in ("ANY", kind_of(id)) and arg.get("instId") in (None, "", id)


def _row(happened: Happened, one: Ordered) -> dict[str, object]:
    row, fill = calls.order_of(one), happened.fill
    if happened.cause == "new":
        row["state"] = "live"
    if fill is not None:
        paid = sum((Decimal(fee) for fee in one.fees.values()), Decimal())
        row |= {
            **calls.fill_of(fill), "fee": plain(-paid), "feeCcy": fill.fee_currency,
            "fillFee": plain(-Decimal(fill.fee)), "fillFeeCcy": fill.fee_currency,
        }  # fmt: skip
    return row


def _tell(session: Session, facts: Facts, happened: Happened) -> Iterable[Said]:
    topics: dict[str, dict[str, Any]] = session.notes.get("topics", {})
    one = happened.order
    for arg in topics.values():
        if arg["channel"] == "orders" and one is not None and _fits(arg, one.rules.id):
            yield Said("orders", {"arg": arg, "data[]": [_row(happened, one)]})
        elif arg["channel"] == "account" and happened.balances:
            yield _account(arg, happened.at_ns, [calls.detail_of(each, happened.at_ns) for each in happened.balances])
        elif arg["channel"] == "positions":
            rows: list[Values] = [calls.position_of(each) for each in happened.positions if _fits(arg, each.rules.id)]
            if rows:
                yield Said("positions", {"arg": arg, "data[]": rows})


# ---- orders by message


# "Place / Cancel / Amend multiple orders": so many at the most.
_BATCHES: Final = {"batch-orders": "order", "batch-cancel-orders": "cancel-order", "batch-amend-orders": "amend-order"}
_MOST: Final = 20


def _traded(account: Account, facts: Facts, op: str, message: Words, args: list[dict[str, Any]]) -> Said:
    if not 0 < len(args) <= (_MOST if op in _BATCHES else 1):
        return _answered(message, {"code": "60013", "msg": "Invalid args"}, [])
    act = partial(_act, _BATCHES.get(op, op), maybe(message, "expTime"))
    rows = [calls.done(act, account, facts, one) for one in args]
    return _answered(message, calls.summed(rows), rows)


def _answered(message: Words, whole: Values, rows: list[Values]) -> Said:
    about = {"id": maybe(message, "id"), "op": maybe(message, "op")}
    return Said("private_done", {**about, **whole, "data[]": rows})


def _act(op: str, until: str, account: Account, facts: Facts, words: Words) -> Ordered:
    """What a message asks: until an instant, of an instrument by its number; its id says nothing here."""
    if not account.may_trade:
        raise Denied("permission")
    if until and op != "cancel-order":
        if not (until.isascii() and until.isdigit()):
            raise calls.Bad("expTime")
        if int(until) < facts.stamp_ns // MS:
            raise calls.Expired
    code = calls.text(words, "instIdCode")
    id = {str(number): id for id, number in codes(facts).items()}[code]
    return calls.TRADES[op](account, facts, {**words, "instId": id})


def _unsure(message: Words) -> Said:
    return _answered(message, {"code": "50004", "msg": "Endpoint request timeout"}, [])


PRIVATE: Final = Socket(_hear, _tell, every=3600.0, texts={"ping": "pong"}, unsure=_unsure)
