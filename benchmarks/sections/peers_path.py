"""The receive path of other libraries: from a loopback socket to the user's function, beside ours."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from benchmarks.loopback import Server
from benchmarks.measure import pinned, results
from benchmarks.peers import runs
from benchmarks.peers.contenders import HANDMADE, NOT_DRIVEN, PEERS, QUICK, Contender
from benchmarks.peers.runs import Failed, Field, Figures
from benchmarks.prepared import Kind, Prepared, prepared
from benchmarks.received import WORKS, Go, received, server_core
from benchmarks.record import Bench, Result, Section
from benchmarks.sections.path import COUNTS, WARM
from benchmarks.targets import FLOOR

FEW: Final = 100  # messages before those that are measured, for the slow
AGAINST: Final = ("picows", "picows + floor", FLOOR)
OURS: Final = ("tidebook on", *AGAINST)
AGGREGATED: Final = ("cryptofeed",)
"""Those whose trades are of the stream aggTrade."""


def aggregated(one: Prepared) -> Prepared:
    """The same trades as that stream tells them: with its name, its ids, and of how many trades each is."""
    path, data, at, out = one.frames.with_suffix(".aggregated"), one.frames.read_bytes(), 0, bytearray()
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        frame = json.loads(data[at + 4 : at + 4 + size])
        at += 4 + size
        told = frame["data"]
        id = told.pop("t")
        keys = {"e": "aggTrade", "E": told.pop("E"), "s": told.pop("s"), "a": id, "p": told.pop("p")}
        keys |= {"q": told.pop("q"), "f": id, "l": id, **{key: told[key] for key in ("T", "m", "M")}}
        text = json.dumps({"stream": "btcusdt@aggTrade", "data": keys}, separators=(",", ":")).encode()
        out += len(text).to_bytes(4, "little") + text
    path.write_bytes(out)
    return dataclasses.replace(one, frames=path)


def counts(contender: Contender, kind: Kind) -> tuple[int, int]:
    """Messages to warm up, and messages to measure."""
    if contender.home:
        return WARM, COUNTS[kind]
    return FEW, contender.receives if kind == "depth" else QUICK


def ours(contender: Contender, kind: Kind, one: Prepared, server: Server) -> dict[str, int]:
    with pinned():
        parts = received(server, one, contender.name, [Go(0, count) for count in counts(contender, kind)])
    return {"cpu_ns": parts[1].cpu_ns, "wall_ns": parts[1].wall_ns, "messages": parts[1].messages}


def theirs(contender: Contender, kind: Kind, one: Prepared, server: Server) -> dict[str, Any]:
    """What was measured, versions and notes. Raises Failed where the last state is not the model's."""
    done, words = 0, list[str]()
    for count in counts(contender, kind):
        done += count
        words.append(f"{count}:{one.after(done).last}")
    told = (contender.driver, str(server.port), kind, one.stream, *words)
    said = runs.said(contender, "-m", "benchmarks.peers.receive", *told)[-1]
    right = one.after(done)
    if (said["last"], tuple(said["best"])) != (right.last, right.numbers):
        raise Failed(f"{said['last']}, {said['best']} at the end, right is {right.last}, {list(right.numbers)}")
    return {**said["parts"][-1], "versions": said["versions"], "notes": said["notes"]}


def measured(bench: Bench, kind: Kind, field: Field, run: Callable[[Contender], dict[str, Any]]) -> Iterator[Result]:
    seen: dict[str, dict[str, Any]] = {}

    def figures(contender: Contender) -> Figures:
        found = seen[contender.name] = run(contender)
        count = found["messages"]
        return {"took": found["cpu_ns"] / 1000 / count, "rate": count * 1e6 / found["wall_ns"]}

    work, rounds = WORKS[kind], field.rounds(figures)
    took = [{name: {work: one["took"]} for name, one in found.items()} for found in rounds]
    yield from runs.compared("peers-path", took, PEERS, AGAINST)
    rates = [{name: one["rate"] for name, one in found.items()} for found in rounds]
    yield from results("peers-path", f"{work}, a second", rates, unit="thousand")
    for contender in field.left:
        found = seen[contender.name]
        if "versions" in found:
            field.told(found["versions"], found["notes"], contender.name, "path:")
        if found.get("calls", found["messages"]) != found["messages"]:
            bench.note(f"{contender.name}, {work}: {found['calls']} calls told of {found['messages']:,} messages")


def run(bench: Bench) -> Iterator[Result]:
    runs.there()
    core = server_core()
    for kind in WORKS:
        one = prepared(kind, WARM + COUNTS[kind])
        other = aggregated(one) if kind == "trades" else one
        home = [Contender("", name, peer=False, home=True) for name in OURS if kind == "depth" or "+" not in name]
        field = Field(bench, [*home, *(each for each in (*PEERS, *HANDMADE) if each.receives)])
        with Server(one, core) as server, Server(other, core) as second:

            def play(contender: Contender) -> dict[str, Any]:
                if contender.home:
                    return ours(contender, kind, one, server)  # noqa: B023 - called in this turn of the loop
                at = second if contender.name in AGGREGATED else server
                return theirs(contender, kind, one, at)  # noqa: B023

            yield from measured(bench, kind, field, play)
    for reason in NOT_DRIVEN:
        bench.note(f"not driven over a socket: {reason}")


SECTION = Section(
    "peers-path",
    "Other libraries: the receive path",
    "Light changes of a book with a look at the best, quotes and trades, from a loopback socket to the user's "
    "function as fast as each reads: processor time, then messages by the clock. Each is its own process; what it "
    "holds in the end is compared. Slow ones get fewer messages of a book, which is smaller then: that flatters them.",
    run,
    order=81,
    seconds=90,
    usual=False,
)
