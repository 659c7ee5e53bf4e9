"""Reads the transcripts: what goes into a Desk, when, and all that it asks for in answer, as lines of text.

A file has `about`, `setting` and `steps`. The setting declares an endpoint in the words of `core.endpoint` (templates
as JSON), the rule by name, `options` of `core.options`, and `books`. Books are of topics ``book.NAME``, or as `topic`
says (``books {}``), which is also the key of their messages, at `route`; with `each` these are members of a list. Each
step has `at` (seconds), one input, and the effects expected of it (`expect`); `wait` lets time pass up to `at`, its
effects carry their times, and `stall` is one tick after all of that time, as of a program that stood still. `states`
are the books' states after the step. What a connection that was wanted raw delivers is told after the effects, as are
the facts of a `stream` of trades (topic ``trades.NAME``, a message an id).
"""

import json
from dataclasses import fields, replace
from typing import Any, Final

from tidebook.core.channel import FactChannel, Seen
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.desk import Desk
from tidebook.core.effects import Close, Effect, Emit, Fetch, Open, Reply, Request, Send, SendSecret
from tidebook.core.endpoint import (
    ConnectionOnly,
    Endpoint,
    Life,
    Lifetime,
    Ping,
    Pool,
    Repeats,
    Subscribing,
    Template,
)
from tidebook.core.login import Login
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan, RestSeed
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.stream import StreamPlan
from tidebook.engine.contract import Engine
from tidebook.engine.rule import Bridge, Chain, Pace, Proof, Resync, Seed, SyncRule
from tidebook.engine.shape import BookShape, Id, Kind
from tidebook.model.credentials import Credentials
from tidebook.model.facts import Trade
from tidebook.model.health import Undecodable

START: Final = 1_000 * SECOND
WALL: Final = 1_790_000_000 * SECOND

_SEQUENCE = (Proof.SEQUENCE,)
_SURE: Final = Pace(lag=0.0)  # no answer is older than its question: the first one waits for nothing
_REST: Final = SyncRule(Seed.REST, Chain.NEXT, Bridge.COVERS_NEXT, proof=_SEQUENCE, resync=Resync.REFETCH)
RULES: Final = {
    "stream": SyncRule(Seed.STREAM, Chain.NEXT, proof=_SEQUENCE),
    "rest": replace(_REST, pace=_SURE),
    "lagging": _REST,
    "request": replace(_REST, seed=Seed.REQUEST, resync=Resync.REQUEST, pace=Pace(60, 60, 0.1, lag=0.0)),
    "side": SyncRule(Seed.SIDE, Chain.RISING, Bridge.AFTER, proof=(Proof.COMPARE,)),
    "audited": replace(_REST, proof=(Proof.SEQUENCE, Proof.COMPARE), compare_every=30.0, pace=_SURE),
}
WORDS: Final = ("topics_per_message", "pace", "burst", "serial", "most_bytes")
SHAPE: Final = BookShape(
    route=("ch",),
    kind=Kind(path="k", snapshot=("s",), delta=("d",)),
    bids=("b",),
    asks=("a",),
    first=Id("U", optional=True),
    last=Id("u"),
)
REST: Final = BookShape(bids=("b",), asks=("a",), last=Id("u"))
SIDE: Final = BookShape(route=("ch",), bids=("b",), asks=("a",), last=Id("u"))
REPLY: Final = BookShape(route=("rep",), bids=("b",), asks=("a",), last=Id("u"))


def _template(value: Any) -> Template | None:
    return None if value is None else Template(json.dumps(value))


CREDENTIALS: Final = Credentials.of("CANARY-KEY", "CANARY-SECRET", source="TIDEBOOK_VENUE_KEY")


def _login(declared: dict[str, Any] | None) -> Login | None:
    if declared is None:
        return None
    forms = [_template(declared.get(word)) for word in ("ask", "ok", "after")]
    ask, ok, after = forms
    assert ask is not None
    assert ok is not None
    refusals = tuple(Template(json.dumps(one)) for one in declared.get("refusals", ()))
    return Login(ask, ok, refusals, after, tuple(declared.get("final", ())), declared.get("timeout", 10.0))


