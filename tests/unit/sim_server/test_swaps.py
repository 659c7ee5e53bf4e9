"""HTX's swaps, served and read by our own client: plumbing, no evidence for the venue."""

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.unit.sim_server.rig import GENEROUS

from tidebook import engine as engines
from tidebook.client.market import Market, connect
from tidebook.engine import Choice
from tidebook.errors import SubscriptionFailed, UnknownSymbol, UsageError
from tidebook.model import health
from tidebook.model.facts import Bar, Funding, Liquidation, MarkPrice, Quote, Ticker, Trade
from tidebook.sim import serve

pytestmark = pytest.mark.asyncio

SYMBOLS = ("BTC/USDT:USDT", "BTC/USD:BTC")
NOUNS = {
    "trades": Trade, "quotes": Quote, "ticker": Ticker, "mark_prices": MarkPrice, "funding": Funding,
    "liquidations": Liquidation,
}  # fmt: skip
VENUES = ("htx.linear", "htx.inverse")


async def first(reader: Any) -> Any:
    async with reader as facts:
        return await anext(aiter(facts))


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_each_noun_has_facts(symbol: str) -> None:
    """Those of the other protocol among them, whose answers have topics too."""
    async with serve(1, VENUES, speed=5.0) as sim, connect(*VENUES, at=sim.at) as market, asyncio.timeout(GENEROUS):
        got = await asyncio.gather(*(first(getattr(market, noun)(symbol)) for noun in NOUNS))
        assert [type(one) for one in got] == [*NOUNS.values()]
        assert {one.symbol for one in got} == {symbol}
        bar = await first(market.bars(symbol, interval="1m"))
        assert (type(bar), bar.turnover is None) == (Bar, symbol == "BTC/USD:BTC")


async def traded(market: Market, symbol: str) -> list[Trade]:
    """The newest trades: a market begins when it is first asked for, and on some days nothing is traded at once."""
    while not (found := await market.fetch_trades(symbol, limit=50)):  # noqa: ASYNC110 - of which nobody is told
        await asyncio.sleep(0.05)
    return [*found]


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_each_call_is_answered(symbol: str) -> None:
    async with serve(1, VENUES) as sim, connect(*VENUES, at=sim.at) as market, asyncio.timeout(GENEROUS):
        assert await traded(market, symbol)
        whole = await market.fetch_bars(symbol, "1m", start="40h")  # two pages
        assert len(whole) in (40 * 60 - 1, 40 * 60)
        assert not whole.gaps
        before = await market.fetch_bars(symbol, "1m", limit=30, end=whole[0].start_ns)
        assert [one.start_ns for one in before] == [whole[0].start_ns - n * 60 * 10**9 for n in range(30, 0, -1)]
        funding = await market.fetch_funding(symbol, limit=5)
        assert [one.settled for one in funding] == [*[True] * (len(funding) - 1), False]
        mark, ticker = await market.fetch_mark_price(symbol), await market.fetch_ticker(symbol)
        assert abs(mark.price / ticker.last - 1) < Decimal("0.01")
        interest = await market.fetch_open_interest(symbol)
        assert (interest.size > 0, interest.value is None) == (True, symbol == "BTC/USD:BTC")
        assert len((await market.fetch_book(symbol, limit=5)).bids) == 5
        assert symbol in {one.symbol for one in await market.fetch_tickers(venue=interest.venue)}


async def test_a_topic_of_the_other_protocol_is_refused() -> None:
    async with serve(1, VENUES) as sim, connect("htx.linear", at=sim.at) as market, asyncio.timeout(GENEROUS):
        with pytest.raises(SubscriptionFailed, match="2011 Contract doesn't exist"):
            await market.raw("public.NOPE-USDT.funding_rate", endpoint="events")


