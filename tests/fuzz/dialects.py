"""Invented venues: shapes that use every knob between them, each with the rules under which it is played."""

from dataclasses import dataclass, replace

from tidebook.engine.rule import Bridge, Chain, Proof, Scope, Seed, SyncRule
from tidebook.engine.shape import (
    BookShape,
    Checksum,
    Digits,
    Id,
    Kind,
    Number,
    Order,
    Remove,
    Row,
    Rows,
    Time,
    TimeUnit,
    Window,
)  # fmt: skip

EVERY = (SyncRule(Seed.EVERY, proof=(Proof.WHOLE,)),)
STREAMS = tuple(SyncRule(Seed.STREAM, chain, proof=(Proof.COMPARE,)) for chain in Chain)
SINGLE = (SyncRule(Seed.STREAM, Chain.NONE),)
CONNECTION = (SyncRule(Seed.STREAM, Chain.NEXT, scope=Scope.CONNECTION),)
OUTSIDE = tuple(
    SyncRule(
        seed, chain, bridge, proof=(Proof.COMPARE,), empty_id=empty, buffer_changes=changes, buffer_rows=rows,
        buffer_seconds=seconds,
    )
    for seed in (Seed.REST, Seed.REQUEST, Seed.SIDE)
    for chain in Chain
    for bridge in Bridge
    for empty, changes, rows, seconds in (
        (None, 10_000, 500_000, 60.0), (12, 4, 500_000, 60.0), (None, 50, 500_000, 0.02), (None, 10_000, 9, 60.0)
    )
)  # fmt: skip
SIDES = tuple(rule for rule in OUTSIDE if rule.chain in (Chain.RISING, Chain.NONE) or rule.bridge is Bridge.COVERS_NEXT)


@dataclass(frozen=True)
class Dialect:
    name: str
    shape: BookShape
    rules: tuple[SyncRule, ...]
    topics: tuple[tuple[str, ...], ...] = (("X",),)
    snapshot: BookShape | None = None
    sides: tuple[tuple[str, ...], ...] = ()  # for each topic the one that repeats the snapshot
    counter: Id | None = None
    scales: tuple[int, int] = (0, 0)
    depth_cap: int = 20_000
    cap: int = 1 << 20


def words(path: str) -> Kind:
    return Kind(path=path, snapshot=("snapshot", "whole"), delta=("update", "1"), ignore=("beat",))


