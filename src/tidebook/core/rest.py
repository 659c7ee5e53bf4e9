"""What the REST calls of all venues have in common: the URL of a question, and the errors made of answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tidebook.core.channel import Question
from tidebook.core.clock import seconds
from tidebook.core.effects import Reply, Request
from tidebook.core.redact import excerpt, shown
from tidebook.errors import Banned, DecodeError, RateLimited, RegionRefused, TidebookError, UsageError, VenueError
from tidebook.model.facts import Instrument
from tidebook.model.wire import decode

R = TypeVar("R")
_MS = 1_000_000
LONGEST = 3 * 86_400  # seconds: the longest ban that any venue documents


def get(url: str, **query: str | int | None) -> Request:
    """A GET. The query is percent-encoded as UTF-8 (a space is %20); what is None is left out."""
    given = {name: value for name, value in query.items() if value is not None}
    return Request("GET", f"{url}?{urlencode(given, quote_via=quote, safe='')}" if given else url)


def instrument(question: Question) -> str:
    """The id that a question is about. Raises UsageError where it names none."""
    if question.instrument is None:
        raise UsageError("this call is about one instrument; the question names none")
    return question.instrument


def interval(question: Question, known: Iterable[str]) -> str:
    """The interval that a question is about. Raises UsageError where it names none of the venue's."""
    names = tuple(known)
    if question.interval not in names:
        raise UsageError(f"no bars of {question.interval!r} here. There are: {', '.join(names)}")
    return question.interval


@dataclass(frozen=True, slots=True)
class Odd:
    """A row of a list of instruments that is none that can be described: the beginning of it, and why."""

    row: str
    error: DecodeError


Instruments = list[Instrument | Odd]
"""What a list says, in its order. One odd row is no reason to know of no other; whoever asks counts them."""


def listed(
    rows: Iterable[msgspec.Raw], decoder: msgspec.json.Decoder[R], make: Callable[[R], Instrument | None]
) -> Instruments:
    """The instruments of a list's rows, each read by itself; None is one that is not to be listed, and not odd."""
    found: Instruments = []
    for raw in rows:
        try:
            one = make(decode(decoder, bytes(raw)))
        except DecodeError as error:
            found.append(Odd(excerpt(bytes(raw)), error))
        except UsageError as error:  # of what it says no symbol can be made
            found.append(Odd(excerpt(bytes(raw)), DecodeError("malformed", str(error))))
        else:
            found += () if one is None else (one,)
    return found


def first_ms(question: Question) -> int | None:
    """The first millisecond that belongs to the answer."""
    return None if question.start_ns is None else -(-question.start_ns // _MS)


def last_ms(question: Question) -> int | None:
    """The last millisecond that belongs to the answer: a question's end is exclusive."""
    return None if question.end_ns is None else -(-question.end_ns // _MS) - 1


def whole(headers: Mapping[str, str], name: str, digits: int = 9) -> int | None:
    """The whole number of so many digits at most in a header; None where it is absent, or says something else."""
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def retry_after(headers: Mapping[str, str], default: int) -> int:
    """The seconds that the header of this name asks to wait; `default` where it does not, or writes something else."""
    asked = whole(headers, "retry-after")
    return default if asked is None else min(asked, LONGEST)


WHICH_LEG = (
    'In the hedge mode a contract has two positions, and an order says which it moves, leg="long" or "short"; in the '
    "one-way mode it says nothing of the kind"
)
"""What helps where a venue refuses an order for the mode of the account's positions."""


def region(venue: str) -> TidebookError:
    """An exchange refuses the country of this address, with HTTP 451."""
    text = f"{venue.partition('.')[0]} refuses this address's country (HTTP 451)"
    return RegionRefused(text, venue=venue, code="451", hint="`tidebook demo` needs no venue at all")


def refusal(kind: type[TidebookError], text: str, venue: str, code: str) -> TidebookError:
    """A venue's no, with its own code and its own words, redacted."""
    return kind(f"{venue}: {shown(text)} ({shown(code)})", venue=venue, code=code)


def refusals(
    read: Callable[[bytes], tuple[str, str] | None], kinds: Mapping[str, type[TidebookError]]
) -> Callable[[Reply, str, int], TidebookError | None]:
    """For `Answers.error`, where the body says whether it is a no, in whatever status, and a code.

    `read` makes of a body the code and the words of a no, None where it is none; it raises DecodeError for what is no
    such thing. `kinds` are errors by code.
    """

    def error(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
        try:
            no = read(reply.body)
        except DecodeError:
            no = None
        if no is None and reply.status < 400:
            return None
        code, text = no or ("", "")
        code, text = code or str(reply.status), text or code or f"HTTP {reply.status}"
        if reply.status == 429:
            return wait(RateLimited, text, venue, code, now_ns, retry_after(reply.headers, 1))
        return refusal(kinds.get(code, VenueError), text, venue, code)

    return error


def wait(
    kind: type[RateLimited] | type[Banned], text: str, venue: str, code: str, now_ns: int, pause: int
) -> TidebookError:
    """A venue's no for the next `pause` seconds; `now_ns` is wall time."""
    words, at = f"{venue}: {shown(text)} ({shown(code)})", now_ns + seconds(pause)
    error: RateLimited | Banned
    if issubclass(kind, Banned):
        error = Banned(words, until=at, venue=venue)
    else:
        error = RateLimited(words, retry_at=at, venue=venue)
    error.code, error.retry = code, f"after {pause} s"
    return error
