"""What becomes of a venue: of what it lists, of its state, and of everything open when it can serve no more."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tidebook.client import budgets
from tidebook.client.market import Market, connect
from tidebook.client.traded import Traded
from tidebook.errors import BookNotLive, DecodeError, UnknownSymbol, UsageError, VenueUnavailable
from tidebook.model import health
from tidebook.model.facts import Instrument
from tidebook.model.market import State
from tidebook.model.place import At
from tidebook.sim.server import serve


def listed(*names: str, active: bool = True) -> list[Instrument]:
    return [
        Instrument(
            venue="v", symbol=f"{name}/USDT", id=name, base=name, quote="USDT", kind="spot", active=active, tick=None,
            step=None, status="TRADING" if active else "HALT",
        )
        for name in names
    ]  # fmt: skip


class Told:
    """A listing that says what it is given, and what it told."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked = 0
        self.told: list[str] = []
        self.traded = Traded(
            "v", self.ask, ended=lambda one: self.told.append(f"ended {one.base}"),
            halted=lambda one: self.told.append(f"halted {one.base} {one.status}"),
            passed_over=lambda count, why: self.told.append(f"passed over {count}: {why}"),
        )  # fmt: skip
        self.traded.follow(
            lambda came, gone: self.told.append(f"+{[one.base for one in came]} -{[one.base for one in gone]}")
        )

    async def ask(self) -> list[Instrument]:
        self.asked += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    async def load(self, *rows: Instrument) -> list[str]:
        self.answers.append(rows)
        await self.traded.load()
        told, self.told = self.told, []
        return told


async def test_what_begins_and_what_ends() -> None:
    one = Told()
    assert await one.load(*listed("A", "B")) == ["+['A', 'B'] -[]"]
    assert await one.load(*listed("A", "B", "C")) == ["+['C'] -[]"]
    assert await one.load(*listed("A", "C")) == [], "absent once may be a fault of the answer"
    assert one.traded.listing.find("B/USDT") is not None
    assert await one.load(*listed("A", "B", "C")) == []
    assert await one.load(*listed("A", "C")) == []
    assert await one.load(*listed("A", "C")) == ["ended B", "+[] -['B']"]
    assert one.traded.listing.find("B/USDT") is None


async def test_a_halt_ends_nothing() -> None:
    one = Told()
    await one.load(*listed("A", "B"))
    assert await one.load(*listed("A"), *listed("B", active=False)) == ["halted B HALT"]
    assert await one.load(*listed("A"), *listed("B", active=False)) == []
    assert await one.load(*listed("A", "B")) == ["+['B'] -[]"]


async def test_an_answer_that_lost_most_is_none() -> None:
    one = Told()
    names = [f"N{number}" for number in range(20)]
    await one.load(*listed(*names))
    for rows in ([], listed(*names[:9])):
        with pytest.raises(DecodeError, match=r"lists \d of 20 instruments all at once"):
            await one.load(*rows)
    assert len(one.traded.listing.by_symbol) == 20
    assert await one.load(*listed(*names[:11])) == []


async def test_what_has_expired_is_no_loss() -> None:
    """On the last Friday of a quarter most of an options market ends in one minute."""
    one = Told()
    past, future = 1_600_000_000_000_000_000, 9_000_000_000_000_000_000
    ended = [replace(row, expiry_ns=past) for row in listed(*(f"E{number}" for number in range(15)))]
    going = [replace(row, expiry_ns=future) for row in listed(*(f"G{number}" for number in range(12)))]
    await one.load(*ended, *going)
    assert await one.load(*going) == [], "absent once may be a fault of the answer"
    said = await one.load(*going)
    assert len(said) == len(ended) + 1
    with pytest.raises(DecodeError, match=r"lists 5 of 12 instruments all at once"):
        await one.load(*going[:5])


