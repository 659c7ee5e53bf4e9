"""OKX: orders and accounts, of spot, swaps and futures. Facts: OKX API v5, order book trading and trading account, and
its change log, as of 2026-09.

An order that is taken has a number and nothing else. Spot is traded in cash, contracts across the account's margin: in
the net mode a contract has one position, in the long/short mode two.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from tidebook.core.rest import get
from tidebook.errors import DecodeError, OrderNotFound, PostOnlyWouldTake, UsageError
from tidebook.model.facts import Instrument, Side
from tidebook.model.number import exact, plain
from tidebook.model.orders import Balance, Fill, Kind, Leg, Margin, Order, Position, Status, Tif
from tidebook.model.wire import MS, Num, decode, word
from tidebook.venue import Act, ClientIds, Countdown, DeadMan, Inquiry, Ref, Request, Seen, Trading, Wish
from tidebook.venues.okx import wire
from tidebook.venues.okx.rest import API, ONE, SIXTY, TEN

T = TypeVar("T")
IDS: Final = ClientIds(prefix="tb", width=13, most=32)  # clOrdId: letters and digits alone
# Timeouts: "does not mean that the request was successful or failed" (50004), "request timed out" (51054), "order timed
# out" (51149); and an error of the system's.
UNSURE: Final = frozenset({"50001", "50004", "50013", "50026", "51054", "51149"})
WINDOW: Final = 30.0  # seconds by which a time stamp may be off
KNOWN: Final = 2 * 3600.0  # seconds for which an order is known that was cancelled without a fill
_MOST: Final = 100
_Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,38}\Z")]


class _Ack(msgspec.Struct, rename={"id": "ordId", "name": "clOrdId", "code": "sCode", "text": "sMsg", "at": "ts"}):
    id: _Number
    name: str
    code: str
    text: str
    at: str


class _Order(
    msgspec.Struct,
    rename={
        "instrument": "instId", "id": "ordId", "name": "clOrdId", "type": "ordType", "price": "px", "size": "sz",
        "unit": "tgtCcy", "filled": "accFillSz", "average": "avgPx", "reduces": "reduceOnly", "made": "cTime",
        "changed": "uTime", "why": "cancelSource", "way": "posSide",
    },
):  # fmt: skip
    """Numbers are empty, or 0, where there is none."""

    instrument: str
    id: _Number
    name: str
    type: str
    state: str
    side: str
    price: str
    size: Num
    unit: str
    filled: Num
    average: str
    reduces: str
    made: str
    changed: str
    why: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{0,4}\Z")]
    way: str


class _Fill(
    msgspec.Struct,
    rename={
        "instrument": "instId", "id": "tradeId", "order": "ordId", "name": "clOrdId", "bill": "billId",
        "price": "fillPx", "size": "fillSz", "currency": "feeCcy", "role": "execType", "at": "ts", "way": "posSide",
    },
):  # fmt: skip
    """A fee that was paid is below 0. What the venue did by itself has no role."""

    instrument: str
    id: _Number
    order: _Number
    name: str
    bill: _Number
    side: str
    price: Num
    size: Num
    fee: Num
    currency: str
    role: str
    at: str
    way: str


class _Coin(msgspec.Struct, rename={"currency": "ccy", "free": "availBal", "held": "frozenBal", "at": "uTime"}):
    currency: str
    free: Num
    held: Num
    at: str


class _Account(msgspec.Struct):
    details: list[_Coin]


class _Position(
    msgspec.Struct,
    rename={
        "instrument": "instId", "type": "instType", "way": "posSide", "size": "pos", "entry": "avgPx",
        "mark": "markPx", "profit": "upl", "liquidation": "liqPx", "leverage": "lever", "at": "uTime",
        "margin": "mgnMode",
    },
):  # fmt: skip
    instrument: str
    type: str
    way: str
    size: Num
    entry: str
    mark: str
    profit: str
    liquidation: str
    leverage: str
    at: str
    margin: str


class _Counting(msgspec.Struct, rename={"at": "triggerTime"}):
    at: _Number


_ACKS: Final = msgspec.json.Decoder(wire.Push[_Ack])
_ORDERS: Final = msgspec.json.Decoder(wire.Push[_Order])
_FILLS: Final = msgspec.json.Decoder(wire.Push[_Fill])
_ACCOUNTS: Final = msgspec.json.Decoder(wire.Push[_Account])
_POSITIONS: Final = msgspec.json.Decoder(wire.Push[_Position])
_COUNTING: Final = msgspec.json.Decoder(wire.Push[_Counting])

_STATUS: Final[Mapping[str, Status]] = {
    "live": "open", "partially_filled": "open", "filled": "filled", "canceled": "cancelled",
    "mmp_canceled": "cancelled",
}  # fmt: skip
_KIND: Final[Mapping[str, Kind]] = {
    "limit": "limit", "post_only": "limit", "fok": "limit", "ioc": "limit", "market": "market",
    "optimal_limit_ioc": "market", "mmp": "limit", "mmp_and_post_only": "limit", "op_fok": "limit", "rpi": "limit",
}  # fmt: skip
_TIF: Final[Mapping[str, Tif]] = {"fok": "fok", "op_fok": "fok", "ioc": "ioc", "optimal_limit_ioc": "ioc"}
_REASONS: Final = {"31": PostOnlyWouldTake}  # it is taken, and cancelled at once
SIDE: Final[Mapping[str, Side]] = {"buy": "buy", "sell": "sell"}
_YES: Final = {"true": True, "false": False, "": False}
ROLE: Final[Mapping[str, bool]] = {"M": True, "T": False}
# A position that is short is told above 0 in the long/short mode, below in the net mode.
_WAY: Final = {"net": 1, "long": 1, "short": -1}
LEG: Final[Mapping[str, Leg]] = {"net": "net", "long": "long", "short": "short", "": "net"}  # of spot there is none
# A contract may have one across the account and one with a margin of its own, whichever mode it is in.
_MARGIN: Final[Mapping[str, Margin]] = {"cross": "cross", "isolated": "isolated"}

# ---- reading


def _acks(body: bytes) -> _Ack:
    """The one that was asked for. What failed is refused before; where it did not say so, nobody knows."""
    rows = decode(_ACKS, body).data
    if not rows:
        raise DecodeError("missing", "nothing is said of the order")
    if rows[0].code != "0":
        raise DecodeError("malformed", f"taken, and {rows[0].code} at once: {rows[0].text}")
    return rows[0]


def _taken(body: bytes, seen: Seen, wish: Wish) -> Order:
    ack = _acks(body)
    return wish.order(id=ack.id, client_id=ack.name, venue_ns=wire.at_ns(ack.at), received_ns=seen.received_ns)


def _acknowledged(body: bytes, seen: Seen, ref: Ref) -> None:
    """It will be cancelled or changed: what became of it, whoever asks is told."""
    _acks(body)


def _counts(body: bytes, seen: Seen, about: Countdown) -> None:
    """When all is cancelled; 0: never."""
    rows = decode(_COUNTING, body).data
    if not rows or (int(rows[0].at) > 0) != (about.seconds > 0):
        raise DecodeError("malformed", f"{about.seconds:g} s were asked for, and are not what is counted")


def _made(one: _Order, seen: Seen) -> Order:
    kind = word(_KIND, one.type, "type of order")
    filled, average = exact(one.filled), wire.maybe(one.average)
    spot = wire.kind_of(one.instrument) == "SPOT"
    # A purchase of spot at the market is for so much money, where its client did not say otherwise.
    usual = "quote_ccy" if spot and kind == "market" and one.side == "buy" else ""
    # Of contracts it would depend on their size: that is not said here.
    cost = (filled[0] * average[0], filled[1] + average[1]) if spot and average is not None else None
    return Order(
        venue=seen.venue, symbol=seen.symbol(one.instrument), venue_ns=wire.at_ns(one.changed),
        received_ns=seen.received_ns, id=one.id, client_id=one.name, side=word(SIDE, one.side, "side"), kind=kind,
        status=word(_STATUS, one.state, "state"), exact_price=exact(one.price) if kind == "limit" else None,
        exact_size=None if (one.unit or usual) == "quote_ccy" else exact(one.size), exact_filled=filled,
        exact_cost=cost, tif=_TIF.get(one.type, "gtc"), post_only=one.type in ("post_only", "mmp_and_post_only", "rpi"),
        reduce_only=word(_YES, one.reduces, "yes or no"), created_ns=wire.at_ns(one.made),
        reason=one.why, leg=word(LEG, one.way, "side of a position"),
    )  # fmt: skip


def _one(body: bytes, seen: Seen, ref: Ref) -> Order:
    rows = decode(_ORDERS, body).data
    if not rows:
        raise OrderNotFound(f"{seen.venue}: no order {ref.id or ref.client_id}", venue=seen.venue)
    return _made(rows[0], seen)


def orders(body: bytes, seen: Seen, about: Any) -> list[Order]:
    return [_made(one, seen) for one in decode(_ORDERS, body).data]


def _fills(body: bytes, seen: Seen, about: Any) -> list[Fill]:
    """The newest come first."""
    rows: list[Fill] = []
    for one in reversed(decode(_FILLS, body).data):
        fee, scale = exact(one.fee)
        rows.append(
            Fill(
                venue=seen.venue, symbol=seen.symbol(one.instrument), venue_ns=wire.at_ns(one.at),
                received_ns=seen.received_ns, id=one.id, order_id=one.order, client_id=one.name,
                side=word(SIDE, one.side, "side"), exact_price=exact(one.price), exact_size=exact(one.size),
                exact_fee=(-fee, scale), fee_currency=one.currency,
                maker=word(ROLE, one.role, "role") if one.role else None, leg=word(LEG, one.way, "side of a position"),
            )
        )  # fmt: skip
    return rows


def balances(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    return [
        Balance(
            venue=seen.venue, currency=one.currency, exact_free=exact(one.free), exact_held=exact(one.held),
            received_ns=seen.received_ns, venue_ns=wire.at_ns(one.at),
        )
        for account in decode(_ACCOUNTS, body).data for one in account.details
    ]  # fmt: skip


def positions(body: bytes, seen: Seen, about: Any) -> list[Position]:
    """What is borrowed to trade spot is called a position too, and is none of a contract."""
    rows: list[Position] = []
    for one in decode(_POSITIONS, body).data:
        if one.type == "MARGIN":
            continue
        mantissa, scale = exact(one.size)
        rows.append(
            Position(
                venue=seen.venue, symbol=seen.symbol(one.instrument), venue_ns=wire.at_ns(one.at),
                received_ns=seen.received_ns, exact_size=(mantissa * word(_WAY, one.way, "side"), scale),
                exact_entry=wire.maybe(one.entry), exact_mark=wire.maybe(one.mark),
                exact_unrealized=wire.maybe(one.profit), exact_liquidation=wire.maybe(one.liquidation),
                exact_leverage=wire.maybe(one.leverage), leg=word(LEG, one.way, "side of a position"),
                margin=word(_MARGIN, one.margin, "margin mode"),
            )
        )  # fmt: skip
    return rows


# ---- asking


def _post(path: str, one: Instrument | None = None, **params: Any) -> Request:
    """An instrument is called by its id over HTTP, and by its number in messages, which take no id any more."""
    given = {name: value for name, value in params.items() if value is not None}
    body = given if one is None else {"instId": one.id, **given}
    message = b""
    if one is not None and one.code is not None:
        message = msgspec.json.encode({"instIdCode": one.code, **given})
    json = {"Content-Type": "application/json"}
    return Request("POST", f"{API}/{path}", json, msgspec.json.encode(body), message=message)


def _named(ref: Ref) -> dict[str, str]:
    return {"ordId": ref.id} if ref.id else {"clOrdId": ref.client_id}


def _check(wish: Wish) -> None:
    """What is not in all of its markets. Raises UsageError."""
    lacking = ""
    if wish.instrument.kind == "option":
        lacking = "orders of options are not built yet"
    elif wish.reduce_only and wish.instrument.kind == "spot":
        lacking = "reduce_only is of contracts"
    elif wish.leg != "net" and wish.instrument.kind == "spot":
        lacking = "legs are of contracts"
    elif wish.cost is not None and wish.instrument.kind != "spot":
        lacking = "market orders by cost are of spot"
    if lacking:
        raise UsageError(f"okx: {lacking}. Nothing was sent", venue="okx", symbol=wish.instrument.symbol)


def _submit(wish: Wish) -> Request:
    """`tgtCcy`: without it what is bought on spot at the market is counted in quote currency.

    `posSide` is wanted in the long/short mode, in which `reduceOnly` is of no use: which side of which position it is
    says what it does.
    """
    _check(wish)
    spot, market = wish.instrument.kind == "spot", wish.kind == "market"
    type = "market" if market else "post_only" if wish.post_only else {"gtc": "limit"}.get(wish.tif, wish.tif)
    much = wish.size if wish.cost is None else wish.cost
    return _post(
        "trade/order", wish.instrument, tdMode="cash" if spot else "cross", side=wish.side, ordType=type,
        sz=None if much is None else plain(much), px=None if wish.price is None else plain(wish.price),
        clOrdId=wish.client_id, posSide=None if wish.leg == "net" else wish.leg,
        reduceOnly=True if wish.reduce_only and wish.leg == "net" else None,
        tgtCcy=("base_ccy" if wish.cost is None else "quote_ccy") if spot and market else None,
    )  # fmt: skip


def _fills_request(about: Inquiry) -> Request:
    """Of the last three days."""
    begin = None if about.start_ns is None else -(-about.start_ns // MS)
    most = min(about.limit or _MOST, _MOST)
    return get(f"{API}/trade/fills", instId=about.id, ordId=about.order_id or None, begin=begin, limit=most)


def _older(request: Request, last: str, count: int) -> Request | None:
    url = request.url.partition("&after=")[0]
    return Request("GET", f"{url}&after={last}") if count == _MOST else None


def _more_orders(request: Request, body: bytes) -> Request | None:
    rows = decode(_ORDERS, body).data
    return _older(request, rows[-1].id if rows else "", len(rows))


def _more_fills(request: Request, body: bytes) -> Request | None:
    """Where a beginning was named: all since then."""
    rows = decode(_FILLS, body).data
    return _older(request, rows[-1].bill, len(rows)) if rows and "begin=" in request.url else None


def _look(ref: Ref) -> Request:
    return get(f"{API}/trade/order", instId=ref.instrument.id, **_named(ref))


def _cancel(ref: Ref) -> Request:
    return _post("trade/cancel-order", ref.instrument, **_named(ref))


def _amend(ref: Ref) -> Request:
    return _post("trade/amend-order", ref.instrument, **_named(ref), newSz=ref.size, newPx=ref.price)


_LOOK: Final = Act("order", _look, _one, SIXTY.name)

TRADING: Final = Trading(
    acts=(
        Act("submit", _submit, _taken, SIXTY.name, then=_LOOK),
        Act("cancel", _cancel, _acknowledged, SIXTY.name, then=_LOOK),
        Act("amend", _amend, _acknowledged, SIXTY.name, then=_LOOK),
        _LOOK,
        Act(
            "open_orders", lambda about: get(f"{API}/trade/orders-pending", instId=about.id, limit=_MOST), orders,
            SIXTY.name, more=_more_orders,
        ),
        Act("fills", _fills_request, _fills, SIXTY.name, more=_more_fills, backwards=True),
        Act(
            "dead_man", lambda about: _post("trade/cancel-all-after", timeOut=str(int(about.seconds))), _counts,
            ONE.name,
        ),
        Act("balances", lambda about: get(f"{API}/account/balance"), balances, TEN.name),
        Act("positions", lambda about: get(f"{API}/account/positions", instId=about.id), positions, TEN.name),
    ),
    ids=IDS, ability="by_id_for", known_for=KNOWN, window=WINDOW, unsure=UNSURE, cost=True, reduces=True, legs=True,
    reasons=_REASONS, dead_man=DeadMan("all open orders of the account", least=10, most=120),
)  # fmt: skip
