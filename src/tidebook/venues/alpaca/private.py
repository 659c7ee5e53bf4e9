"""Alpaca: orders and balances of crypto. Facts: docs.alpaca.markets, "Crypto Orders" (2025-09-24), "Working with
/orders", "Account Activities" (2026-05-25), the models of alpaca-py (2026-07-23).

An account trades shares beside coins, at the same endpoints: what is of shares is left out, and never touched. Requests
carry a key and no time stamp: one that was lost on the way may arrive whenever it does.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from tidebook.core.rest import get
from tidebook.errors import UsageError
from tidebook.model.facts import Side
from tidebook.model.number import Exact, exact, plain
from tidebook.model.orders import Balance, Fill, Kind, Order, Status, Tif
from tidebook.model.wire import SEC, Iso, Num, decode, iso, word
from tidebook.venue import Act, ClientIds, Inquiry, Ref, Request, Seen, Trading, Wish
from tidebook.venues.alpaca.rest import REST, TRADING

T = TypeVar("T")
IDS: Final = ClientIds(prefix="tb", width=13, most=128)
_MOST: Final = 500  # orders at once
_PAGE: Final = 100  # fills at once
CRYPTO: Final = "crypto"


class OrderRow(msgspec.Struct):
    """Of one for an amount (`notional`) there is no `qty`; before the first fill there is no average."""

    id: str
    client_order_id: str
    symbol: str
    asset_class: str
    qty: Num | None
    filled_qty: Num
    filled_avg_price: Num | None
    type: str
    side: str
    time_in_force: str
    limit_price: Num | None
    stop_price: Num | None
    status: str
    created_at: Iso
    updated_at: Iso


class _Account(msgspec.Struct):
    currency: str
    cash: Num


class _Held(msgspec.Struct):
    symbol: str
    asset_class: str
    qty: Num
    qty_available: Num


class _Activity(msgspec.Struct):
    id: str
    symbol: str
    order_id: str
    side: str
    price: Num
    qty: Num
    transaction_time: Iso


_ORDER: Final = msgspec.json.Decoder(OrderRow)
_ORDERS: Final = msgspec.json.Decoder(list[OrderRow])
_CASH: Final = msgspec.json.Decoder(_Account)
_HELDS: Final = msgspec.json.Decoder(list[_Held])
_ACTIVITIES: Final = msgspec.json.Decoder(list[_Activity])

_OPEN: Final = (
    "new", "partially_filled", "accepted", "pending_new", "accepted_for_bidding", "pending_cancel", "pending_replace",
    "stopped", "suspended", "calculated", "held", "done_for_day",
)  # fmt: skip
_STATUS: Final[Mapping[str, Status]] = {
    **dict.fromkeys(_OPEN, "open"), "filled": "filled", "canceled": "cancelled", "expired": "expired",
    "rejected": "rejected", "replaced": "cancelled",
}  # fmt: skip
_KIND: Final[Mapping[str, Kind]] = {
    "market": "market", "limit": "limit", "stop": "stop", "stop_limit": "stop_limit",
}  # fmt: skip
_TIF: Final[Mapping[str, Tif]] = {"gtc": "gtc", "day": "gtc", "ioc": "ioc", "fok": "fok"}
_SIDE: Final[Mapping[str, Side]] = {"buy": "buy", "sell": "sell"}

# ---- reading


def _same(one: str, other: str) -> bool:
    """Symbols come with their slash, and without."""
    return one.replace("/", "") == other.replace("/", "")


def _symbol(text: str, seen: Seen, about: Any) -> str:
    found: str = about.instrument.symbol if about.instrument is not None else ""
    return found if _same(text, found) else seen.symbol(text)


def _maybe(text: str | None) -> Exact | None:
    return None if text is None else exact(text)


def order_of(one: OrderRow, seen: Seen, about: Any) -> Order:
    filled, average = exact(one.filled_qty), _maybe(one.filled_avg_price)
    return Order(
        venue=seen.venue, symbol=_symbol(one.symbol, seen, about), venue_ns=iso(one.updated_at),
        received_ns=seen.received_ns, id=one.id, client_id=one.client_order_id, side=word(_SIDE, one.side, "side"),
        kind=word(_KIND, one.type, "type"), status=word(_STATUS, one.status, "status"),
        exact_price=_maybe(one.limit_price), exact_trigger=_maybe(one.stop_price), exact_size=_maybe(one.qty),
        exact_filled=filled,
        # what the venue says is the average; the amount is not said
        exact_cost=None if average is None else (filled[0] * average[0], filled[1] + average[1]),
        tif=word(_TIF, one.time_in_force, "time in force"), created_ns=iso(one.created_at),
    )  # fmt: skip


def _one(body: bytes, seen: Seen, about: Any) -> Order:
    return order_of(decode(_ORDER, body), seen, about)


def _all(body: bytes, seen: Seen, about: Any) -> list[Order]:
    return [order_of(one, seen, about) for one in decode(_ORDERS, body) if one.asset_class == CRYPTO]


def _nothing(body: bytes, seen: Seen, about: Any) -> None:
    """It will be cancelled: no body, HTTP 204."""


def _balances(body: bytes, seen: Seen, about: Any) -> list[Balance]:
    """The account's cash, which is without what open orders hold, and then its coins: each is a position.

    Positions of coins are named by what they are worth in dollars: BTCUSD.
    """
    if body.lstrip()[:1] != b"[":
        cash = decode(_CASH, body)
        return [
            Balance(
                venue=seen.venue, currency=cash.currency, exact_free=exact(cash.cash), exact_held=(0, 0),
                received_ns=seen.received_ns,
            )
        ]  # fmt: skip
    rows: list[Balance] = []
    for one in decode(_HELDS, body):
        if one.asset_class != CRYPTO:
            continue
        whole, free = exact(one.qty), exact(one.qty_available)
        scale = max(whole[1], free[1])
        held = whole[0] * 10 ** (scale - whole[1]) - free[0] * 10 ** (scale - free[1])
        rows.append(
            Balance(
                venue=seen.venue, currency=one.symbol.replace("/", "").removesuffix("USD"), exact_free=free,
                exact_held=(held, scale), received_ns=seen.received_ns,
            )
        )  # fmt: skip
    return rows


def _fills(body: bytes, seen: Seen, about: Inquiry) -> list[Fill]:
    """Those of one symbol, of all the account's; the newest come first. Fees are booked at the end of the day."""
    assert about.instrument is not None
    return [
        Fill(
            venue=seen.venue, symbol=about.instrument.symbol, venue_ns=iso(one.transaction_time),
            received_ns=seen.received_ns, id=one.id, order_id=one.order_id, side=word(_SIDE, one.side, "side"),
            exact_price=exact(one.price), exact_size=exact(one.qty),
        )
        for one in decode(_ACTIVITIES, body)[::-1] if _same(one.symbol, about.instrument.id)
    ]  # fmt: skip


