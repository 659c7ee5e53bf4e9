"""Bybit: orders and accounts of all four markets, in a unified account. Facts: bybit-exchange/docs v5 as of 2026-07-24.

An order that is taken has a number and nothing else: whether it stands or was refused by the matching engine is told by
the stream of orders, or to whoever asks.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from tidebook.core.rest import get
from tidebook.errors import DecodeError, OrderNotFound
from tidebook.model.number import exact, exact_of, plain
from tidebook.model.orders import Balance, Fill, Order, Position, Status, Tif
from tidebook.model.wire import MS, Ms, Num, decode
from tidebook.venue import Act, ClientIds, Inquiry, Pool, Ref, Request, Seen, Trading, Wish

T = TypeVar("T")
IDS: Final = ClientIds(prefix="tb", width=13, most=36)  # orderLinkId: digits, letters, - and _, always unique
# What is not decided when the answer is made: 10016 internal error, 170007 timeout, 110079 "processing, retry later".
UNSURE: Final = frozenset({"10000", "10016", "170007", "110079"})
WINDOW: Final = 5.0  # seconds, X-BAPI-RECV-WINDOW


class _Ack(msgspec.Struct, rename="camel"):
    order_id: str
    order_link_id: str = ""


class _Order(msgspec.Struct, rename="camel"):
    symbol: str
    order_id: str
    order_status: str
    side: str
    order_type: str
    price: Num
    qty: Num
    cum_exec_qty: Num
    cum_exec_value: Num
    time_in_force: str
    order_link_id: str = ""
    trigger_price: str = ""
    reduce_only: bool = False
    market_unit: str = ""
    created_time: str = ""
    updated_time: str = ""


class _Fill(msgspec.Struct, rename="camel"):
    symbol: str
    exec_id: str
    order_id: str
    side: str
    exec_price: Num
    exec_qty: Num
    exec_fee: Num
    exec_time: str
    exec_type: str = "Trade"
    fee_currency: str = ""
    is_maker: bool | None = None
    order_link_id: str = ""


class _Coin(msgspec.Struct, rename="camel"):
    coin: str
    wallet_balance: Num
    locked: str = ""
    total_order_i_m: str = msgspec.field(name="totalOrderIM", default="")
    total_position_i_m: str = msgspec.field(name="totalPositionIM", default="")


class _Wallet(msgspec.Struct):
    coin: list[_Coin]


class _Position(msgspec.Struct, rename="camel"):
    symbol: str
    side: str
    size: Num
    avg_price: str = ""
    mark_price: str = ""
    unrealised_pnl: str = ""
    liq_price: str = ""
    leverage: str = ""
    updated_time: str = ""


class _Page(msgspec.Struct, rename="camel"):
    list: msgspec.Raw
    next_page_cursor: str = ""


class _Answer(msgspec.Struct):
    result: msgspec.Raw
    time: Ms | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_ACK: Final = msgspec.json.Decoder(_Ack)
_PAGE: Final = msgspec.json.Decoder(_Page)
_ORDERS: Final = msgspec.json.Decoder(list[_Order])
_FILLS: Final = msgspec.json.Decoder(list[_Fill])
_WALLETS: Final = msgspec.json.Decoder(list[_Wallet])
_POSITIONS: Final = msgspec.json.Decoder(list[_Position])

_STATUS: Final[Mapping[str, Status]] = {
    "New": "open", "PartiallyFilled": "open", "Untriggered": "open", "Triggered": "open", "Filled": "filled",
    "Cancelled": "cancelled", "PartiallyFilledCanceled": "cancelled", "Deactivated": "cancelled",
    "Rejected": "rejected",
}  # fmt: skip
_TIF: Final[Mapping[str, Tif]] = {"IOC": "ioc", "FOK": "fok"}

# ------------------------------------------------------------------------------------------------ reading


def _word(words: Mapping[str, T], word: str, what: str) -> T:
    found = words.get(word)
    if found is None:
        raise DecodeError("malformed", f"{word!r} is no {what} that was documented")
    return found


def _rows(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    return decode(decoder, bytes(decode(_PAGE, bytes(decode(_ANSWER, body).result)).list))


def _ns(stamp: str) -> int | None:
    return int(stamp) * MS if stamp.isascii() and stamp.isdigit() and len(stamp) <= 15 else None


def _taken(body: bytes, seen: Seen, wish: Wish) -> Order:
    """It has a number: as it was asked for, open, nothing of it filled yet."""
    answer = decode(_ANSWER, body)
    ack = decode(_ACK, bytes(answer.result))

    def maybe(value: Decimal | None) -> tuple[int, int] | None:
        return None if value is None else exact_of(value)

    at = None if answer.time is None else answer.time * MS
    return Order(
        venue=seen.venue, symbol=wish.instrument.symbol, venue_ns=at, received_ns=seen.received_ns, id=ack.order_id,
        client_id=ack.order_link_id or wish.client_id, side=wish.side, kind=wish.kind, status="open",
        exact_price=maybe(wish.price), exact_trigger=maybe(wish.trigger), exact_size=maybe(wish.size), tif=wish.tif,
        post_only=wish.post_only, reduce_only=wish.reduce_only, created_ns=at,
    )  # fmt: skip


def _made(one: _Order, seen: Seen) -> Order:
    stop, market = bool(one.trigger_price.strip("0.")), one.order_type == "Market"
    kind: Any = {(True, True): "stop", (True, False): "stop_limit", (False, True): "market"}.get(
        (stop, market), "limit"
    )
    return Order(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=_ns(one.updated_time),
        received_ns=seen.received_ns, id=one.order_id, client_id=one.order_link_id,
        side="buy" if one.side == "Buy" else "sell", kind=kind, status=_word(_STATUS, one.order_status, "status"),
        exact_price=None if market else exact(one.price), exact_trigger=exact(one.trigger_price) if stop else None,
        # of a market order by cost it is that cost
        exact_size=None if one.market_unit == "quoteCoin" else exact(one.qty), exact_filled=exact(one.cum_exec_qty),
        exact_cost=exact(one.cum_exec_value), tif=_TIF.get(one.time_in_force, "gtc"),
        post_only=one.time_in_force == "PostOnly", reduce_only=one.reduce_only, created_ns=_ns(one.created_time),
    )  # fmt: skip


def _changed(body: bytes, seen: Seen, ref: Ref) -> Order:
    """What was cancelled or amended: its number is all that is answered."""
    ack = decode(_ACK, bytes(decode(_ANSWER, body).result))
    price, size = (exact(text) if text else None for text in (ref.price, ref.size))
    return Order(
        venue=seen.venue, symbol=ref.instrument.symbol, venue_ns=None, received_ns=seen.received_ns, id=ack.order_id,
        client_id=ack.order_link_id, side=ref.side or "buy", kind="limit",
        status="open" if ref.price or ref.size else "cancelled", exact_price=price, exact_size=size,
    )  # fmt: skip


def _one(body: bytes, seen: Seen, ref: Ref) -> Order:
    rows = _rows(_ORDERS, body)
    if not rows:
        raise OrderNotFound(f"{seen.venue}: no order {ref.id or ref.client_id}", venue=seen.venue)
    return _made(rows[0], seen)


def _all(body: bytes, seen: Seen, about: Any) -> list[Order]:
    return [_made(one, seen) for one in _rows(_ORDERS, body)]


def _fills(body: bytes, seen: Seen, about: Any) -> list[Fill]:
    """The newest come first; funding and the like are no trades."""
    return [
        Fill(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=_ns(one.exec_time),
            received_ns=seen.received_ns, id=one.exec_id, order_id=one.order_id, client_id=one.order_link_id,
            side="buy" if one.side == "Buy" else "sell", exact_price=exact(one.exec_price),
            exact_size=exact(one.exec_qty), exact_fee=exact(one.exec_fee), fee_currency=one.fee_currency,
            maker=one.is_maker,
        )
        for one in _rows(_FILLS, body)[::-1] if one.exec_type == "Trade"
    ]  # fmt: skip


def _balances(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    """Of a unified account: what orders of spot lock, and what margin holds, is held."""
    rows: list[Balance] = []
    for wallet in _rows(_WALLETS, body):
        for one in wallet.coin:
            parts = [exact(text) for text in (one.locked, one.total_order_i_m, one.total_position_i_m) if text]
            whole = exact(one.wallet_balance)
            scale = max(part[1] for part in (whole, *parts))
            held = sum(mantissa * 10 ** (scale - digits) for mantissa, digits in parts)
            free = whole[0] * 10 ** (scale - whole[1]) - held
            rows.append(
                Balance(
                    venue=seen.venue,
                    currency=one.coin,
                    exact_free=(free, scale),
                    exact_held=(held, scale),
                    received_ns=seen.received_ns,
                )
            )
    return rows


def _positions(body: bytes, seen: Seen, about: Any) -> list[Position]:
    def maybe(text: str) -> tuple[int, int] | None:
        return exact(text) if text else None

    rows: list[Position] = []
    for one in _rows(_POSITIONS, body):
        mantissa, scale = exact(one.size)
        rows.append(
            Position(
                venue=seen.venue,
                symbol=seen.symbol(one.symbol),
                venue_ns=_ns(one.updated_time),
                received_ns=seen.received_ns,
                exact_size=(-mantissa if one.side == "Sell" else mantissa, scale),
                exact_entry=maybe(one.avg_price),
                exact_mark=maybe(one.mark_price),
                exact_unrealized=maybe(one.unrealised_pnl),
                exact_liquidation=maybe(one.liq_price),
                exact_leverage=maybe(one.leverage),
            )
        )
    return rows


def _nothing(body: bytes, seen: Seen, about: Any) -> None:
    """It was done, or an error was the answer."""


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
    symbol = None if about.instrument is None else about.instrument.id
    return {"symbol": symbol, "settleCoin": "USDT" if symbol is None and category == "linear" else None}


def _next(request: Request, body: bytes) -> Request | None:
    """The cursor comes percent-encoded, and goes so."""
    cursor = decode(_PAGE, bytes(decode(_ANSWER, body).result)).next_page_cursor
    if not cursor:
        return None
    url = request.url.partition("&cursor=")[0]
    return Request("GET", f"{url}&cursor={cursor if '%' in cursor else quote(cursor, safe='')}")


def _submit(host: str, category: str) -> Callable[[Wish], Request]:
    def request(wish: Wish) -> Request:
        tif = "PostOnly" if wish.post_only else {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}[wish.tif]
        market = wish.kind in ("market", "stop")
        is_spot_market = category == "spot" and market
        stop = {"triggerPrice": _text(wish.trigger), "triggerDirection": 1 if wish.side == "buy" else 2}
        return _post(
            f"{host}/v5/order/create", category=category, symbol=wish.instrument.id,
            side="Buy" if wish.side == "buy" else "Sell", orderType="Market" if market else "Limit",
            qty=_text(wish.size if wish.cost is None else wish.cost), price=_text(wish.price),
            timeInForce=None if market else tif, orderLinkId=wish.client_id,
            # Without this what is bought on spot is counted in quote currency.
            marketUnit=("baseCoin" if wish.cost is None else "quoteCoin") if is_spot_market else None,
            reduceOnly=True if wish.reduce_only else None,
            **(stop if wish.trigger is not None else {}),
            orderFilter="StopOrder" if wish.trigger is not None and category == "spot" else None,
        )  # fmt: skip

    return request


def trading(host: str, category: str, orders: Pool, looks: Pool) -> Trading:
    ask: Mapping[str, Any] = {"category": category}

    def cancel_all(about: Inquiry) -> Request:
        return _post(f"{host}/v5/order/cancel-all", **ask, **_of(about, category))

    def opened(about: Inquiry) -> Request:
        return get(f"{host}/v5/order/realtime", **ask, **_of(about, category), openOnly=0, limit=50)

    def fills(about: Inquiry) -> Request:
        start = None if about.start_ns is None else -(-about.start_ns // MS)
        symbol = _of(about, "")["symbol"]
        return get(f"{host}/v5/execution/list", **ask, symbol=symbol, startTime=start, limit=about.limit or 100)

    acts: tuple[Act, ...] = (
        Act("submit", _submit(host, category), _taken, orders.name),
        Act("cancel", lambda ref: _post(f"{host}/v5/order/cancel", **ask, **_named(ref)), _changed, orders.name),
        Act("cancel_all", cancel_all, _nothing, orders.name, needs=category == "inverse"),
        Act(
            "amend",
            lambda ref: _post(f"{host}/v5/order/amend", **ask, **_named(ref), qty=ref.size, price=ref.price),
            _changed, orders.name,
        ),
        Act("order", lambda ref: get(f"{host}/v5/order/realtime", **ask, **_named(ref)), _one, looks.name),
        Act("open_orders", opened, _all, looks.name, more=_next, needs=category == "inverse"),
        Act("fills", fills, _fills, looks.name),
        Act(
            "balances", lambda about: get(f"{host}/v5/account/wallet-balance", accountType="UNIFIED"), _balances,
            looks.name,
        ),
    )  # fmt: skip
    if category != "spot":
        positions = Act(
            "positions", lambda about: get(f"{host}/v5/position/list", **ask, **_of(about, category), limit=200),
            _positions, looks.name, more=_next, needs=category == "inverse",
        )  # fmt: skip
        acts = (*acts, positions)
    return Trading(
        acts=acts, ids=IDS, ability="by_id", window=WINDOW, unsure=UNSURE,
        kinds=frozenset({"limit"}) if category == "option" else frozenset({"limit", "market", "stop", "stop_limit"}),
        cost=category == "spot", reduces=category != "spot", wallet="bybit",
    )  # fmt: skip
