"""Orders by message over real sockets: one connection, at most one order each, REST where there is none."""

import logging
from collections.abc import AsyncIterator

import pytest

from tidebook import Limit, MarketOrder, Options, OrderNotFound, UsageError, connect
from tidebook.client.market import Market
from tidebook.core.effects import Request
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio

VENUES = ("binance.spot", "binance.usdm", "bybit.linear", "okx")
PLACE = {"binance": "order.place", "bybit": "order.create", "okx": "order"}
QUICK = Options(request_timeout=0.5)


def symbol_of(venue: str) -> str:
    return "BTC/USDT" if venue.endswith("spot") else "BTC/USDT:USDT"


def resting(venue: str) -> Limit:
    return Limit(symbol_of(venue), "buy", size="0.01", price="30000")


def made(sim: serve, venue: str) -> dict[str, int]:
    """How often each question was asked."""
    return dict(sim._simulator.fronts[venue].tally.made)


def over_rest(sim: serve, venue: str) -> int:
    return sum(n for what, n in made(sim, venue).items() if what.startswith("POST "))


@pytest.fixture(scope="module", params=VENUES)
def venue(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def sim(venue: str) -> AsyncIterator[serve]:
    async with serve(7, [venue], symbols=[symbol_of(venue)]) as running:
        yield running


@pytest.fixture
async def market(sim: serve, venue: str) -> AsyncIterator[Market]:
    async with connect(venue, at=sim.at, orders="websocket", options=QUICK) as opened:
        yield opened


def records(sim: serve, venue: str) -> list[str]:
    return [one.ask.client_id for one in sim.account(venue).records.values() if one.venue == venue]


async def test_submit_change_and_cancel_go_by_message(sim: serve, venue: str, market: Market) -> None:
    order = await market.submit(resting(venue))
    if venue == "binance.spot":
        assert order.size is not None
        assert (await order.amend(size=order.size / 2)).size == order.size / 2
        assert made(sim, venue)["message order.amend.keepPriority"] == 1
    else:
        assert (await order.amend(price="31000")).price == 31000
    assert (await order.cancel()).status == "cancelled"
    filled = await market.submit(MarketOrder(order.symbol, "buy", size="0.01"))
    assert (await filled.done(10)).status == "filled"
    with pytest.raises(OrderNotFound):
        await order.cancel()
    asked = made(sim, venue)
    assert over_rest(sim, venue) == 0
    assert asked[f"message {PLACE[venue.partition('.')[0]]}"] == 2
    assert sum(n for what, n in asked.items() if what.startswith("WS ")) == 1


async def test_a_connection_cut_after_the_order_was_taken_is_resolved_over_rest(
    sim: serve, venue: str, market: Market
) -> None:
    sim.faults.order("accepted", venue, PLACE[venue.partition(".")[0]])
    order = await market.submit(resting(venue))
    assert records(sim, venue) == [order.client_id]
    assert market.unresolved == {}


async def test_half_an_answer_is_none(sim: serve, venue: str, market: Market) -> None:
    sim.faults.order("answer", venue, PLACE[venue.partition(".")[0]])
    order = await market.submit(resting(venue))
    assert records(sim, venue) == [order.client_id]


async def test_an_answer_that_decides_nothing_is_asked_after(sim: serve, venue: str, market: Market) -> None:
    sim.faults.order("status", venue, PLACE[venue.partition(".")[0]])
    order = await market.submit(resting(venue))
    assert records(sim, venue) == [order.client_id]


async def test_where_there_is_no_connection_orders_go_over_rest(
    sim: serve, venue: str, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    first = await market.submit(resting(venue))
    sim.faults.order("accepted", venue, PLACE[venue.partition(".")[0]])
    await market.submit(resting(venue))  # it is cut, and the next one is opened after the backoff
    third = await market.submit(resting(venue))
    assert over_rest(sim, venue) == 1
    assert [first.client_id, third.client_id] == [records(sim, venue)[at] for at in (0, 2)]
    assert "they go over HTTP" in caplog.text


async def test_nothing_is_opened_or_said_where_nothing_may_be_done(sim: serve, venue: str) -> None:
    async with connect(venue, at=sim.at, orders="websocket", read_only=True) as market:
        with pytest.raises(UsageError, match="read_only"):
            await market.submit(resting(venue))
    async with connect(venue, at=sim.at, orders="websocket") as market:
        assert (await market.submit(resting(venue), dry_run=True)).status == "dry"
    assert not any(what.startswith(("WS ", "message ")) for what in made(sim, venue))
    assert records(sim, venue) == []


async def test_no_secret_is_in_what_is_logged(
    sim: serve, venue: str, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sim.faults.order("answer", venue, PLACE[venue.partition(".")[0]])
    await market.submit(resting(venue))
    (one,) = market._venues(None)
    _, credentials = one.private.check(Request("GET", "https://x/y"))
    assert caplog.text
    for secret in (credentials.key, credentials.secret):
        assert secret.reveal() not in caplog.text


async def test_only_what_is_known_is_a_way() -> None:
    with pytest.raises(UsageError, match="rest, websocket"):
        connect("binance", orders="carrier")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
