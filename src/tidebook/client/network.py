"""What the reasons for which there is no answer mean to a user (see `io.http`)."""

from collections.abc import Collection, Mapping
from typing import Final

from tidebook.errors import (
    ConnectFailed,
    DecodeError,
    NetworkError,
    RedirectRefused,
    TidebookError,
    Timeout,
    TlsRefused,
    UsageError,
    VenueError,
)
from tidebook.io.http import NOTHING_SENT

_KINDS: Final[Mapping[str, type[NetworkError]]] = {
    one.__name__: one for one in (ConnectFailed, RedirectRefused, TlsRefused, Timeout)
}
_LATER: Final = frozenset({408, 425, 429})  # RFC 9110 and its kin: refusals that say later


def network_error(why: str, venue: str, method: str = "GET") -> TidebookError:
    """The error that a failed request means; its text begins with the error's name.

    What was to change something is not safe to be sent again, unless it is known that it never left.
    """
    word, _, text = why.partition(": ")
    if word == "too_large":
        return DecodeError("too_large", text, venue=venue)
    if word == "UsageError":
        return UsageError(f"{venue}: {text}", venue=venue)
    error = _KINDS.get(word, NetworkError)(f"{venue}: {text or why}", venue=venue)
    if method != "GET" and not why.endswith(NOTHING_SENT) and error.retry == "safe":
        error.retry = "ask first"
    return error


def unexplained(status: int, venue: str, method: str) -> NetworkError:
    """An answer of which nobody has declared what it means: what was to change something may have been done.

    A question that its servers could not answer may be asked again; one that is refused is refused again.
    """
    retry = "ask first" if method != "GET" else "safe" if status >= 500 or status in _LATER else "never"
    return NetworkError(f"{venue}: HTTP {status}", venue=venue, retry=retry)


def weighed(error: TidebookError, method: str, status: int, unsure: Collection[str]) -> TidebookError:
    """A venue's no, as an answer to such a request: one of `unsure` codes leaves open what became of it.

    What its servers could not do, and which changes nothing, may be asked again.
    """
    if method == "GET" and status >= 500 and type(error) is VenueError:
        error.retry = "safe"
    if method != "GET" and error.retry == "safe" and error.code in unsure:
        error.retry = "ask first"
    return error
