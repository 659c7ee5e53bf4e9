"""What measures other libraries: the guard, who is compared with whom, who fails. The libraries are not here."""

import json
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Self

import pytest
from benchmarks import prepared as making
from benchmarks.model import Levels, Plain
from benchmarks.peers import runs
from benchmarks.peers.child import given, raw, verify
from benchmarks.peers.contenders import HANDMADE, OURS, PEERS, Contender
from benchmarks.peers.receive import exact
from benchmarks.peers.runs import Failed, Field
from benchmarks.prepared import prepared
from benchmarks.record import Bench, Wrong
from benchmarks.sections.peers_path import aggregated
from benchmarks.targets import PEER, TARGETS

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "benchmarks" / "peers" / "requirements.txt"

GUARDED = """
import socket
from benchmarks.peers.guard import Outside, guard
guard()
def outside(call):
    try:
        call()
    except Outside:
        return True
    except OSError:
        return False
    return False
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(outside(lambda: socket.create_connection(("192.0.2.1", 9), timeout=1)))
print(outside(lambda: link.connect(("192.0.2.1", 9))))
print(outside(lambda: link.sendto(b"", ("192.0.2.1", 9))))
print(outside(lambda: socket.getaddrinfo("exchange.invalid", 443)))
print(outside(lambda: socket.gethostbyname("exchange.invalid")))
print(outside(lambda: socket.create_connection(("127.0.0.1", PORT), timeout=5)))
"""


def test_a_guarded_process_reaches_loopback_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = GUARDED.replace("PORT", str(server.getsockname()[1]))
        done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 5 + ["False"]


def test_the_best_peer_is_the_one_with_the_lowest_median() -> None:
    peers = [Contender("a", "a"), Contender("b", "b"), Contender("c", "c")]
    rounds = [
        {"native": {"w": 1.0}, "a": {"w": 9.0}, "b": {"w": 10.0}, "c": {}},
        {"native": {"w": 2.0}, "a": {"w": 90.0}, "b": {"w": 10.0}, "c": {}},
        {"native": {"w": 1.0}, "a": {"w": 90.0}, "b": {"w": 10.0}, "c": {}},
    ]
    for one in rounds:
        del one["c"]  # it failed
    found = {one.contender: one for one in runs.compared("s", rounds, peers, ())}
    assert found["native"].ratios == {PEER: pytest.approx(0.1)}  # 0.1, 0.2 and 0.1 of b's
    assert found["b"].ratios == {PEER: 1.0}
    assert PEER not in found


def test_without_a_peer_nothing_is_the_best() -> None:
    found = list(runs.compared("s", [{"native": {"w": 1.0}}], PEERS, ()))
    assert [(one.contender, one.ratios) for one in found] == [("native", {})]


def test_who_fails_in_a_round_is_named_once_and_is_in_no_round() -> None:
    bench = Bench(rounds=2)
    field = Field(bench, [Contender("good", "good"), Contender("bad", "bad")])
    tried: list[str] = []

    def run(contender: Contender) -> dict[str, float]:
        tried.append(contender.name)
        if contender.name == "bad" and tried.count("bad") == 2:
            raise Failed("it has changed")
        return {"w": 1.0}

    assert field.rounds(run) == [{"good": {"w": 1.0}}] * 2
    assert bench.notes == ["bad: failed: it has changed"]


def test_one_of_ours_that_fails_is_wrong() -> None:
    field = Field(Bench(), [Contender("native", "native", home=True)])

    def run(contender: Contender) -> dict[str, float]:
        raise Failed("another price")

    with pytest.raises(Wrong, match="another price"):
        field.rounds(run)


def test_a_process_that_ends_badly_or_says_wrong_has_failed() -> None:
    home = Contender("", "one", home=True)
    with pytest.raises(Failed, match="exit status 1: ValueError: odd"):
        runs.said(home, "-c", "raise ValueError('odd')")
    with pytest.raises(Failed, match="another price"):
        runs.said(home, "-c", """print('{"wrong": "another price"}')""")
    with pytest.raises(Failed, match="without a word"):
        runs.said(home, "-c", "print('words')")
    assert runs.said(home, "-c", """print('words'); print('{"us": 1}')""") == [{"us": 1}]


