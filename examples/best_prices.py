"""The best bid and ask of one book, five times. Without a network: tidebook sim -- python examples/best_prices.py"""

import tidebook


async def main() -> None:
    async with tidebook.connect("binance") as market, market.book("BTC/USDT") as book:
        print(book)
        for _ in range(5):
            change = await book.next()
            print(change.last, book.best_bid, book.best_ask, f"spread {book.spread}")


tidebook.run(main())
