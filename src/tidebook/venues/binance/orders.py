"""Binance: orders over its WebSocket APIs, of spot and of USD-M futures. Each request is signed by itself.

Facts: web-socket-api.md ("Request format", "Response format", "Place new order", "Cancel order", "Cancel open orders",
"Limits") of 2026-07-21; USD-M "WebSocket API General Info", "New Order", "Modify Order", "Cancel Order" (2026-08).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact
from tidebook.model.credentials import Credentials, Secret
from tidebook.model.wire import Code, Count, Ms, decode
from tidebook.venue import Answered, Endpoint, Lifetime, OrderSocket, Ping, Pool, Reply, Request, Template

_WHOLE: Final = ("recvWindow", "orderId")


class _Wait(msgspec.Struct, rename="camel"):
    server_time: Ms = 0
    retry_after: Ms = 0


class _No(msgspec.Struct):
    code: Code
    msg: str = ""
    data: _Wait | None = None


class _Limit(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: Count
    count: Count = 0


class _Answer(msgspec.Struct, rename="camel"):
    id: str | Code | None = None
    status: Count = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _No | None = None
    rate_limits: list[_Limit] = []


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def _say(name: str, request: Request, id: str, scheme: Scheme, credentials: Credentials, stamp: Stamp) -> Secret:
    """What the query or the form says, as params; numbers are none there but ids and the window."""
    assert scheme.request is not None
    said: Mapping[str, str] = dict(parse_qsl(request.body.decode() or urlsplit(request.url).query))
    params: dict[str, Any] = {key: int(value) if key in _WHOLE else value for key, value in said.items()}
    signed = scheme.request(params, credentials, stamp)
    return Secret(compact({"id": id, "method": name, "params": signed}))


def _read(frame: bytes) -> Answered | None:
    """`status` is that of HTTP; limits are told in the answer and not in headers."""
    answer = decode(_ANSWER, frame)
    if answer.id is None or not answer.status:
        return None
    headers: dict[str, str] = {}
    for one in answer.rate_limits:
        if (one.rate_limit_type, one.interval, one.interval_num) == ("REQUEST_WEIGHT", "MINUTE", 1):
            headers["x-mbx-used-weight-1m"] = str(one.count)
    if answer.error is None:
        return Answered(str(answer.id), Reply(answer.status, headers, bytes(answer.result)))
    no = answer.error
    if no.data is not None and no.data.retry_after > no.data.server_time > 0:
        headers["retry-after"] = str(-(-(no.data.retry_after - no.data.server_time) // 1000))
    body = msgspec.json.encode({"code": no.code, "msg": no.msg})
    return Answered(str(answer.id), Reply(answer.status, headers, body))


def spot(url: str, connects: Pool) -> OrderSocket:
    """`url` is that of the WebSocket API; five minutes before its day is over the next connection is opened."""
    return OrderSocket(
        endpoint=Endpoint(
            name="orders",
            url=url,
            subscribing=None,
            ping=Ping(by="server", form="frame", every=20, deadline=60),
            connects=connects,
            lifetime=Lifetime(24 * 3600, overlap=300),
            notices=(Template('{"event":{"e":"serverShutdown","E":"#E"}}'),),
        ),
        names={
            ("POST", "/api/v3/order"): "order.place",
            ("PUT", "/api/v3/order/amend/keepPriority"): "order.amend.keepPriority",
            ("DELETE", "/api/v3/order"): "order.cancel",
            ("DELETE", "/api/v3/openOrders"): "openOrders.cancelAll",
        },
        say=_say,
        read=_read,
    )


def futures(connects: Pool) -> OrderSocket:
    """What cancels all of a symbol has no message."""
    return OrderSocket(
        endpoint=Endpoint(
            name="orders",
            url="wss://ws-fapi.binance.com/ws-fapi/v1",
            subscribing=None,
            ping=Ping(by="server", form="frame", every=180, deadline=400),
            connects=connects,
            lifetime=Lifetime(24 * 3600, overlap=300),
        ),
        names={
            ("POST", "/fapi/v1/order"): "order.place",
            ("PUT", "/fapi/v1/order"): "order.modify",
            ("DELETE", "/fapi/v1/order"): "order.cancel",
        },
        say=_say,
        read=_read,
        without=("demo",),
    )
