"""Many books, and whichever moved. Without a network: tidebook sim -- python examples/many_books.py"""

import tidebook


async def main() -> None:
    async with tidebook.connect("binance") as market, market.books("BTC/USDT", "*/BTC") as books:
        print(books)
        seen = 0
        async for book in books:
            print(f"{book.symbol:12} {book.best_bid} {book.best_ask} imbalance {book.imbalance(5):.2f}")
            seen += 1
            if seen == 10:
                break
        await books.add("ETH/USDT")
        await books.live()
        print(books["ETH/USDT"])


tidebook.run(main())
