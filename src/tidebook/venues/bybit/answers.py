"""Bybit: what its answers refuse. Facts: bybit-exchange/docs v5 as of 2026-07-24 (Error Codes, Rate Limit Rules).

A refusal comes with HTTP 200 and a code; 403 is the one for an address: of a country, or of one that asks too often.
"""

from typing import Final

import msgspec

from tidebook.core.rest import WHICH_LEG, refusal, wait
from tidebook.errors import (
    Banned,
    ClockRefused,
    DecodeError,
    InsufficientFunds,
    InvalidOrder,
    NotPermitted,
    OrderNotFound,
    OrderRejected,
    PostOnlyWouldTake,
    RateLimited,
    RegionRefused,
    SignatureRefused,
    TidebookError,
    UnknownSymbol,
    VenueError,
)
from tidebook.model.wire import Code, decode
from tidebook.venue import Answers, Reply

BAN: Final = 600  # seconds: "stop all HTTP activity and wait for at least 10 minutes"


class No(msgspec.Struct, rename={"code": "retCode", "text": "retMsg"}):
    """What an answer says of itself."""

    code: Code
    text: str


_NO = msgspec.json.Decoder(No)

# What is not here is a VenueError with its code, so 10000, 10016, 170007 and others: their outcome is not known.
_CODES: Final[tuple[tuple[type[TidebookError], tuple[int, ...]], ...]] = (
    (ClockRefused, (10002,)),
    (SignatureRefused, (10004,)),
    (NotPermitted, (10003, 10005, 10010, 10027, 10028, 10029)),
    (RegionRefused, (10024,)),
    (UnknownSymbol, (170121,)),
    (OrderNotFound, (110001, 110008, 110010, 170139, 170142, 170143, 170213)),  # among them what has ended
    (
        InsufficientFunds,
        (110004, 110006, 110007, 110012, 110044, 110045, 110051, 110052, 110053, 170033, 170131),
    ),
    (
        InvalidOrder,
        (
            110003,
            110017,
            110092,
            110093,
            110094,
            170124,
            170132,
            170133,
            170134,
            170136,
            170137,
            170140,
            170148,
            170193,
            170194,
            170203,
            170204,
            170381,
            170382,
        ),
    ),
    (PostOnlyWouldTake, (170218,)),
    (
        OrderRejected,
        (110009, 110020, 110023, 110040, 110072, 110074, 170141, 170151, 170210),
    ),
)
_KINDS: Final = {code: kind for kind, codes in _CODES for code in codes}
_TOO_MANY: Final = (10006, 170005)


def error(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
    """What a reply refuses, if it does."""
    try:
        no = decode(_NO, reply.body)
    except DecodeError:
        no = None
    if reply.status == 403 and no is None:
        return _refused_address(reply, venue, now_ns)
    if no is None and reply.status == 429:  # of the whole system, and perhaps of no JSON
        return wait(RateLimited, "HTTP 429", venue, "429", now_ns, 1)
    if no is None:
        return None if reply.status < 400 else refusal(VenueError, f"HTTP {reply.status}", venue, str(reply.status))
    code = str(no.code)
    if no.code in _TOO_MANY or reply.status == 429:
        return wait(RateLimited, no.text, venue, code, now_ns, 1)
    if no.code == 0 and reply.status < 400:
        return None
    kind = _KINDS.get(no.code, VenueError)
    # One code for all that is wrong with a question.
    if no.code == 10001 and "symbol invalid" in no.text.lower():
        kind = UnknownSymbol
    is_leg = no.code == 10001 and "position idx" in no.text.lower()  # "position idx not match position mode"
    refused = refusal(InvalidOrder if is_leg else kind, no.text, venue, code if no.code else str(reply.status))
    if is_leg:
        refused.hint = WHICH_LEG
    return refused


def _refused_address(reply: Reply, venue: str, now_ns: int) -> TidebookError:
    if b"access too frequent" in reply.body.lower():
        return wait(Banned, "access too frequent", venue, "403", now_ns, BAN)
    return refusal(RegionRefused, "it refuses this address's country", venue, "403")


# Its headers tell the limit of an account at one endpoint, not that of the address.
ANSWERS: Final = Answers(error)
