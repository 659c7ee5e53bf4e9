"""What Binance's markets answer besides what was asked: refusals, what is spent, what is allowed.

The bodies have one form everywhere; which code means what, each market says by itself: a code of one may be another
thing in the next. Facts: errors.md of the spot API (2026-07-21), the pages "Error Code" and "General Info" of the
derivatives.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from tidebook.core.rest import LONGEST, WHICH_LEG, refusal, region, retry_after, wait, whole
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
    SignatureRefused,
    TidebookError,
    UnknownSymbol,
    VenueError,
)
from tidebook.model.wire import MS, Code, Count, decode
from tidebook.venue import Answers, Pool, Reply

Kinds = Mapping[int, type[TidebookError]]

# Alike in all markets. What is in no table is a VenueError with its code; so are -1006 and -1007: their outcome is not
# known.
COMMON: Final[Kinds] = {
    -1021: ClockRefused,
    -1022: SignatureRefused,
    -1111: InvalidOrder,  # more digits than the asset has
    -1121: UnknownSymbol,
    -2010: OrderRejected,
    -2013: OrderNotFound,
    -2014: NotPermitted,
    -2015: NotPermitted,
}
TOO_MANY: Final = (-1003, -1015)
OVERLOADED: Final = -1008

# Why an order was rejected is in the words alone.
_REJECTED: Final[Mapping[str, type[TidebookError]]] = {
    "insufficient balance": InsufficientFunds,
    "would immediately match": PostOnlyWouldTake,
    "Unknown order sent": OrderNotFound,  # of one that was to be changed
}
_BANNED_UNTIL: Final = re.compile(r"banned until ([0-9]{13})\b")
_OTHER_MODE: Final = -4061  # "Order's position side does not match user's setting."
_SHORTEST_BAN: Final = 120  # seconds; bans last from two minutes to three days
_SECONDS: Final = {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}


class No(msgspec.Struct, rename={"text": "msg"}):
    """The body of a refusal."""

    code: Code
    text: str = ""


class RateLimit(msgspec.Struct, rename={"kind": "rateLimitType", "count": "intervalNum"}):
    kind: str
    interval: str
    count: Count
    limit: Count


class RateLimits(msgspec.Struct, rename={"rows": "rateLimits"}):
    rows: list[RateLimit]


_NO = msgspec.json.Decoder(No)
_LIMITS = msgspec.json.Decoder(RateLimits)


def _ban(text: str, now_ns: int) -> int:
    """For how many seconds, where only the words say it (errors.md, -1003: "IP banned until <ms>")."""
    until = _BANNED_UNTIL.search(text)
    left = 0 if until is None else -(-(int(until[1]) * MS - now_ns) // 1_000_000_000)
    return min(left, LONGEST) if left > 0 else _SHORTEST_BAN


def _error(
    kinds: Kinds, too_many: tuple[int, ...], failed: tuple[str, ...], reply: Reply, venue: str, now_ns: int
) -> TidebookError | None:
    """What a reply refuses. The status says more than the body: a ban has the code of a limit."""
    if reply.status < 400:
        return None
    if reply.status == 451:
        return region(venue)
    try:
        no = decode(_NO, reply.body)
    except DecodeError:  # a gateway's page
        no = No(0, f"HTTP {reply.status}")
    code = str(no.code or reply.status)
    if reply.status == 418:
        return wait(Banned, no.text, venue, code, now_ns, retry_after(reply.headers, _ban(no.text, now_ns)))
    if reply.status == 429 or no.code in too_many:
        return wait(RateLimited, no.text, venue, code, now_ns, retry_after(reply.headers, 60))
    kind = kinds.get(no.code, VenueError)
    if kind is OrderRejected:
        kind = next((why for words, why in _REJECTED.items() if words in no.text), kind)
    refused = refusal(kind, no.text, venue, code)
    if no.code == OVERLOADED or (reply.status == 503 and no.text in failed):
        refused.retry = "safe"
    if no.code == _OTHER_MODE:
        refused.hint = WHICH_LEG
    return refused


def _used(pool: str, headers: Mapping[str, str]) -> Mapping[str, int]:
    """The weight of the last minute, of all that share this address."""
    used = whole(headers, "x-mbx-used-weight-1m")
    return {} if used is None else {pool: used}


def answers(pool: Pool, kinds: Kinds, *, too_many: tuple[int, ...] = TOO_MANY, failed: tuple[str, ...] = ()) -> Answers:
    """How a market answers whose weight is of `pool`.

    `too_many` are the codes of limits; `failed` the words by which a 503 says that nothing was done.
    """
    return Answers(partial(_error, kinds, too_many, failed), partial(_used, pool.name))


def _published(pool: Pool, body: bytes) -> Mapping[str, int]:
    try:
        rows = decode(_LIMITS, body).rows
    except DecodeError:
        return {}
    weight = ("REQUEST_WEIGHT", pool.per)
    found = [one.limit for one in rows if (one.kind, _SECONDS.get(one.interval, 0) * one.count) == weight]
    return {pool.name: found[0]} if found else {}


def limits(pool: Pool) -> Callable[[bytes], Mapping[str, int]]:
    """The weight of a minute, as /exchangeInfo publishes it; nothing where the list is not as documented."""
    return partial(_published, pool)
