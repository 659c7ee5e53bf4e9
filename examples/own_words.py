"""The venue's own calls and topics. Without a network: tidebook sim -- python examples/own_words.py"""

import tidebook


async def main() -> None:
    async with tidebook.connect("binance.spot", "htx.spot") as market:
        binance, htx = market["binance"], market["htx"]
        reply = await binance.get("/api/v3/ticker/price", {"symbol": "BTCUSDT"})
        print(reply.data["price"], "used of the limit:", reply.headers["x-mbx-used-weight-1m"])
        async with binance.raw("btcusdt@miniTicker") as stream:
            for _ in range(2):
                print((await stream.next()).data)
        async with htx.raw({"sub": "market.btcusdt.detail", "id": "mine"}) as stream:
            for _ in range(3):
                message = await stream.next()
                print(message.received_ns, message.text[:100])


tidebook.run(main())
