"""Bybit: orders over the WebSocket for trading, which is logged in once.

Facts: bybit-exchange/docs v5 as of 2026-07-24, websocket/trade/guideline.mdx. The demo environment has none.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec

from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact
from tidebook.errors import ClockRefused
from tidebook.model.credentials import Credentials, Secret
from tidebook.model.wire import Code, decode
from tidebook.venue import Answered, Endpoint, Login, OrderSocket, Ping, Pool, Reply, Request, Template
from tidebook.venues.bybit.account import LOGIN


class _Header(msgspec.Struct, frozen=True):
    Timenow: str = "0"


class _Answer(msgspec.Struct, rename="camel"):
    req_id: str = ""
    ret_code: Code = 0
    ret_msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")
    header: _Header = _Header()


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def _say(name: str, request: Request, id: str, scheme: Scheme, credentials: Credentials, stamp: Stamp) -> Secret:
    assert scheme.request is not None
    args: list[Any] = [msgspec.json.decode(request.body)]
    return Secret(compact(scheme.request({"reqId": id, "op": name, "args": args}, credentials, stamp)))


def _read(frame: bytes) -> Answered | None:
    """As HTTP brings it; the status is in the code alone."""
    answer = decode(_ANSWER, frame)
    if not answer.req_id:
        return None
    said = answer.header.Timenow
    at = int(said) if said.isascii() and said.isdigit() and len(said) <= 15 else 0
    body = {"retCode": answer.ret_code, "retMsg": answer.ret_msg, "result": answer.data, "time": at}
    return Answered(answer.req_id, Reply(200, {}, msgspec.json.encode(body)))


def socket(ping: Ping, connects: Pool) -> OrderSocket:
    """A login that is refused is refused for good, but for its time stamp."""
    return OrderSocket(
        endpoint=Endpoint(
            name="orders",
            url="wss://stream.bybit.com/v5/trade",
            subscribing=None,
            ping=replace(ping, answer=Template('{"op":"pong"}')),
            connects=connects,
            login=Login(
                ask=LOGIN,
                ok=Template('{"retCode":0,"op":"auth"}'),
                refusals=(Template('{"retCode":"#code","retMsg":"$text","op":"auth"}'),),
                final=("10003", "10004", "10005", "20001"),
                errors={"10002": ClockRefused},
                late=("10002",),
            ),
        ),
        names={
            ("POST", "/v5/order/create"): "order.create",
            ("POST", "/v5/order/amend"): "order.amend",
            ("POST", "/v5/order/cancel"): "order.cancel",
        },
        say=_say,
        read=_read,
        without=("demo",),
    )