@pytest.mark.parametrize("contender", OURS, ids=lambda one: one.driver)
def test_ours_go_through_the_same_driver_and_are_verified(contender: Contender) -> None:
    (head,) = runs.said(contender, "-m", "benchmarks.peers.child", contender.driver, "verify")
    assert head["notes"] == []


class Right:
    """A library whose books are the model's own."""

    PACKAGES, NOTES, FORM, TEXT = (), (), "combined", False

    class Book:
        def __init__(self, whole: bytes) -> None:
            self._plain = Plain("binance", whole)

        @classmethod
        async def opened(cls, whole: bytes) -> Self:
            return cls(whole)

        async def feed(self, frame: bytes) -> None:
            self._plain.feed(frame)

        def best(self) -> tuple[Decimal, ...]:
            bids, asks = self._plain.top(1)
            return tuple(Decimal(str(number)) for number in (*bids[0], *asks[0]))

        def top(self, n: int) -> tuple[Levels, Levels]:
            return self._plain.top(n)

        async def close(self) -> None:
            pass


class Late(Right):
    class Book(Right.Book):
        def best(self) -> tuple[Decimal, ...]:
            bid, size, ask, ask_size = super().best()
            return bid, size, ask, ask_size + Decimal("1e-8")


class Short(Right):
    class Book(Right.Book):
        def top(self, n: int) -> tuple[Levels, Levels]:
            bids, asks = super().top(n)
            return bids, asks[:-1]


@pytest.mark.parametrize(("driver", "said"), [(Right, 0), (Late, 1), (Short, 1)])
async def test_a_book_that_is_not_the_models_is_said_to_be_wrong(
    driver: type[Right], said: int, capsys: pytest.CaptureFixture[str]
) -> None:
    await verify(driver)
    assert capsys.readouterr().out.count('"wrong"') == said


def test_frames_are_given_as_each_library_has_them() -> None:
    class Driver:
        FORM, TEXT = "raw", True

    frame = b'{"stream":"btcusdt@depth","data":{"e":"depthUpdate","b":[],"a":[]}}'
    assert json.loads(raw(frame)) == json.loads(frame)["data"]
    assert given(Driver, [frame]) == [raw(frame).decode()]
    Driver.FORM, Driver.TEXT = "combined", False
    assert given(Driver, [frame]) == [frame]


def test_numbers_of_any_kind_are_exact() -> None:
    assert [exact(one) for one in ("60000.12345678", 60000.12345678, 0.1 + 0.2, "3")] == [
        6000012345678, 6000012345678, 30000000, 300000000
    ]  # fmt: skip


def test_aggregated_trades_are_the_same_trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "KEPT", tmp_path)
    one = prepared("trades", 3)
    data, found, at = aggregated(one).frames.read_bytes(), [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        found.append(json.loads(data[at + 4 : at + 4 + size]))
        at += 4 + size
    assert [frame["stream"] for frame in found] == ["btcusdt@aggTrade"] * 3
    assert [frame["data"]["e"] for frame in found] == ["aggTrade"] * 3
    assert found[-1]["data"]["a"] == one.after(3).last
    assert (exact(found[-1]["data"]["p"]), exact(found[-1]["data"]["q"])) == one.after(3).numbers


def test_every_contender_has_a_driver_and_pinned_versions() -> None:
    drivers = ROOT / "benchmarks" / "peers" / "drivers"
    assert {path.stem for path in drivers.glob("*.py")} - {"__init__"} == {
        one.driver for one in (*PEERS, *HANDMADE, *OURS)
    }
    lines = REQUIREMENTS.read_text(encoding="ascii").split()
    assert all("==" in line for line in lines)
    names = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    wanted = {"python-binance", "ccxt", "cryptofeed", "order-book", "pybotters", "nautilus-trader"}
    assert wanted | {"unicorn-binance-local-depth-cache"} <= names


def test_the_targets_against_the_best_peer_are_of_sections_that_have_peers() -> None:
    assert {one.section for one in TARGETS if one.of == PEER} == {"peers", "peers-path"}