def _endpoint(setting: dict[str, Any]) -> Endpoint:
    declared, ping = setting.get("subscribing"), dict(setting.get("ping", {}))
    subscribing = None
    if declared is not None:
        subscribe = _template(declared["subscribe"])
        assert subscribe is not None
        subscribing = Subscribing(
            subscribe,
            _template(declared.get("ack")),
            _template(declared.get("unsubscribe")),
            _template(declared.get("unsubscribed")),
            tuple(Template(json.dumps(one)) for one in declared.get("refusals", ())),
            each=tuple(Template(json.dumps(one)) for one in declared.get("each", ())),
            **{word: declared[word] for word in WORDS if word in declared},
        )
    asked = {"ask": _template(ping.pop("ask", None)), "answer": _template(ping.pop("answer", None))}
    words = {"by": "server", "form": "frame", "every": 600, "deadline": 600, **ping, **asked}
    words["prefix"] = ping.get("prefix", "").encode()
    lifetime = setting.get("lifetime")
    connects = setting.get("connects")
    return Endpoint(
        "stream",
        "wss://venue.invalid/ws",
        subscribing,
        Ping(**words),
        max_topics=setting.get("max_topics", 1000),
        lifetime=None if lifetime is None else Lifetime(**lifetime),
        connects=None if connects is None else Pool("connects", "ip", *connects),
        says=tuple(Template(json.dumps(one)) for one in setting.get("says", ())),
        notices=tuple(Template(json.dumps(one)) for one in setting.get("notices", ())),
        max_bytes=setting.get("max_bytes"),
        login=_login(setting.get("login")),
    )


def topic_of(setting: dict[str, Any], name: str) -> str:
    form: str = setting.get("topic", "book.{}")
    return form.format(name)


def plan(setting: dict[str, Any], name: str, endpoint: Endpoint) -> BookPlan:
    rule = RULES[setting.get("rule", "stream")]
    life: Life = Repeats(setting["repeats"]) if "repeats" in setting else ConnectionOnly()
    return BookPlan(
        venue="venue",
        symbol=name,
        topic=topic_of(setting, name),
        endpoint=endpoint,
        shape=replace(SHAPE, each=setting.get("each"), route=tuple(setting.get("route", SHAPE.route))),
        rule=rule,
        snapshot={Seed.REST: REST, Seed.REQUEST: REPLY, Seed.SIDE: SIDE}.get(rule.seed),
        snapshot_key=f"whole.{name}".encode() if rule.seed in (Seed.REQUEST, Seed.SIDE) else None,
        side_topic=f"whole.{name}" if rule.seed is Seed.SIDE else None,
        rest=RestSeed(Request("GET", f"https://venue.invalid/depth?{name}"), "rest", 1),
        ask=_template({"op": "whole", "ch": "$topic", "id": "#id"}) if rule.seed is Seed.REQUEST else None,
        life=life,
    )


def _trades(frame: bytes, seen: Seen) -> list[Trade]:
    message = json.loads(frame)
    return [Trade(seen.venue, "X", None, seen.received_ns, str(message["id"]), "buy", (1, 0), (1, 0))]


TRADES: Final = FactChannel("trades", "stream", lambda instrument, option: f"trades.{instrument}", _trades, ("ch",))


def line(effect: Effect) -> str:
    """One effect as a line of text."""
    match effect:
        case Open(conn):
            return f"open {conn}"
        case Send(conn, data, form):
            return f"send {conn} {data.decode()}" if form == "text" else f"send {conn} {form} frame"
        case SendSecret(conn, data):
            return f"send secret {conn} {data.reveal()}"
        case Close(conn):
            return f"close {conn}"
        case Fetch():
            return f"fetch {effect.id} {effect.request.url.rsplit('?', 1)[1]} {effect.urgency.name.lower()}"
        case Emit(event):
            left_out = {"venue", "at_ns"}
            if isinstance(event, Undecodable):
                left_out.add("words")  # the engines agree on the kind, not on the words
            values = [getattr(event, field.name) for field in fields(event) if field.name not in left_out]
            shown = [f"{v:.3f}" if isinstance(v, float) else "-" if v is None else str(v) for v in values]
            return f"{type(event).__name__} {' · '.join(shown)}"


