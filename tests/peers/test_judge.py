"""The judge of `make peers` finds what is wrong, and calls nothing a known fault that is another one."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from tests.peers import runner
from tests.peers.judge import Judge, unexplained
from tests.peers.orders import COUNTED, Orders
from tests.peers.plan import PROGRAMS, Known, Least, Program
from tests.peers.report import count, data, lines, orders
from tests.peers.runner import HERE, Outcome
from tests.peers.untouched import Files

from tidebook.sim.server import serve

LATE = Known(r"late \d", "it is late", newer=True)
DID = {"kind": "did", "name": "a call"}


async def told(sim: serve, name: str = "book", depth: int | None = 20, floats: bool = False) -> dict[str, Any]:
    """What a program says that reads the book rightly."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"http://{sim.at}/api/v3/depth", params={"symbol": "BTCUSDT", "limit": depth or 5000},
            headers={"Host": "api.binance.com"},
        ) as reply,
    ):  # fmt: skip
        one = await reply.json()
    kind = float if floats else str
    sides = [[[kind(price), kind(size)] for price, size in one[side]] for side in ("bids", "asks")]
    facts = {"venue": "binance.spot", "symbol": "BTC/USDT", "number": one["lastUpdateId"], "depth": depth}
    return {"kind": "book", "name": name, "sides": sides, "by": "update", **facts}


def heard(judge: Judge, *messages: Mapping[str, Any]) -> list[str]:
    """The names of what differs."""
    for message in messages:
        judge.hear(message)
    return [name for name, _ in judge.differs]


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("depth", [20, None])
async def test_a_right_book_is_equal(depth: int | None, floats: bool) -> None:
    async with serve(3, ["binance"]) as sim:
        judge = Judge(sim)
        assert heard(judge, await told(sim, depth=depth, floats=floats)) == []
        assert (judge.books.made, judge.books.equal) == (1, 1)


@pytest.mark.parametrize("floats", [False, True])
async def test_a_wrong_book_is_found(floats: bool) -> None:
    async with serve(3, ["binance"]) as sim:
        judge, wrong = Judge(sim), [await told(sim, floats=floats) for _ in range(6)]
        size = wrong[0]["sides"][0][5][1]
        wrong[0]["sides"][0][5][1] = size * 2 if floats else size + "1"
        del wrong[1]["sides"][1][-1]
        wrong[2]["sides"][1].append(wrong[2]["sides"][1][-1])
        wrong[3]["sides"].reverse()
        wrong[4]["number"] += 10**6  # there is no such update
        wrong[5]["number"] = None
        assert heard(judge, *wrong) == ["book"] * 6
        assert (judge.books.made, judge.books.equal) == (6, 0)


def newest(judge: Judge) -> int:
    """The number of the last change that it has seen."""
    return max((number for changes in judge._later.values() for number in changes), default=0)


async def test_a_known_fault_covers_no_other() -> None:
    async with serve(3, ["binance"]) as sim:
        judge = Judge(sim, (LATE,))
        judge.watch()
        early = await told(sim, "late 1", None)
        async with asyncio.timeout(20):
            # Looked at in the exchange itself: who asks for whole books that often is refused.
            while newest(judge) < early["number"] + 50:  # noqa: ASYNC110 - of which the exchange tells nobody
                await asyncio.sleep(0.005)
        later = await told(sim, "late 2", None)
        never = json.loads(json.dumps(early | {"name": "late 3"}))
        never["sides"][0][0][1] = "123456.789"
        newer = later | {"number": early["number"]}
        assert heard(judge, early, later) == []
        assert heard(judge, newer, never) == ["late 2", "late 3, and what differs was never so later"]
        assert [LATE.covers(name) for name, _ in judge.differs] == [True, False]


async def test_too_much_explains_no_book_that_lacks_something() -> None:
    async with serve(3, ["binance"]) as sim:
        judge = Judge(sim, (Known(r"too much \d", "it lets nothing go", more=True),))
        right = await told(sim, "too much 1")
        whole = json.loads(json.dumps(right))
        whole["sides"][0].append(["1.00", "5"])
        less = json.loads(json.dumps(whole | {"name": "too much 2"}))
        del less["sides"][1][3]
        assert heard(judge, right, whole, less) == ["too much 1", "too much 2, and not all of the truth is in it"]
        assert [one for one, _ in unexplained(judge.differs, judge.known)] == [judge.differs[1][0]]


