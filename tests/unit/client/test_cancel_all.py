"""All orders are cancelled, where it is done one by one or symbol by symbol too, and when one of them fails."""

import pytest

import tidebook
from tidebook import Limit, NetworkError
from tidebook.sim import serve

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("venue", "path", "symbols", "left"),
    [
        ("okx", "/api/v5/trade/cancel-order", ("BTC/USDT", "BTC/USDT", "BTC/USDT"), 1),
        ("binance.usdm", "/fapi/v1/allOpenOrders", ("BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USDT:USDT"), 2),
    ],
)
async def test_one_that_fails_keeps_no_other_open(venue: str, path: str, symbols: tuple[str, ...], left: int) -> None:
    async with serve(seed=7, venues=[venue]) as sim, tidebook.connect(venue, at=sim.at) as market:
        for symbol in symbols:
            tick = (await market.fetch_instruments(symbol))[0].tick
            assert tick is not None
            price = (await market.fetch_book(symbol)).bids[0].price // 2 // tick * tick
            await market.submit(Limit(symbol, "buy", size="0.1", price=price))
        assert len(await market.fetch_open_orders()) == 3
        sim.faults.order("read", venue, path)
        with pytest.raises(NetworkError):
            await market.cancel_all()
        assert [order.symbol for order in await market.fetch_open_orders()] == [symbols[0]] * left
        await market.cancel_all()
        assert len(await market.fetch_open_orders()) == 0