# ---- asking


def _send(method: str, path: str, **params: str | None) -> Request:
    given = {name: value for name, value in params.items() if value is not None}
    return Request(method, f"{TRADING}/{path}", {"Content-Type": "application/json"}, msgspec.json.encode(given))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _submit(wish: Wish) -> Request:
    return _send(
        "POST", "orders", symbol=wish.instrument.id, qty=_text(wish.size), notional=_text(wish.cost), side=wish.side,
        type=wish.kind, time_in_force=wish.tif, limit_price=_text(wish.price), stop_price=_text(wish.trigger),
        client_order_id=wish.client_id,
    )  # fmt: skip


def _own(ref: Ref) -> str:
    """The venue's number: to cancel or to change by a client's id there is nothing."""
    if not ref.id:
        text = f"alpaca cancels and changes by its own id: fetch_order(client_id={ref.client_id!r}) tells it"
        raise UsageError(text, venue="alpaca", symbol=ref.instrument.symbol)
    return ref.id


def _amend(ref: Ref) -> Request:
    """Another order takes its place, with another id and nothing filled: it is as large as what is left.

    Said whole, what was filled before would be traded twice: alpacahq/Alpaca-API, issue 165.
    """
    left = Decimal(ref.size) - Decimal(ref.filled)
    return _send("PATCH", f"orders/{_own(ref)}", qty=plain(left), limit_price=ref.price)


def _look(ref: Ref) -> Request:
    if ref.id:
        return get(f"{TRADING}/orders/{ref.id}")
    return get(f"{TRADING}/orders:by_client_order_id", client_order_id=ref.client_id)


def _coins_too(request: Request, body: bytes) -> Request | None:
    return Request("GET", f"{TRADING}/positions") if request.url.endswith("/account") else None


def _opened(about: Inquiry) -> Request:
    symbols = None if about.instrument is None else about.instrument.id
    return get(f"{TRADING}/orders", status="open", limit=_MOST, symbols=symbols)


def _activities(about: Inquiry) -> Request:
    after = None if about.start_ns is None else datetime.fromtimestamp(about.start_ns // SEC, UTC)
    since = None if after is None else f"{after:%Y-%m-%dT%H:%M:%SZ}"
    return get(f"{TRADING}/account/activities/FILL", after=since, direction="desc", page_size=_PAGE)


def _earlier(request: Request, body: bytes) -> Request | None:
    """Where a beginning was named: all since then."""
    rows = decode(_ACTIVITIES, body)
    url = request.url.partition("&page_token=")[0]
    token = get("", page_token=rows[-1].id).url[1:] if len(rows) == _PAGE and "after=" in url else ""
    return Request("GET", f"{url}&{token}") if token else None


_LOOK: Final = Act("order", _look, _one, REST.name)

ORDERS: Final = Trading(
    acts=(
        Act("submit", _submit, _one, REST.name),
        Act("cancel", lambda ref: Request("DELETE", f"{TRADING}/orders/{_own(ref)}"), _nothing, REST.name, then=_LOOK),
        Act("amend", _amend, _one, REST.name),
        _LOOK,
        Act("open_orders", _opened, _all, REST.name),
        Act("fills", _activities, _fills, REST.name, more=_earlier, backwards=True, needs=True),
        Act("balances", lambda about: get(f"{TRADING}/account"), _balances, REST.name, more=_coins_too),
    ),
    ids=IDS, ability="by_id", kinds=frozenset({"limit", "market", "stop_limit"}), tifs=frozenset({"gtc", "ioc"}),
    cost=True, post_only=False,
)  # fmt: skip