async def test_a_book_of_a_time_is_one_of_that_time() -> None:
    """Of a millisecond, or of a nanosecond, and of no other."""
    async with serve(3, ["binance"]) as sim:
        judge = Judge(sim)
        right = await told(sim)
        market = sim._simulator.fronts["binance.spot"].of_symbol("BTC/USDT")
        at_ns = market.levels_at(update_id=right["number"]).at_ns
        async with asyncio.timeout(20):
            while market.last < right["number"] + 50:  # noqa: ASYNC110 - of which the exchange tells nobody
                await asyncio.sleep(0.005)
        later_ns = market.levels_at(update_id=right["number"] + 50).at_ns
        timed = [
            right | {"name": f"{unit} {ns}", "number": ns // size, "by": unit}
            for ns in (at_ns, later_ns)
            for unit, size in (("ms", 1_000_000), ("ns", 1))
        ]
        assert heard(judge, *timed) == [f"ms {later_ns}", f"ns {later_ns}"]


@pytest.mark.parametrize("number", [None, "7", 10**9])
async def test_a_book_without_an_update_is_not_newer_than_it(number: object) -> None:
    """That it is newer than its number explains no book that has none, or one that never was."""
    async with serve(3, ["binance"]) as sim:
        judge = Judge(sim, (LATE,))
        heard(judge, await told(sim, "late 1") | {"number": number})
        assert len(unexplained(judge.differs, (LATE,))) == 1


async def test_instruments_and_trades() -> None:
    async with serve(3, ["binance"], symbols=["BTC/USDT"]) as sim:
        judge = Judge(sim)
        await told(sim)
        listed = {one.symbol: [one.tick, one.step] for one in sim.exchange.instruments.values() if one.kind == "spot"}
        assert heard(judge, {"kind": "instruments", "venue": "binance.spot", "rows": listed}) == []
        del listed["ETH/BTC"]
        listed["BTC/USDT"] = ["0.1", listed["BTC/USDT"][1]]
        listed["NO/SUCH"] = ["1", "1"]
        assert heard(judge, {"kind": "instruments", "venue": "binance.spot", "rows": listed}) == [
            "instrument BTC/USDT", "instrument ETH/BTC", "instrument NO/SUCH",
        ]  # fmt: skip
        trades = {"kind": "trades", "name": "t", "venue": "binance.spot", "symbol": "BTC/USDT"}
        assert heard(judge, trades | {"rows": [["1", "1", "1"]]})[3:] == ["trade of t"]


async def test_what_fails_the_run() -> None:
    async with serve(3, ["binance"]) as sim:
        program = replace(next(one for one in PROGRAMS if not one.known), least=Least(books=1))

        def outcome(judge: Judge, status: int | None = 0) -> Outcome:
            tally = sim.tally
            return Outcome(program, "2026-01-01", status, judge, tally.made, tally.unanswered, tally.retired, "", 1.0)

        good = Judge(sim)
        heard(good, await told(sim), DID)
        whole = {"x": Files(3, ())}
        assert count([outcome(good)], whole) == 0
        assert lines([outcome(good)], whole)[-1].endswith("1 of 1 books equal, 0 not; 40 levels; 0 faults")
        assert count([outcome(good, 1)], whole) == 1
        assert count([outcome(good, None)], whole) == 1
        assert count([outcome(good)], {"x": Files(3, ("a.py",))}) == 1
        bad = Judge(sim)
        heard(bad, DID, await told(sim) | {"sides": [[], []]}, {"kind": "failed", "name": "a call", "why": "why"})
        assert count([outcome(bad)], whole) == 2
        sim.tally.ask("GET somewhere/nothing", answered=False)
        assert count([outcome(good)], whole) == 1
        assert "FAULT" in "\n".join(lines([outcome(good)], whole))


async def test_a_peer_that_is_not_there_is_a_fault_and_no_end() -> None:
    async with serve(3, ["binance"]) as sim:
        good = Judge(sim)
        heard(good, await told(sim), DID)
        program, tally = Program("here", "name", "file", least=Least(1)), sim.tally
        outcome = Outcome(program, "", 0, good, tally.made, tally.unanswered, tally.retired, "", 1.0)
        packages = {"gone": None, "here": Files(3, ())}
        assert count([outcome], packages) == 1
        assert "FAULT gone: not installed" in lines([outcome], packages)
        assert json.loads(json.dumps(data([outcome], packages)))["packages"]["gone"] is None


@pytest.mark.parametrize(
    "line", [b"a warning", b"3", b'{"kind":"what"}', b'{"kind":"trades","name":"t","venue":"no"}', b"\xff",
             b'{"kind":"instruments","venue":"binance.spot","rows":{"BTC/USDT":["x","y"]}}'],
)  # fmt: skip
async def test_what_is_no_line_is_a_fault_and_no_end(line: bytes) -> None:
    async with serve(3, ["binance"]) as sim:
        judge = Judge(sim)
        runner.heard(judge, line)
        assert [name for name, _ in judge.failed] == ["the program"]


async def test_a_run_that_compared_too_little_fails() -> None:
    """Whoever exits with 0 and has told nothing has not been judged."""
    async with serve(3, ["binance"]) as sim:
        book = await told(sim)

        def faults(least: Least, *messages: Mapping[str, Any]) -> list[str]:
            judge = Judge(sim)
            heard(judge, *messages)
            program, tally = Program("peer", "name", "file", least=least), sim.tally
            outcome = Outcome(program, "", 0, judge, tally.made, tally.unanswered, tally.retired, "", 1.0)
            return [why for _, why in outcome.faults()]

        assert faults(Least(1), DID, book) == []
        assert faults(Least(2), DID, book) == ["1 books were compared, 2 at the least were to be"]
        assert faults(Least(0, 3), DID, book) == ["0 trades were compared, 3 at the least were to be"]
        assert faults(Least(0, 0, 1), DID) == ["0 instruments were compared, 1 at the least were to be"]
        assert faults(Least(calls=2), DID) == ["1 calls were compared, 2 at the least were to be"]
        assert faults(Least(), book) == ["says of no call that it came back, or failed"]
    assert all(any(one.least) or one.known for one in PROGRAMS)


async def test_a_known_fault_that_did_not_happen_is_told() -> None:
    async with serve(3, ["binance"]) as sim:
        judge = Judge(sim, (LATE,))
        heard(judge, DID, await told(sim))
        program, tally = Program("peer", "name", "file", known=(LATE,)), sim.tally
        outcome = Outcome(program, "", 0, judge, tally.made, tally.unanswered, tally.retired, "", 1.0)
        assert "known: it is late (0 of peer, name; 0 of peer, name)" in lines([outcome, outcome], {})
        assert count([outcome], {}) == 0


async def test_what_was_done_with_orders_is_printed_and_summed() -> None:
    async with serve(3, ["binance"]) as sim:

        def outcome(name: str, placed: int) -> Outcome:
            judge, tally = Judge(sim, orders=Orders(sim)), sim.tally
            heard(judge, DID)
            for _ in range(placed):
                heard(judge, {"kind": "order", "venue": "binance.spot", "what": "placed", "name": "place", "id": "7"})
            program = Program("peer", name, "file", least=Least(placed=2))
            return Outcome(program, "", 0, judge, tally.made, tally.unanswered, tally.retired, "", 1.0)

        both = [outcome("one", 1), outcome("two", 2)]
        assert [line[:5] for line in orders(both)[1:]] == [
            ("peer", "", "one", "0", "0/1"), ("peer", "", "two", "0", "0/2"), ("peer", "", "all", "0", "0/3"),
        ]  # fmt: skip
        printed = lines(both, {})
        assert printed[0].split() == ["peer", "program", "calls", *COUNTED, "s"]
        assert printed[-1] == "2 programs; 0 calls and topics; 0/3 placed; 6 faults"
        assert [why for _, why in both[0].faults()] == [
            "there is no order 7", "asked nothing", "1 placed were compared, 2 at the least were to be",
        ]  # fmt: skip
        assert data(both, {})["programs"][1]["orders"]["placed"] == {"made": 2, "equal": 0}


def test_every_program_is_there() -> None:
    for program in PROGRAMS:
        assert (HERE / "programs" / program.file).is_file()
        assert (HERE / "requirements" / f"{program.peer}.txt").is_file()
