"""HTX spot: orders and accounts. Facts: huobiapi/docs v1_en (2021-06), "Account", "Trading", and later notices.

Orders and balances are of an account, whose number is asked for first. What is bought at the market is counted in quote
currency, what is sold in coins. An order that is taken has a number and nothing else; cancelling is asked for, and
what became of it is asked then.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

from tidebook.core.rest import get
from tidebook.errors import DecodeError, OrderNotFound, UsageError
from tidebook.model.facts import Side
from tidebook.model.number import Exact, exact, plain
from tidebook.model.orders import Balance, Fill, Kind, Order, Status, Tif
from tidebook.model.wire import MS, Code, Id, Ms, Num, decode, word
from tidebook.venue import Act, ClientIds, Countdown, DeadMan, Inquiry, Pool, Ref, Request, Seen, Trading, Wish

T = TypeVar("T")
HOST: Final = "https://api.huobi.pro"
ORDERS: Final = Pool("htx.spot.orders", "endpoint", 100, 2)
LOOKS: Final = Pool("htx.spot.looks", "endpoint", 50, 2)
_FILLS: Final = 3  # of those 50: 20 in two seconds
IDS: Final = ClientIds(prefix="tb", width=13, most=64, unique_for=8 * 3600.0)
KNOWN: Final = 2 * 3600.0  # seconds for which an order is found by its name once it has ended
WINDOW: Final = 300.0  # seconds by which a time stamp may be off
# "System internal error. For placing or canceling order, it is mostly due to cache issue", and gateways that gave up.
UNSURE: Final = frozenset({"base-system-error", "gateway-internal-error", "timeout"})
_MOST: Final = 500
_REACH: Final = 2 * 86_400.0 - 60  # seconds, of fills; a minute for the way there and what clocks differ


class _Data(msgspec.Struct):
    data: msgspec.Raw


class _Account(msgspec.Struct):
    id: Id
    type: str
    state: str


class _Order(msgspec.Struct, rename="kebab"):
    """What is filled goes by two names: `field-amount` of one order, `filled-amount` in lists."""

    id: Id
    symbol: str
    type: str
    state: str
    amount: Num
    account_id: Id
    created_at: Ms
    price: Num = "0"
    client_order_id: str = ""
    field_amount: Num | None = None
    field_cash_amount: Num | None = None
    filled_amount: Num | None = None
    filled_cash_amount: Num | None = None
    finished_at: Ms = 0
    canceled_at: Ms = 0


class _Match(msgspec.Struct, rename="kebab"):
    order_id: Id
    trade_id: Id
    symbol: str
    type: str
    price: Num
    filled_amount: Num
    filled_fees: Num
    fee_currency: str
    created_at: Ms
    role: str


class _Held(msgspec.Struct):
    currency: str
    type: str
    balance: Num


class _Balances(msgspec.Struct):
    list: list[_Held]


class _Cancelled(msgspec.Struct, rename="kebab"):
    next_id: Code


_DATA: Final = msgspec.json.Decoder(_Data)
_ID: Final = msgspec.json.Decoder(Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,38}\Z")])
_CODE: Final = msgspec.json.Decoder(str | Code)
_ACCOUNTS: Final = msgspec.json.Decoder(list[_Account])
_ORDER: Final = msgspec.json.Decoder(_Order)
_ORDER_ROWS: Final = msgspec.json.Decoder(list[_Order])
_MATCHES: Final = msgspec.json.Decoder(list[_Match])
_BALANCES: Final = msgspec.json.Decoder(_Balances)
_CANCELLED: Final = msgspec.json.Decoder(_Cancelled)


class _Type(NamedTuple):
    kind: Kind
    tif: Tif = "gtc"
    post_only: bool = False


STATUS: Final[Mapping[str, Status]] = {
    "created": "open", "submitted": "open", "partial-filled": "open", "canceling": "open", "filled": "filled",
    "partial-canceled": "cancelled", "canceled": "cancelled",
}  # fmt: skip
TYPES: Final = {
    "market": _Type("market"), "limit": _Type("limit"), "limit-maker": _Type("limit", post_only=True),
    "ioc": _Type("limit", "ioc"), "limit-fok": _Type("limit", "fok"), "stop-limit": _Type("stop_limit"),
    "stop-limit-fok": _Type("stop_limit", "fok"), "market-grid": _Type("market"), "limit-grid": _Type("limit"),
}  # fmt: skip
SIDE: Final[Mapping[str, Side]] = {"buy": "buy", "sell": "sell"}
_MAKER: Final = {"maker": True, "taker": False}

# ---- reading


class _Counting(msgspec.Struct, rename={"at": "triggerTime"}):
    """Of numbers by its table, of text by its example; others have recorded numbers, and no list around it."""

    at: Ms | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}\Z")]


_COUNTING: Final = msgspec.json.Decoder(_Counting | list[_Counting])


def _data(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    return decode(decoder, bytes(decode(_DATA, body).data))


def _account(body: bytes, seen: Seen, about: Any) -> str:
    """The number of the account of spot. Others are of margin, of funds, of points."""
    found = next((one.id for one in _data(_ACCOUNTS, body) if (one.type, one.state) == ("spot", "working")), None)
    if found is None:
        raise UsageError(f"{seen.venue}: this key has no account of spot that is open", venue=seen.venue)
    return str(found)


def _taken(body: bytes, seen: Seen, wish: Wish) -> Order:
    return wish.order(id=_data(_ID, body), received_ns=seen.received_ns)


def _cancelling(body: bytes, seen: Seen, ref: Ref) -> None:
    """By its name, 0 says that there is none. All other answers leave to be asked what became of it."""
    if _data(_CODE, body) == 0:
        raise OrderNotFound(f"{seen.venue}: no order {ref.id or ref.client_id}", venue=seen.venue)


def _counts(body: bytes, seen: Seen, about: Countdown) -> None:
    """When all is cancelled; 0: never."""
    found = _data(_COUNTING, body)
    rows = found if isinstance(found, list) else [found]
    if len(rows) != 1 or (int(rows[0].at) > 0) != (about.seconds > 0):
        raise DecodeError("malformed", f"{about.seconds:g} s were asked for, and are not what is counted")


def _either(one: _Order, name: str) -> Exact:
    found = next((getattr(one, f"{way}_{name}") for way in ("field", "filled") if getattr(one, f"{way}_{name}")), None)
    if found is None:
        raise DecodeError("missing", f"an order without {name} that is filled")
    return exact(found)


def _made(one: _Order, seen: Seen) -> Order:
    side, _, type = one.type.partition("-")
    what = word(TYPES, type, "type of order")
    return Order(
        venue=seen.venue, symbol=seen.symbol(one.symbol), received_ns=seen.received_ns,
        venue_ns=max(one.created_at, one.finished_at, one.canceled_at) * MS, id=str(one.id),
        client_id=one.client_order_id, side=word(SIDE, side, "side"), kind=what.kind,
        status=word(STATUS, one.state, "state"), exact_price=None if what.kind == "market" else exact(one.price),
        # what is bought at the market is counted in quote currency
        exact_size=None if one.type == "buy-market" else exact(one.amount), exact_filled=_either(one, "amount"),
        exact_cost=_either(one, "cash_amount"), tif=what.tif, post_only=what.post_only,
        created_ns=one.created_at * MS,
    )  # fmt: skip


def _one(body: bytes, seen: Seen, about: Any) -> Order:
    return _made(_data(_ORDER, body), seen)


def _opened(body: bytes, seen: Seen, about: Inquiry) -> list[Order]:
    """Those of accounts of margin come with them."""
    return [_made(one, seen) for one in _data(_ORDER_ROWS, body) if str(one.account_id) == about.account]


def _fills(body: bytes, seen: Seen, about: Any) -> list[Fill]:
    """The newest come first."""
    return [
        Fill(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.created_at * MS,
            received_ns=seen.received_ns, id=str(one.trade_id), order_id=str(one.order_id),
            side=word(SIDE, one.type.partition("-")[0], "side"), exact_price=exact(one.price),
            exact_size=exact(one.filled_amount), exact_fee=exact(one.filled_fees),
            fee_currency=one.fee_currency.upper(), maker=word(_MAKER, one.role, "role"),
        )
        for one in _data(_MATCHES, body)[::-1]
    ]  # fmt: skip


def _balances(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    """A row for what is free of a currency, and one for what orders hold; others are of loans."""
    rows: dict[str, dict[str, Exact]] = {}
    for one in _data(_BALANCES, body).list:
        rows.setdefault(one.currency, {})[one.type] = exact(one.balance)
    return [
        Balance(
            venue=seen.venue, currency=currency.upper(), exact_free=parts.get("trade", (0, 0)),
            exact_held=parts.get("frozen", (0, 0)), received_ns=seen.received_ns,
        )
        for currency, parts in rows.items()
    ]  # fmt: skip


def _cancelled(body: bytes, seen: Seen, about: Any) -> list[Order]:
    """They will be cancelled, a hundred at a time."""
    _data(_CANCELLED, body)
    return []


# ---- asking


def _post(path: str, params: Mapping[str, str | None]) -> Request:
    given = {name: value for name, value in params.items() if value is not None}
    return Request("POST", f"{HOST}/{path}", {"Content-Type": "application/json"}, msgspec.json.encode(given))


def _submit(wish: Wish) -> Request:
    if wish.kind == "market" and (wish.side == "buy") != (wish.cost is not None):
        text = "is bought for an amount: cost=" if wish.side == "buy" else "is sold by its size: size="
        raise UsageError(f"htx.spot: at the market it {text}. Nothing was sent", symbol=wish.instrument.symbol)
    limit = "limit-maker" if wish.post_only else {"gtc": "limit", "ioc": "ioc", "fok": "limit-fok"}[wish.tif]
    much = wish.size if wish.cost is None else wish.cost
    return _post(
        "v1/order/orders/place",
        {
            "account-id": wish.account, "symbol": wish.instrument.id,
            "type": f"{wish.side}-{'market' if wish.kind == 'market' else limit}",
            "amount": None if much is None else plain(much),
            "price": None if wish.price is None else plain(wish.price), "source": "spot-api",
            "client-order-id": wish.client_id,
        },
    )  # fmt: skip


def _cancel(ref: Ref) -> Request:
    if ref.id:
        return _post(f"v1/order/orders/{ref.id}/submitcancel", {})
    return _post("v1/order/orders/submitCancelClientOrder", {"client-order-id": ref.client_id})


def _look(ref: Ref) -> Request:
    path = f"{HOST}/v1/order/orders"
    return get(f"{path}/{ref.id}") if ref.id else get(f"{path}/getClientOrder", clientOrderId=ref.client_id)


def _open(about: Inquiry) -> Request:
    """Account and symbol go together: without both of them it is all orders of all accounts."""
    named = {"account-id": about.account if about.instrument is not None else None}
    return get(f"{HOST}/v1/order/openOrders", **named, symbol=about.id, size=_MOST)


def _more_open(request: Request, body: bytes) -> Request | None:
    rows = _data(_ORDER_ROWS, body)
    url = request.url.partition("&from=")[0]
    return Request("GET", f"{url}&from={rows[-1].id}&direct=next") if len(rows) == _MOST else None


def _more_cancelled(request: Request, body: bytes) -> Request | None:
    return None if _data(_CANCELLED, body).next_id < 0 else request


def _fills_request(about: Inquiry) -> Request:
    """Of two days until now; a beginning that lies further back is refused by the venue."""
    named = {"start-time": None if about.start_ns is None else -(-about.start_ns // MS)}
    most = min(about.limit or _MOST, _MOST)
    return get(f"{HOST}/v1/order/matchresults", symbol=about.id, **named, size=most)


_LOOK: Final = Act("order", _look, _one, LOOKS.name)

TRADING: Final = Trading(
    acts=(
        Act("account", lambda about: get(f"{HOST}/v1/account/accounts"), _account, ORDERS.name),
        Act("submit", _submit, _taken, ORDERS.name, then=_LOOK),
        Act("cancel", _cancel, _cancelling, ORDERS.name, then=_LOOK),
        Act(
            "cancel_all",
            lambda about: _post(
                "v1/order/orders/batchCancelOpenOrders", {"account-id": about.account, "symbol": about.id}
            ),
            _cancelled, LOOKS.name, more=_more_cancelled,
        ),
        _LOOK,
        Act(
            "dead_man",
            lambda about: _post("v2/algo-orders/cancel-all-after", {"timeout": str(int(about.seconds))}), _counts,
            LOOKS.name,
        ),
        Act("open_orders", _open, _opened, LOOKS.name, more=_more_open),
        Act("fills", _fills_request, _fills, LOOKS.name, _FILLS, needs=True, reach=_REACH),
        Act(
            "balances", lambda about: get(f"{HOST}/v1/account/accounts/{about.account}/balance"), _balances,
            ORDERS.name,
        ),
    ),
    ids=IDS, ability="by_id_for", known_for=KNOWN, window=WINDOW, unsure=UNSURE, cost=True, cancels_takers=True,
    dead_man=DeadMan("all open orders of spot, 500 at most", least=5),
)  # fmt: skip