async def test_dated_contracts_have_no_funding() -> None:
    async with serve(1, VENUES) as sim, connect(*VENUES, at=sim.at) as market, asyncio.timeout(GENEROUS):
        listed = [one for venue in VENUES for one in await market.fetch_instruments(venue=venue)]
        dated = [one for one in listed if one.expiry_ns is not None]
        assert {(one.venue, one.kind, one.base) for one in dated} == {
            ("htx.linear", "linear", "BTC"), ("htx.linear", "linear", "ETH")
        }  # fmt: skip
        assert (await market.fetch_mark_price(dated[0].symbol)).price > 0
        with pytest.raises(UsageError):
            await market.fetch_funding(dated[0].symbol)
        with pytest.raises(UnknownSymbol):
            await market.fetch_ticker("NOPE/USDT:USDT")


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_a_trade_takes_as_much_as_the_exchange_says(symbol: str) -> None:
    """The venue tells both sides of it."""
    async with serve(1, VENUES) as sim, connect(*VENUES, at=sim.at) as market, asyncio.timeout(GENEROUS):
        ours = {one.id: one.size for one in await traded(market, symbol)}
        venue = "htx.linear" if symbol == SYMBOLS[0] else "htx.inverse"
        truth = {f"{one.trade_id}0000": one.size for one in sim.exchange.trades(venue, symbol, 200)}
        assert ours
        assert ours == {id: truth[id] for id in ours}


@pytest.mark.parametrize("engine", engines.available())
async def test_a_lost_change_is_a_gap_of_that_book_alone(engine: Choice) -> None:
    async with (
        serve(1, VENUES) as sim,
        connect(*VENUES, at=sim.at, engine=engine) as market,
        market.book(SYMBOLS[0]) as lost,
        market.book("ETH/USDT:USDT") as kept,
        market.health() as events,
        asyncio.timeout(GENEROUS),
    ):
        sim.faults.drop("htx.linear", "market.BTC-USDT.depth.*")
        found: list[tuple[str | None, type[health.Health]]] = []
        async for event in events:
            if isinstance(event, (health.Gap, health.Resynced)):
                found.append((event.symbol, type(event)))
            if isinstance(event, health.Resynced):
                break
        assert found == [(SYMBOLS[0], health.Gap), (SYMBOLS[0], health.Resynced)]
        assert lost.state.readable
        assert kept.state.readable


async def asked(session: aiohttp.ClientSession, at: str, path: str) -> Any:
    async with session.get(f"http://{at}{path}", headers={"Host": "api.hbdm.com"}) as reply:
        assert reply.status == 200
        return await reply.json()


@pytest.mark.parametrize("root", ["/linear-swap-api/v1", "/swap-api/v1"])
async def test_the_rates_of_all_are_those_of_each(root: str) -> None:
    async with serve(1, VENUES) as sim, aiohttp.ClientSession() as session:
        rows = (await asked(session, sim.at, f"{root}/swap_batch_funding_rate"))["data"]
        assert len({row["contract_code"] for row in rows}) == len(rows) > 3
        for row in rows[:2]:
            query = f"contract_code={row['contract_code']}"
            assert (await asked(session, sim.at, f"{root}/swap_funding_rate?{query}"))["data"] == row
            assert (await asked(session, sim.at, f"{root}/swap_batch_funding_rate?{query}"))["data"] == [row]


async def test_linear_swaps_are_also_told_of_by_the_fifth_version() -> None:
    code = "contract_code=BTC-USDT"
    async with serve(1, VENUES) as sim, aiohttp.ClientSession() as session:
        (now,) = (await asked(session, sim.at, f"/v5/market/funding_rate?{code}"))["data"]
        same = (await asked(session, sim.at, f"/linear-swap-api/v1/swap_funding_rate?{code}"))["data"]
        assert {name: now[name] for name in ("contract_code", "funding_time")} == {
            name: same[name] for name in ("contract_code", "funding_time")
        }
        assert int(now["next_funding_time"]) - int(now["funding_time"]) == 8 * 3_600_000
        past = (await asked(session, sim.at, f"/v5/market/funding_rate_history?{code}&limit=5"))["data"]
        older = await asked(session, sim.at, f"/linear-swap-api/v1/swap_historical_funding_rate?{code}&page_size=5")
        rows = [(one["funding_time"], one["funding_rate"]) for one in older["data"]["data"]]
        assert [(one["funding_time"], one["funding_rate"]) for one in past] == rows
        since = past[2]["funding_time"]
        some = (await asked(session, sim.at, f"/v5/market/funding_rate_history?{code}&start_time={since}"))["data"]
        assert [one["funding_time"] for one in some] == [one["funding_time"] for one in past[:3]]
        interest = (await asked(session, sim.at, f"/v5/market/open_interest?{code}"))["data"]
        (row,) = (await asked(session, sim.at, f"/linear-swap-api/v1/swap_open_interest?{code}"))["data"]
        assert Decimal(interest["volume"]) == Decimal(str(row["volume"])) > 0
        assert not sim.tally.unanswered
