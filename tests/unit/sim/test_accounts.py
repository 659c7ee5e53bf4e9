"""Accounts against a slow obvious model: balances from the list of fills alone, holds from the list of open orders."""

from decimal import Decimal
from fractions import Fraction
from functools import partial
from random import Random

import pytest

from tidebook.core.private import Denied, Terms
from tidebook.sim.accounts import House
from tidebook.sim.exchange import Exchange
from tidebook.sim.matching import ASK, BID, Accepted, Event, Side, Tif, Trade
from tidebook.sim.records import Ask, Holding, Record
from tidebook.sim.reference import SECOND
from tidebook.sim.wallet import PLACES, Position, atoms, summed

SPOT, LINEAR = "BTC/USDT", "BTC/USDT:USDT"
START = {"USDT": "100000", "BTC": "1"}
SCALE = Fraction(10) ** PLACES


class World:
    """One exchange of two venues, an account at both, and all trades that ever were."""

    def __init__(self, seed: int, terms: Terms | None = None) -> None:
        self.exchange = Exchange(seed, ("s", "l"))
        self.house = House(self.exchange)
        self.house.funds.terms = {"s": terms or Terms(), "l": terms or Terms()}
        self.account = self.house.open("purse")
        self.trades: dict[tuple[str, int], Trade] = {}
        self.ours: set[tuple[str, int]] = set()
        for venue, symbol in (("s", SPOT), ("l", LINEAR)):
            self.exchange.listen(venue, partial(self._note, venue), symbol)
        for currency, amount in START.items():
            self.house.deposit(self.account, currency, atoms(amount))

    def _note(self, venue: str, symbol: str, event: Event) -> None:
        if type(event) is Trade:
            self.trades[venue, event.trade_id] = event
        elif type(event) is Accepted and event.owner is not None:
            self.ours.add((venue, event.order_id))

    def best(self, venue: str) -> tuple[int, int]:
        whole = self.exchange.book(venue, SPOT if venue == "s" else LINEAR, 1)
        return whole.bids[0][0], whole.asks[0][0]

    def act(self, draw: Random) -> None:
        """One command drawn from the seed, or time that passes."""
        venue = draw.choice("sl")
        symbol = SPOT if venue == "s" else LINEAR
        what = draw.random()
        open_ = [*self.account.open.values()]
        try:
            if what < 0.25:
                self.exchange.advance(self.exchange.now_ns + draw.randrange(SECOND))
                self.house.tend()
            elif what < 0.4 and open_:
                self.house.cancel(self.account, draw.choice(open_))
            elif what < 0.5 and open_:
                record = draw.choice(open_)
                bid, ask = self.best(record.venue)
                price = draw.choice([None, draw.randrange(bid - 50, ask + 50)])
                self.house.amend(self.account, record, record.filled + draw.randrange(1, 40_000), price)
            else:
                self.house.place(self.account, venue, symbol, self._drawn(draw, venue))
        except Denied:
            pass

    def _drawn(self, draw: Random, venue: str) -> Ask:
        bid, ask = self.best(venue)
        side: Side = BID if draw.random() < 0.5 else ASK
        quote = atoms(str(draw.randrange(1, 20_000))) if venue == "s" and draw.random() < 0.1 else None
        price = None if quote is not None or draw.random() < 0.3 else draw.randrange(bid - 100, ask + 100)
        tifs: tuple[Tif, ...] = ("gtc", "gtc", "ioc", "fok", "post_only")
        tif = draw.choice(tifs)
        reduce_only = venue == "l" and draw.random() < 0.3
        return Ask(side, draw.randrange(1, 40_000), price, quote, tif, "", reduce_only)


def lot(record: Record) -> Fraction:
    return Fraction(record.instrument.step)


def price_of(record: Record, ticks: int) -> Fraction:
    return Fraction(record.instrument.tick) * ticks


def cut(amount: Fraction, places: int = 8) -> Fraction:
    return Fraction(int(amount * 10**places), 10**places)


def slow(world: World) -> dict[str, Fraction]:
    """Balances from the deposits and the market's own trades, one after the other."""
    totals = {currency: Fraction(amount) for currency, amount in START.items()}
    held: dict[str, list[Fraction]] = {}  # of contracts: those that are open, one price each
    for record, fill in world.account.fills:
        trade = world.trades[record.venue, fill.trade]
        size, price = trade.size * lot(record), price_of(record, trade.price)
        maker = record.inner == trade.maker_id
        terms = world.house.funds.terms[record.venue]
        rate = Fraction(terms.maker if maker else terms.taker, 1_000_000)
        sign = 1 if record.ask.side == BID else -1
        if record.instrument.kind == "spot":
            totals["BTC"] += sign * size
            totals["USDT"] -= sign * size * price
            if sign > 0 and terms.fee_in == "received":
                totals["BTC"] -= cut(size * rate)
            else:
                totals["USDT"] -= cut(size * price * rate)
        else:
            totals["USDT"] -= cut(size * price * rate)
            held.setdefault("now", [Fraction(0), Fraction(0)])
            position, cost = held["now"]
            totals["USDT"] += _moved(held, position, cost, sign * size, price)
    return totals


