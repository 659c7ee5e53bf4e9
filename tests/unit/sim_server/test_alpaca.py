"""Alpaca's calls as they are served: what its own clients ask for beyond what Tidebook does."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sim_server.rig import Socket, clients, of
from tests.unit.sim_server.test_login import PATH, entered, hear

from tidebook.model.wire import iso
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio


async def test_history_of_several_is_one_after_the_other() -> None:
    """By name, then by time; a page counts the rows of all."""
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
        asked = {"symbols": "ETH/USD,BTC/USD", "timeframe": "1Min", "start": (end - timedelta(minutes=9)).isoformat()}
        asked |= {"end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        _, whole, _ = await client.get(f"{PATH}/bars", **asked)
        assert {id: len(rows) for id, rows in whole["bars"].items()} == {"BTC/USD": 10, "ETH/USD": 10}
        assert whole["next_page_token"] is None
        found: dict[str, list[object]] = {}
        page: dict[str, Any] = {"next_page_token": None}
        for sizes in ({"BTC/USD": 7}, {"BTC/USD": 3, "ETH/USD": 4}, {"ETH/USD": 6}):
            token = {"page_token": page["next_page_token"]} if page["next_page_token"] else {}
            _, page, _ = await client.get(f"{PATH}/bars", **asked, limit="7", **token)
            assert {id: len(rows) for id, rows in page["bars"].items()} == sizes
            for id, rows in page["bars"].items():
                found.setdefault(id, []).extend(rows)
        assert (found, page["next_page_token"]) == (whole["bars"], None)


@pytest.mark.parametrize("start", ["2026-11-20T12:00:00Z", "2026-11-20T12:00:00.123456+00:00",
                                   "2026-11-20T07:00:00-05:00", "2026-11-20"])  # fmt: skip
async def test_a_range_begins_at_any_time_that_rfc_3339_can_write(start: str) -> None:
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        asked = {"symbols": "BTC/USD", "timeframe": "1Hour", "start": start, "end": "2026-11-20T14:30:00Z"}
        status, body, _ = await client.get(f"{PATH}/bars", **asked)
        first = {"2026-11-20": "2026-11-20T00:00:00Z"}.get(start, "2026-11-20T12:00:00Z")
        first = "2026-11-20T13:00:00Z" if ".123456" in start else first
        assert (status, body["bars"]["BTC/USD"][0]["t"]) == (200, first)
        for wrong in ("yesterday", "2026-11-20T12:00:00", "2026-13-20"):
            status, body, _ = await client.get(f"{PATH}/bars", **asked | {"start": wrong})
            assert (status, body) == (400, {"message": "Invalid format for parameter start"})


@pytest.mark.parametrize(("word", "same"), [("1T", "1Min"), ("1H", "1Hour"), ("1D", "1Day")])
async def test_spans_have_two_names(word: str, same: str) -> None:
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        ask = {"symbols": "BTC/USD", "start": "2026-11-20T12:00:00Z", "end": "2026-11-22T13:00:00Z", "limit": "5"}
        found = [(await client.get(f"{PATH}/bars", **ask, timeframe=name))[1]["bars"] for name in (word, same)]
        assert found[0] == found[1]
        assert found[0]["BTC/USD"]


async def test_the_latest_of_each_has_a_call() -> None:
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        _, whole, _ = await client.get(f"{PATH}/snapshots", symbols="BTC/USD,ETH/USD")  # nothing was traded yet
        for id in ("BTC/USD", "ETH/USD"):
            trade, bar = (whole["snapshots"][id][name] for name in ("latestTrade", "minuteBar"))
            assert trade["p"] == bar["c"]
            assert trade["s"] > 0
        for name, keys in (("trades", {"p", "s", "t", "i", "tks"}), ("quotes", {"bp", "bs", "ap", "as", "t"}),
                           ("bars", {"o", "h", "l", "c", "v", "t", "n", "vw"})):  # fmt: skip
            status, body, _ = await client.get(f"{PATH}/latest/{name}", symbols="BTC/USD,ETH/USD,NO/SUCH")
            assert status == 200
            assert body[name].keys() == {"BTC/USD", "ETH/USD"}
            assert all(row.keys() == keys for row in body[name].values())


async def test_what_is_listed_can_be_asked_for() -> None:
    """Names have letters alone, so a market of 1000SATS is not listed."""
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        listed = [*sim.exchange.rules("alpaca")]
        assert len(listed) > 100
        status, _, _ = await client.get(f"{PATH}/latest/quotes", symbols=",".join(listed))
        assert status == 200


async def test_a_whole_book_says_when_it_was() -> None:
    """And not when it was sent: the cut before, from which the next message leads on."""
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        for _ in range(2):
            await client.get(f"{PATH}/latest/orderbooks", symbols="BTC/USD")
        async with client.socket(PATH) as socket:
            await entered(socket)
            await socket.say(action="subscribe", orderbooks=["BTC/USD"])
            whole = next(one for one in await hear_of(socket, "o") if one.get("r"))
            at = iso(whole["t"])
            true = sim.books_in("alpaca", "BTC/USD", at, at)
            sides = [{Decimal(str(row["p"])): Decimal(str(row["s"])) for row in whole[side]} for side in "ba"]
            assert tuple(sides) in [of(one) for one in true]


async def hear_of(socket: Socket, kind: str) -> list[Any]:
    """The next frame with messages of a kind."""
    while True:
        frame = await hear(socket)
        if any(one["T"] == kind for one in frame):
            return [one for one in frame if one["T"] == kind]
