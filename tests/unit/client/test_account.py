"""An account at the embedded exchange, over real sockets: what the client knows is what the exchange has."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec import structs
from tests.unit.client.accounts import account_is, price, same, unread, until

import tidebook
from tidebook import Limit, MarketOrder
from tidebook.client import missed, traded
from tidebook.client.market import Market
from tidebook.client.symbols import Listing
from tidebook.core.channel import Seen
from tidebook.core.clock import SECOND
from tidebook.core.options import Options
from tidebook.core.trading import Told
from tidebook.errors import DecodeError, NoCredentials, NotPermitted, Overrun, SignatureRefused, UsageError
from tidebook.io.clock import now
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.model.health import SubscriptionFailed
from tidebook.model.market import State
from tidebook.sim import serve

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


async def test_what_happens_is_known(sim: serve, market: Market) -> None:
    async with market.account() as account:
        assert (account.state, account.complete, len(account.orders)) == (State.LIVE, True, 0)
        assert account.balances.get("BTC") is not None
        async with account.fills.watch() as fills, account.orders.watch(symbol=BTC, open=False) as ended:
            order = await market.submit(Limit(BTC, "buy", "0.001", await price(market, BTC, "0.5")))
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
        resting = [await market.submit(Limit(BTC, "sell", "0.01", await price(market, BTC, "1.5"))) for _ in range(3)]
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


@pytest.mark.parametrize("slept", [False, True])
async def test_what_a_connection_did_not_tell_that_was_dead_for_long(
    sim: serve, market: Market, monkeypatch: pytest.MonkeyPatch, slept: bool
) -> None:
    """It is found dead long after it was heard last; or the machine slept, of which one clock knows nothing."""
    monkeypatch.setattr(missed, "MARGIN_NS", 0)
    async with market.account() as account, tidebook.connect(VENUE, at=sim.at) as other:
        one, raw = account._one, account._raw
        assert one is not None
        assert raw is not None
        (session,) = [line.session for line in one.desk.lines if line.raw is raw]
        assert session is not None
        session.is_open = False  # nothing is heard of it any more, and that is not seen
        done = await other.submit(MarketOrder(BTC, "buy", size="0.1"))
        told_ns = max(fill.venue_ns or 0 for fill in await done.fills())
        await until(lambda: one.clock.wall_ns(now()) > told_ns + SECOND // 10)
        if slept:
            session.heard_ns = now().mono_ns
            account._apart_ns -= 60 * SECOND
        session.is_open = True
        one.renew_raw(raw, "nothing heard")
        await account_is(account, State.STALE)
        await account_is(account, State.LIVE)
        await same(sim, account)
        assert account.fills.find(order_id=done.id)


async def test_orders_that_are_there_are_known_with_their_fills(sim: serve, market: Market) -> None:
    resting = await market.submit(Limit(BTC, "buy", "0.01", await price(market, BTC, "0.5")))
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


async def test_who_reads_too_slowly_is_told_how_much_was_lost(sim: serve) -> None:
    options = Options(queue_items=3)
    async with (
        tidebook.connect(VENUE, at=sim.at, options=options) as market, market.account() as account,
        account.orders.watch() as changes,
    ):  # fmt: skip
        order = None
        for _ in range(3):
            order = await market.submit(Limit(BTC, "buy", "0.001", await price(market, BTC, "0.5")))
            await order.cancel()
        assert order is not None
        await account.orders.wait(order.client_id, open=False)
        read = [await changes.next() for _ in range(3)]
        assert len({one.client_id for one in read}) == 2
        with pytest.raises(Overrun) as lost:
            await changes.next()
        assert lost.value.lost == market.stats.lost == account.lost == 3
        await changes.close()
        assert market.stats.lost == 3
        await same(sim, account)


async def test_a_key_that_is_refused_later_ends_who_watches_and_who_waits(sim: serve, market: Market) -> None:
    async with market.account() as account, account.fills.watch() as fills:
        waiting = asyncio.ensure_future(account.orders.wait("never"))
        one = market._connected[0]
        one.desk._credentials = Credentials.of("gone", "x", source="a test")
        sim.faults.cut(VENUE)
        with pytest.raises(NotPermitted):
            await fills.next()
        with pytest.raises(NotPermitted):
            await waiting
        assert account.state is State.CLOSED
        with pytest.raises(NotPermitted):
            await account.orders.wait("never")


async def test_what_cannot_be_read_is_fetched(sim: serve, market: Market) -> None:
    """A venue that says something in a form that nobody has declared."""
    one = market._connected[0]
    stream = one.declared.account
    assert stream is not None

    def read(frame: bytes, seen: Seen) -> Sequence[Told]:
        raise DecodeError("malformed", "a test")

    one.declared = replace(one.declared, account=replace(stream, read=read))
    async with market.account() as account:
        await market.submit(MarketOrder(BTC, "buy", size="0.05"))
        await same(sim, account)
        assert account.fills.find()
    market._healths.ring.clear()


async def test_an_answer_that_is_none_is_asked_for_anew(sim: serve, market: Market) -> None:
    """A gateway's page, with HTTP 200: the next answer may be one."""
    async with market.account() as account:
        catching = account._missed
        assert catching is not None
        trading = catching._trading
        said: list[str] = []

        def page(body: bytes, seen: Seen, about: object) -> object:
            said.append("page")
            raise DecodeError("malformed", "<html>")

        act = trading.act("balances")
        assert act is not None
        broken = tuple(replace(one, read=page) if one is act else one for one in trading.acts)
        catching._trading = replace(trading, acts=broken)
        sim.faults.cut(VENUE)
        await until(lambda: bool(said))
        assert account.state is State.STALE
        catching._trading = trading
        await account_is(account, State.LIVE)
        await same(sim, account)


