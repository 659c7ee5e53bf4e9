"""Binance: orders and accounts, of spot and of USD-M futures.

Facts: binance-spot-api-docs rest-api.md and enums.md (2026-07-21); USD-M "New Order", "Query Order", "Cancel Order",
"Modify Order", "Futures Account Balance V3", "Position Information V3", "Account Trade List" (2026-08).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tidebook.core.rest import get
from tidebook.errors import DecodeError
from tidebook.model.number import exact, plain
from tidebook.model.orders import Balance, Fill, Kind, Order, Position, Status, Tif
from tidebook.model.wire import MS, Id, Ms, Num, decode
from tidebook.venue import Act, ClientIds, Inquiry, Pool, Ref, Request, Seen, Trading, Wish

T = TypeVar("T")
WINDOW_MS: Final = 5000  # what the venue takes where nothing is said; at most 60,000
IDS: Final = ClientIds(prefix="tb", width=13, most=36)  # ^[\.A-Z\:/a-z0-9_-]{1,36}$
# "Timeout waiting for response from backend server. Send status unknown; execution status unknown." and its like
UNSURE: Final = frozenset({"-1006", "-1007"})
_MOST_FILLS: Final = 1000


class _Order(msgspec.Struct, rename="camel"):
    symbol: str
    order_id: Id
    status: str
    type: str
    side: str
    orig_qty: Num
    executed_qty: Num
    price: Num
    client_order_id: str = ""
    orig_client_order_id: str = ""  # of a cancelled one; the other is then that of the cancelling
    time_in_force: str = ""
    stop_price: Num = "0"
    cummulative_quote_qty: Num | None = None  # spot's spelling
    cum_quote: Num | None = None
    reduce_only: bool = False
    time: Ms | None = None
    update_time: Ms | None = None
    transact_time: Ms | None = None
    working_time: int | None = None
    orig_type: str = ""


class _Trade(msgspec.Struct, rename="camel"):
    symbol: str
    id: Id
    order_id: Id
    price: Num
    qty: Num
    commission: Num
    commission_asset: str
    time: Ms
    is_buyer: bool | None = None
    is_maker: bool | None = None
    buyer: bool | None = None  # so on futures
    maker: bool | None = None


class _Held(msgspec.Struct):
    asset: str
    free: Num
    locked: Num


class _Account(msgspec.Struct, rename="camel"):
    balances: list[_Held]
    update_time: Ms | None = None


class _Wallet(msgspec.Struct, rename="camel"):
    asset: str
    balance: Num
    available_balance: Num
    update_time: Ms | None = None


class _Risk(msgspec.Struct, rename="camel"):
    symbol: str
    position_amt: Num
    entry_price: Num
    mark_price: Num
    un_realized_profit: Num
    liquidation_price: Num
    update_time: Ms | None = None
    leverage: Num | None = None


_ORDER: Final = msgspec.json.Decoder(_Order)
_ORDERS: Final = msgspec.json.Decoder(list[_Order])
_TRADES: Final = msgspec.json.Decoder(list[_Trade])
_ACCOUNT: Final = msgspec.json.Decoder(_Account)
_WALLETS: Final = msgspec.json.Decoder(list[_Wallet])
_RISKS: Final = msgspec.json.Decoder(list[_Risk])

STATUS: Final[Mapping[str, Status]] = {
    "NEW": "open", "PENDING_NEW": "open", "PARTIALLY_FILLED": "open", "PENDING_CANCEL": "open", "FILLED": "filled",
    "CANCELED": "cancelled", "REJECTED": "rejected", "EXPIRED": "expired", "EXPIRED_IN_MATCH": "expired",
}  # fmt: skip
KIND: Final[Mapping[str, Kind]] = {
    "LIMIT": "limit", "LIMIT_MAKER": "limit", "MARKET": "market", "STOP_LOSS": "stop", "STOP_MARKET": "stop",
    "TAKE_PROFIT": "stop", "TAKE_PROFIT_MARKET": "stop", "STOP_LOSS_LIMIT": "stop_limit", "STOP": "stop_limit",
    "TAKE_PROFIT_LIMIT": "stop_limit",
}  # fmt: skip
TIF: Final[Mapping[str, Tif]] = {"IOC": "ioc", "FOK": "fok"}

# ------------------------------------------------------------------------------------------------ reading


def word(words: Mapping[str, T], word: str, what: str) -> T:
    found = words.get(word)
    if found is None:
        raise DecodeError("malformed", f"{word!r} is no {what} that was documented")
    return found


def _made(one: _Order, seen: Seen) -> Order:
    kind = word(KIND, one.orig_type or one.type, "kind of order")
    cost = one.cummulative_quote_qty if one.cum_quote is None else one.cum_quote
    stamps = (one.update_time, one.transact_time, one.time)
    at = next((stamp for stamp in stamps if stamp is not None), None)
    created = one.time if one.time is not None else one.transact_time
    return Order(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=None if at is None else at * MS,
        received_ns=seen.received_ns, id=str(one.order_id),
        side="buy" if word(_SIDE, one.side, "side") else "sell", kind=kind,
        status=word(STATUS, one.status, "status"), client_id=one.orig_client_order_id or one.client_order_id,
        exact_price=exact(one.price) if kind in ("limit", "stop_limit") else None,
        exact_trigger=exact(one.stop_price) if kind in ("stop", "stop_limit") else None,
        exact_size=exact(one.orig_qty) if any(digit in "123456789" for digit in one.orig_qty) else None,
        exact_filled=exact(one.executed_qty),
        # below zero: of old orders the venue does not know it any more
        exact_cost=None if cost is None or cost.startswith("-") else exact(cost),
        tif=TIF.get(one.time_in_force, "gtc"), post_only=one.type == "LIMIT_MAKER" or one.time_in_force == "GTX",
        reduce_only=one.reduce_only, created_ns=None if created is None else created * MS,
    )  # fmt: skip


_SIDE: Final[Mapping[str, int]] = {"BUY": 2, "SELL": 1}


def _order(body: bytes, seen: Seen, about: Any) -> Order:
    return _made(decode(_ORDER, body), seen)


def _orders(body: bytes, seen: Seen, about: Any) -> list[Order]:
    return [_made(one, seen) for one in decode(_ORDERS, body)]


def _fills(body: bytes, seen: Seen, about: Any) -> list[Fill]:
    return [
        Fill(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.time * MS, received_ns=seen.received_ns,
            id=str(one.id), order_id=str(one.order_id), side="buy" if one.is_buyer or one.buyer else "sell",
            exact_price=exact(one.price), exact_size=exact(one.qty), exact_fee=exact(one.commission),
            fee_currency=one.commission_asset, maker=one.maker if one.is_maker is None else one.is_maker,
        )
        for one in decode(_TRADES, body)
    ]  # fmt: skip


def _balances(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    account = decode(_ACCOUNT, body)
    at = None if account.update_time is None else account.update_time * MS
    return [
        Balance(
            venue=seen.venue, currency=one.asset, exact_free=exact(one.free), exact_held=exact(one.locked),
            venue_ns=at, received_ns=seen.received_ns,
        )
        for one in account.balances
    ]  # fmt: skip


def _wallets(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    """Of futures: what is free is what new orders may use, the rest is margin."""
    rows: list[Balance] = []
    for one in decode(_WALLETS, body):
        free, whole = exact(one.available_balance), exact(one.balance)
        scale = max(free[1], whole[1])
        held = whole[0] * 10 ** (scale - whole[1]) - free[0] * 10 ** (scale - free[1])
        rows.append(
            Balance(
                venue=seen.venue,
                currency=one.asset,
                exact_free=free,
                exact_held=(held, scale),
                venue_ns=None if not one.update_time else one.update_time * MS,
                received_ns=seen.received_ns,
            )
        )
    return rows


def _positions(body: bytes, seen: Seen, about: Any) -> list[Position]:
    return [
        Position(
            venue=seen.venue, symbol=seen.symbol(one.symbol), received_ns=seen.received_ns,
            venue_ns=None if not one.update_time else one.update_time * MS, exact_size=exact(one.position_amt),
            exact_entry=exact(one.entry_price), exact_mark=exact(one.mark_price),
            exact_unrealized=exact(one.un_realized_profit), exact_liquidation=exact(one.liquidation_price),
            exact_leverage=None if one.leverage is None else exact(one.leverage),
        )
        for one in decode(_RISKS, body)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ asking


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _form(method: str, url: str, **params: str | int | None) -> Request:
    given = {name: value for name, value in {**params, "recvWindow": WINDOW_MS}.items() if value is not None}
    body = urlencode(given, quote_via=quote, safe="").encode()
    return Request(method, url, {"Content-Type": "application/x-www-form-urlencoded"}, body)


def _ask(url: str, /, method: str = "GET", **query: str | int | None) -> Request:
    request = get(url, **query, recvWindow=WINDOW_MS)
    return Request(method, request.url)


def _named(ref: Ref) -> dict[str, str]:
    by = {"orderId": ref.id} if ref.id else {"origClientOrderId": ref.client_id}
    return {"symbol": ref.instrument.id, **by}


def _nothing(body: bytes, seen: Seen, about: Any) -> None:
    """It was done, or an error was the answer."""


def _of(about: Inquiry) -> str | None:
    return None if about.instrument is None else about.instrument.id


def _since(about: Inquiry) -> int | None:
    return None if about.start_ns is None else -(-about.start_ns // MS)


def _spot_order(url: str) -> Callable[[Wish], Request]:
    def request(wish: Wish) -> Request:
        kinds = {"limit": "LIMIT", "market": "MARKET", "stop": "STOP_LOSS", "stop_limit": "STOP_LOSS_LIMIT"}
        kind = "LIMIT_MAKER" if wish.post_only else kinds[wish.kind]
        return _form(
            "POST", url, symbol=wish.instrument.id, side=wish.side.upper(), type=kind,
            timeInForce=wish.tif.upper() if kind in ("LIMIT", "STOP_LOSS_LIMIT") else None,
            quantity=_plain(wish.size), quoteOrderQty=_plain(wish.cost), price=_plain(wish.price),
            stopPrice=_plain(wish.trigger), newClientOrderId=wish.client_id, newOrderRespType="RESULT",
        )  # fmt: skip

    return request


def _futures_order(url: str) -> Callable[[Wish], Request]:
    def request(wish: Wish) -> Request:
        tif = None if wish.kind == "market" else "GTX" if wish.post_only else wish.tif.upper()
        return _form(
            "POST", url, symbol=wish.instrument.id, side=wish.side.upper(), type=wish.kind.upper(), timeInForce=tif,
            quantity=_plain(wish.size), price=_plain(wish.price), reduceOnly="true" if wish.reduce_only else None,
            newClientOrderId=wish.client_id, newOrderRespType="RESULT",
        )  # fmt: skip

    return request


@dataclass(frozen=True, slots=True)
class _Costs:
    """Weights of questions: with a symbol, and of all."""

    order: int
    open_one: int
    open_all: int
    account: int
    fills: int


def _some_or_all(costs: _Costs) -> Callable[[Inquiry], int]:
    return lambda about: costs.open_all if about.instrument is None else costs.open_one


def _common(api: str, weight: Pool, orders: Pool, costs: _Costs, every: str) -> tuple[Act, ...]:
    """What both do alike; `every` is the path that cancels all orders of a symbol."""

    def fills(about: Inquiry) -> Request:
        most = min(about.limit or _MOST_FILLS, _MOST_FILLS)
        path = "myTrades" if every == "openOrders" else "userTrades"
        return _ask(f"{api}/{path}", symbol=_of(about), startTime=_since(about), limit=most)

    return (
        Act("cancel", lambda ref: _ask(f"{api}/order", method="DELETE", **_named(ref)), _order, orders.name),
        Act(
            "cancel_all", lambda about: _ask(f"{api}/{every}", method="DELETE", symbol=_of(about)), _nothing,
            orders.name, needs=True,
        ),
        Act("order", lambda ref: _ask(f"{api}/order", **_named(ref)), _order, weight.name, costs.order),
        Act(
            "open_orders", lambda about: _ask(f"{api}/openOrders", symbol=_of(about)), _orders, weight.name,
            _some_or_all(costs),
        ),
        Act("fills", fills, _fills, weight.name, costs.fills, needs=True),
    )  # fmt: skip


def spot(api: str, weight: Pool, orders: Pool) -> Trading:
    costs = _Costs(order=4, open_one=6, open_all=80, account=20, fills=20)
    account = Act(
        "balances", lambda about: _ask(f"{api}/account", omitZeroBalances="true"), _balances, weight.name, costs.account
    )
    return Trading(
        acts=(
            Act("submit", _spot_order(f"{api}/order"), _order, orders.name),
            account,
            *_common(api, weight, orders, costs, "openOrders"),
        ),
        ids=IDS,
        ability="by_id",
        window=WINDOW_MS / 1000,
        unsure=UNSURE,
        kinds=frozenset({"limit", "market", "stop", "stop_limit"}),
        cost=True,
    )


def futures(api: str, version: str, weight: Pool, orders: Pool) -> Trading:
    """`api` is the root of the market, `version` that of its account calls."""
    costs = _Costs(order=1, open_one=1, open_all=40, account=5, fills=5)
    one = f"{api}/v1"

    def amend(ref: Ref) -> Request:
        side = None if ref.side is None else ref.side.upper()
        return _form("PUT", f"{one}/order", **_named(ref), side=side, quantity=ref.size, price=ref.price)

    return Trading(
        acts=(
            Act("submit", _futures_order(f"{one}/order"), _order, orders.name),
            Act("amend", amend, _order, orders.name),
            Act("balances", lambda about: _ask(f"{api}/{version}/balance"), _wallets, weight.name, costs.account),
            Act(
                "positions", lambda about: _ask(f"{api}/{version}/positionRisk", symbol=_of(about)), _positions,
                weight.name, costs.account,
            ),
            *_common(one, weight, orders, costs, "allOpenOrders"),
        ),
        ids=IDS,
        ability="by_id",
        window=WINDOW_MS / 1000,
        unsure=UNSURE,
        # Whatever waits for a trigger is the algo service's since the end of 2025, with another answer.
        kinds=frozenset({"limit", "market"}),
        reduces=True,
    )  # fmt: skip
