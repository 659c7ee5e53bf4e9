"""Plays a transcript through the real desk and its sessions: inputs with their times, and the effects of each.

A case has `channel`, and `steps`. Each step has `at` (seconds) and one of `want` {id: symbol}, `opened` conn,
`frames` conn with `texts`, `closed` conn with `reason`, `replied` fetch with `status`, `headers`, `body`, or `tick`.
`effects` are all the effects of the step, in order, as `render` writes them; `states` are books by symbol after it.
"""

import gzip
import zlib
from typing import Any

from tests.conformance.data import Case

from tidebook.core.clock import Now, seconds
from tidebook.core.desk import Desk
from tidebook.core.effects import Close, Effect, Emit, Fetch, Open, Reply, Send, SendSecret
from tidebook.engine.contract import Engine
from tidebook.model.credentials import SIMULATOR
from tidebook.venue import Codec

START = Now(1_000_000_000_000, 1_790_000_000_000_000_000)


def render(effect: Effect) -> str:
    match effect:
        case Open(conn, url):
            return f"open {conn} {url}"
        case Send(conn, data, "text"):
            return f"send {conn} {data.decode()}"
        case Send(conn, _, form):
            return f"{form} {conn}"
        case SendSecret(conn, data):
            return f"send secret {conn} {data.reveal()}"
        case Close(conn):
            return f"close {conn}"
        case Fetch(number, request, pool, weight):
            return f"fetch {number} {request.method} {request.url} costs {weight} of {pool}"
        case Emit(event):
            return f"event {type(event).__name__}" + (f" {event.symbol}" if event.symbol else "")


def encoded(text: str, codec: Codec) -> bytes:
    """A frame as the venue sends it."""
    if codec is Codec.GZIP:
        return gzip.compress(text.encode(), mtime=0)
    if codec is Codec.DEFLATE:
        machine = zlib.compressobj(wbits=-15)
        return machine.compress(text.encode()) + machine.flush()
    return text.encode()


def play(case: Case, engine: Engine) -> None:
    venue = case.venue
    desk = Desk(venue.name, engine, pools=venue.pools, answers=venue.answers, credentials=SIMULATOR)
    channel = next(one for one in venue.books if one.name == case.subject)
    codec = venue.endpoint(channel.endpoint).codec
    for number, step in enumerate(case.data["steps"]):
        now = Now(START.mono_ns + seconds(step["at"]), START.wall_ns + seconds(step["at"]))
        match step:
            case {"want": ids}:
                plans = [venue.book_plan(channel, one, symbol=symbol) for one, symbol in ids.items()]
                desk.wanted(now, add=plans)
            case {"opened": conn}:
                desk.opened(conn, now)
            case {"frames": conn, "texts": texts}:
                desk.session(conn).frames([encoded(text, codec) for text in texts], now)
            case {"closed": conn, "reason": reason}:
                desk.closed(conn, None, reason, now)
            case {"replied": fetch, "body": body}:
                reply = Reply(step.get("status", 200), step.get("headers", {}), body.encode())
                desk.replied(fetch, reply, now)
            case _:
                desk.tick(now)
        found = [render(effect) for effect in desk.effects]
        desk.effects.clear()
        expected: list[Any] = step.get("effects", [])
        assert found == expected, f"step {number}, {str(step)[:200]}"
        states = {book.plan.symbol: str(book.state) for book in desk.books.values()}
        for symbol, state in step.get("states", {}).items():
            assert states[symbol] == state, f"step {number}: {symbol} is {states[symbol]}"
