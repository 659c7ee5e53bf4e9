"""Binance: orders and accounts, of spot and of USD-M futures.

Facts: binance-spot-api-docs rest-api.md and enums.md (2026-07-21); USD-M "New Order", "Query Order", "Cancel Order",
"Modify Order", "Futures Account Balance V3", "Position Information V3", "Account Trade List", "Auto-Cancel All Open
Orders" (2026-08).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tidebook.core.rest import get
from tidebook.errors import DecodeError
from tidebook.model.facts import Side
from tidebook.model.number import Exact, exact, parse, plain
from tidebook.model.orders import Balance, Fill, Kind, Leg, Order, Position, Status, Tif
from tidebook.model.wire import MS, Id, Ms, Num, decode, word
from tidebook.venue import (
    Act,
    ClientIds,
    Countdown,
    DeadMan,
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
WINDOW_MS: Final = 5000  # what the venue takes where nothing is said; at most 60,000
IDS: Final = ClientIds(prefix="tb", width=13, most=36)  # ^[\.A-Z\:/a-z0-9_-]{1,36}$
# "Timeout waiting for response from backend server. Send status unknown; execution status unknown." and its like
UNSURE: Final = frozenset({"-1006", "-1007"})
_MOST_FILLS: Final = 1000


class _Order(msgspec.Struct, rename="camel"):
    """What both markets say. Of one that spot cancelled the second name is its own, the first that of cancelling it."""

    symbol: str
    order_id: Id
    client_order_id: str
    status: str
    type: str
    side: str
    orig_qty: Num
    executed_qty: Num
    price: Num
    time_in_force: str
    orig_client_order_id: str = ""
    stop_price: Num = "0"
    time: Ms | None = None
    update_time: Ms | None = None
    transact_time: Ms | None = None


class _Spot(_Order, rename="camel", kw_only=True):
    cummulative_quote_qty: Num  # so they spell it
    orig_quote_order_qty: Num = "0"  # above 0 where it was asked for by cost: the size is then what is filled


class _Amended(msgspec.Struct, rename="camel"):
    """An order that was made smaller, in words of its own. `client_order_id` is its name from then on."""

    symbol: str
    order_id: Id
    client_order_id: str
    price: Num
    qty: Num
    executed_qty: Num
    cumulative_quote_qty: Num
    status: str
    time_in_force: str
    type: str
    side: str
    stop_price: Num = "0"


class _Amendment(msgspec.Struct, rename="camel"):
    transact_time: Ms
    amended_order: _Amended


class _Future(_Order, rename="camel", kw_only=True):
    """What it came to is told to whoever asks, since 2026-07 not to whoever sends, cancels or changes."""

    orig_type: str
    reduce_only: bool
    position_side: str
    cum_quote: Num | None = None


class _Trade(msgspec.Struct, rename="camel"):
    symbol: str
    id: Id
    order_id: Id
    price: Num
    qty: Num
    commission: Num
    commission_asset: str
    time: Ms


class _SpotTrade(_Trade, rename="camel"):
    is_buyer: bool
    is_maker: bool


class _FutureTrade(_Trade, rename="camel"):
    buyer: bool
    maker: bool
    position_side: str


class _Held(msgspec.Struct):
    asset: str
    free: Num
    locked: Num


class _Account(msgspec.Struct, rename="camel"):
    balances: list[_Held]
    update_time: Ms


class _Wallet(msgspec.Struct, rename="camel"):
    asset: str
    balance: Num
    available_balance: Num
    update_time: Ms


class _Risk(msgspec.Struct, rename="camel"):
    symbol: str
    position_side: str
    position_amt: Num
    entry_price: Num
    mark_price: Num
    un_realized_profit: Num
    liquidation_price: Num
    update_time: Ms


class _Counting(msgspec.Struct, rename="camel"):
    symbol: str
    countdown_time: Num


_SPOT: Final = msgspec.json.Decoder(_Spot)
_AMENDMENT: Final = msgspec.json.Decoder(_Amendment)
_SPOTS: Final = msgspec.json.Decoder(list[_Spot])
_FUTURE: Final = msgspec.json.Decoder(_Future)
_FUTURES: Final = msgspec.json.Decoder(list[_Future])
_SPOT_TRADES: Final = msgspec.json.Decoder(list[_SpotTrade])
_FUTURE_TRADES: Final = msgspec.json.Decoder(list[_FutureTrade])
_ACCOUNT: Final = msgspec.json.Decoder(_Account)
_WALLETS: Final = msgspec.json.Decoder(list[_Wallet])
_RISKS: Final = msgspec.json.Decoder(list[_Risk])
_COUNTING: Final = msgspec.json.Decoder(_Counting)

STATUS: Final[Mapping[str, Status]] = {
    "NEW": "open", "PENDING_NEW": "open", "PARTIALLY_FILLED": "open", "PENDING_CANCEL": "open", "FILLED": "filled",
    "CANCELED": "cancelled", "REJECTED": "rejected", "EXPIRED": "expired", "EXPIRED_IN_MATCH": "expired",
}  # fmt: skip
KIND: Final[Mapping[str, Kind]] = {
    "LIMIT": "limit", "LIMIT_MAKER": "limit", "MARKET": "market", "STOP_LOSS": "stop", "STOP_MARKET": "stop",
    "TAKE_PROFIT": "stop", "TAKE_PROFIT_MARKET": "stop", "STOP_LOSS_LIMIT": "stop_limit", "STOP": "stop_limit",
    "TAKE_PROFIT_LIMIT": "stop_limit",
}  # fmt: skip
SIDE: Final[Mapping[str, Side]] = {"BUY": "buy", "SELL": "sell"}
# Of futures. A short position is told below 0 in either mode.
LEG: Final[Mapping[str, Leg]] = {"BOTH": "net", "LONG": "long", "SHORT": "short"}
_POSITION_SIDE: Final[Mapping[Leg, str | None]] = {"net": None, "long": "LONG", "short": "SHORT"}
# Besides, futures know orders that end at a time, and some of market makers: they stand until then.
TIF: Final[Mapping[str, Tif]] = {"IOC": "ioc", "FOK": "fok"}

# ------------------------------------------------------------------------------------------------ reading


def maybe(text: str) -> Exact | None:
    """A number that is 0 where there is none."""
    found = exact(text)
    return found if found[0] else None


def _made(one: _Order, seen: Seen, type: str, cost: str | None) -> Order:
    kind = word(KIND, type, "kind of order")
    stamps = (one.update_time, one.transact_time, one.time)
    at = next((stamp for stamp in stamps if stamp is not None), None)
    created = one.time if one.time is not None else one.transact_time if not one.orig_client_order_id else None
    return Order(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=None if at is None else at * MS,
        received_ns=seen.received_ns, id=str(one.order_id), side=word(SIDE, one.side, "side"), kind=kind,
        status=word(STATUS, one.status, "status"), client_id=one.orig_client_order_id or one.client_order_id,
        exact_price=exact(one.price) if kind in ("limit", "stop_limit") else None,
        exact_trigger=maybe(one.stop_price) if kind in ("stop", "stop_limit") else None,
        exact_size=maybe(one.orig_qty), exact_filled=exact(one.executed_qty),
        # below zero: of old orders the venue does not know it any more
        exact_cost=None if cost is None or cost.startswith("-") else exact(cost),
        tif=TIF.get(one.time_in_force, "gtc"), post_only=one.type == "LIMIT_MAKER" or one.time_in_force == "GTX",
        created_ns=None if created is None else created * MS,
    )  # fmt: skip


def _of_spot(one: _Spot, seen: Seen) -> Order:
    order = _made(one, seen, one.type, one.cummulative_quote_qty)
    return order if maybe(one.orig_quote_order_qty) is None else msgspec.structs.replace(order, exact_size=None)


def _of_futures(one: _Future, seen: Seen) -> Order:
    """What had a trigger is of another type once it has gone off."""
    order = _made(one, seen, one.orig_type, one.cum_quote)
    leg = word(LEG, one.position_side, "position side")
    return msgspec.structs.replace(order, reduce_only=one.reduce_only, leg=leg)


def _spot(body: bytes, seen: Seen, about: Any) -> Order:
    return _of_spot(decode(_SPOT, body), seen)


def _smaller(body: bytes, seen: Seen, about: Any) -> Order:
    found = decode(_AMENDMENT, body)
    one = found.amended_order
    order = _Spot(
        symbol=one.symbol, order_id=one.order_id, client_order_id=one.client_order_id, status=one.status,
        type=one.type, side=one.side, orig_qty=one.qty, executed_qty=one.executed_qty, price=one.price,
        time_in_force=one.time_in_force, stop_price=one.stop_price, cummulative_quote_qty=one.cumulative_quote_qty,
    )  # fmt: skip
    made = _of_spot(order, seen)
    return msgspec.structs.replace(made, venue_ns=found.transact_time * MS)


def _spots(body: bytes, seen: Seen, about: Any) -> list[Order]:
    return [_of_spot(one, seen) for one in decode(_SPOTS, body)]


def _future(body: bytes, seen: Seen, about: Any) -> Order:
    return _of_futures(decode(_FUTURE, body), seen)


def _futures(body: bytes, seen: Seen, about: Any) -> list[Order]:
    return [_of_futures(one, seen) for one in decode(_FUTURES, body)]


def _fill(one: _Trade, seen: Seen, buys: bool, maker: bool, leg: Leg = "net") -> Fill:
    return Fill(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.time * MS, received_ns=seen.received_ns,
        id=str(one.id), order_id=str(one.order_id), side="buy" if buys else "sell", exact_price=exact(one.price),
        exact_size=exact(one.qty), exact_fee=exact(one.commission), fee_currency=one.commission_asset, maker=maker,
        leg=leg,
    )  # fmt: skip


def _spot_fills(body: bytes, seen: Seen, about: Any) -> list[Fill]:
    return [_fill(one, seen, one.is_buyer, one.is_maker) for one in decode(_SPOT_TRADES, body)]


def _future_fills(body: bytes, seen: Seen, about: Any) -> list[Fill]:
    return [
        _fill(one, seen, one.buyer, one.maker, word(LEG, one.position_side, "position side"))
        for one in decode(_FUTURE_TRADES, body)
    ]


def _balances(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    account = decode(_ACCOUNT, body)
    at = account.update_time * MS
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
                venue_ns=one.update_time * MS or None,
                received_ns=seen.received_ns,
            )
        )
    return rows


def _positions(body: bytes, seen: Seen, about: Any) -> list[Position]:
    return [
        Position(
            venue=seen.venue, symbol=seen.symbol(one.symbol), received_ns=seen.received_ns,
            venue_ns=one.update_time * MS or None, exact_size=exact(one.position_amt),
            exact_entry=maybe(one.entry_price), exact_mark=exact(one.mark_price),
            exact_unrealized=exact(one.un_realized_profit), exact_liquidation=maybe(one.liquidation_price),
            leg=word(LEG, one.position_side, "position side"),
        )
        for one in decode(_RISKS, body)
    ]  # fmt: skip


def _counts(body: bytes, seen: Seen, about: Countdown) -> None:
    found = decode(_COUNTING, body)
    if found.symbol != about.id or parse(found.countdown_time) != _ms(about):
        text = f"{found.countdown_time} ms are counted for {found.symbol}, and not {_ms(about)}"
        raise DecodeError("malformed", text)


# ------------------------------------------------------------------------------------------------ asking


def _ms(about: Countdown) -> int:
    return round(about.seconds * 1000)


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
    """In the hedge mode `positionSide` has to be sent and `reduceOnly` must not be: which side of which position it is
    says what it does.
    """

    def request(wish: Wish) -> Request:
        tif = None if wish.kind == "market" else "GTX" if wish.post_only else wish.tif.upper()
        return _form(
            "POST", url, symbol=wish.instrument.id, side=wish.side.upper(), type=wish.kind.upper(), timeInForce=tif,
            quantity=_plain(wish.size), price=_plain(wish.price), positionSide=_POSITION_SIDE[wish.leg],
            reduceOnly="true" if wish.reduce_only and wish.leg == "net" else None,
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


_Read = Callable[[bytes, Seen, Any], Any]


def _common(
    api: str,
    weight: Pool,
    costs: _Costs,
    paths: tuple[str, str],
    reads: tuple[_Read, _Read, _Read],
    spans: float | None = None,
) -> tuple[Act, ...]:
    """What both do alike. `paths`: what cancels all of a symbol, and fills; `reads`: an order, orders, fills.

    What cancels counts as a request of its address, not as an order.
    """
    every, trades = paths
    one, several, traded = reads

    def fills(about: Inquiry) -> Request:
        most = min(about.limit or _MOST_FILLS, _MOST_FILLS)
        order = about.order_id or None
        return _ask(f"{api}/{trades}", symbol=about.id, orderId=order, startTime=_since(about), limit=most)

    return (
        Act("cancel", lambda ref: _ask(f"{api}/order", method="DELETE", **_named(ref)), one, weight.name),
        Act(
            "cancel_all", lambda about: _ask(f"{api}/{every}", method="DELETE", symbol=about.id), _nothing,
            weight.name, needs=True,
        ),
        Act("order", lambda ref: _ask(f"{api}/order", **_named(ref)), one, weight.name, costs.order),
        Act(
            "open_orders", lambda about: _ask(f"{api}/openOrders", symbol=about.id), several, weight.name,
            _some_or_all(costs),
        ),
        Act("fills", fills, traded, weight.name, costs.fills, needs=True, spans=spans),
    )  # fmt: skip


def spot(api: str, weight: Pool, orders: Pool, socket: OrderSocket) -> Trading:
    """`api` is the root of its calls. A name may be used again once its order has ended."""
    costs = _Costs(order=4, open_one=6, open_all=80, account=20, fills=20)
    account = Act(
        "balances", lambda about: _ask(f"{api}/account", omitZeroBalances="true"), _balances, weight.name, costs.account
    )

    def amend(ref: Ref) -> Request:
        """Where its name is not said again it gets another one, and we would not know it any more."""
        name = ref.client_id or None
        url = f"{api}/order/amend/keepPriority"
        return _form("PUT", url, **_named(ref), newClientOrderId=name, newQty=ref.size)

    return Trading(
        acts=(
            Act("submit", _spot_order(f"{api}/order"), _spot, orders.name),
            Act("amend", amend, _smaller, weight.name, 4),
            account,
            *_common(api, weight, costs, ("openOrders", "myTrades"), (_spot, _spots, _spot_fills)),
        ),
        ids=IDS,
        ability="by_id",  # what was cancelled without a fill is archived after 90 days
        window=WINDOW_MS / 1000,
        unsure=UNSURE | {"-1000"},  # "an unknown error occurred while processing"; on futures its words tell
        kinds=frozenset({"limit", "market", "stop", "stop_limit"}),
        cost=True,
        shrinks=True,
        socket=socket,
    )


def futures(api: str, version: str, weight: Pool, orders: Pool, socket: OrderSocket) -> Trading:
    """`api` is the root of the market, `version` that of its account calls."""
    costs = _Costs(order=1, open_one=1, open_all=40, account=5, fills=5)
    one = f"{api}/v1"

    def amend(ref: Ref) -> Request:
        side = None if ref.side is None else ref.side.upper()
        return _form("PUT", f"{one}/order", **_named(ref), side=side, quantity=ref.size, price=ref.price)

    def counts(about: Countdown) -> Request:
        return _form("POST", f"{one}/countdownCancelAll", symbol=about.id, countdownTime=_ms(about))

    return Trading(
        acts=(
            Act("submit", _futures_order(f"{one}/order"), _future, orders.name),
            Act("amend", amend, _future, orders.name),
            Act("balances", lambda about: _ask(f"{api}/{version}/balance"), _wallets, weight.name, costs.account),
            Act(
                "positions", lambda about: _ask(f"{api}/{version}/positionRisk", symbol=about.id), _positions,
                weight.name, costs.account,
            ),
            *_common(
                one, weight, costs, ("allOpenOrders", "userTrades"), (_future, _futures, _future_fills),
                spans=7 * 86_400,
            ),
            Act("dead_man", counts, _counts, weight.name, 10, needs=True),
        ),
        ids=IDS,
        ability="by_id_for",
        known_for=3 * 86_400,  # what was cancelled or has expired without a fill; all else 90 days
        window=WINDOW_MS / 1000,
        unsure=UNSURE,
        # Whatever waits for a trigger is the algo service's since the end of 2025, with another answer.
        kinds=frozenset({"limit", "market"}),
        reduces=True,
        legs=True,
        socket=socket,
        # In milliseconds, of which the documents name no least: less than a second is no time to say anything anew.
        dead_man=DeadMan("all open orders of one symbol", least=1.0, whole=False, one=True),
    )  # fmt: skip
