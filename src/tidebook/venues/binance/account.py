"""Binance: accounts as they happen, on spot's WebSocket API.

Facts: user-data-stream.md and web-socket-api.md ("User Data Stream subscriptions", "Limits") of 2026-07-21.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact
from tidebook.errors import ClockRefused, NotPermitted, SignatureRefused, VenueError
from tidebook.model.credentials import Credentials, Secret
from tidebook.model.number import exact
from tidebook.model.orders import Balance, Fill, Order
from tidebook.model.wire import MS, Code, Id, Ms, Num, decode, word
from tidebook.venue import (
    AccountStream,
    Endpoint,
    Expired,
    Lifetime,
    Login,
    Ping,
    Pool,
    Seen,
    Template,
    Told,
)
from tidebook.venues.binance.private import KIND, SIDE, STATUS, TIF
from tidebook.venues.binance.sign import SIGN

API: Final = "wss://ws-api.binance.com/ws-api/v3"
REFUSED: Final[dict[str, type[VenueError]]] = {
    "-1021": ClockRefused, "-1022": SignatureRefused, "-2014": NotPermitted, "-2015": NotPermitted,
}  # fmt: skip
FINAL: Final = ("-1022", "-2014", "-2015")


class _Event(msgspec.Struct):
    e: str


class _Wrapped(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw()


class Report(msgspec.Struct):
    """An order and perhaps its fill, in the letters of spot."""

    symbol: str = msgspec.field(name="s")
    client_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    kind: str = msgspec.field(name="o")
    tif: str = msgspec.field(name="f")
    size: Num = msgspec.field(name="q")
    price: Num = msgspec.field(name="p")
    what: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    id: Id = msgspec.field(name="i")
    last_size: Num = msgspec.field(name="l")
    filled: Num = msgspec.field(name="z")
    last_price: Num = msgspec.field(name="L")
    at: Ms = msgspec.field(name="T")
    trade: Code = msgspec.field(name="t")
    maker: bool = msgspec.field(name="m")
    created: Ms = msgspec.field(name="O")
    cost: Num = msgspec.field(name="Z")
    trigger: Num = msgspec.field(name="P", default="0")
    asked_cost: Num = msgspec.field(name="Q", default="0")  # above 0: by cost, and the size is what is filled
    fee: Num = msgspec.field(name="n", default="0")
    fee_currency: str | None = msgspec.field(name="N", default=None)
    cancelled: str = msgspec.field(name="C", default="")


class _Held(msgspec.Struct):
    a: str
    f: Num
    l: Num  # noqa: E741 - the venue's letter


class _Position(msgspec.Struct):
    u: Ms
    B: list[_Held]


_WRAPPED: Final = msgspec.json.Decoder(_Wrapped)
_EVENT: Final = msgspec.json.Decoder(_Event)
_REPORT: Final = msgspec.json.Decoder(Report)
_POSITION: Final = msgspec.json.Decoder(_Position)


def read(frame: bytes, seen: Seen) -> Sequence[Told]:
    """What a message of the WebSocket API says of the account."""
    event = bytes(decode(_WRAPPED, frame).event)
    if not event:
        return ()
    match decode(_EVENT, event).e:
        case "executionReport":
            return _reported(decode(_REPORT, event), seen)
        case "outboundAccountPosition":
            found = decode(_POSITION, event)
            return [
                Balance(
                    venue=seen.venue, currency=one.a, exact_free=exact(one.f), exact_held=exact(one.l),
                    venue_ns=found.u * MS, received_ns=seen.received_ns,
                )
                for one in found.B
            ]  # fmt: skip
        case "eventStreamTerminated":
            return [Expired("the venue has ended the subscription")]
    return ()  # a balance that changed comes as a position too


def _reported(one: Report, seen: Seen) -> Sequence[Told]:
    about: dict[str, Any] = {
        "venue": seen.venue, "symbol": seen.symbol(one.symbol), "venue_ns": one.at * MS,
        "received_ns": seen.received_ns,
        "side": word(SIDE, one.side, "side"), "client_id": one.cancelled or one.client_id,
    }  # fmt: skip
    kind = word(KIND, one.kind, "kind of order")
    order = Order(
        **about, id=str(one.id), kind=kind, status=word(STATUS, one.status, "status"),
        exact_price=exact(one.price) if kind in ("limit", "stop_limit") else None,
        exact_trigger=exact(one.trigger) if kind in ("stop", "stop_limit") else None,
        exact_size=exact(one.size) if exact(one.size)[0] and not exact(one.asked_cost)[0] else None,
        exact_filled=exact(one.filled), exact_cost=exact(one.cost), tif=TIF.get(one.tif, "gtc"),
        post_only=one.kind == "LIMIT_MAKER", created_ns=one.created * MS,
    )  # fmt: skip
    if one.what != "TRADE":
        return [order]
    fill = Fill(
        **about, id=str(one.trade), order_id=str(one.id), exact_price=exact(one.last_price),
        exact_size=exact(one.last_size), exact_fee=exact(one.fee), fee_currency=one.fee_currency or "",
        maker=one.maker,
    )  # fmt: skip
    return [order, fill]


def _subscribes(scheme: Scheme, url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    """The signed subscription, which keys of every kind may make and which logs nothing else in."""
    del url
    assert scheme.request is not None
    params = scheme.request({}, credentials, stamp)
    return Secret(compact({"id": "account", "method": "userDataStream.subscribe.signature", "params": params}))


def spot(connects: Pool) -> AccountStream:
    """Five minutes before its day is over the next connection is opened."""
    return AccountStream(
        Endpoint(
            name="account",
            url=API,
            subscribing=None,
            ping=Ping(by="server", form="frame", every=20, deadline=60),
            connects=connects,
            lifetime=Lifetime(24 * 3600, overlap=300),
            notices=(Template('{"event":{"e":"serverShutdown","E":"#E"}}'),),
            login=Login(
                ask=partial(_subscribes, SIGN),
                ok=Template('{"id":"account","status":200,"result":{"subscriptionId":"#subscription"}}'),
                refusals=(Template('{"id":"account","status":"#status","error":{"code":"#code","msg":"$text"}}'),),
                final=FINAL,
                errors=REFUSED,
                late=("-1021",),
            ),
        ),
        read,
    )
