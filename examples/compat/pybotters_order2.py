import asyncio
from tidebook.compat import pybotters

apis = {"bybit": ["...", "..."]}

async def main():
    async with pybotters.Client(apis=apis, base_url="https://api.bybit.com") as client:
        resp = await client.get("/v5/market/tickers", params={"category": "linear", "symbol": "BTCUSDT"})
        data = await resp.json()
        last = float(data["result"]["list"][0]["lastPrice"])
        resp = await client.post("/v5/order/create", data={
            "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit",
            "qty": "0.001", "price": str(round(last - 300)), "timeInForce": "GTC",
        })
        data = await resp.json()
        print(data)

asyncio.run(main())