def _moved(
    held: dict[str, list[Fraction]], position: Fraction, cost: Fraction, size: Fraction, price: Fraction
) -> Fraction:
    """What a fill realizes at the average price."""
    if position * size >= 0:
        held["now"] = [position + size, cost + size * price]
        return Fraction(0)
    closed = min(abs(size), abs(position))
    average, way = cost / position, 1 if position > 0 else -1
    left, over = position - way * closed, size + way * closed
    held["now"] = [left + over, left * average + over * price]
    return way * closed * (price - average)


def check(world: World, tolerance: Fraction) -> None:
    wallet = world.account.wallet
    assert summed(wallet.ledger) == wallet.totals
    for currency, total in slow(world).items():
        assert abs(Fraction(wallet.totals[currency]) / SCALE - total) <= tolerance, currency
    _check_holds(world)
    assert all(record.state == "open" for record in world.account.open.values())
    for record in world.account.records.values():
        order = world.exchange.order(record.venue, record.instrument.symbol, record.inner)
        assert (order is not None) == (record.state == "open"), record
        assert order is None or (order.left, order.price) == (record.left, record.price)
        assert record.filled == sum(fill.size for fill in record.fills)
    assert wallet.free("BTC") >= 0


def _check_holds(world: World) -> None:
    """Holds are those of the open orders and of the position."""
    wanted = {"USDT": Fraction(0), "BTC": Fraction(0)}
    position = world.account.positions.get(Holding("l", LINEAR), Position())
    for record in world.account.open.values():
        assert record.price is not None
        worth = record.left * lot(record) * price_of(record, record.price)
        if record.instrument.kind == "spot":
            if record.ask.side == ASK:
                wanted["BTC"] += record.left * lot(record)
            else:
                wanted["USDT"] += worth
        elif not record.ask.reduce_only:
            closes = 0 if position.lots * (1 if record.ask.side == BID else -1) >= 0 else abs(position.lots)
            wanted["USDT"] += worth * max(0, record.left - closes) / record.left / 10
    wanted["USDT"] += Fraction(position.cost) / SCALE / 10
    for currency, amount in wanted.items():
        assert abs(Fraction(world.account.wallet.holds.get(currency, 0)) / SCALE - amount) < Fraction(1, 10**18), (
            currency
        )


@pytest.mark.parametrize("seed", range(4))
def test_balances_and_holds_are_those_of_a_slow_model(seed: int) -> None:
    world, draw = World(seed), Random(seed)
    for number in range(120):
        world.act(draw)
        _check_holds(world)
        if number % 20 == 19:
            check(world, Fraction(1, 10**16))
    kinds = {record.instrument.kind for record, _ in world.account.fills}
    assert kinds == {"spot", "linear"}
    assert {record.state for record in world.account.records.values()} >= {"filled", "cancelled", "expired"}


def test_one_seed_and_one_sequence_of_commands_give_one_ledger() -> None:
    ledgers = []
    for _ in range(2):
        world, draw = World(11), Random(11)
        for _ in range(100):
            world.act(draw)
        ledgers.append(world.account.wallet.ledger)
    assert ledgers[0] == ledgers[1]
    assert len(ledgers[0]) > 100


def test_what_the_account_lost_others_got() -> None:
    """Of a spot symbol: base and quote of all trades sum to nothing but the fees."""
    world, draw = World(3), Random(3)
    for _ in range(80):
        world.act(draw)
    account = world.account
    ours = {number for venue, number in world.ours if venue == "s"}
    others = {"BTC": 0, "USDT": 0}
    for (venue, _), trade in world.trades.items():
        if venue != "s" or not {trade.maker_id, trade.taker_id} & ours:
            continue
        both = {trade.maker_id, trade.taker_id} <= ours
        taker_buys = trade.taker_side == BID
        we_buy = (trade.taker_id in ours) == taker_buys
        if not both:
            size = atoms(str(Decimal(trade.size) * Decimal("0.00001")))
            worth = atoms(str(Decimal(trade.size * trade.price) * Decimal("0.0000001")))
            others["BTC"] -= size if we_buy else -size
            others["USDT"] += worth if we_buy else -worth
    traded = {"BTC": 0, "USDT": 0}
    spot = {record.number for record in account.records.values() if record.venue == "s"}
    for entry in account.wallet.ledger:
        if entry.kind == "trade" and entry.order in spot:
            traded[entry.currency] += entry.amount
    step = world.exchange.instrument("s", SPOT)
    assert (step.step, step.tick) == ("0.00001", "0.01")
    assert traded == {currency: -amount for currency, amount in others.items()}


