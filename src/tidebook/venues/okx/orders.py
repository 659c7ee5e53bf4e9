"""OKX: orders over the private WebSocket, which is logged in once.

Facts: API v5, "WS / Place order", "WS / Amend order", "WS / Cancel order", "Transaction Timeouts", and the change log,
2026-09. A message names its instrument by the number that the list has, since 2026-03-26, and by nothing else.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec

from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact
from tidebook.model.credentials import Credentials, Secret
from tidebook.model.wire import decode
from tidebook.venue import Answered, Endpoint, OrderSocket, Reply, Request
from tidebook.venues.okx.account import LOGIN, PRIVATE
from tidebook.venues.okx.private import WINDOW

_EXPIRES: Final = ("order", "amend-order")


class _Answer(msgspec.Struct):
    id: str = ""


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def _say(name: str, request: Request, id: str, scheme: Scheme, credentials: Credentials, stamp: Stamp) -> Secret:
    """It has no time stamp of its own: what has not arrived within the window is to be dropped there all the same."""
    del scheme, credentials
    args: list[Any] = [msgspec.json.decode(request.message)]
    until = {"expTime": str(stamp.ms + int(WINDOW * 1000))} if name in _EXPIRES else {}
    return Secret(compact({"id": id, "op": name, "args": args, **until}))


def _read(frame: bytes) -> Answered | None:
    """An answer is what HTTP would bring; the status is in the code alone."""
    answer = decode(_ANSWER, frame)
    return Answered(answer.id, Reply(200, {}, frame)) if answer.id else None


def socket(public: Endpoint) -> OrderSocket:
    """`public` is the endpoint of what everybody may hear: this one is like it, and subscribes nothing.

    Demo environments have none: numbers that they list were unknown there to the socket, and to it alone (nautilus
    trader's issue 4964, 2026-09-10).
    """
    return OrderSocket(
        endpoint=replace(public, name="orders", url=PRIVATE, subscribing=None, login=LOGIN),
        names={
            ("POST", "/api/v5/trade/order"): "order",
            ("POST", "/api/v5/trade/amend-order"): "amend-order",
            ("POST", "/api/v5/trade/cancel-order"): "cancel-order",
        },
        say=_say,
        read=_read,
        own_words=True,
        without=("demo", "eea-demo", "us-demo"),
    )
