"""A recording of a connection behind a login: it replays without a key, for the login is over and was not kept."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tidebook import engine as engines
from tidebook.engine import Choice
from tidebook.record.capture import records
from tidebook.record.check import check
from tidebook.record.connections import survey
from tidebook.record.oracle import digest

URL = "wss://stream.data.alpaca.markets/v1beta3/crypto/us"


def book(bids: list[Any], asks: list[Any], **more: Any) -> str:
    sides = [[{"p": price, "s": size} for price, size in side] for side in (bids, asks)]
    one = {"T": "o", "S": "BTC/USD", "t": "2026-10-05T10:27:48Z", "b": sides[0], "a": sides[1], **more}
    return json.dumps([one])


SAID = [
    ("open", ""), ("recv", '[{"T":"success","msg":"connected"}]'),
    ("send", '{"action":"auth","key":"***","secret":"***"}'),
    ("recv", '[{"T":"success","msg":"authenticated"}]'), ("send", '{"action":"subscribe","orderbooks":["BTC/USD"]}'),
    ("recv", '[{"T":"subscription","trades":[],"quotes":[],"bars":[],"orderbooks":["BTC/USD"]}]'),
    ("recv", book([(10, 1)], [(11, 2)], r=True)), ("recv", book([(10, 0), (9, 4)], [])), ("recv", book([], [(11, 3)])),
]  # fmt: skip


@pytest.mark.parametrize("engine", engines.available())
async def test_it_replays_without_a_key(engine: Choice, tmp_path: Path) -> None:
    capture, oracle = tmp_path / "x.jsonl.gz", tmp_path / "oracle.json"
    lines = [{"dir": how, "conn": "ws.1", "t": 1.0, "url": URL, "msg": text} for how, text in SAID]
    capture.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    bids, asks = [["9", "4"]], [["11", "3"]]
    sums = {"in_sync": True, "bid_levels": 1, "ask_levels": 1, "sha256": digest(bids, asks)}
    oracle.write_text(json.dumps({"symbols": {"BTC/USD": sums}}))
    (found,) = survey(records(capture)).books
    assert (found.plan.symbol, found.plan.endpoint.login) == ("BTC/USD", None)
    verdict = await check(capture, oracle, engine=engine, venue=None, say=lambda line: None)
    assert verdict.passed, verdict.faults
    assert verdict.compared == 1
