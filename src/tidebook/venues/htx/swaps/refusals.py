"""HTX's swaps: what their answers refuse.

Facts: Details of Each Error Code (2021-06 to 2025-11), answers that others have seen. The market's calls refuse with
words and `err-code`, the others with numbers and `err_code`, both with HTTP 200. What is done in a batch comes as a
good answer in which `data.errors` lists what failed: a refusal of some is none of the whole.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from tidebook.core.rest import refusal, retry_after, wait, whole
from tidebook.errors import (
    ClockRefused,
    DecodeError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    NotPermitted,
    OrderNotFound,
    OrderRejected,
    RateLimited,
    SignatureRefused,
    TidebookError,
    UnknownSymbol,
    VenueError,
)
from tidebook.model.wire import Code, decode
from tidebook.venue import Answers, Pool, Reply

_PAUSE: Final = 3  # seconds: limits begin anew so often, and no refusal says when


class No(
    msgspec.Struct, rename={"why": "err-code", "text": "err-msg", "err_code": "err_code", "err_text": "err_msg"}
):  # fmt: skip
    """What a refusal says, in each of its forms; the fifth version of the API has `code` and `message`."""

    status: str | Code = ""
    why: str = ""
    text: str | None = None
    err_code: Code | None = None
    err_text: str | None = None
    code: Code = 200
    message: str | None = None


_NO = msgspec.json.Decoder(No)

# What is not here is a VenueError with its code, so 1004, 1046 and 1323: their outcome is not known.
_KINDS: Final[Mapping[int, type[TidebookError]]] = {
    403: SignatureRefused,
    1013: UnknownSymbol,
    1014: UnknownSymbol,
    1017: OrderNotFound,
    1034: InvalidOrder,
    1035: InvalidOrder,
    1036: InvalidOrder,
    1037: InvalidOrder,
    1038: InvalidOrder,
    1039: InvalidOrder,
    1040: InvalidOrder,
    1041: InvalidOrder,
    1042: OrderRejected,  # more than one may hold
    1043: OrderRejected,
    1044: OrderRejected,
    1047: InsufficientFunds,
    1048: InsufficientFunds,  # not so much to be closed
    1050: OrderRejected,  # its id was used before
    1051: OrderNotFound,
    1055: OrderRejected,
    1056: OrderRejected,  # in settlement
    1057: OrderRejected,
    1058: OrderRejected,
    1059: OrderRejected,
    1060: OrderRejected,
    1061: OrderNotFound,
    1062: OrderRejected,  # being cancelled
    1063: OrderRejected,  # executed
    1069: InvalidOrder,
    1071: OrderRejected,  # cancelled
    1072: InvalidOrder,
    1083: OrderRejected,  # in liquidation
    1084: NotPermitted,
    1104: NotPermitted,
    1109: NotPermitted,
    1110: NotPermitted,
    1113: NotPermitted,
    1220: NotPermitted,
    1228: NotPermitted,
    1253: SignatureRefused,
    1301: InsufficientFunds,
    1332: UnknownSymbol,
    1431: Maintenance,
    12001: ClockRefused,
    12002: SignatureRefused,
    12003: SignatureRefused,
    12004: NotPermitted,
    12005: NotPermitted,
    12007: NotPermitted,
    12008: SignatureRefused,
}
_TOO_MANY: Final = 1032
# The market's calls have one code for all that is wrong with a question.
_UNKNOWN: Final = ("contract_code data error or empty", "invalid symbol", "invalid  symbol")


def error(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
    """What a reply refuses."""
    try:
        no = decode(_NO, reply.body)
    except DecodeError:
        no = No()
    number = no.code if no.err_code is None else no.err_code
    code = no.why or str(number if number != 200 else reply.status)
    text = no.text or no.err_text or no.message or f"HTTP {reply.status}"
    if reply.status == 429 or number == _TOO_MANY:
        return wait(RateLimited, text, venue, code, now_ns, retry_after(reply.headers, _PAUSE))
    if reply.status < 400 and no.status != "error" and no.err_code is None and no.code == 200:
        return None
    kind = _KINDS.get(number, VenueError)
    if no.why == "invalid-parameter" and no.text in _UNKNOWN:
        kind = UnknownSymbol
    return refusal(kind, text, venue, code)


def _used(info: Pool, headers: Mapping[str, str]) -> Mapping[str, int]:
    """The market's calls have no such headers."""
    limit, left = (whole(headers, f"ratelimit-{name}") for name in ("limit", "remaining"))
    return {} if limit is None or left is None else {info.name: max(limit - left, 0)}


def answers(info: Pool) -> Answers:
    """`info` is the limit of which the headers tell."""
    return Answers(error, partial(_used, info))
