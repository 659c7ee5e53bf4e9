"""The account of an exchange at several of its venues, over real sockets: one account to whoever reads it."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.served import Exchange, served
from tests.unit.client.accounts import account_is, price, until

import tidebook
from tidebook import Limit, MarketOrder
from tidebook.client.market import Market
from tidebook.core.intention import Intention
from tidebook.core.rules import Wish
from tidebook.errors import NoCredentials, NotPermitted, RegionRefused, SubscriptionFailed, UsageError
from tidebook.model.credentials import Credentials
from tidebook.model.market import State
from tidebook.model.orders import Balance

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with served("binance.spot", "binance.usdm", "bybit") as running:
        yield running


async def test_what_happens_at_each_venue_is_in_one_account(exchange: Exchange) -> None:
    """Binance has a wallet for each of these venues."""
    async with (
        tidebook.connect("binance.spot", "binance.usdm", at=exchange.at) as market,
        market.account() as account,
        account.orders.watch(open=True) as opened,
    ):
        assert (account.venue, account.state, account.complete) == ("binance", State.LIVE, True)
        sent = [
            await market.submit(Limit(symbol, "buy", "0.01", await price(market, symbol, "0.5")))
            for symbol in (SPOT, PERPETUAL)
        ]
        assert [(await opened.next()).client_id for _ in sent] == [order.client_id for order in sent]
        assert [one.symbol for one in account.orders] == [SPOT, PERPETUAL]
        assert account.orders.find(symbol=PERPETUAL) == [account.orders.get(sent[1].client_id)]
        bought = await market.submit(MarketOrder(PERPETUAL, "buy", size="0.01"))
        fill = await account.fills.wait(order_id=bought.id)
        assert account.fills.get(fill.id, symbol=PERPETUAL) == fill
        assert (await account.positions.wait(PERPETUAL)).size == Decimal("0.01")
        assert {row.venue for row in account.balances.find(currency="USDT")} == {"binance.spot", "binance.usdm"}
        with pytest.raises(UsageError, match=r"USDT is in the wallets of binance\.spot and binance\.usdm: find\("):
            account.balances.get("USDT")
        btc = account.balances.get("BTC")
        assert btc is not None
        assert btc.venue == "binance.spot"
        await market.cancel_all()


async def test_one_wallet_is_told_of_once(exchange: Exchange) -> None:
    """Bybit has one wallet for all its venues."""
    async with (
        tidebook.connect("bybit.spot", "bybit.linear", at=exchange.at) as market,
        market.account() as account,
        account.balances.watch(currency="USDT") as changes,
    ):
        told: list[Balance] = []
        changes.on(told.append)
        assert len({one.currency for one in account.balances}) == len(account.balances)
        before = account.balances.get("USDT")
        assert before is not None
        bought = await market.submit(MarketOrder(SPOT, "buy", size="0.01"))
        fills = await bought.fills()
        paid = sum((fill.price * fill.size for fill in fills), Decimal())
        await account.balances.wait("USDT", until=lambda row: row.total == before.total - paid)
        assert {row.venue for row in told} == {before.venue}


async def test_a_venue_that_refuses_is_named_and_the_others_go_on(exchange: Exchange) -> None:
    """The embedded exchange has no accounts at Bybit's two other venues."""
    async with tidebook.connect("bybit:testnet", "binance.spot", at=exchange.at) as market:
        with pytest.raises(UsageError, match=r"venue= one of bybit:testnet, binance\.spot$"):
            await market.account()
        async with market["bybit:testnet"].account() as account:
            assert (account.venue, account.state, account.complete) == ("bybit:testnet", State.LIVE, False)
            assert {*account.failed} == {"bybit.inverse", "bybit.option"}
            assert "without bybit.inverse and bybit.option" in repr(account)
            assert account.orders.find(symbol=SPOT) == []
            with pytest.raises(SubscriptionFailed, match=r"bybit\.inverse: order\.inverse: error"):
                account.orders.find(symbol="BTC/USD:BTC")
            with pytest.raises(SubscriptionFailed, match=r"bybit\.inverse"):  # None would say that nothing is held
                account.positions.get("BTC/USD:BTC")
            with pytest.raises(SubscriptionFailed, match=r"bybit\.inverse"):
                await account.positions.wait("BTC/USD:BTC", timeout=5)
            with pytest.raises(SubscriptionFailed, match=r"bybit\.inverse"):
                account.orders.get("1", symbol="BTC/USD:BTC")
            assert account.positions.get("BTC/USDT:USDT") is None
        async with market.account(venue="bybit.linear:testnet") as account:
            assert (account.venue, account.failed) == ("bybit.linear", {})