DIFFS = BookShape(
    route=("stream",), kind=Kind(default="delta"), bids=("data.b",), asks=("data.a",), first=Id("data.U"),
    last=Id("data.u"), prev=Id("data.pu", optional=True, none=0), time=Time("data.E"),
)  # fmt: skip
BODY = BookShape(bids=("bids", "b"), asks=("asks", "a"), last=Id("id", optional=True), time=Time("ts", TimeUnit.US))
BY_ID = BookShape(
    route=("table",), kind=Kind(path="action", snapshot=("partial",), delta=("update", "insert", "delete")),
    rows=(Rows("data"),), row=Row("price", "size", side="side", id="id", action="do"), bid_words=("Buy",),
    ask_words=("Sell",), remove=Remove.ACTION, remove_words=("delete",), number=Number.JSON,
)  # fmt: skip
BY_ID_RULES = tuple(rule for rule in OUTSIDE if rule.chain is Chain.NONE and rule.bridge is Bridge.AFTER)
# What most venues write, without anything else in it: where an engine has its fast ways.
PLAIN = (
    Dialect("pairs of texts", BookShape(
        route=("stream",), kind=Kind(path="data.e", snapshot=("whole",), delta=("diff",)), bids=("data.b",),
        asks=("data.a",), first=Id("data.U"), last=Id("data.u"), time=Time("data.E"),
    ), STREAMS, (("x@depth",), ("y@depth",))),
    Dialect("pairs of texts and bodies", BookShape(
        route=("s",), kind=Kind(default="delta"), bids=("b",), asks=("a",), first=Id("U"), last=Id("u"),
    ), OUTSIDE, (("X",), ("Y",)), BookShape(bids=("bids",), asks=("asks",), last=Id("lastUpdateId"))),
    Dialect("four texts a row", BookShape(
        route=("/arg.channel", "/arg.id"), each="data", kind=Kind(path="/action", snapshot=("snapshot",),
        delta=("update",)), bids=("bids",), asks=("asks",), last=Id("seqId"), prev=Id("prevSeqId"), time=Time("ts"),
    ), STREAMS, (("books", "X"), ("books", "Y"))),
    Dialect("pairs the other way round", BookShape(
        route=("s",), kind=words("type"), bids=("b",), asks=("a",), row=Row("1", "0"), number=Number.EITHER,
        last=Id("u"),
    ), STREAMS, (("X",), ("Y",)), depth_cap=6),
    Dialect("objects with bare numbers", BookShape(
        route=("channel", "data.0.symbol"), kind=words("type"), bids=("data.0.bids",), asks=("data.0.asks",),
        row=Row("price", "qty"), number=Number.JSON, time=Time("data.0.timestamp", TimeUnit.ISO),
    ), SINGLE, (("book", "X"), ("book", "Y"))),
    Dialect("objects with bare numbers and sums", BookShape(
        route=("s",), kind=words("type"), bids=("bids",), asks=("asks",), row=Row("p", "q"), number=Number.JSON,
        checksum=Checksum("c", 10, Order.ASKS_THEN_BIDS, Digits.BARE, "", "present"), window=Window(10, "client"),
    ), SINGLE, (("X",), ("Y",))),
    Dialect("rows with side words", BookShape(
        route=("product",), kind=words("type"), rows=(Rows("changes"),), row=Row("1", "2", side="0"),
        bid_words=("buy",), ask_words=("sell",), time=Time("time", TimeUnit.ISO),
    ), SINGLE, (("X",), ("Y",))),
    Dialect("several messages of pairs", BookShape(
        route=("T", "S"), each="", kind=words("kind"), bids=("b",), asks=("a",), last=Id("u"), number=Number.EITHER,
    ), STREAMS, (("o", "X"), ("o", "Y"))),
)  # fmt: skip
DIALECTS = (
    *PLAIN,
    Dialect("diffs and bodies", DIFFS, OUTSIDE, (("x@depth",), ("y@depth",)), BODY),
    Dialect("bodies with sums", BookShape(
        route=("t",), kind=Kind(default="delta"), bids=("b",), asks=("a",), last=Id("u"), prev=Id("p", optional=True),
        checksum=Checksum("c", 5, when="present"),
    ), OUTSIDE, (("x",),), BookShape(bids=("b",), asks=("a",), last=Id("u"), checksum=Checksum("c", 5)),
        depth_cap=12),
    Dialect("partial books", BookShape(
        route=("topic",), kind=words("type"), bids=("data.b",), asks=("data.a",), first=Id("data.u"),
        last=Id("data.u"), prev=Id("data.seq", optional=True), time=Time("ts", TimeUnit.MS), window=Window(8),
    ), STREAMS, (("book.X",), ("book.Y",))),
    Dialect("entries in a list", BookShape(
        route=("/arg.channel", "/arg.id"), each="data", kind=Kind(sentinel=("prev", -1), path="/action",
        snapshot=("snapshot",), delta=("update",), default="delta"), bids=("bids",), asks=("asks",), last=Id("seq"),
        prev=Id("prev"), time=Time("ts", TimeUnit.MS), checksum=Checksum("checksum", 25, when="nonzero"),
        window=Window(20, "venue"),
    ), STREAMS, (("books", "X"),)),
    Dialect("array of mixed messages", BookShape(
        route=("T", "S"), each="", kind=Kind(snapshot_keys=("r",), default="delta"), bids=("b",), asks=("a",),
        row=Row("p", "s"), number=Number.JSON, time=Time("t", TimeUnit.ISO),
    ), (*SINGLE, *EVERY), (("o", "X"), ("o", "Y"))),
    Dialect("sums as sent", BookShape(
        route=("channel", "data.0.symbol"), each=None, kind=words("type"), bids=("data.0.bids",), asks=("data.0.asks",),
        row=Row("price", "qty"), number=Number.JSON, window=Window(10, "client"), time=Time("data.0.timestamp",
        TimeUnit.ISO), checksum=Checksum("data.0.checksum", 10, Order.ASKS_THEN_BIDS, Digits.BARE, "", "present"),
    ), SINGLE, (("book", "X"), ("book", "Y"))),
    Dialect("one row a message", BookShape(
        route=("id",), kind=Kind(path="feed", snapshot=("all",), delta=("one",)), rows=(Rows("", single=True),),
        row=Row("price", "qty", side="side"), bid_words=("buy",), ask_words=("sell",), number=Number.EITHER,
        last=Id("seq", optional=True), time=Time("timestamp", TimeUnit.S), skip_zero_price=True,
    ), STREAMS, (("X",), ("Y",)), BookShape(
        bids=("bids",), asks=("asks",), row=Row("price", "qty"), number=Number.EITHER, last=Id("seq"), route=("full",)),
        (("X",), ("Y",))),
    Dialect("side words, counted", BookShape(
        route=("product",), each="events", kind=words("type"), rows=(Rows("updates"), Rows("more")),
        row=Row("2", "3", side="0"), bid_words=("bid", "b"), ask_words=("offer",), number=Number.TEXT,
    ), CONNECTION, (("X",), ("Y",)), counter=Id("sequence_num")),
    Dialect("actions in rows", BookShape(
        route=("params.channel",), kind=words("params.data.type"), bids=("params.data.bids",),
        asks=("params.data.asks",), row=Row("1", "2", action="0"), remove=Remove.ACTION, remove_words=("delete",),
        number=Number.JSON, last=Id("params.data.change_id"), prev=Id("params.data.prev", optional=True),
        time=Time("params.data.timestamp", TimeUnit.NS),
    ), STREAMS, (("book.X.raw",), ("book.Y.raw",))),
    Dialect("arrays, counts and signs", BookShape(
        route=("0",), kind=Kind(nested="1", path="1", ignore=("hb", "beat"), default="delta"),
        rows=(Rows("1", flat=True),), row=Row("0", "2", count="1"),
        signed=True, remove=Remove.COUNT, number=Number.JSON, time=Time("3"),
        checksum=Checksum("2", 25, Order.INTERLEAVED, Digits.JAVASCRIPT, ":", "alone"), window=Window(25, "client"),
    ), CONNECTION, (("17",), ("18",)), counter=Id("-1", optional=True)),
    Dialect("arrays that are counted", BookShape(
        route=("0",), kind=Kind(nested="1", path="1", ignore=("beat",)), rows=(Rows("1", flat=True),),
        row=Row("0", "2", count="1"), signed=True, remove=Remove.COUNT, number=Number.JSON,
    ), CONNECTION, (("17",), ("18",)), counter=Id("-1", optional=True)),
    Dialect("rows of both sides", BookShape(
        route=("code",), rows=(Rows("units"),), row=Row("bp", "bs"), both=Row("ap", "as"), number=Number.EITHER,
        time=Time("timestamp"),
    ), EVERY, (("X",), ("Y",))),
    Dialect("symbols as keys", BookShape(
        route=("/ch", "#"), each="data.*", kind=Kind(snapshot_keys=("snap", "say.whole"),
        delta_keys=("diff", "/diff", "say.part")), bids=("b",),
        asks=("a",), last=Id("s"), time=Time("t", TimeUnit.US),
    ), STREAMS, (("book", "X"), ("book", "Y"))),
    Dialect("scaled integers", BookShape(
        route=("symbol",), kind=words("type"), bids=("book.bids",), asks=("book.asks",), scaled=True,
        number=Number.JSON, last=Id("sequence"), time=Time("timestamp", TimeUnit.NS), window=Window(30),
    ), STREAMS, (("X",), ("Y",)), scales=(4, 8)),
    Dialect("the side repeats", BookShape(
        route=("room",), kind=Kind(default="delta"), bids=("message.b",), asks=("message.a",),
        last=Id("message.s", optional=True), time=Time("message.t"),
    ), SIDES, (("diff.x",), ("diff.y",)), BookShape(
        route=("room",), bids=("message.bids",), asks=("message.asks",), last=Id("message.id", optional=True),
    ), (("whole.x",), ("whole.y",))),
    Dialect("levels by id", BY_ID, SINGLE, (("l2",),)),
    Dialect("few levels by id", replace(BY_ID, window=Window(9, "client")), (*SINGLE, *BY_ID_RULES), (("l2",),),
        depth_cap=7),
    Dialect("levels by id, one action a frame", replace(BY_ID, row=replace(BY_ID.row, action="/action")), SINGLE,
        (("l2",),)),
    Dialect("arrays named at their end", BookShape(
        route=("-2", "-1"), kind=Kind(snapshot_keys=("1.bs", "1.as"), delta_keys=("1.a", "1.b", "2.a", "2.b"),
        default="delta"), bids=("1.bs", "1.b", "2.b"), asks=("1.as", "1.a", "2.a"), window=Window(10, "client"),
        checksum=Checksum(("1.c", "2.c"), 10, Order.ASKS_THEN_BIDS, Digits.BARE, "", "present"),
    ), SINGLE, (("book", "X"), ("book", "Y"))),
    Dialect("lists of actions", BookShape(
        route=("topic",), kind=Kind(path="type", snapshot=("snapshot",), delta=("delta",)),
        rows=(Rows("data.delete", "delete"), Rows("data.update", "update"), Rows("data.insert", "insert")),
        row=Row("price", "size", side="side"), bid_words=("Buy",), ask_words=("Sell",), remove=Remove.ACTION,
        remove_words=("delete",), number=Number.EITHER, last=Id("seq"), time=Time("us", TimeUnit.US),
    ), STREAMS, (("ob.X",), ("ob.Y",))),
    Dialect("doubles in sums", BookShape(
        route=("market",), kind=words("type"), bids=("data.bids",), asks=("data.asks",), number=Number.EITHER,
        time=Time("data.time", TimeUnit.S), checksum=Checksum("data.checksum", 100, digits=Digits.PYTHON),
    ), SINGLE, (("X",), ("Y",))),
    Dialect("three parts of a topic", BookShape(
        route=("e", "s", "d"), kind=Kind(snapshot_keys=("bs", "as"), delta_keys=("b", "a")), bids=("bs", "b"),
        asks=("as", "a"), last=Id("v", optional=True, none=-1),
    ), (*STREAMS, *SINGLE), (("book", "X", "10"), ("book", "X", "25"))),
)  # fmt: skip
