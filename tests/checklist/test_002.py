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
from itertools import chain, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from tests.checklist.documents import document
from tests.served import Exchange, served

from tidebook.threads import Market, connect

FOLDER = Path(__file__).parents[2] / "examples" / "threads_shared_books"
LATEST = 30.0
SPOT, HTX, BTC = "binance.spot", "htx.spot", "BTC/USDT"
DIFFS = "wss://stream.binance.com:9443/ws/btcusdt@depth"
HOST = {"Host": "api.huobi.pro"}
HUOBI = {"sub": "market.btcusdt.depth.step0", "id": "id1"}


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with served("binance", "htx", seed=2) as one:
        yield one


@pytest.fixture
def market(running: Exchange) -> Iterator[Market]:
    with connect(SPOT, HTX, at=running.at) as opened:
        yield opened


@pytest.fixture
def modules(running: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """The example's modules, by name, as a program beside them imports them; whatever was started is ended."""
    monkeypatch.setenv("TIDEBOOK_AT", running.at)
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
        if any(kind.__module__ == "client" for kind in type(thread).__mro__):
            thread.over.set()  # type: ignore[attr-defined]
            thread.join(LATEST)
    signal.signal(signal.SIGINT, before)
    for name in ours:
        sys.modules.pop(name, None)


def until(condition: Callable[[], object]) -> None:
    """Look again until it holds; fail where it never does."""
    end = time.monotonic() + LATEST
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)  # nobody tells; it decides nothing


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
    modules: Callable[[str], ModuleType], running: Exchange
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


def test_S37_huobi_sends_gzip_which_is_undone(running: Exchange, market: Market) -> None:
    async def first() -> bytes:
        where = f"http://{running.at}/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(where, headers=HOST) as ws:
            await ws.send_str(json.dumps(HUOBI))
            message = await ws.receive(LATEST)
            assert isinstance(message.data, bytes)
            return message.data

    sent = running.thread.call(first(), LATEST)
    assert json.loads(gzip.decompress(sent).decode("utf-8"))["subbed"] == HUOBI["sub"]
    with market[HTX].raw(HUOBI) as stream:
        assert next(stream).text.startswith("{")  # what the program gets is text already


def test_S38_huobi_sends_whole_books_and_each_replaces_the_one_before(market: Market) -> None:
    seen: dict[int | None, Any] = {}
    with market[HTX].book(BTC, kind="depth") as book, market[HTX].raw(HUOBI) as stream:
        book.on(lambda book: seen.update({book.seq: book.top(None)}))
        ticks = (message.data["tick"] for message in stream if "tick" in message.data)
        tick = next(tick for tick in ticks if len(seen) > 1 and tick["version"] in seen)
    bids, asks = seen[tick["version"]]
    assert [[*level] for level in bids] == tick["bids"]
    assert [[*level] for level in asks] == tick["asks"]


def test_S40_one_exchanges_failure_does_not_stop_the_other(
    modules: Callable[[str], ModuleType], running: Exchange
) -> None:
    books = shared()
    for client in both(modules, books, threading.Lock()):
        client.start()
    until(lambda: "bids" in books["Binance"] and "bids" in books["Huobi"])
    running.do(lambda sim: sim.faults.cut(HTX, 3600.0))
    until(lambda: "bids" not in books["Huobi"])
    seen = books["last_update"]
    until(lambda: "bids" in books["Binance"] and books["last_update"] != seen)
    assert "bids" not in books["Huobi"]
    running.do(lambda sim: sim.faults.resume(HTX))


class Lock:
    """A lock, and the threads that wait for it."""

    def __init__(self) -> None:
        self.inner = threading.Lock()
        self.waiting = set[int]()

    def __enter__(self) -> None:
        self.waiting.add(threading.get_ident())
        self.inner.acquire()
        self.waiting.discard(threading.get_ident())

    def __exit__(self, *_: object) -> None:
        self.inner.release()


def changing(modules: Callable[[str], ModuleType], lock: Any) -> dict[str, Any]:
    """The shared structure of both exchanges, filled."""
    books = shared()
    for client in both(modules, books, lock):
        client.start()
    until(lambda: "bids" in books["Binance"] and "bids" in books["Huobi"])
    return books


@pytest.fixture
def filled(modules: Callable[[str], ModuleType]) -> tuple[Any, dict[str, Any]]:
    """The lock beside it."""
    lock = threading.Lock()
    return lock, changing(modules, lock)


