"""`tidebook.open`: a recording's facts and books are those that its connections told."""

import gzip
import json
from itertools import islice
from pathlib import Path

import pytest
from tests.eras.report import sets

import tidebook
from tidebook import Trade, UsageError
from tidebook import engine as engines
from tidebook.record import oracle as oracles
from tidebook.record.capture import records
from tidebook.record.check import names
from tidebook.record.connections import survey
from tidebook.record.fed import Part, Pass, plans_of
from tidebook.record.routes import Router
from tidebook.record.topics import streams

URL = "wss://stream.binance.com:9443/stream"
SUBSCRIBE = '{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@bookTicker"],"id":1}'
CAPTURES = sets.CAPTURES


def trade(id: int, price: str = "100.5") -> str:
    data = {
        "e": "trade", "E": 1_700_000_000_000 + id, "s": "BTCUSDT", "t": id, "p": price, "q": "2",
        "T": 1_700_000_000_000 + id, "m": False, "M": True,
    }  # fmt: skip
    return json.dumps({"stream": "btcusdt@trade", "data": data})


def quote(id: int) -> str:
    data = {"u": id, "s": "BTCUSDT", "b": "100.4", "B": "3", "a": "100.6", "A": "4"}
    return json.dumps({"stream": "btcusdt@bookTicker", "data": data})


def written(path: Path, said: list[tuple[str, str, str]]) -> Path:
    """A recording of these records: how, by which connection, what; one in ten milliseconds."""
    lines = [
        json.dumps({"t": 1_700_000_000 + n / 100, "dir": how, "conn": conn, "url": URL if conn else "", "msg": message})
        for n, (how, conn, message) in enumerate(said)
    ]
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    return path


def opened_by(conn: str) -> list[tuple[str, str, str]]:
    return [("open", conn, ""), ("send", conn, SUBSCRIBE)]


@pytest.mark.parametrize("engine", engines.available())
def test_a_message_is_told_by_its_topic(tmp_path: Path, engine: engines.Choice) -> None:
    """What is none of the topics, or cannot be read, is of none that is known."""
    recording = tidebook.open(written(tmp_path / "a.jsonl.gz", [*opened_by("ws.1"), ("recv", "ws.1", trade(1))]))
    (part,) = recording.parts
    (one,) = part.connections.recorded
    router = Router(one, plans_of(part, one.conn), engines.load(engine))
    assert router.topics(trade(1)) == {"btcusdt@trade"}
    assert router.topics(quote(1)) == {"btcusdt@bookTicker"}
    for message in ('{"result":null,"id":1}', '{"stream":"ethusdt@trade","data":{}}', "{", "", b"{}"):
        assert router.topics(message) is None


def test_its_facts_are_tables_and_come_one_after_another(tmp_path: Path) -> None:
    said = [*opened_by("ws.1"), *(("recv", "ws.1", text) for text in (trade(1), quote(7), trade(2, "101")))]
    recording = tidebook.open(written(tmp_path / "a.jsonl.gz", said))
    assert (recording.symbols, recording.venues) == (("BTCUSDT",), ("binance.spot",))
    assert (recording.lost, recording.gaps, recording.cut) == (0, (), "")
    assert recording.end_ns - recording.start_ns == 40_000_000
    assert recording.start.isoformat() == "2023-11-14T22:13:20+00:00"
    assert [str(one.price) for one in recording.trades("BTC*", venue="binance")] == ["100.5", "101"]
    assert [one.received_ns - recording.start_ns for one in recording.trades()] == [20_000_000, 40_000_000]
    assert [(str(one.bid), str(one.ask)) for one in recording.quotes()] == [("100.4", "100.6")]
    assert [type(one).__name__ for one in recording] == ["Trade", "Quote", "Trade"]
    assert len(recording.bars()) == len(recording.books(every=None)) == 0
    assert [*recording.trades().to_pandas()["price"]] == [100.5, 101.0]
    for call in (lambda: recording.trades("ETH/USDT"), lambda: recording.quotes(venue="okx"),
                 lambda: recording.books(every=0), lambda: recording.books(every="x"),  # type: ignore[arg-type]
                 lambda: recording.books(depth=0)):  # fmt: skip
        with pytest.raises(UsageError):
            call()


def test_what_two_connections_tell_at_one_time_is_told_once(tmp_path: Path) -> None:
    """The second takes the place of the first; each has a trade that the other has not."""
    said = [*opened_by("ws.1"), ("recv", "ws.1", trade(1)), *opened_by("ws.2")]
    said += [("recv", "ws.2", trade(2)), ("recv", "ws.1", trade(2)), ("recv", "ws.1", trade(3))]
    said += [("close", "ws.1", "over"), ("recv", "ws.2", trade(3)), ("recv", "ws.2", trade(4))]
    recording = tidebook.open(written(tmp_path / "a.jsonl.gz", said))
    assert [one.id for one in recording.facts(kind=Trade)] == ["1", "2", "3", "4"]


def test_one_that_was_cut_is_read_to_its_last_record_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "a.jsonl.gz", [*opened_by("ws.1"), ("recv", "ws.1", trade(1)), ("lost", "", "3")])
    path.write_bytes(path.read_bytes() + gzip.compress(b"x")[:10])
    recording = tidebook.open(path)
    assert len(recording.trades()) == len(recording.trades()) == 1
    assert "cut short" in recording.cut
    assert "cut short" in repr(recording)
    assert recording.lost == 3
    assert [record.message.count("cut short") for record in caplog.records] == [1, 0]
    for bad in (b"mine", gzip.compress(b'{"dir":"http","conn":"x"}\n')):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(UsageError):
            tidebook.open(tmp_path / "bad")


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the recordings are not beside the project")
@pytest.mark.parametrize(
    "name", ["BINANCE", "BINANCE_DELIVERY", "BYBIT", "HUOBI", "HUOBI_SWAP", "OKX_SEQ", "FTX@2021-07-22"]
)
def test_its_books_are_the_oracles(name: str) -> None:
    path = CAPTURES / "datasets" / f"{name}.jsonl.gz"
    oracle = oracles.load(CAPTURES / "oracle" / f"{name}.json")
    connections = survey(records(path))
    part = Part(None, connections, {})
    reading = Pass([part], engines.load(None), wants_books=lambda _: True, wants_streams=lambda _: False)
    wanted = names(connections, oracle.keys)
    compared = 0

    def compare(expected: dict[str, oracles.Expected]) -> None:
        nonlocal compared
        books = {id(of): book for book, of in reading.wanted.items()}
        for key, want in expected.items():
            book = books.get(id(wanted[key]))
            assert (key, [] if book is None else oracles.differences(book, want)) == (key, [])
            assert book is not None or not want.in_sync
            compared += 1

    for record in records(path):
        reading.read(record)
        compare(oracle.places.get(record.number, {}))
    compare(oracle.end)
    assert compared >= 10


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the recordings are not beside the project")
def test_the_streams_of_a_recording_are_found_in_its_topics() -> None:
    begin = islice(records(CAPTURES / "datasets" / "HUOBI_SWAP.jsonl.gz"), 1_000)  # all is asked for at first
    connections = survey(begin)
    found = {
        plan.topic: plan.symbol
        for one in connections.recorded
        for plan in streams(one, connections.symbols[one.venue.name])
    }
    assert len(found) == 10
    assert found["market.ATOM-USD.trade.detail"] == "ATOM/USD:ATOM"