class Player:
    """A Desk, and the time of its transcript."""

    def __init__(self, setting: dict[str, Any], engine: Engine) -> None:
        self.setting = setting
        self.endpoint = _endpoint(setting)
        pools = (Pool("rest", "ip", *setting.get("rest", (100, 60))),)
        options = Options(**setting.get("options", {}))
        self.desk = Desk("venue", engine, pools=pools, options=options, credentials=CREDENTIALS)
        self.now_ns = START
        self.raw: list[str] = []
        self.raws: dict[str, Raw] = {}

    @property
    def now(self) -> Now:
        return Now(self.now_ns, WALL + self.now_ns)

    def step(self, step: dict[str, Any]) -> list[str]:
        """The effects of one step, as text."""
        until = START + seconds(step["at"])
        if step.get("wait"):
            return self._wait(until)
        self.now_ns = until
        self._input(step)
        return self._drained()

    def _input(self, step: dict[str, Any]) -> None:
        desk, now = self.desk, self.now
        match step:
            case {"want": names}:
                desk.wanted(now, [plan(self.setting, name, self.endpoint) for name in names])
            case {"unwant": names}:
                desk.wanted(now, (), [topic_of(self.setting, name) for name in names])
            case {"stream": name}:
                topic = f"trades.{name}"
                stream = desk.want_stream(StreamPlan("venue", name, topic, self.endpoint, TRADES, str), now)
                stream.deliver = lambda facts: self.raw.extend(f"{topic} {fact.id}" for fact in facts)  # type: ignore[attr-defined]
                stream.changed_to = lambda stream: self.raw.append(f"{topic} is {stream.flow}")
            case {"unstream": name}:
                desk.unwant_stream(f"trades.{name}", now)
            case {"raw": name}:
                says = tuple(json.dumps(one, separators=(",", ":")).encode() for one in step.get("says", ()))
                wanted = RawPlan("venue", name, self.endpoint, tuple(step.get("topics", ())), says)
                raw = self.raws[name] = desk.want_raw(wanted, now)
                raw.deliver = lambda frame, now: self.raw.append(f"raw {name} {frame.decode()}")
                raw.changed_to = lambda raw: self.raw.append(f"raw {name} is {raw.flow}")
            case {"unraw": name}:
                desk.unwant_raw(self.raws[name], now)
            case {"opened": conn}:
                desk.opened(conn, now)
            case {"closed": conn}:
                desk.closed(conn, 1006, "lost", now)
            case {"frames": frames, "conn": conn}:
                texts = [
                    frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":")) for frame in frames
                ]
                desk.session(conn).frames([text.encode() for text in texts], now)
            case {"replied": fetch}:
                body = json.dumps(step.get("body", {})).encode()
                desk.replied(fetch, Reply(step.get("status", 200), step.get("headers", {}), body), now)
            case {"stall": True}:
                desk.tick(now)
            case {"failed": fetch}:
                desk.failed(fetch, "timeout", now)
            case _:
                raise AssertionError(f"no input in {step}")

    def _wait(self, until: int) -> list[str]:
        found = []
        while (deadline := self.desk.deadline) is not None and deadline <= until:
            self.now_ns = max(deadline, self.now_ns)
            self.desk.tick(self.now)
            at = f"{(self.now_ns - START) / SECOND:.3f}".rstrip("0").rstrip(".")
            found += [f"{at}: {text}" for text in self._drained()]
        self.now_ns = until
        return found

    def _drained(self) -> list[str]:
        effects = self.desk.effects[:]
        self.desk.effects.clear()
        told, self.raw = self.raw, []
        return [line(effect) for effect in effects] + told

    def states(self) -> dict[str, str]:
        return {book.plan.symbol: str(book.state) for book in self.desk.books.values()}