# ---- positions


def test_a_position_that_is_closed_leaves_nothing() -> None:
    one = Position()
    assert one.add(3, 1_000, 1) == 0
    assert one.add(-1, 400, 2) == 400 - 333
    assert one.add(-5, 2_000, 3) == 800 - 667
    assert (one.lots, one.cost, one.realized) == (-3, 1_200, 67 + 133)
    assert one.add(3, 900, 4) == 300
    assert (one.lots, one.cost, one.realized) == (0, 0, 500)


@pytest.fixture
def world() -> World:
    return World(1)


def place(world: World, venue: str, ask: Ask) -> Record:
    return world.house.place(world.account, venue, SPOT if venue == "s" else LINEAR, ask)


def test_a_clients_id_is_taken_for_ever_or_while_its_order_is_open(world: World) -> None:
    bid, _ = world.best("s")
    ask = Ask(BID, 10_000, bid // 2, client_id="one")
    first = place(world, "s", ask)
    with pytest.raises(Denied, match="duplicate"):
        place(world, "s", ask)
    world.house.cancel(world.account, first)
    with pytest.raises(Denied, match="duplicate"):
        place(world, "s", ask)
    world.house.funds.terms["s"] = Terms(ids="open")
    assert place(world, "s", ask).number != first.number


def test_open_orders_are_bounded(world: World) -> None:
    world.house.funds.terms["s"] = Terms(most_open=2)
    bid, _ = world.best("s")
    for _ in range(2):
        place(world, "s", Ask(BID, 10_000, bid // 2))
    with pytest.raises(Denied, match="too_many"):
        place(world, "s", Ask(BID, 10_000, bid // 2))


def test_what_only_closes_never_opens(world: World) -> None:
    with pytest.raises(Denied, match="reduce_only"):
        place(world, "l", Ask(ASK, 1_000, reduce_only=True))
    bought = place(world, "l", Ask(BID, 20))
    assert bought.state == "filled"
    _, ask = world.best("l")
    rests = place(world, "l", Ask(ASK, 1_000, ask * 2, reduce_only=True))
    assert (rests.size, rests.hold) == (20, 0)
    place(world, "l", Ask(ASK, 15))
    assert (rests.left, rests.state) == (5, "open")
    place(world, "l", Ask(ASK, 5))
    assert rests.state == "cancelled"
    assert world.account.positions[Holding("l", LINEAR)].lots == 0
    assert world.account.wallet.holds["USDT"] == 0


def test_nobody_spends_what_he_has_not(world: World) -> None:
    bid, _ = world.best("s")
    place(world, "s", Ask(ASK, 60_000, bid * 2))
    with pytest.raises(Denied, match="balance"):
        place(world, "s", Ask(ASK, 60_000, bid * 2))
    with pytest.raises(Denied, match="balance"):
        place(world, "s", Ask(ASK, 60_000))
    with pytest.raises(Denied, match="balance"):
        place(world, "s", Ask(BID, 0, quote=atoms("100001")))
    assert len(world.account.records) == 1


def test_a_quote_fee_is_held_with_the_cost() -> None:
    world = World(1, Terms(fee_in="quote", taker=2_000))
    bid, _ = world.best("s")
    record = place(world, "s", Ask(BID, 10_000, bid // 2))
    cost = Fraction(10_000) * lot(record) * price_of(record, bid // 2)
    assert Fraction(record.hold) / SCALE == cost * Fraction(1_002, 1_000)


def test_numbers_rise(world: World) -> None:
    bid, _ = world.best("s")
    for _ in range(3):
        place(world, "s", Ask(BID, 10_000, bid // 2))
    numbers = [*world.account.records]
    assert numbers == sorted(numbers)
    assert len({*numbers}) == 3


@pytest.mark.parametrize("waits", [False, True])
def test_what_cannot_be_changed_keeps_its_name(waits: bool) -> None:
    """Another size and another name at once, and no money for that size."""
    world = World(1)
    house, account, trigger = world.house, world.account, 10_000_000 if waits else None
    ask = Ask(BID, 100, world.best("s")[0] - 1000, client_id="first", trigger=trigger)
    record = house.place(account, "s", SPOT, ask)
    assert record.state == "open"
    with pytest.raises(Denied, match="balance"):
        house.amend(account, record, 10**9, None, "second")
    assert account.by_client == {"first": record}
    assert (record.ask.client_id, record.size) == ("first", 100)
    house.amend(account, record, 200, None, "second")
    assert account.by_client == {"second": record}
    assert (record.ask.client_id, record.size) == ("second", 200)
