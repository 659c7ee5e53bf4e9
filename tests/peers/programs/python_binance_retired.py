"""What python-binance still asks for and the venue has retired: the tickers of all markets, and listen keys."""

import asyncio
from importlib.metadata import version

import say
from binance import AsyncClient, BinanceSocketManager

PATIENCE = 5.0  # seconds; the stream tells every second


async def main() -> None:
    client = await AsyncClient.create("a key that nobody has", "a secret")
    try:
        manager = BinanceSocketManager(client, max_queue_size=10_000)
        # A market in which something happens.
        async with manager.trade_socket("BTCUSDT") as trades, manager.ticker_socket() as tickers:
            await trades.recv()
            try:
                message = await asyncio.wait_for(tickers.recv(), PATIENCE)
            except TimeoutError:
                say.failed("ticker_socket", TimeoutError(f"silent for {PATIENCE:g} s"))
            else:
                say.did("ticker_socket" if {one["e"] for one in message} == {"24hrTicker"} else f"{message}")
        try:
            await client.stream_get_listen_key()
        except Exception as error:
            say.failed("stream_get_listen_key", error)
    finally:
        await client.close_connection()


say.version(version("python-binance"))
asyncio.run(main())