def test_S41_one_structure_is_read_from_the_main_thread(filled: tuple[Any, dict[str, Any]]) -> None:
    _, books = filled
    assert threading.current_thread() is threading.main_thread()
    assert books.keys() == {"Binance", "Huobi", "last_update"}
    for name in ("Binance", "Huobi"):
        assert books[name].keys() == {"bids", "asks"}


def test_S42_the_lock_guards_writing_and_is_given_back_after_an_exception(
    modules: Callable[[str], ModuleType],
) -> None:
    lock = Lock()
    books = changing(modules, lock)
    client = next(thread for thread in threading.enumerate() if getattr(thread, "exchange", "") == "Binance")
    with lock:
        held = {name: dict(books[name]) for name in ("Binance", "Huobi")}, books["last_update"]
        until(lambda: len(lock.waiting) == 2)  # a message of each has come, and is not written
        assert ({name: dict(books[name]) for name in ("Binance", "Huobi")}, books["last_update"]) == held
    until(lambda: books["last_update"] != held[1])
    with pytest.raises(AttributeError):
        client.on_message(None)  # type: ignore[attr-defined]
    assert lock.inner.acquire(timeout=LATEST)
    lock.inner.release()


def test_S43_no_reader_sees_half_of_a_message(filled: tuple[Any, dict[str, Any]]) -> None:
    lock, books = filled
    stamps = set[Any]()
    while len(stamps) < 10:
        with lock:
            stamps.add(books["last_update"])
            if book := books["Binance"]:
                assert len(book["bids"]) == len(book["asks"]) == 20
                assert book["bids"][0].price < book["asks"][0].price


def test_S45_last_update_is_set_with_every_change(filled: tuple[Any, dict[str, Any]]) -> None:
    lock, books = filled
    views = list[tuple[Any, Any]]()
    while len({stamp for stamp, _ in views}) < 10:
        with lock:
            views.append((books["last_update"], {name: dict(books[name]) for name in ("Binance", "Huobi")}))
    for (stamp, view), (other, another) in pairwise(views):
        assert stamp != other or view == another


def test_S46_a_book_is_begun_by_the_rule_of_the_document(market: Market) -> None:
    """Beside a naive one: a snapshot, changes from the one that bridges it, each following the one before."""
    spot, seen = market[SPOT], dict[int | None, Any]()
    with spot.book(BTC) as book, spot.raw("btcusdt@depth@100ms") as stream:
        book.on(lambda book: seen.update({book.seq: book.top(50)}))
        changes = (found for message in stream if "u" in (found := message.data.get("data", message.data)))
        first = next(changes)  # they are queued from here on
        snapshot = spot.get("api/v3/depth", {"symbol": "BTCUSDT", "limit": 1000}).data
        last, checked = snapshot["lastUpdateId"], 0
        sides = [{Decimal(price): Decimal(size) for price, size in snapshot[name]} for name in ("bids", "asks")]
        for change in chain([first], changes):
            if change["u"] <= last:
                continue
            assert change["U"] <= last + 1
            last = change["u"]
            for side, rows in zip(sides, (change["b"], change["a"]), strict=True):
                side.update({Decimal(price): Decimal(size) for price, size in rows})
                for price in [price for price, size in side.items() if not size]:
                    del side[price]
            if last in seen:
                best = [sorted(side.items(), reverse=side is sides[0])[:50] for side in sides]
                assert [[(level.price, level.size) for level in side] for side in seen[last]] == best
                checked += 1
            if checked == 5:
                break


