"""OKX: accounts as they happen. Facts: OKX API v5, WebSocket: Login, Account, Positions and Order channel, 2026-09.

Messages of the channels of orders, balances and positions have their rows in the form of the calls' answers.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from tidebook.errors import ClockRefused, NotPermitted, SignatureRefused, VenueError
from tidebook.model.number import exact
from tidebook.model.orders import Fill
from tidebook.model.wire import decode, word
from tidebook.venue import AccountStream, Endpoint, Login, Seen, Template, Told
from tidebook.venues.okx import wire
from tidebook.venues.okx.private import LEG, ROLE, SIDE, balances, orders, positions
from tidebook.venues.okx.sign import SIGN

_ERRORS: Final[dict[str, type[VenueError]]] = {
    "60001": NotPermitted, "60004": ClockRefused, "60005": NotPermitted, "60006": ClockRefused,
    "60007": SignatureRefused, "60009": NotPermitted, "60024": NotPermitted, "60032": NotPermitted,
}  # fmt: skip
PRIVATE: Final = "wss://ws.okx.com:8443/ws/v5/private"
assert SIGN.login is not None
LOGIN: Final = Login(
    ask=SIGN.login,
    ok=Template('{"event":"login","code":"0"}'),
    refusals=(Template('{"event":"error","code":"$code","msg":"$text"}'),),
    final=("60001", "60005", "60007", "60009", "60024", "60032"),
    errors=_ERRORS,
    late=("60004", "60006"),
)


class _Arg(msgspec.Struct):
    channel: str = ""


class _Channel(msgspec.Struct):
    arg: _Arg = msgspec.field(default_factory=_Arg)
    event: str = ""


class _Filled(
    msgspec.Struct,
    rename={
        "instrument": "instId", "id": "tradeId", "order": "ordId", "name": "clOrdId", "price": "fillPx",
        "size": "fillSz", "fee": "fillFee", "currency": "fillFeeCcy", "role": "execType", "at": "fillTime",
        "way": "posSide",
    },
):  # fmt: skip
    """Of an order's row, what its last fill was; a fee that was paid is below 0."""

    instrument: str
    id: str
    order: str
    name: str
    side: str
    price: str
    size: str
    fee: str
    currency: str
    role: str
    at: str
    way: str


_CHANNEL: Final = msgspec.json.Decoder(_Channel)
_FILLED: Final = msgspec.json.Decoder(wire.Push[_Filled])


def read(frame: bytes, seen: Seen) -> Sequence[Told]:
    """What a message says; answers say nothing of accounts."""
    found = decode(_CHANNEL, frame)
    if found.event:
        return ()
    match found.arg.channel:
        case "orders":
            fills = [_fill(one, seen) for one in decode(_FILLED, frame).data if one.id and exact(one.size or "0")[0]]
            return [*orders(frame, seen, None), *fills]
        case "account":
            return balances(frame, seen, None)
        case "positions":
            return positions(frame, seen, None)
    return ()


def _fill(one: _Filled, seen: Seen) -> Fill:
    fee = wire.maybe(one.fee)
    return Fill(
        venue=seen.venue, symbol=seen.symbol(one.instrument), venue_ns=wire.at_ns(one.at),
        received_ns=seen.received_ns, id=one.id, order_id=one.order, client_id=one.name,
        side=word(SIDE, one.side, "side"), exact_price=exact(one.price), exact_size=exact(one.size),
        exact_fee=None if fee is None else (-fee[0], fee[1]), fee_currency=one.currency,
        maker=word(ROLE, one.role, "role") if one.role else None, leg=word(LEG, one.way, "side of a position"),
    )  # fmt: skip


def stream(public: Endpoint) -> AccountStream:
    """`public` is the endpoint of what everybody may hear: this one is like it."""
    assert public.subscribing is not None
    each = (
        Template('{"channel":"$channel","instType":"$instType"}'),
        Template('{"channel":"$channel"}'),
    )
    return AccountStream(
        replace(
            public,
            name="account",
            url=PRIVATE,
            subscribing=replace(public.subscribing, each=each),
            login=LOGIN,
        ),
        read,
        topics=("account", "positions ANY", "orders ANY"),
    )