async def test_without_a_key_nothing_is_opened(sim: serve, market: Market) -> None:
    market._connected[0]._keys.credentials = None
    with pytest.raises(NoCredentials, match="binance account needs a key"):
        await market.account()


async def test_what_was_traded_is_asked_after_by_the_venues_clock(market: Market) -> None:
    """A machine whose clock is five minutes behind would else think that all had happened before."""
    async with market.account() as account:
        order = await market.submit(MarketOrder(BTC, "buy", size="0.01"))
        row = await account.orders.wait(order.client_id, open=False)
        known = account._missed
        assert known is not None
        assert row.venue_ns is not None
        known.since_ns = row.venue_ns - SECOND
        account._holdings._orders[BTC, row.id].order = structs.replace(row, received_ns=row.venue_ns - 300 * SECOND)
        assert known._symbols() == {BTC}
        known.since_ns += 3600 * SECOND
        assert known._symbols() == set()


async def test_what_is_listed_is_looked_at_as_long_as_an_account_is_open(sim: serve) -> None:
    """What another client trades that was not listed yet would have one name now and another one later."""
    async with tidebook.connect(VENUE, at=sim.at, options=Options(listing_every=0.05)) as market:
        asked = "GET api.binance.com/api/v3/exchangeInfo"
        async with market.account():
            before = sim.tally.made[asked]
            assert before
            await until(lambda: sim.tally.made[asked] > before)


async def test_what_is_refused_of_one_symbol_does_not_end_it(sim: serve, market: Market) -> None:
    """It is traded no more there, and our list is older: all others go on, and it is said what is missing."""
    one, eth = market._connected[0], "ETH/USDT"
    async with market.account() as account, tidebook.connect(VENUE, at=sim.at) as other:
        await market.submit(MarketOrder(eth, "buy", size="0.1"))
        await same(sim, account)
        (session,) = [line.session for line in one.desk.lines if line.raw is account._raw]
        assert session is not None
        assert account._raw is not None
        session.is_open = False  # nothing is heard of it any more, and that is not seen
        await other.submit(MarketOrder(BTC, "buy", size="0.1"))
        missing = await other.submit(MarketOrder(eth, "buy", size="0.2"))
        listing, listed = one._traded.listing, dict(one._traded.listing.by_symbol)
        listed[eth] = structs.replace(listed[eth], id="GONEUSDT")
        one._traded.listing = Listing.of(listing.venue, listed.values())
        session.is_open = True
        one.renew_raw(account._raw, "nothing heard")
        await account_is(account, State.STALE)
        await account_is(account, State.LIVE)
        assert account.fills.find(symbol=BTC)
        assert not account.complete
        failed = [event for event in market._healths.ring if isinstance(event, SubscriptionFailed)]
        assert [(event.symbol, event.topic) for event in failed] == [(eth, "account")]
        assert "fills are refused" in str(failed[0])
        one._traded.listing = listing
        account._look(("fills",))  # as after the next login
        await same(sim, account)
        assert account.fills.find(order_id=missing.id)


async def test_what_is_listed_later_keeps_its_rows(sim: serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows by the venue's id have the symbol once that is known, and no fill is told of by both names."""
    monkeypatch.setattr(traded, "FRESH_NS", 0)
    eth = "ETH/USDT"
    sim.delist(eth)
    async with (
        tidebook.connect(VENUE, at=sim.at) as market, market.account() as account, account.fills.watch() as fills,
    ):  # fmt: skip
        sim.relist(eth)
        async with tidebook.connect(VENUE, at=sim.at) as other:
            done = await other.submit(MarketOrder(eth, "buy", size="0.1"))
            first = await fills.next()
            assert (first.order_id, first.symbol) == (done.id, "ETHUSDT")
            await until(lambda: bool(account.fills.find(symbol=eth)))
            more = await other.submit(MarketOrder(eth, "buy", size="0.2"))
            await until(lambda: bool(account.orders.find(id=more.id, open=False)))
        await same(sim, account)
        assert {one.symbol for one in (*account.orders, *account.fills)} == {eth}
        told = [(first.order_id, first.id)]
        while len(told) < len(account.fills):
            one = await fills.next()
            told.append((one.order_id, one.id))
        assert len({*told}) == len(told)