async def test_nothing_is_said_of_a_venue_that_never_told_what_it_lists(exchange: Exchange) -> None:
    """It refuses this address: that there is no position would be an invention."""
    exchange.do(lambda sim: sim.faults.status(451, "binance.usdm", n=1000))
    try:
        async with (
            tidebook.connect("binance.spot", "binance.usdm", at=exchange.at) as market,
            market.account() as account,
        ):
            assert {*account.failed} == {"binance.usdm"}
            assert account.orders.find(symbol=SPOT) == []
            assert account.positions.get(SPOT) is None
            with pytest.raises(RegionRefused):
                account.positions.get(PERPETUAL)
            with pytest.raises(RegionRefused):
                account.orders.find(symbol=PERPETUAL)
    finally:
        exchange.do(lambda sim: sim.faults.resume("binance.usdm"))


async def test_stale_at_one_venue_it_is_stale_and_live_again_after_it(exchange: Exchange) -> None:
    async with (
        tidebook.connect("binance.spot", "binance.usdm", at=exchange.at) as market,
        market.account() as account,
    ):
        exchange.do(lambda sim: sim.faults.cut("binance.usdm", 600))
        await account_is(account, State.STALE)
        assert not account.complete
        exchange.do(lambda sim: sim.faults.resume("binance.usdm"))
        await account_is(account, State.LIVE)
        await until(lambda: account.complete)


async def test_what_ends_it_at_one_venue_ends_it(exchange: Exchange) -> None:
    """Half an account that calls itself live would be worse than none."""
    async with tidebook.connect("binance.spot", "binance.usdm", at=exchange.at) as market:
        account = await market.account()
        waiting = asyncio.ensure_future(account.orders.wait("nobody's"))
        refuse(market, "binance.spot")
        exchange.do(lambda sim: sim.faults.cut("binance.spot"))
        with pytest.raises(NotPermitted):
            await waiting
        assert account.state is State.CLOSED
        with pytest.raises(NotPermitted):
            await account.positions.wait(PERPETUAL)
        await until(lambda: market.stats.sockets == 0)
        await account.close()


async def test_what_ends_it_at_one_venue_while_it_is_opened_is_raised(exchange: Exchange) -> None:
    """It was live at the first one already, and the second one's answer is awaited yet."""
    async with tidebook.connect("binance.spot", "binance.usdm", at=exchange.at) as market:
        await market.fetch_balances()
        account = market.account()
        exchange.do(lambda sim: sim.faults.order("late", "binance.usdm", "/fapi/v1/listenKey", seconds=20))
        opening = asyncio.ensure_future(account._enter())
        await until(lambda: account._parts is not None and account._parts._accounts[0].state is State.LIVE)
        assert not opening.done()
        refuse(market, "binance.spot")
        exchange.do(lambda sim: sim.faults.cut("binance.spot"))
        with pytest.raises(NotPermitted):
            await opening
        await until(lambda: market.stats.sockets == 0)
        assert market._things == set()


async def test_orders_of_a_venue_that_refuses_the_account_are_unresolved_too(exchange: Exchange) -> None:
    async with (
        tidebook.connect("bybit:testnet", at=exchange.at) as market,
        market.account() as account,
    ):
        (inverse,) = [one for one in market._connected if one.declared.name == "bybit.inverse"]
        wish = Wish(inverse.listing.by_symbol["BTC/USD:BTC"], "buy", "limit", "tb1", Decimal(1), price=Decimal(1))
        intents = inverse.private.intents
        unknown = Intention(wish, 1, intents.trading, state="unknown", why="a test")
        intents.unresolved["tb1"] = unknown
        assert account.unresolved == {"tb1": "buy 1 BTC/USD:BTC at 1: a test"}


async def test_refused_everywhere_it_says_why(exchange: Exchange) -> None:
    async with tidebook.connect("binance.spot", "binance.usdm", at=exchange.at) as market:
        refuse(market, "binance.spot", "binance.usdm")
        with pytest.raises(NotPermitted):
            await market.account()
        for one in market._connected:
            one._keys.credentials = None
        with pytest.raises(NoCredentials, match="binance account needs a key"):
            await market.account()
        assert market._things == set()


def refuse(market: Market, *venues: str) -> None:
    """Have the key refused there from now on."""
    nobody = Credentials.of("nobody", "x", source="a test")
    for one in market._connected:
        if one.declared.name in venues:
            one.desk._credentials = one._keys.credentials = nobody
