"""HTX spot: accounts as they happen. Facts: huobiapi/docs v1_en (2021-06), Websocket Asset and Order.

Orders are told of without fees, trades apart with them. What waits for a trigger is told of once that has gone off.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tidebook.model.number import Exact, exact
from tidebook.model.orders import Balance, Fill, Order
from tidebook.model.wire import MS, Id, Ms, Num, decode, word
from tidebook.venue import AccountStream, Endpoint, Login, Ping, Seen, Subscribing, Template, Told
from tidebook.venues.htx.private import SIDE, STATUS, TYPES
from tidebook.venues.htx.sign import SIGN


class _Head(msgspec.Struct):
    action: str = ""
    ch: str = ""


class _Order(msgspec.Struct, rename="camel"):
    """What was made, traded or cancelled, each with its own time."""

    event_type: str
    symbol: str
    order_status: str
    client_order_id: str = ""
    order_id: Id = 0
    type: str = ""
    order_price: Num = "0"
    order_size: Num = "0"
    exec_amt: Num = "0"
    order_create_time: Ms | None = None
    trade_time: Ms | None = None
    last_act_time: Ms | None = None


class _Trade(msgspec.Struct, rename="camel"):
    event_type: str
    symbol: str
    order_id: Id
    trade_price: Num
    trade_volume: Num
    order_side: str
    aggressor: bool
    trade_id: Id
    trade_time: Ms
    transact_fee: Num
    fee_currency: str
    client_order_id: str = ""


class _Held(msgspec.Struct, rename="camel"):
    currency: str
    account_type: str
    balance: Num | None = None
    available: Num | None = None
    change_time: Ms | None = None


class _Ordered(msgspec.Struct):
    data: _Order


class _Traded(msgspec.Struct):
    data: _Trade


class _Moved(msgspec.Struct):
    data: _Held


_HEAD: Final = msgspec.json.Decoder(_Head)
_ORDER: Final = msgspec.json.Decoder(_Ordered)
_TRADE: Final = msgspec.json.Decoder(_Traded)
_MOVED: Final = msgspec.json.Decoder(_Moved)


def read(frame: bytes, seen: Seen) -> Sequence[Told]:
    """What a message says; answers say nothing of accounts."""
    head = decode(_HEAD, frame)
    if head.action != "push":
        return ()
    match head.ch.partition("#")[0]:
        case "orders":
            order = decode(_ORDER, frame).data
            return [_order(order, seen)] if order.event_type in ("creation", "trade", "cancellation") else []
        case "trade.clearing":
            trade = decode(_TRADE, frame).data
            return [_fill(trade, seen)] if trade.event_type == "trade" else []
        case "accounts.update":
            return _balance(decode(_MOVED, frame).data, seen)
    return ()


def _order(one: _Order, seen: Seen) -> Order:
    side, _, type = one.type.partition("-")
    what = word(TYPES, type, "type of order")
    stamps = (one.last_act_time, one.trade_time, one.order_create_time)
    at = next((stamp for stamp in stamps if stamp is not None), None)
    return Order(
        venue=seen.venue, symbol=seen.symbol(one.symbol), received_ns=seen.received_ns,
        venue_ns=None if at is None else at * MS, id=str(one.order_id), client_id=one.client_order_id,
        side=word(SIDE, side, "side"), kind=what.kind, status=word(STATUS, one.order_status, "state"),
        exact_price=None if what.kind == "market" else exact(one.order_price),
        exact_size=None if one.type == "buy-market" else exact(one.order_size), exact_filled=exact(one.exec_amt),
        tif=what.tif, post_only=what.post_only,
        created_ns=None if one.order_create_time is None else one.order_create_time * MS,
    )  # fmt: skip


def _fill(one: _Trade, seen: Seen) -> Fill:
    return Fill(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.trade_time * MS, received_ns=seen.received_ns,
        id=str(one.trade_id), order_id=str(one.order_id), client_id=one.client_order_id,
        side=word(SIDE, one.order_side, "side"), exact_price=exact(one.trade_price),
        exact_size=exact(one.trade_volume), exact_fee=exact(one.transact_fee), fee_currency=one.fee_currency.upper(),
        maker=not one.aggressor,
    )  # fmt: skip


def _balance(one: _Held, seen: Seen) -> list[Told]:
    """Accounts of margin and the like are told of too."""
    if one.account_type != "trade" or one.balance is None or one.available is None:
        return []
    whole, free = exact(one.balance), exact(one.available)
    scale = max(whole[1], free[1])
    held: Exact = (whole[0] * 10 ** (scale - whole[1]) - free[0] * 10 ** (scale - free[1]), scale)
    about: dict[str, Any] = {"venue": seen.venue, "currency": one.currency.upper(), "received_ns": seen.received_ns}
    at = None if one.change_time is None else one.change_time * MS
    return [Balance(**about, exact_free=free, exact_held=held, venue_ns=at)]


def stream() -> AccountStream:
    """A login that is refused twice is for good: its code is the same for whatever was wrong, also for the time."""
    assert SIGN.login is not None
    return AccountStream(
        Endpoint(
            name="account",
            url="wss://api.huobi.pro/ws/v2",
            subscribing=Subscribing(
                subscribe=Template('{"action":"sub","ch":"$topic"}'),
                ack=Template('{"action":"sub","code":200,"ch":"$topic"}'),
                refusals=(Template('{"action":"sub","code":"$code","ch":"$topic","message":"$text"}'),),
            ),
            # Every 20 s; what has not answered two of them is closed.
            ping=Ping(
                by="server",
                form="message",
                every=20,
                deadline=60,
                ask=Template('{"action":"ping","data":{"ts":"#ts"}}'),
                answer=Template('{"action":"pong","data":{"ts":"#ts"}}'),
                prefix=b'{"action":"ping"',
            ),
            login=Login(
                ask=SIGN.login,
                ok=Template('{"action":"req","code":200,"ch":"auth"}'),
                refusals=(Template('{"action":"req","code":"$code","ch":"auth","message":"$text"}'),),
                late=("2002",),
            ),
        ),
        read,
        topics=("orders#*", "trade.clearing#*#0", "accounts.update#2"),
    )
