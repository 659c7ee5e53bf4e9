"""Many orders while requests are cut at every point: each is in the ledger once at most, as its user was told.

Limits of both sides are lifted: how many orders an account may send is not what is tried here.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Final

from tidebook import Limit, MarketOrder, NetworkError, Order, OrderRejected, OutcomeUnknown, TidebookError, connect
from tidebook.client.market import Market, Orders
from tidebook.core.options import Options
from tidebook.model.facts import Instrument, Side
from tidebook.sim.server import Fault, serve
from tidebook.sim.server.faults import POINTS

PATHS: Final = {"binance.spot": "/api/v3/order", "bybit.spot": "/v5/order/*"}
MESSAGES: Final = {
    "binance.spot": "order.place", "binance.usdm": "order.place", "bybit.spot": "order.create",
    "bybit.linear": "order.create", "okx": "order",
}  # fmt: skip
_POSTS: Final = {
    "binance.spot": ["api.binance.com/api/v3/order"], "binance.usdm": ["fapi.binance.com/fapi/v1/order"],
    "bybit.spot": ["api.bybit.com/v5/order/create"], "bybit.linear": ["api.bybit.com/v5/order/create"],
    "okx": ["www.okx.com/api/v5/trade/order"],
}  # fmt: skip
SYMBOL: Final = "BTC/USDT"
AT_ONCE: Final = 200
RESTING: Final = 100
APART: Final = 0.01  # seconds between two messages: a cut is to hit some that are under way, and not all
_UNLIMITED: Final = 10**9


@dataclass(slots=True)
class Judged:
    """What came of a run. `wrong` says in words what must not be."""

    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    resolved: Counter[str] = field(default_factory=Counter[str])
    hits: int = 0
    over_rest: int = 0  # that went over REST, where messages were wanted and there was no connection
    wrong: list[str] = field(default_factory=list[str])


def lift(sim: serve, market: Market, venue: str) -> None:
    """Nothing is refused for being too much, here or there."""
    front = sim._simulator.fronts[venue]
    for gate in front.gates.values():
        gate.pool = replace(gate.pool, limit=_UNLIMITED)
    if front.counter is not None and (pool := front.counter.private.pool) is not None:
        front.counter.private = replace(front.counter.private, pool=replace(pool, limit=_UNLIMITED))
    (one,) = market._venues(None)
    for pool in one.declared.pools:
        one.desk.requests.budget(pool, "").publish(_UNLIMITED)
    for host in _POSTS[venue]:  # where each path has a limit of its own
        trading = one.declared.trading
        assert trading is not None
        one.desk.requests._queue(next(act.pool for act in trading.acts if act.name == "submit"), f"https://{host}")
    for queue in one.desk.requests._queues.values():
        queue.budget.publish(_UNLIMITED)


async def run(
    venue: str, count: int, seed: int, chance: float = 0.5, *, over: Orders = "rest", cuts: float = 1.0
) -> Judged:
    """`count` orders at a venue; each request of its key fails with a `chance`, at one of all points.

    By message, `cuts` is how much less often: what is cut there is a connection with all that is under way on it.
    """
    found, random = Judged(), Random(seed)
    # A connection that is cut is back at once: otherwise most orders would go over REST.
    options = Options(resolve_timeout=20.0, backoff_first=0.01, backoff_most=0.02, reopen_apart=0.01)
    symbol = SYMBOL if venue.endswith("spot") else f"{SYMBOL}:USDT"
    topics = {PATHS[venue]} if over == "rest" else {MESSAGES[venue]}
    async with (
        serve(seed, [venue], symbols=[symbol]) as sim,
        connect(venue, at=sim.at, options=options, orders=over) as market,
    ):
        lift(sim, market, venue)
        listed = market._venues(None)[0].listing.by_symbol[symbol]
        for point in POINTS:
            for topic in topics:
                sim.faults(
                    Fault(
                        "order", venue, topic, count=10**9, seconds=0.2, status=503, point=point,
                        chance=chance * cuts / len(POINTS),
                    )
                )  # fmt: skip
        told: dict[str, Order | TidebookError] = {}
        turns, pace = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

        async def one(number: int) -> None:
            async with turns:
                if over == "websocket":
                    async with pace:
                        await asyncio.sleep(APART)
                try:
                    order = await market.submit(_intent(random, listed, number < RESTING))
                except OutcomeUnknown as error:
                    told[error.client_id] = error
                    found.outcomes["unknown"] += 1
                except (OrderRejected, NetworkError) as error:
                    found.outcomes[type(error).__name__] += 1
                    told[f"none {len(told)}"] = error
                else:
                    told[order.client_id] = order
                    found.outcomes["accepted"] += 1
                found.sent += 1

        await asyncio.gather(*(one(number) for number in range(count)))
        made = sim._simulator.fronts[venue].tally.made
        if over == "websocket":
            found.over_rest = sum(made[f"POST {host}"] for host in _POSTS[venue])
        found.hits = sim._simulator.fronts[venue].faults.hits.get("order", 0)
        sim.faults.resume(venue)
        for client_id in [*market.unresolved]:
            try:
                told[client_id] = await market.resolve(client_id)
                found.resolved["found"] += 1
            except NetworkError as error:
                found.resolved["never arrived"] += 1
                told[client_id] = error
        _judge(found, sim, venue, told)
        if market.unresolved:
            found.wrong.append(f"{len(market.unresolved)} are unresolved when nothing fails any more")
    return found


def _intent(random: Random, one: Instrument, rests: bool) -> Limit | MarketOrder:
    """Some rest far away, fewer than a venue lets stand; half of the others trade, half find nobody."""
    side: Side = random.choice(("buy", "sell"))
    price = "30000" if side == "buy" else "120000"
    size = one.contracts(Decimal("0.005"))
    if rests:
        return Limit(one.symbol, side, size=size, price=price)
    if random.random() < 0.5:
        return MarketOrder(one.symbol, side, size=one.contracts(Decimal("0.0005" if one.kind == "spot" else "0.001")))
    return Limit(one.symbol, side, size=size, price=price, tif="ioc")


def _judge(found: Judged, sim: serve, venue: str, told: dict[str, Order | TidebookError]) -> None:
    """The ledger against what was told."""
    records = [record for record in sim.account(venue).records.values() if record.venue == venue]
    times = Counter(record.ask.client_id for record in records)
    found.wrong += [f"{id} is in the ledger {n} times" for id, n in times.items() if n > 1]
    for record in records:
        id = record.ask.client_id
        if not isinstance(told.get(id), Order):
            found.wrong.append(f"{id} is in the ledger, and its user was told {told.get(id)!r}")
    found.wrong += [
        f"{id} was told to be there, and is not" for id, one in told.items() if isinstance(one, Order) and not times[id]
    ]
