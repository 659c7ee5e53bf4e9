"""What the exchange has of an account, beside what a client knows of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tidebook.client.account import Account
from tidebook.client.market import Market
from tidebook.model.health import Undecodable
from tidebook.model.market import State
from tidebook.sim import serve
from tidebook.sim.wallet import text_of

EIGHT = Decimal("0.00000001")


def truth(sim: serve, venue: str, told: Collection[str]) -> dict[str, Any]:
    """Orders by client id, fills, what there is of each currency, what is held of each contract.

    What another client sent, and ended without a fill, while nobody was told, is not in it.
    """
    account = sim.account(venue)
    mine = [one for one in account.records.values() if one.venue == venue and one.state != "rejected"]
    orders = {
        one.ask.client_id: (one.state, Decimal(one.instrument.size_text(one.filled)))
        for one in mine if one.state == "open" or one.filled or one.ask.client_id in told
    }  # fmt: skip
    fills = Counter(
        (
            record.ask.client_id, Decimal(record.instrument.price_text(fill.price)),
            Decimal(record.instrument.size_text(fill.size)), Decimal(text_of(fill.fee)),
        )
        for record, fill in account.fills if record.venue == venue
    )  # fmt: skip
    totals = {name: Decimal(text_of(total)) for name, total in account.wallet.totals.items() if total}
    held = {
        (symbol, leg): Decimal(sim.exchange.instrument(name, symbol).size_text(abs(one.lots)))
        * (1 if one.lots > 0 else -1)
        for (name, symbol, leg), one in account.positions.items() if name == venue and one.lots
    }  # fmt: skip
    return {"orders": orders, "fills": fills, "totals": totals, "held": held}


def known(account: Account) -> dict[str, Any]:
    """The same as the client has it; each fill is there once."""
    assert len(account.fills) == len({(one.symbol, one.order_id, one.id) for one in account.fills})
    return {
        "orders": {one.client_id: (one.status, one.filled) for one in account.orders},
        "fills": Counter((one.client_id, one.price, one.size, one.fee) for one in account.fills),
        "totals": {one.currency: one.total for one in account.balances if one.total},
        "held": {(one.symbol, one.leg): one.size for one in account.positions if one.size},
    }


def names(account: Account) -> set[str]:
    return {one.client_id for one in account.orders}


def _beside(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What of the first is not in the second."""
    return {
        name: {key: found for key, found in rows.items() if other[name].get(key) != found}
        for name, rows in one.items() if rows != other[name]
    }  # fmt: skip


async def same(sim: serve, account: Account) -> None:
    """Wait until it is complete and knows what is true; the last difference is what fails."""

    def both() -> list[dict[str, Any]]:
        two = known(account), truth(sim, account.venue, names(account))
        if any(fill.fee is None for fill in account.fills):  # the venue tells of fees at the end of the day
            for one in two:
                one["fills"] = Counter(key[:3] for key in one["fills"].elements())
        for one in two:
            if account.venue == "binance.usdm":  # it tells of eight decimals, and cuts the others
                one["totals"] = {key: found.quantize(EIGHT, ROUND_DOWN) for key, found in one["totals"].items()}
            if account.venue == "alpaca":  # of dollars it tells what is free, to the cent; of some coins nothing
                one["totals"] = {"BTC": one["totals"].get("BTC")}
        return [*two]

    for _ in range(300):
        one, other = both()
        if account.complete and one == other:
            return
        await asyncio.sleep(0.05)
    one, other = both()
    assert one == other, f"known, and not true: {_beside(one, other)}; true, and not known: {_beside(other, one)}"
    assert account.complete


async def account_is(account: Account, state: State) -> None:
    async with asyncio.timeout(30):
        while account.state is not state:  # noqa: ASYNC110 - states are read, nothing wakes who waits for one
            await asyncio.sleep(0.01)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - nothing wakes who waits for it
            await asyncio.sleep(0.02)


def unread(market: Market) -> list[Undecodable]:
    """What the stream said and was not understood; all of it would be fetched, and nothing else would show it."""
    return [event for event in market._healths.ring if isinstance(event, Undecodable)]


async def price(market: Market, symbol: str, factor: str) -> str:
    """About that much of the best bid, on the grid."""
    instrument = (await market.fetch_instruments(symbol))[0]
    assert instrument.tick is not None
    best = (await market.fetch_book(symbol)).bids[0].price
    return f"{(best * Decimal(factor) // instrument.tick) * instrument.tick:f}"
