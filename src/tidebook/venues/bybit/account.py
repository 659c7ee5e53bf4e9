"""Bybit: accounts as they happen. Facts: bybit-exchange/docs v5 as of 2026-07-24, WebSocket Stream, Private.

One connection tells of all categories; each of our venues listens to its own.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from tidebook.model.wire import MS, Ms, decode
from tidebook.venue import AccountStream, Endpoint, Login, Ping, Pool, Seen, Subscribing, Template, Told
from tidebook.venues.bybit.private import (
    TRADED,
    FillRow,
    Held,
    OrderRow,
    Wallet,
    balance_of,
    fill_of,
    leg_of,
    order_of,
    position_of,
)
from tidebook.venues.bybit.sign import SIGN

assert SIGN.login is not None
LOGIN: Final = SIGN.login
Category = Literal["spot", "linear", "inverse", "option"]


class _Message(msgspec.Struct):
    data: msgspec.Raw
    topic: str = ""
    at: Ms = msgspec.field(name="creationTime", default=0)


class _Topic(msgspec.Struct):
    topic: str = ""


class _Execution(FillRow, rename="camel"):
    category: str


class _Position(Held, rename="camel"):
    entry_price: str


_TOPIC: Final = msgspec.json.Decoder(_Topic)
_MESSAGE: Final = msgspec.json.Decoder(_Message)
_ORDERS: Final = msgspec.json.Decoder(list[OrderRow])
_FILLS: Final = msgspec.json.Decoder(list[_Execution])
_POSITIONS: Final = msgspec.json.Decoder(list[_Position])
_WALLETS: Final = msgspec.json.Decoder(list[Wallet])


def read(frame: bytes, seen: Seen) -> Sequence[Told]:
    """What a message says; answers and the like say nothing of accounts."""
    topic = decode(_TOPIC, frame).topic.partition(".")[0]
    if not topic:
        return ()
    message = decode(_MESSAGE, frame)
    rows = bytes(message.data)
    match topic:
        case "order":
            return [order_of(one, seen) for one in decode(_ORDERS, rows)]
        case "execution":
            done = [one for one in decode(_FILLS, rows) if one.exec_type in TRADED]
            return [fill_of(one, seen, leg_of(one.category)) for one in done]
        case "position":
            return [position_of(one, seen, one.entry_price) for one in decode(_POSITIONS, rows)]
        case "wallet":
            coins = [coin for wallet in decode(_WALLETS, rows) for coin in wallet.coin]
            return [balance_of(coin, seen, message.at * MS) for coin in coins]
    return ()


def stream(category: Category, subscribing: Subscribing, ping: Ping, connects: Pool) -> AccountStream:
    """A login that is refused comes without a code: it may be for its time, and the second one is for good."""
    own = ("order", "execution") if category == "spot" else ("order", "execution", "position")
    return AccountStream(
        Endpoint(
            name="account",
            url="wss://stream.bybit.com/v5/private",
            subscribing=subscribing,
            ping=ping,
            connects=connects,
            login=Login(
                ask=LOGIN,
                ok=Template('{"success":true,"op":"auth"}'),
                refusals=(Template('{"success":false,"ret_msg":"$text","op":"auth"}'),),
                late=("",),
            ),
        ),
        read,
        topics=(*(f"{name}.{category}" for name in own), "wallet"),
    )
