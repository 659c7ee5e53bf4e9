"""Markets of one process share a venue's limits with each other, and with other programs at the address."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.unit.sim_server.rig import GENEROUS, Client, clients

from tidebook.client import budgets
from tidebook.client.market import Market, connect
from tidebook.core.channel import Question
from tidebook.core.options import Options
from tidebook.core.pools import Budget
from tidebook.errors import RateLimited, UsageError
from tidebook.io.clock import now
from tidebook.io.serve import Answer, Asked
from tidebook.model.health import Throttled
from tidebook.model.place import At
from tidebook.sim.server import serve
from tidebook.sim.server.limits import Gate

TIME, DEPTH = "/api/v3/time", "/api/v3/depth"


class Watched:
    """A served exchange; what is asked of it over HTTP, when, and how it was answered."""

    def __init__(self, sim: serve) -> None:
        self.sim = sim
        self.asked: list[tuple[float, str, int]] = []
        self.body: Callable[[bytes], bytes] = lambda body: body
        site = sim._simulator
        http = site.http

        async def watched(request: Asked) -> Answer:
            came = asyncio.get_running_loop().time()
            answer = await http(request)
            self.asked.append((came, request.path, answer.status))
            return replace(answer, body=self.body(answer.body))

        site.http = watched  # type: ignore[method-assign]

    @property
    def gate(self) -> Gate:
        return self.sim._simulator.gates["binance.weight"]

    def statuses(self) -> set[int]:
        return {status for _, _, status in self.asked}


@asynccontextmanager
async def served() -> AsyncIterator[Watched]:
    async with serve(seed=1, venues=("binance",)) as sim:
        watched = Watched(sim)
        # A window of the venue begins now, and none ends while this test runs.
        watched.gate.began = asyncio.get_running_loop().time()
        yield watched


def weight(market: Market) -> Budget:
    [one] = market._venues(None)
    return next(budget for budget in one.desk.requests.limits() if budget.pool.name == "binance.weight")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(GENEROUS):
        while not true():  # noqa: ASYNC110 - polled on purpose
            await asyncio.sleep(0.005)


async def test_what_another_program_spends_is_learned() -> None:
    async with served() as watched, clients(watched.sim.at, "binance.spot") as [other]:
        patient = Options(fetch_timeout=90.0)  # longer than until there is room again: those beyond it wait
        async with connect("binance.spot", at=watched.sim.at, options=patient) as market:
            for _ in range(23):
                await spend(other, 250)
            await market.fetch_time()  # its answer tells
            left = 6000 - watched.gate.used
            assert weight(market).used(now()) == watched.gate.used > 23 * 250
            asked = [asyncio.ensure_future(market.fetch_time()) for _ in range(left + 50)]
            await until(lambda: sum(one.done() for one in asked) >= left)
            assert weight(market).free_at(1, now()) > now().mono_ns
            assert not [one for one in asked if one.done() and one.exception()]
            assert sum(one.done() for one in asked) == left
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        assert watched.gate.used == 6000
        assert watched.statuses() == {200}, "never refused"


async def spend(other: Client, weight: int) -> None:
    assert weight == 250, "a whole book of 5000 levels"
    status, _, _ = await other.get(DEPTH, symbol="BTCUSDT", limit=5000)
    assert status == 200


async def test_a_limit_that_the_venue_publishes_is_kept() -> None:
    async with served() as watched:
        watched.body = lambda body: body.replace(b'"limit":6000', b'"limit":1200')
        async with connect("binance.spot", at=watched.sim.at) as market:
            assert weight(market).limit == 1200
            watched.body = lambda body: body.replace(b'"limit":6000', b'"limit":9000')
            await market._venues(None)[0]._traded.load()
            assert weight(market).limit == 9000


async def test_two_markets_spend_one_limit_and_the_smallest_share_holds() -> None:
    async with served() as watched:
        at = watched.sim.at
        async with connect("binance.spot", at=at) as one, connect("binance.spot", at=at, share=0.5) as two:
            assert weight(one) is weight(two)
            assert weight(one).part == 3000
            async with connect("binance.spot", at=at, share=0.25):
                assert weight(one).part == 1500
            assert weight(one).part == 3000
            assert weight(one).used(now()) == watched.gate.used
        async with connect("binance.spot", at=at) as again:
            assert weight(again).part == 6000
            assert weight(again).used(now()) == watched.gate.used, "closing and opening gives nothing back"
            async with (
                serve(seed=1, venues=("binance",)) as elsewhere,
                connect("binance.spot", at=elsewhere.at) as other,
            ):
                assert weight(other) is not weight(again)
                assert weight(other).used(now()) < weight(again).used(now())


async def test_a_refusal_of_one_market_stops_the_other() -> None:
    async with served() as watched:
        at = watched.sim.at
        async with connect("binance.spot", at=at) as one, connect("binance.spot", at=at) as two:
            watched.sim.faults.status(429, "binance", retry_after=1)
            with pytest.raises(RateLimited):
                await one.fetch_time()
            await asyncio.gather(one.fetch_time(), two.fetch_time(), two.fetch_time())
            await judge(watched, later=3)
            for market in (one, two):
                told = [event for event in market._healths.ring if isinstance(event, Throttled)]
                assert [event.pool for event in told] == ["binance.weight"], "once for each market"
                assert 0 < told[0].seconds <= 1


async def judge(watched: Watched, *, later: int) -> None:
    """After the refusal so many requests came, none of them within a second."""
    statuses = [status for _, _, status in watched.asked]
    refused = statuses.index(429)
    after = watched.asked[refused + 1 :]
    assert len(after) == later
    assert {status for _, _, status in after} == {200}
    assert min(came for came, _, _ in after) - watched.asked[refused][0] >= 1.0


async def test_a_refusal_stops_a_market_in_another_thread() -> None:
    async with served() as watched:
        opened, refused = threading.Event(), threading.Event()

        async def other() -> None:
            async with connect("binance.spot", at=watched.sim.at) as two:
                opened.set()
                await asyncio.to_thread(refused.wait, GENEROUS)
                await asyncio.gather(two.fetch_time(), two.fetch_time())

        async with connect("binance.spot", at=watched.sim.at) as one:
            thread = asyncio.ensure_future(asyncio.to_thread(asyncio.run, other()))
            await until(opened.is_set)
            watched.sim.faults.status(429, "binance", retry_after=1)
            with pytest.raises(RateLimited):
                await one.fetch_time()
            refused.set()
            await thread
        await judge(watched, later=2)


async def test_markets_in_threads_spend_one_limit() -> None:
    """Two loops at once, each asking as fast as it can for more than there is: together exactly the limit."""
    async with served() as watched:
        at, began = watched.sim.at, threading.Barrier(2)

        async def spend_all() -> None:
            async with connect("binance.spot", at=at) as market:
                await asyncio.to_thread(began.wait, GENEROUS)
                [one] = market._venues(None)
                question = Question("BTCUSDT", limit=5000)
                asked = [asyncio.ensure_future(one.fetch("book", question)) for _ in range(20)]
                budget = weight(market)
                # All the room is taken and all that was sent is answered: 250 units a book, and the opening.
                await until(lambda: budget.free_at(250, now()) > now().mono_ns and not budget._under_way)
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)

        async with asyncio.timeout(GENEROUS * 2):
            await asyncio.gather(*(asyncio.to_thread(asyncio.run, spend_all()) for _ in range(2)))
        assert watched.statuses() == {200}
        books = sum(path == DEPTH for _, path, _ in watched.asked)
        assert books == (6000 - 2 * 21) // 250
        assert watched.gate.used == books * 250 + 2 * 21


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan"), True, "0.5", None])
def test_a_share_is_a_part(share: float) -> None:
    with pytest.raises(UsageError, match="share="):
        connect("binance.spot", share=share)


def test_places_are_told_apart() -> None:
    """What makes an exchange see another client, or be another one, makes another set."""
    live, taken = At("acme"), list[tuple[str, At, str | None]]()

    def set_of(exchange: str, at: At, address: str | None = None) -> int:
        taken.append((exchange, at, address))
        return id(budgets.budgets_of(exchange, at, address))

    one = set_of("acme", live)
    assert one == set_of("acme", At("acme.spot", account="me"))
    others = [
        set_of("zenith", live),
        set_of("acme", At("acme", environment="testnet")),
        set_of("acme", At("acme", hosts={"a": "b"})),
        set_of("acme", At("acme", proxy="http://127.0.0.1:3128")),
        set_of("acme", live, "127.0.0.1:1"),
        set_of("acme", live, "127.0.0.1:2"),
    ]
    assert len({one, *others}) == 7
    assert others[-1] == set_of("acme", At("acme", environment="testnet"), "localhost:2")
    for exchange, at, address in taken:
        budgets.budgets_of(exchange, at, address)
