"""Whole books: as they were a moment ago, merged to coarser prices, and hundreds of them."""

from collections import defaultdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.sim_server.rig import clients

from tidebook.core.dialect import Levels
from tidebook.sim.exchange import START_NS, Exchange
from tidebook.sim.listing import INSTRUMENTS
from tidebook.sim.reference import SECOND
from tidebook.sim.server import serve
from tidebook.sim.server.listed import rules
from tidebook.sim.server.market import Market


def market(symbol: str) -> tuple[Exchange, Market]:
    exchange = Exchange(5, ("a",), (symbol,))
    instrument = INSTRUMENTS[symbol]
    made = Market(exchange, "a", rules("x", instrument), instrument, 0)
    exchange.follow("a", symbol, made.happened)
    return exchange, made


@pytest.mark.parametrize("symbol", ["SOL/USDT", "STEEM/BTC"])
def test_books_of_the_last_seconds_are_what_they_were(symbol: str) -> None:
    exchange, made = market(symbol)
    seen: list[tuple[int, Levels]] = []
    for n in range(60):
        exchange.advance(START_NS + n * SECOND // 7)
        seen.append((exchange.now_ns, made.levels()))
    assert len({whole.last for _, whole in seen}) > 5
    for at_ns, whole in seen:
        for depth in (None, 1, 5, 20, 10_000):
            rows = (whole.bids[:depth], whole.asks[:depth])
            assert made.levels_at(update_id=whole.last, depth=depth)[1:] == (whole.last, *rows)
            assert made.levels_at(at_ns, depth=depth)[1:] == (whole.last, *rows)
        assert made.id_at(at_ns) == whole.last
        # A book of before is stamped with when it was so, not with now.
        assert made.levels_at(at_ns).at_ns == at_ns + made.shift_ns
        since_ns = made.levels_at(update_id=whole.last).at_ns - made.shift_ns
        assert made.id_at(since_ns) == whole.last
    with pytest.raises(KeyError):
        made.levels_at(update_id=seen[-1][1].last + 1)


@pytest.mark.parametrize("symbol", ["BTC/USDT", "SHIB/USDT", "ETH/BTC"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_merged_prices(symbol: str, step: int) -> None:
    """Sums by the decimal module: bids down, asks up, to the next price of fewer decimals."""
    exchange, made = market(symbol)
    exchange.advance(START_NS + SECOND)
    raw, merged = made.levels(), made.levels(20, step)
    assert merged.last == raw.last
    unit = Decimal(INSTRUMENTS[symbol].tick) * 10**step
    for rows, whole, way in ((merged.bids, raw.bids, ROUND_FLOOR), (merged.asks, raw.asks, ROUND_CEILING)):
        sums: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
        for price, size in whole:
            sums[(Decimal(price) / unit).to_integral_value(way) * unit] += Decimal(size)
        sums.pop(Decimal(0), None)  # bids of less than one unit
        best = sorted(sums, reverse=way == ROUND_FLOOR)[:20]
        assert [(Decimal(price), Decimal(size)) for price, size in rows] == [(price, sums[price]) for price in best]


@pytest.mark.asyncio
async def test_htx_tells_merged_depth_as_stream_and_call() -> None:
    async with serve(3, ["htx"]) as sim, clients(sim.at, "htx.spot") as [client], client.socket("/ws") as socket:
        topics = [f"market.btcusdt.depth.step{n}" for n in range(6)]
        for topic in topics:
            await socket.say(sub=topic, id=topic)
        told: dict[str, Any] = {}
        while told.keys() != set(topics):
            message = await socket.until(lambda m: "ch" in m)
            told[message["ch"]] = message["tick"]
        for n, topic in enumerate(topics):
            _, body, _ = await client.get("/market/depth", symbol="btcusdt", type=f"step{n}")
            assert body["ch"] == topic
            unit = Decimal("0.01") * 10**n
            for book in (told[topic], body["tick"]):
                assert len(book["bids"]) == len(book["asks"]) == (20 if n else 150)
                prices = [Decimal(price) for side in ("bids", "asks") for price, _ in book[side]]
                assert all(price % unit == 0 for price in prices)
                assert prices[0] < prices[len(book["bids"])]
        _, body, _ = await client.get("/market/depth", symbol="btcusdt", type="step1", depth=5)
        assert len(body["tick"]["bids"]) == 5
        for query in ({"type": "step6"}, {"type": "step1", "depth": 21}, {}):
            _, body, _ = await client.get("/market/depth", symbol="btcusdt", **query)
            assert body["err-code"] == "invalid-parameter"
        await socket.say(sub="market.btcusdt.depth.step6", id="x")
        assert (await socket.until(lambda m: m.get("id") == "x"))["err-code"] == "bad-request"


@pytest.mark.asyncio
async def test_two_hundred_books_fit_into_a_minutes_weight() -> None:
    """At 500 levels all of them; at 1000, twice the weight, the rest is refused: 50 × 120 is the limit of 6000."""
    async with serve(3, ["binance"]) as sim, clients(sim.at, "binance.spot") as [client]:
        _, info, _ = await client.get("/api/v3/exchangeInfo")
        listed = sim.exchange.instruments
        thin = [
            one["symbol"]
            for one in info["symbols"]
            if listed[f"{one['baseAsset']}/{one['quoteAsset']}"].liquidity == "thin"
        ]
        assert len(thin) >= 200
        weights: list[int] = []
        for id in thin[:200]:
            status, body, headers = await client.get("/api/v3/depth", symbol=id, limit=500)
            assert status == 200
            assert min(len(body["bids"]), len(body["asks"])) >= 100
            weights.append(int(headers["X-MBX-USED-WEIGHT-1M"]))
        # a window may end in between: then it begins anew
        assert {later - weight for weight, later in pairwise(weights) if later > weight} == {25}
