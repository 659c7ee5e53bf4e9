"""Document 002, threads and shared books: one test a statement, on real sockets against one embedded exchange.

The modules that the document's main.py imports are those of examples/threads_shared_books; the program itself is read
out of the document, where that is at hand.
"""

import gzip
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest

from tidebook.model.health import Gap, Resynced
from tidebook.sim.server import serve
from tidebook.threads import Book, Market, connect
from tidebook.threads.loop import LoopThread

FOLDER = Path(__file__).parents[2] / "examples" / "threads_shared_books"
SHARED = Path(os.environ.get("TIDEBOOK_SHARED", Path(__file__).parents[3] / "shared"))
LATEST = 30.0
SPOT, HTX, BTC = "binance.spot", "htx.spot", "BTC/USDT"
DIFFS = "wss://stream.binance.com:9443/ws/btcusdt@depth"
HUOBI = {"sub": "market.btcusdt.depth.step0", "id": "id1"}


class Running:
    """The exchange in a thread with a loop of its own, for all tests of this module."""

    def __init__(self) -> None:
        self.thread = LoopThread("simulator")
        self.sim = serve(seed=2, venues=("binance", "htx"))

    def __enter__(self) -> "Running":
        self.thread.start()
        self.thread.call(self.sim.__aenter__(), LATEST)
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.call(self.sim.__aexit__(None, None, None), LATEST)
        self.thread.stop()

    def do(self, call: Callable[[serve], Any]) -> Any:
        return self.thread.ask(lambda: call(self.sim))


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with Running() as one:
        yield one


@pytest.fixture
def market(running: Running) -> Iterator[Market]:
    with connect(SPOT, HTX, at=running.sim.at) as opened:
        yield opened


@pytest.fixture
def modules(running: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """The example's modules, by name, as a program beside them imports them; whatever was started is ended."""
    monkeypatch.setenv("TIDEBOOK_AT", running.sim.at)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before, ours = signal.getsignal(signal.SIGINT), ("client", "binance", "huobi")
    for name in ours:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def load(name: str) -> ModuleType:
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            if name != "client":
                load("client")
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        return sys.modules[name]

    yield load
    for thread in threading.enumerate():
        if type(thread).__module__ in ours and hasattr(thread, "over"):
            thread.over.set()
            thread.join(LATEST)
    signal.signal(signal.SIGINT, before)
    for name in ours:
        sys.modules.pop(name, None)


def until(condition: Callable[[], object]) -> None:
    """Look again until it holds; fail where it never does."""
    end = time.monotonic() + LATEST
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def both(load: Callable[[str], ModuleType], orderbooks: dict[str, Any], lock: Any) -> tuple[Any, Any]:
    """A client of each exchange, of a market that moves often; not started."""
    huobi = load("huobi").Huobi
    huobi.symbol = "btcusdt"
    return (
        load("binance").Binance(DIFFS, "Binance", orderbooks, lock),
        huobi("wss://api.huobi.pro/ws", "Huobi", orderbooks, lock),
    )


def shared() -> dict[str, Any]:
    return {"Binance": {}, "Huobi": {}, "last_update": None}


# ------------------------------------------------------------------------------------------------ the statements


def test_S32_one_base_class_and_one_subclass_an_exchange_that_overrides_its_callbacks(
    modules: Callable[[str], ModuleType],
) -> None:
    base = modules("client").Client
    binance, huobi = modules("binance").Binance, modules("huobi").Huobi
    assert {base} == {*binance.__bases__, *huobi.__bases__}
    assert "on_open" in vars(binance)
    assert "on_open" in vars(huobi)
    called = list[str]()

    class Mine(binance):  # type: ignore[misc, valid-type]
        def on_open(self, market: Any) -> None:
            super().on_open(market)
            called.append("open")

        def on_message(self, book: Any) -> None:
            called.append("message")
            raise ValueError("a callback of the program's own that raises")

    mine = Mine(DIFFS, "Binance")
    mine.start()
    until(lambda: called.count("message") > 2)  # it goes on being called
    assert called.count("open") == 1


def test_S33_a_client_is_a_thread_whose_run_opens_again_what_drops(
    modules: Callable[[str], ModuleType], running: Running
) -> None:
    books = shared()
    binance, _ = both(modules, books, threading.Lock())
    assert isinstance(binance, threading.Thread)
    binance.start()
    until(lambda: "bids" in books["Binance"])
    seen = books["last_update"]
    running.do(lambda sim: sim.faults.cut(SPOT))
    until(lambda: "bids" not in books["Binance"] or books["last_update"] != seen)
    cut = books["last_update"]
    until(lambda: "bids" in books["Binance"] and books["last_update"] != cut)
    assert binance.is_alive()


def test_S34_it_takes_url_name_shared_dict_and_lock(modules: Callable[[str], ModuleType]) -> None:
    lock, books = threading.Lock(), shared()
    own = modules("binance").Binance(url=DIFFS, exchange="Binance", orderbook=books["Binance"], lock=lock)
    assert (own.url, own.exchange, own.lock) == (DIFFS, "Binance", lock)
    assert own.orderbook is books["Binance"]
    whole = modules("binance").Binance(url=DIFFS, exchange="Binance", orderbook=books, lock=lock)
    assert whole.orderbook is books["Binance"]


def test_S35_binance_streams_by_the_path_of_the_url_without_a_message(market: Market) -> None:
    spot = market[SPOT]
    with spot.raw(url=DIFFS) as changes, spot.raw(url=f"{DIFFS}20") as parts:
        change = next(changes).data
        assert change["e"] == "depthUpdate"
        assert change["s"] == "BTCUSDT"
        part = next(parts).data
        assert len(part["bids"]) == len(part["asks"]) == 20


def test_S36_huobi_subscribes_by_a_message_with_an_id(market: Market) -> None:
    with market[HTX].raw(HUOBI, url="wss://api.huobi.pro/ws") as stream:
        answer = next(stream).data
        assert (answer["id"], answer["status"], answer["subbed"]) == ("id1", "ok", HUOBI["sub"])
        assert next(stream).data["ch"] == HUOBI["sub"]


def test_S37_huobi_sends_gzip_which_is_undone(running: Running, market: Market) -> None:
    async def first() -> bytes:
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(f"http://{running.sim.at}/ws", headers={"Host": "api.huobi.pro"}) as ws:
                await ws.send_str(json.dumps(HUOBI))
                message = await ws.receive(LATEST)
                assert isinstance(message.data, bytes)
                return message.data

    sent = running.thread.call(first(), LATEST)
    assert json.loads(gzip.decompress(sent).decode("utf-8"))["subbed"] == HUOBI["sub"]
    with market[HTX].raw(HUOBI) as stream:
        assert next(stream).text.startswith("{")  # what the program gets is text already
