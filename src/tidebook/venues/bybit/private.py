"""Bybit: orders and accounts of all four markets, in a unified account. Facts: bybit-exchange/docs v5 as of 2026-07-24.

An order that is taken has a number and nothing else: whether it stands or was refused by the matching engine is told by
the stream of orders, or to whoever asks. So it is with what was cancelled or changed, which is asked after here.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from tidebook.core.rest import get
from tidebook.errors import DecodeError, OrderNotFound, PostOnlyWouldTake
from tidebook.model.facts import Side
from tidebook.model.number import Exact, exact, plain
from tidebook.model.orders import Balance, Fill, Kind, Leg, Order, Position, Status, Tif, closes
from tidebook.model.wire import MS, Code, Ms, Num, decode, word
from tidebook.venue import (
    Act,
    ClientIds,
    Countdown,
    DeadMan,
    Endpoint,
    Inquiry,
    OrderSocket,
    Pool,
    Ref,
    Request,
    Seen,
    Trading,
    Wish,
)

T = TypeVar("T")
IDS: Final = ClientIds(prefix="tb", width=13, most=36)  # orderLinkId: digits, letters, - and _, always unique
# What is not decided when the answer is made: 10000, 170007 and 170146 are timeouts, 10016 and 170001 internal errors,
# 170032 is one of the network, 170035 "submitted to the system for processing", 110079 "processing, try again later".
UNSURE: Final = frozenset({"10000", "10016", "110079", "170001", "170007", "170032", "170035", "170146"})
_SPANS: Final = 7 * 86_400.0  # seconds of fills from a beginning
WINDOW: Final = 5.0  # seconds, X-BAPI-RECV-WINDOW


class _Ack(msgspec.Struct, rename="camel"):
    order_id: str
    order_link_id: str


class OrderRow(msgspec.Struct, rename="camel"):
    symbol: str
    order_id: str
    order_link_id: str
    order_status: str
    side: str
    order_type: str
    price: str  # of a market order it may be empty
    qty: Num
    cum_exec_qty: Num
    cum_exec_value: Num
    time_in_force: str
    trigger_price: str  # 0 or empty for what has none
    reduce_only: bool
    created_time: str
    updated_time: str
    reject_reason: str
    position_idx: Code
    market_unit: str = ""  # on spot alone


class FillRow(msgspec.Struct, rename="camel"):
    symbol: str
    exec_id: str
    exec_type: str
    order_id: str
    order_link_id: str
    side: str
    exec_price: Num
    exec_qty: Num
    exec_fee: Num
    exec_time: str
    fee_currency: str  # may be empty for contracts
    is_maker: bool


class Coin(msgspec.Struct, rename="camel"):
    """What margin holds is empty for a portfolio margin."""

    coin: str
    wallet_balance: Num
    locked: Num
    total_order_im: str = msgspec.field(name="totalOrderIM")
    total_position_im: str = msgspec.field(name="totalPositionIM")


class Wallet(msgspec.Struct):
    coin: list[Coin]


class Held(msgspec.Struct, rename="camel"):
    """Without a position there is no side; many a number may be empty."""

    position_idx: Code
    symbol: str
    side: str
    size: Num
    mark_price: str
    unrealised_pnl: str
    liq_price: str
    leverage: str
    updated_time: str


class _Position(Held, rename="camel"):
    avg_price: str


class _Page(msgspec.Struct, rename="camel"):
    list: msgspec.Raw
    next_page_cursor: str = ""  # absent where there are no pages


class _Answer(msgspec.Struct):
    result: msgspec.Raw
    time: Ms


class _Taken(msgspec.Struct, rename="camel"):
    ret_code: Code


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_TAKEN: Final = msgspec.json.Decoder(_Taken)
_ACK: Final = msgspec.json.Decoder(_Ack)
_PAGE: Final = msgspec.json.Decoder(_Page)
_ORDERS: Final = msgspec.json.Decoder(list[OrderRow])
_FILLS: Final = msgspec.json.Decoder(list[FillRow])
_WALLETS: Final = msgspec.json.Decoder(list[Wallet])
_POSITIONS: Final = msgspec.json.Decoder(list[_Position])

_STATUS: Final[Mapping[str, Status]] = {
    "New": "open", "PartiallyFilled": "open", "Untriggered": "open", "Triggered": "open", "Filled": "filled",
    "Cancelled": "cancelled", "PartiallyFilledCanceled": "cancelled", "Deactivated": "cancelled",
    "Rejected": "rejected",
}  # fmt: skip
_REASONS: Final = {"EC_PostOnlyWillTakeLiquidity": PostOnlyWouldTake}
_SIDE: Final[Mapping[str, Side]] = {"Buy": "buy", "Sell": "sell"}
_SIGN: Final[Mapping[str, int]] = {"Buy": 1, "": 1, "Sell": -1}
_LEGS: Final[Mapping[int, Leg]] = {0: "net", 1: "long", 2: "short"}  # enum.mdx, positionIdx
_INDEXES: Final[Mapping[Leg, int | None]] = {"net": None, "long": 1, "short": 2}
_TYPE: Final[Mapping[str, bool]] = {"Market": True, "Limit": False}
_TIF: Final[Mapping[str, Tif]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "PostOnly": "gtc", "RPI": "gtc"}
# What moves a balance or a position by trading; the others are funding, settlement and the like.
TRADED: Final = frozenset({"Trade", "AdlTrade", "BustTrade", "BlockTrade", "FutureSpread"})

# What is cancelled by itself, and the topic of connections that keep that from happening: v5/order/dcp.mdx and
# v5/websocket/private/dcp.mdx. All contracts together.
_PRODUCTS: Final = {"spot": ("SPOT", "dcp.spot"), "option": ("OPTIONS", "dcp.option")}

# ------------------------------------------------------------------------------------------------ reading


def _rows(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    return decode(decoder, bytes(decode(_PAGE, bytes(decode(_ANSWER, body).result)).list))


def _ns(stamp: str) -> int | None:
    """A time in ms, as text; None for none."""
    if not stamp:
        return None
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 15):
        raise DecodeError("number", f"not a time: {stamp[:40]!r}")
    return int(stamp) * MS or None


def _leg(index: int) -> Leg:
    if index not in _LEGS:
        raise DecodeError("malformed", f"positionIdx is {index}")
    return _LEGS[index]


def _maybe(text: str) -> Exact | None:
    return exact(text) if text else None


def _taken(body: bytes, seen: Seen, wish: Wish) -> Order:
    """It has a number: as it was asked for, open, nothing of it filled yet."""
    answer = decode(_ANSWER, body)
    ack = decode(_ACK, bytes(answer.result))
    return wish.order(
        id=ack.order_id, client_id=ack.order_link_id, venue_ns=answer.time * MS, received_ns=seen.received_ns
    )


def order_of(one: OrderRow, seen: Seen) -> Order:
    stop, market = bool(one.trigger_price.strip("0.")), word(_TYPE, one.order_type, "type")
    kind: Kind = ("stop" if market else "stop_limit") if stop else "market" if market else "limit"
    return Order(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=_ns(one.updated_time),
        received_ns=seen.received_ns, id=one.order_id, client_id=one.order_link_id,
        side=word(_SIDE, one.side, "side"), kind=kind, status=word(_STATUS, one.order_status, "status"),
        exact_price=None if market else exact(one.price), exact_trigger=exact(one.trigger_price) if stop else None,
        # of a market order by cost it is that cost
        exact_size=None if one.market_unit == "quoteCoin" else exact(one.qty), exact_filled=exact(one.cum_exec_qty),
        exact_cost=exact(one.cum_exec_value), tif=word(_TIF, one.time_in_force, "time in force"),
        post_only=one.time_in_force in ("PostOnly", "RPI"), reduce_only=one.reduce_only,
        created_ns=_ns(one.created_time),
        reason="" if one.reject_reason == "EC_NoError" else one.reject_reason, leg=_leg(one.position_idx),
    )  # fmt: skip


def _one(body: bytes, seen: Seen, ref: Ref) -> Order:
    rows = _rows(_ORDERS, body)
    if not rows:
        raise OrderNotFound(f"{seen.venue}: no order {ref.id or ref.client_id}", venue=seen.venue)
    return order_of(rows[0], seen)


def _all(body: bytes, seen: Seen, about: Any) -> list[Order]:
    return [order_of(one, seen) for one in _rows(_ORDERS, body)]


def leg_of(category: str) -> Leg | None:
    """Of a fill: whose position it is only orders say, where a contract may have two."""
    return None if category == "linear" else "net"


def fill_of(one: FillRow, seen: Seen, leg: Leg | None) -> Fill:
    return Fill(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=_ns(one.exec_time),
        received_ns=seen.received_ns, id=one.exec_id, order_id=one.order_id, client_id=one.order_link_id,
        side=word(_SIDE, one.side, "side"), exact_price=exact(one.exec_price),
        exact_size=exact(one.exec_qty), exact_fee=exact(one.exec_fee), fee_currency=one.fee_currency,
        maker=one.is_maker, leg=leg,
    )  # fmt: skip


def _fills(category: str) -> Callable[[bytes, Seen, Any], list[Fill]]:
    """The newest come first; funding and the like are no trades."""
    leg = leg_of(category)

    def read(body: bytes, seen: Seen, about: Any) -> list[Fill]:
        return [fill_of(one, seen, leg) for one in _rows(_FILLS, body)[::-1] if one.exec_type in TRADED]

    return read


def balance_of(one: Coin, seen: Seen, at_ns: int | None = None) -> Balance:
    """Of a unified account: what orders of spot lock, and what margin holds, is held.

    Margin is across all coins: what one of them has to spare may be below 0 while the others make up for it.
    """
    parts = [exact(one.locked), *(exact(text) for text in (one.total_order_im, one.total_position_im) if text)]
    whole = exact(one.wallet_balance)
    scale = max(part[1] for part in (whole, *parts))
    held = sum(mantissa * 10 ** (scale - digits) for mantissa, digits in parts)
    free = whole[0] * 10 ** (scale - whole[1]) - held
    return Balance(
        venue=seen.venue, currency=one.coin, exact_free=(free, scale), exact_held=(held, scale),
        received_ns=seen.received_ns, venue_ns=at_ns,
    )  # fmt: skip


def _balances(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    return [balance_of(one, seen) for wallet in _rows(_WALLETS, body) for one in wallet.coin]


def position_of(one: Held, seen: Seen, entry: str) -> Position:
    mantissa, scale = exact(one.size)
    return Position(
        venue=seen.venue,
        symbol=seen.symbol(one.symbol),
        venue_ns=_ns(one.updated_time),
        received_ns=seen.received_ns,
        exact_size=(mantissa * word(_SIGN, one.side, "side"), scale),
        exact_entry=_maybe(entry),
        exact_mark=_maybe(one.mark_price),
        exact_unrealized=_maybe(one.unrealised_pnl),
        exact_liquidation=_maybe(one.liq_price),
        exact_leverage=_maybe(one.leverage),
        leg=_leg(one.position_idx),
    )


def _positions(body: bytes, seen: Seen, about: Any) -> list[Position]:
    return [position_of(one, seen, one.avg_price) for one in _rows(_POSITIONS, body)]


def _counts(body: bytes, seen: Seen, about: Countdown) -> None:
    """It says that it was taken, and no more."""
    decode(_TAKEN, body)


def _nothing(body: bytes, seen: Seen, about: Any) -> list[Order]:
    """It will be done, or an error was the answer: whoever wants to know more asks."""
    return []


# ------------------------------------------------------------------------------------------------ asking


def _post(url: str, **params: Any) -> Request:
    given = {name: value for name, value in params.items() if value is not None}
    return Request("POST", url, {"Content-Type": "application/json"}, msgspec.json.encode(given))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _named(ref: Ref) -> dict[str, str]:
    by = {"orderId": ref.id} if ref.id else {"orderLinkId": ref.client_id}
    return {"symbol": ref.instrument.id, **by}


def _of(about: Inquiry, category: str) -> dict[str, str | None]:
    """One symbol, or all that are settled in USDT, where the venue wants one of both."""
    symbol = about.id
    return {"symbol": symbol, "settleCoin": "USDT" if symbol is None and category == "linear" else None}


def _next(request: Request, body: bytes) -> Request | None:
    """The cursor comes percent-encoded, and goes so. Behind what is settled in USDT comes what is in USDC."""
    cursor = decode(_PAGE, bytes(decode(_ANSWER, body).result)).next_page_cursor
    url = request.url.partition("&cursor=")[0]
    if cursor:
        return Request("GET", f"{url}&cursor={cursor if '%' in cursor else quote(cursor, safe='')}")
    further = url.replace("settleCoin=USDT", "settleCoin=USDC")
    return None if further == url else Request("GET", further)


def _earlier(request: Request, body: bytes) -> Request | None:
    """Where a beginning was named: all since then. The venue goes no further than seven days from it."""
    return _next(request, body) if "startTime=" in request.url else None


def _conditional_too(request: Request, body: bytes) -> Request | None:
    """On spot, orders that wait for a trigger are another list, and are cancelled by another request."""
    asked: dict[str, Any] = msgspec.json.decode(request.body)
    return None if "orderFilter" in asked else _post(request.url, **asked, orderFilter="StopOrder")


def _submit(host: str, category: str) -> Callable[[Wish], Request]:
    def request(wish: Wish) -> Request:
        tif = "PostOnly" if wish.post_only else {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}[wish.tif]
        market = wish.kind in ("market", "stop")
        is_spot_market = category == "spot" and market
        stop = {"triggerPrice": _text(wish.trigger)} if wish.trigger is not None else {}
        rises = 1 if wish.side == "buy" else 2  # on spot the venue finds that out by itself
        return _post(
            f"{host}/v5/order/create", category=category, symbol=wish.instrument.id,
            side="Buy" if wish.side == "buy" else "Sell", orderType="Market" if market else "Limit",
            qty=_text(wish.size if wish.cost is None else wish.cost), price=_text(wish.price),
            timeInForce=None if market else tif, orderLinkId=wish.client_id,
            # Without this what is bought on spot is counted in quote currency.
            marketUnit=("baseCoin" if wish.cost is None else "quoteCoin") if is_spot_market else None,
            # "You must specify it as true when you are about to close/reduce the position": that is what these do.
            reduceOnly=True if wish.reduce_only or closes(wish.side, wish.leg) else None,
            positionIdx=_INDEXES[wish.leg],
            **stop, triggerDirection=rises if stop and category != "spot" else None,
            orderFilter="StopOrder" if stop and category == "spot" else None,
        )  # fmt: skip

    return request


def trading(host: str, category: str, orders: Pool, looks: Pool, socket: OrderSocket, account: Endpoint) -> Trading:
    """`category` is the market, as the venue calls it; `account` where it tells of accounts as they happen."""
    ask: Mapping[str, Any] = {"category": category}
    inverse, linear, option, spot = (category == one for one in ("inverse", "linear", "option", "spot"))

    def cancel(ref: Ref) -> Request:
        waits = spot and ref.kind in ("stop", "stop_limit")
        filter = {"orderFilter": "StopOrder"} if waits else {}
        return _post(f"{host}/v5/order/cancel", **ask, **_named(ref), **filter)

    def amend(ref: Ref) -> Request:
        return _post(f"{host}/v5/order/amend", **ask, **_named(ref), qty=ref.size, price=ref.price)

    def opened(about: Inquiry) -> Request:
        return get(f"{host}/v5/order/realtime", **ask, **_of(about, category), openOnly=0, limit=50)

    def fills(about: Inquiry) -> Request:
        start = None if about.start_ns is None else -(-about.start_ns // MS)
        symbol, most = about.id, min(about.limit or 100, 100)
        return get(
            f"{host}/v5/execution/list", **ask, symbol=symbol, orderId=about.order_id or None, startTime=start,
            limit=most,
        )  # fmt: skip

    product, topic = _PRODUCTS.get(category, ("DERIVATIVES", "dcp.future"))

    def counts(about: Countdown) -> Request:
        """A setting, which nothing ends: disarmed is what hangs on no connection."""
        url = f"{host}/v5/order/disconnected-cancel-all"
        return _post(url, product=product, timeWindow=int(about.seconds))

    def look(path: str, otherwise: Act | None = None) -> Act:
        return Act(
            "order", lambda ref: get(f"{host}/v5/order/{path}", **ask, **_named(ref)), _one, looks.name,
            otherwise=otherwise,
        )  # fmt: skip

    # What has ended is forgotten there when the venue begins anew, and after 500 others: then its history knows it.
    order = look("realtime", look("history"))
    acts: tuple[Act, ...] = (
        Act("submit", _submit(host, category), _taken, orders.name, then=order),
        Act("cancel", cancel, _nothing, orders.name, then=order),
        Act(
            "cancel_all", lambda about: _post(f"{host}/v5/order/cancel-all", **ask, symbol=about.id),
            _nothing, orders.name, needs=inverse or linear, more=_conditional_too if spot else None,
        ),
        Act("amend", amend, _nothing, orders.name, then=order),
        order,
        Act("dead_man", counts, _counts, orders.name),
        Act("open_orders", opened, _all, looks.name, more=_next),
        Act("fills", fills, _fills(category), looks.name, more=_earlier, backwards=True, needs=option, spans=_SPANS),
        Act(
            "balances", lambda about: get(f"{host}/v5/account/wallet-balance", accountType="UNIFIED"), _balances,
            looks.name,
        ),
    )  # fmt: skip
    if not spot:
        positions = Act(
            "positions", lambda about: get(f"{host}/v5/position/list", **ask, **_of(about, category), limit=200),
            _positions, looks.name, more=_next,
        )  # fmt: skip
        acts = (*acts, positions)
    # Without its word a connection that has fallen silent is ended after ten minutes only (ws/connect.mdx).
    watched = replace(account, url=f"{account.url}?max_active_time=30s")
    return Trading(
        acts=acts, ids=IDS, ability="by_id_for",
        known_for=86_400,  # what was cancelled without a fill, or rejected; all else for two years
        window=WINDOW, unsure=UNSURE, socket=socket,
        dead_man=DeadMan(
            f"all open orders of {product.lower()}", least=3, most=300, endpoint=watched, topic=topic,
            leaves=msgspec.json.encode({"op": "unsubscribe", "args": [topic]}),
        ),
        kinds=frozenset({"limit"}) if option else frozenset({"limit", "market", "stop", "stop_limit"}),
        cost=spot, reduces=not spot, legs=linear, wallet="bybit", reasons=_REASONS,
    )  # fmt: skip