def test_S47_on_a_break_of_the_sequence_the_user_is_told_and_the_book_begins_anew(
    filled: tuple[Any, dict[str, Any]], running: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    _, books = filled
    told = ""
    running.do(lambda sim: sim.faults.drop(SPOT, "*depth*", 1))

    def out_of_sync() -> bool:
        nonlocal told
        told += capsys.readouterr().out
        return "Binance: Out of sync" in told

    until(out_of_sync)
    until(lambda: "bids" in books["Binance"])


def test_S48_size_0_removes_and_new_levels_are_in_the_order_of_prices_on_both_sides(market: Market) -> None:
    with market[SPOT].book(BTC) as book, market[SPOT].raw("btcusdt@depth@100ms") as stream:
        gone, came = set[Decimal](), set[Decimal]()
        while not (gone and came):
            change = next(stream).data
            change = change.get("data", change)
            while (book.seq or 0) < change.get("u", 0):
                book.next(LATEST)
            frozen = book.freeze()
            for levels, rows in ((frozen.bids, change.get("b", ())), (frozen.asks, change.get("a", ()))):
                prices = [level.price for level in levels]
                assert prices == sorted(prices, reverse=prices[0] < frozen.asks[0].price)
                if frozen.seq == change.get("u"):
                    gone |= {Decimal(price) for price, size in rows if not Decimal(size)} - {*prices}
                    came |= {Decimal(price) for price, size in rows if Decimal(size)} & {*prices}
                    assert not {Decimal(price) for price, size in rows if not Decimal(size)} & {*prices}


def test_S51_none_of_the_documents_defects(market: Market, running: Exchange) -> None:
    """No ghost levels, prices compared as numbers, a worst level that is kept, a snapshot anew after a cut."""
    with market[SPOT].book(BTC) as book:
        before = book.freeze()
        for frozen in (before, book.freeze()):
            for side, descends in ((frozen.bids, True), (frozen.asks, False)):
                prices = [level.price for level in side]
                assert all(isinstance(price, Decimal) for price in prices)
                assert prices == sorted(prices, reverse=descends)
                assert len({*prices}) == len(prices) > 500
                assert all(level.size > 0 for level in side)
        running.do(lambda sim: sim.faults.cut(SPOT))
        until(lambda: not book.state.readable)
        until(lambda: book.state.readable)
        assert (book.seq or 0) > (before.seq or 0)


def programs() -> list[str]:
    """The programs in the document."""
    return re.findall(r"^```\n(.*?)^```", document("002"), re.DOTALL | re.MULTILINE)


def program(running: Exchange, text: str, folder: Path, enough: Callable[[list[str]], bool]) -> list[str]:
    """What it prints, beside our modules, until that is enough and Ctrl-C ends it."""
    main = folder / "main.py"
    main.write_text(text)
    environment = {**os.environ, "TIDEBOOK_AT": running.at, "PYTHONPATH": str(FOLDER), "PYTHONUNBUFFERED": "1",
                   "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    child = subprocess.Popen([sys.executable, main], env=environment, stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    lines = list[str]()
    guard = threading.Timer(LATEST, child.kill)
    guard.start()
    try:
        for line in child.stdout:
            lines.append(line.strip())
            if enough(lines):
                break
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=LATEST)
    finally:
        guard.cancel()
        child.kill()
        child.wait()
    assert enough(lines)
    assert child.returncode != -signal.SIGKILL
    return lines


def test_the_documents_first_main_runs_unchanged(running: Exchange, tmp_path: Path) -> None:
    main = next(text for text in programs() if text.startswith("# main.py") and "__main__" in text)
    lines = program(running, main, tmp_path, lambda lines: {"Updated Binance", "Updated Huobi"} <= {*lines})
    assert {*lines} == {"Updated Binance", "Updated Huobi"}


def test_S44_the_documents_main_thread_prints_the_best_prices_of_both(running: Exchange, tmp_path: Path) -> None:
    """Its pieces in their order, with the imports and the start that it shows elsewhere."""
    texts = programs()
    first = next(text for text in texts if text.startswith("# main.py") and "__main__" in text)
    imports = "".join(line + "\n" for line in first.splitlines() if line.startswith("from "))
    starts = "".join(line.strip() + "\n" for line in first.splitlines() if ".start()" in line)
    data = next(text for text in texts if text.startswith("# data management"))
    shows = next(text for text in texts if text.startswith("# main.py") and "def run" in text)
    main = f"import threading, time\n{imports}{shows}{data}{starts}run(orderbooks, lock)\n"
    lines = program(running, main, tmp_path, lambda lines: any(line.startswith("Huobi") for line in lines))
    shown = [line for line in lines if line]
    assert all(re.fullmatch(r"(Binance|Huobi) bid: [\d.E-]+ ask: [\d.E-]+", line) for line in shown)
    assert {line.split()[0] for line in shown} == {"Binance", "Huobi"}


def test_S50_both_exchanges_are_compared_at_each_update(running: Exchange, tmp_path: Path) -> None:
    main = (FOLDER / "main.py").read_text()
    lines = program(running, main, tmp_path, lambda lines: sum("to Huobi" in line for line in lines) >= 2)
    told = next(line for line in lines if "to Huobi" in line)
    assert re.fullmatch(r"Binance to Huobi: bid [+-][\d.]+%, ask [+-][\d.]+%", told)
    assert all(len(path.read_text().splitlines()) <= 40 for path in FOLDER.glob("*.py"))
