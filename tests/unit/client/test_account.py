"""An account at the embedded exchange, over real sockets: what the client knows is what the exchange has."""

import asyncio
from collections.abc import AsyncIterator, Collection
from decimal import Decimal

import pytest

import tidebook
from tidebook import Limit, MarketOrder
from tidebook.client.account import Account
from tidebook.client.market import Market
from tidebook.errors import NotPermitted, SignatureRefused, UsageError
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.model.health import Undecodable
from tidebook.model.market import State
from tidebook.sim import serve
from tidebook.sim.wallet import text_of

VENUE = "binance.spot"
BTC = "BTC/USDT"


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=7, venues=[VENUE]) as running:
        yield running


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with tidebook.connect(VENUE, at=sim.at) as opened:
        yield opened
        assert unread(opened) == []


def unread(market: Market) -> list[Undecodable]:
    """What the stream said and was not understood; all of it would be fetched, and nothing else would show it."""
    return [event for event in market._healths.ring if isinstance(event, Undecodable)]


def truth(sim: serve, told: Collection[str]) -> dict[str, object]:
    """What the exchange has: orders by client id, fills by id, balances.

    What another client sent, and ended without a fill, while nobody was told, is not in it.
    """
    account = sim.account(VENUE)
    orders = {
        one.ask.client_id: (one.state, Decimal(one.instrument.size_text(one.filled)))
        for one in account.records.values()
        if one.state != "rejected" and (one.state == "open" or one.filled or one.ask.client_id in told)
    }  # fmt: skip
    fills = {
        (
            str(fill.trade),
            record.ask.client_id,
            Decimal(record.instrument.size_text(fill.size)),
            Decimal(text_of(fill.fee)),
        )
        for record, fill in account.fills
    }
    totals = {name: Decimal(text_of(total)) for name, total in account.wallet.totals.items() if total}
    return {"orders": orders, "fills": fills, "totals": totals}


def known(account: Account) -> dict[str, object]:
    fills = [(one.id, one.client_id, one.size, one.fee) for one in account.fills]
    assert len(fills) == len({*fills}), "each once"
    return {
        "orders": {one.client_id: (one.status, one.filled) for one in account.orders},
        "fills": {*fills},
        "totals": {one.currency: one.total for one in account.balances if one.total},
    }


def names(account: Account) -> set[str]:
    return {one.client_id for one in account.orders}


async def same(sim: serve, account: Account) -> None:
    """Wait until it is complete and knows what is true; the last difference is what fails."""
    for _ in range(600):
        if account.complete and known(account) == truth(sim, names(account)):
            return
        await asyncio.sleep(0.05)
    assert known(account) == truth(sim, names(account))
    assert account.complete


async def price(market: Market, factor: str) -> str:
    book = await market.fetch_book(BTC)
    return str((book.bids[0].price * Decimal(factor)).quantize(Decimal("0.01")))


async def test_what_happens_is_known(sim: serve, market: Market) -> None:
    async with market.account() as account:
        assert (account.state, account.complete, len(account.orders)) == (State.LIVE, True, 0)
        assert account.balances.get("BTC") is not None
        async with account.fills.watch() as fills, account.orders.watch(symbol=BTC, open=False) as ended:
            order = await market.submit(Limit(BTC, "buy", "0.001", await price(market, "0.5")))
            row = await account.orders.wait(order.client_id)
            assert (row.id, row.open, row.filled) == (order.id, True, Decimal())
            assert account.orders.find(symbol=BTC, open=True) == [row]
            held = await account.balances.wait("USDT", until=lambda one: one.held)
            assert order.price is not None
            assert held.held == order.price * Decimal("0.001")
            await order.cancel()
            assert (await ended.next()).client_id == order.client_id
            done = await market.submit(MarketOrder(BTC, "buy", size="0.3"))
            assert (await ended.next()).status == "filled"
            first = await fills.next()
            assert (first.order_id, first.client_id) == (done.id, done.client_id)
            await same(sim, account)
            assert sum(fill.size for fill in account.fills.find(order_id=done.id)) == Decimal("0.3")
            assert account.fills.get(first.id) == first


async def test_what_happened_while_away_is_there_once(sim: serve, market: Market) -> None:
    async with market.account() as account:
        resting = [await market.submit(Limit(BTC, "sell", "0.01", await price(market, "1.5"))) for _ in range(3)]
        await same(sim, account)
        sim.faults.cut(VENUE, seconds=1.0)
        await account_is(account, State.STALE)
        sim.faults.resume(VENUE)
        await resting[0].cancel()
        await market.submit(MarketOrder(BTC, "buy", size="0.2"))
        await market.submit(MarketOrder(BTC, "sell", size="0.1"))
        await account_is(account, State.LIVE)
        await same(sim, account)
        assert len(account.orders.find(open=True)) == 2
        names = [type(event).__name__ for event in market._healths.ring]
        assert "Stale" in names
        assert "Resynced" in names


async def account_is(account: Account, state: State) -> None:
    async with asyncio.timeout(30):
        while account.state is not state:  # noqa: ASYNC110 - states are read, nothing wakes who waits for one
            await asyncio.sleep(0.01)


async def test_orders_that_are_there_are_known_with_their_fills(sim: serve, market: Market) -> None:
    resting = await market.submit(Limit(BTC, "buy", "0.01", await price(market, "0.5")))
    await market.submit(MarketOrder(BTC, "buy", size="0.1"))
    async with market.account() as account:
        assert [one.client_id for one in account.orders] == [resting.client_id]
        assert account.complete


@pytest.mark.parametrize(
    ("key", "secret", "error"), [("nobody", "x", NotPermitted), (SIMULATOR.key.reveal(), "wrong", SignatureRefused)]
)
async def test_a_refused_login_raises(
    sim: serve, market: Market, key: str, secret: str, error: type[Exception]
) -> None:
    market._connected[0].desk._credentials = Credentials.of(key, secret, source="a test")
    with pytest.raises(error) as refused:
        await market.account()
    assert secret not in str(refused.value)
    assert sim.tally.made.get("WS ws-api.binance.com/ws-api/v3", 1) == 1


async def test_words(market: Market) -> None:
    account = market.account()
    with pytest.raises(UsageError):
        await account.orders.wait("x")
    async with account:
        with pytest.raises(UsageError, match="orders have no 'colour'"):
            account.orders.find(colour="red")
        assert "live, 0 of 0 orders open" in repr(account)
        assert account.age < 60
        assert account.proof_age < 60
        assert account.unresolved == {}
    assert account.state is State.CLOSED
