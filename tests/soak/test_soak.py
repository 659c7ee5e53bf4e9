"""A short soak with `make test`; the long one is `python -m tests.soak`. And that its judge sees what is wrong."""

from typing import Any

import pytest
from tests.soak.judge import judge
from tests.soak.run import soak

from tidebook.sim.server import serve
from tidebook.sim.server.spoken import dialects


async def test_every_book_is_right_after_faults() -> None:
    found = await soak(dialects(), 2, 5, apart=0.4)
    assert found.verdict.wrong == []
    assert not any(found.failed.values())
    assert found.verdict.right.total() == sum(found.books.values()) > 0
    assert found.faults["cut"] > 0
    assert found.health["Connected"] > len(found.books)


@pytest.mark.parametrize("how", ["", "size", "missing", "added", "stale"])
async def test_the_judge_sees_a_wrong_book(how: str) -> None:
    async with serve(1, ["binance"]) as sim:
        whole = sim.exchange.book("binance.spot", "BTC/USDT")
        rows = sim.exchange.instruments["BTC/USDT"].rows
        bids, asks = ([[*row] for row in rows(side)] for side in (whole.bids, whole.asks))
        told: dict[str, Any] = {"venue": "binance.spot", "symbol": "BTC/USDT", "state": "live"}
        told |= {"bids": bids, "asks": asks, "known": [bids[-2][0], asks[-2][0]]}
        match how:
            case "size":
                bids[3][1] += "1"
            case "missing":
                del asks[0]
            case "added":
                bids.insert(1, [bids[0][0] + "1", "7"])
            case "stale":
                for key in ("bids", "asks", "known"):
                    del told[key]
            case _:
                bids[-1][1] += "1"  # beyond what is known
        assert len(judge(sim, [told]).wrong) == bool(how)