async def test_many_ask_once() -> None:
    one = Told()
    await one.load(*listed("A"))
    one.traded._asked_ns = -(10**12)
    one.answers.append(listed("A"))
    assert await asyncio.gather(*(one.traded.again() for _ in range(50))) == [True] * 50
    assert one.asked == 2
    assert await one.traded.again() is False
    one.traded._asked_ns = -(10**12)
    one.answers.append(VenueUnavailable("no"))
    assert await one.traded.again() is False
    assert await one.traded.again() is False, "a failed one is recent too"
    assert one.asked == 3


async def test_who_is_cancelled_stops_nobody_else() -> None:
    one = Told()
    one.answers.append(listed("A"))
    first, second = (asyncio.ensure_future(one.traded.load()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()
    assert one.asked == 1


async def test_a_bug_leaves_nothing_that_claims_to_be_live(sim: serve) -> None:
    market = await connect("binance.spot", "htx", at=sim.at)
    book = await market.book("BTC/USDT", venue="binance")
    quotes = await market.quotes("BTC/USDT", venue="binance")
    other = await market.book("BTC/USDT", venue="htx")
    events = await market.health()
    reader = asyncio.ensure_future(_until_it_raises(quotes.next))
    market._venues("binance")[0]._driver.fail(RuntimeError("a bug"))
    assert isinstance(await reader, VenueUnavailable)
    assert str(book.state) == "closed"
    with pytest.raises(BookNotLive, match="closed by a bug of Tidebook's, RuntimeError"):
        _ = book.best_bid
    assert market["binance"].state == "refused"
    assert market.stats.live == 1
    async for event in events:
        if isinstance(event, health.VenueUnavailable):
            assert event.retry_in is None
            break
    with pytest.raises(VenueUnavailable, match="closed by a bug"):
        await market.book("ETH/USDT", venue="binance")
    assert other.state is State.LIVE
    htx = market._venues("htx")[0]
    with pytest.raises(RuntimeError, match="a bug"):
        await market.close()
    assert htx.sockets == 0, "the other venue is closed all the same"
    assert str(other.state) == "closed"


async def _until_it_raises(read: Callable[[], Any]) -> Exception:
    while True:
        try:
            await asyncio.wait_for(read(), 30)
        except Exception as error:
            return error


@pytest.mark.parametrize("weight", [-1, 1.5, "5", True, None])
async def test_a_weight_that_is_none_is_refused(market: Market, weight: Any) -> None:
    with pytest.raises(UsageError, match="is no weight"):
        await market["binance"].get("/api/v3/time", weight=weight)


async def test_the_state_follows_the_connections(market: Market, sim: serve) -> None:
    place = market["binance"]
    assert place.state == "up"
    async with place.book("BTC/USDT", stale="yield") as book:
        sim.faults.cut("binance", 3600)
        while place.state == "up":
            await book.next()
        assert place.state.startswith("retrying(")
        assert market["htx"].state == "up"
        sim.faults.resume("binance")
        while place.state != "up":  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_a_connect_that_fails_leaves_no_share(sim: serve) -> None:
    at = At("binance", proxy="socks5://127.0.0.1:1")
    with pytest.raises(UsageError, match="proxy"):
        await connect(at, share=0.1)
    assert budgets.budgets_of("binance", at, None)._shares == []


async def test_one_error_raised_again_and_again_does_not_grow(sim: serve) -> None:
    sim.faults.status(451, "binance", n=1000)
    async with connect("binance.spot", "htx", at=sim.at) as market:
        frames = 0
        for _ in range(5):
            with pytest.raises(Exception, match="refuses this address's country") as caught:
                await market.fetch_ticker("BTC/USDT", venue="binance")
            frames = len(caught.traceback)
        assert frames < 20


async def test_a_venue_of_hosts_alone_opens_and_asks_nothing() -> None:
    """It lists nothing, so no symbol is its; and nobody answers at the address that it is sent to."""
    async with connect("kraken", at="127.0.0.1:9") as market:
        with pytest.raises(UnknownSymbol):
            await market.fetch_book("BTC/USD")
