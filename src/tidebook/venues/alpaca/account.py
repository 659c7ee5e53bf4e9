"""Alpaca: accounts as they happen. Facts: docs.alpaca.markets, "Websocket Streaming" (trade_updates), of 2026-07.

A message tells of an order whole. What a fill is called there (`execution_id`) is not said to be what the account's
activities call it: so fills are fetched, when a message says that there is one, and so are balances, of which the
stream says nothing. Frames are binary and hold text.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from tidebook.model.wire import decode
from tidebook.venue import AccountStream, Endpoint, Inquiry, Login, Look, Ping, Seen, Subscribing, Template, Told
from tidebook.venues.alpaca.private import CRYPTO, OrderRow, order_of
from tidebook.venues.alpaca.sign import SIGN


class _Head(msgspec.Struct):
    stream: str = ""


class _Update(msgspec.Struct):
    event: str
    order: OrderRow


class _Updated(msgspec.Struct):
    data: _Update


_HEAD: Final = msgspec.json.Decoder(_Head)
_UPDATED: Final = msgspec.json.Decoder(_Updated)
_FILLED: Final = ("fill", "partial_fill")


def read(frame: bytes, seen: Seen) -> Sequence[Told]:
    """What a message says; shares are left out."""
    if decode(_HEAD, frame).stream != "trade_updates":
        return ()
    update = decode(_UPDATED, frame).data
    if update.order.asset_class != CRYPTO:
        return ()
    look = Look(("balances", "fills") if update.event in _FILLED else ("balances",))
    return [order_of(update.order, seen, Inquiry()), look]


def stream(ping: Ping) -> AccountStream:
    assert SIGN.login is not None
    listening = Template('{"stream":"listening","data":{"streams":"@topics"}}')
    return AccountStream(
        Endpoint(
            name="account",
            url="wss://api.alpaca.markets/stream",
            subscribing=Subscribing(
                subscribe=Template('{"action":"listen","data":{"streams":"@topics"}}'), ack=listening
            ),
            ping=ping,
            login=Login(
                ask=SIGN.login,
                ok=Template('{"stream":"authorization","data":{"status":"authorized"}}'),
                refusals=(Template('{"stream":"authorization","data":{"status":"unauthorized"}}'),),
            ),
        ),
        read,
        topics=("trade_updates",),
    )
