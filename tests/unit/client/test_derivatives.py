"""Facts of derivatives over real sockets: several nouns by one topic, a topic of several instruments, what is asked."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from tests.unit.client.bourse import (
    FIRST,
    GENEROUS,
    HOUR,
    LINEAR,
    MIXED,
    channel,
    closing,
    perpetual,
    running,
    soon,
    traded,
)
from tests.unit.client.stepping import until

from tidebook.client.market import connect
from tidebook.core.options import Options
from tidebook.errors import NetworkError, SubscriptionFailed, UnknownSymbol, UsageError, VenueUnavailable
from tidebook.model.facts import Funding, MarkPrice, OpenInterest, Ticker
from tidebook.model.number import plain

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def whole(last: str, mark: str) -> list[dict[str, Any]]:
    """All that a ticker's first message says."""
    return [
        {"noun": "ticker", "id": "BTCUSDT", "last": last},
        {"noun": "mark_prices", "id": "BTCUSDT", "price": mark},
        {"noun": "funding", "id": "BTCUSDT", "rate": "0.0001", "funding_ns": FIRST, "settled": False},
        {"noun": "open_interest", "id": "BTCUSDT", "size": "100"},
    ]


async def test_several_nouns_are_one_subscription() -> None:
    async with asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse.linear", at=at) as market:
        async with market.ticker(BTC) as ticker, market.mark_prices(BTC) as marks, market.funding(BTC) as funding:
            assert bourse.subscribed == [("linear", "tickers.BTCUSDT")]
            assert market.stats.topics == market.stats.sockets == 1
            await bourse.push("tickers.BTCUSDT", *whole("60000", "60001.5"))
            found = await ticker.next(), await marks.next(), await funding.next()
            assert [type(one) for one in found] == [Ticker, MarkPrice, Funding]
            assert [plain(x) for x in (found[0].last, found[1].price, found[2].rate)] == ["60000", "60001.5", "0.0001"]
            await marks.close()
            await bourse.push("tickers.BTCUSDT", {"noun": "mark_prices", "id": "BTCUSDT", "price": "1"})
            await bourse.push("tickers.BTCUSDT", {"noun": "ticker", "id": "BTCUSDT", "last": "2"})
            assert (await ticker.next()).last == 2
            assert marks.latest() == found[1], "what is closed gets nothing more"
            async with market.open_interest(BTC) as interest:
                assert len(bourse.subscribed) == 1
                await bourse.push("tickers.BTCUSDT", {"noun": "open_interest", "id": "BTCUSDT", "size": "101"})
                one = await interest.next()
                assert isinstance(one, OpenInterest)
                assert one.size == 101
            assert bourse.left == []
        await until(lambda: bourse.left == [("linear", "tickers.BTCUSDT")])


async def test_what_is_not_said_again_is_remembered_until_the_connection_is_lost() -> None:
    quick = Options(backoff_first=0.01, backoff_most=0.02, reopen_apart=0.0)
    async with (
        asyncio.timeout(GENEROUS), running() as (bourse, at),
        connect("bourse.linear", at=at, options=quick) as market, market.mark_prices(BTC) as marks,
    ):  # fmt: skip
        push = partial(bourse.push, "tickers.BTCUSDT")
        await push({"noun": "mark_prices", "id": "BTCUSDT", "price": "60000", "index": "59999"})
        assert ((await marks.next()).index) == 59999
        await push({"noun": "mark_prices", "id": "BTCUSDT", "price": "60001"})
        one = await marks.next()
        assert (one.price, one.index) == (Decimal(60001), Decimal(59999))
        bourse.cut()
        await until(lambda: len(bourse.subscribed) == 2 and marks.state == "open")
        await push({"noun": "mark_prices", "id": "BTCUSDT", "price": "60002"})
        one = await marks.next()
        assert (one.price, one.index) == (Decimal(60002), None), "what was known of before is not said of now"


async def test_each_topic_remembers_for_itself() -> None:
    async with (
        asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse.linear", at=at) as market,
        market.mark_prices(BTC, ETH) as marks,
    ):  # fmt: skip
        await bourse.push("tickers.BTCUSDT", {"noun": "mark_prices", "id": "BTCUSDT", "price": "1", "index": "2"})
        await bourse.push("tickers.ETHUSDT", {"noun": "mark_prices", "id": "ETHUSDT", "price": "3"})
        found = [await marks.next(), await marks.next()]
        assert [(one.symbol, one.index) for one in found] == [(BTC, 2), (ETH, None)]


async def test_a_topic_of_several_instruments_gives_each_its_own() -> None:
    async with asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse.linear", at=at) as market:
        async with (
            market.liquidations(BTC) as one, market.liquidations(ETH) as other, market.liquidations("*") as every,
        ):  # fmt: skip
            assert bourse.subscribed == [("linear", "liquidations")]
            sold = [closing("BTCUSDT", "1"), closing("ETHUSDT", "2"), closing("BTCUSDT", "3"), closing("NEW", "4")]
            await bourse.push("liquidations", *sold)
            await bourse.push("liquidations", closing("LTCUSDT", "5", "buy"))
            assert [(await one.next()).size for _ in range(2)] == [1, 3]
            assert (await other.next()).size == 2
            found = [await every.next() for _ in range(4)]
            assert [f"{each.symbol[:3]} {each.size}" for each in found] == ["BTC 1", "ETH 2", "BTC 3", "LTC 5"]
            assert [each.position for each in found] == ["long", "long", "long", "short"]
            assert (one.lost, one.latest(ETH)) == (0, None)
            await one.close()
            assert bourse.left == []
            await bourse.push("liquidations", closing("ETHUSDT", "6"))
            assert (await other.next()).size == 6
        await until(lambda: bourse.left == [("linear", "liquidations")])


async def test_one_that_ends_ends_its_own_readers_alone() -> None:
    watchful = Options(listing_every=0.02)
    async with (
        asyncio.timeout(GENEROUS), running() as (bourse, at),
        connect("bourse.linear", at=at, options=watchful) as market,
        market.liquidations(BTC) as one, market.liquidations(ETH) as other, market.liquidations("*") as every,
        market.liquidations(BTC, ETH) as both,
    ):  # fmt: skip
        bourse.listing["linear"] = [row for row in bourse.listing["linear"] if row["symbol"] != BTC]
        with pytest.raises(UnknownSymbol, match="not traded any more"):
            await one.next()
        assert one.state == "failed"
        assert (other.state, every.state, both.state) == ("open", "open", "open")
        assert set(both.failed) == set(every.failed) == {BTC}  # type: ignore[attr-defined]
        await bourse.push("liquidations", closing("BTCUSDT", "1"), closing("ETHUSDT", "2"))
        for sub in (other, every, both):
            assert (await sub.next()).size == 2
        assert bourse.left == []
        bourse.listing["linear"].append(perpetual("BTC"))
        await until(lambda: market._venues(None)[0].listing.find(BTC) is not None)
        await soon()
        await bourse.push("liquidations", closing("BTCUSDT", "3"))
        assert (await every.next()).size == (await both.next()).size == 3


async def test_a_refusal_and_a_loss_are_told_to_each_noun() -> None:
    slow = Options(backoff_first=30.0, backoff_most=30.0)
    async with asyncio.timeout(GENEROUS), running() as (bourse, at):
        async with (
            connect("bourse.linear", at=at, options=slow) as market,
            market.ticker(BTC) as ticker, market.mark_prices(BTC) as marks,
        ):  # fmt: skip
            bourse.cut()
            await until(lambda: ticker.state == marks.state == "interrupted")
        bourse.refused["tickers.BTCUSDT"] = "not today"
        bourse.refused["liquidations"] = "not for you"
        async with connect("bourse.linear", at=at) as market:
            opening = [asyncio.ensure_future(noun(BTC)._enter()) for noun in (market.ticker, market.mark_prices)]
            for refused in await asyncio.gather(*opening, return_exceptions=True):
                assert isinstance(refused, SubscriptionFailed)
                assert "not today" in str(refused)
                assert refused.symbol == BTC
            with pytest.raises(SubscriptionFailed, match="liquidations: not for you") as caught:
                await market.liquidations(BTC, ETH)
            assert caught.value.symbol is None, "the topic is of no one symbol"


async def test_a_topic_of_one_noun_and_instrument_is_handed_over_as_before() -> None:
    """Nothing is looked at on the way: the stream calls the reader itself."""
    async with (
        asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse.linear", at=at) as market,
        market.trades(BTC) as trades,
    ):  # fmt: skip
        (shared,) = market._venues(None)[0]._shared.values()
        assert shared.stream.deliver == next(iter(shared.readers)).take
        await bourse.push("trades.BTCUSDT", traded("BTCUSDT", "1"), traded("BTCUSDT", "2"))
        assert [(await trades.next()).id for _ in range(2)] == ["1", "2"]


async def test_patterns_are_of_what_can_have_such_facts() -> None:
    """Dated contracts are not funded, spot markets have no marks; nobody is refused for having asked for all."""
    async with asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse", at=at) as market:
        async with market.funding("BTC*") as funding:
            assert {symbol for _, symbol in funding._inlets} == {BTC, "BTC/USD:BTC"}
        async with market.greeks("*") as greeks:
            assert len(greeks._inlets) == 4
            assert {topic for venue, topic in bourse.subscribed if venue == "option"} == {"options.BTC", "options.ETH"}
        async with market.trades("BTC*") as trades:
            lacking = set(trades.failed)  # type: ignore[attr-defined]
            assert lacking == {f"BTC/USDT:USDT-260327-{strike}-C" for strike in (70000, 80000)}
            assert trades.state == "open"
        for attempt, said in (
            (market.funding("BTC/USDT:USDT-260327"), "is a linear contract of bourse.linear: it has no funding"),
            (market.mark_prices("BTC/USDT"), "bourse.spot has no mark_prices"),
            (market["bourse.spot"].greeks("*"), "bourse.spot has no greeks"),
            (market.trades("BTC/USDT:USDT-260327-70000-C"), "bourse.option has no trades"),
        ):
            with pytest.raises(UsageError, match=said):
                await attempt


async def test_rates_of_funding_come_page_after_page() -> None:
    async with asyncio.timeout(GENEROUS), running() as (_, at), connect("bourse", at=at) as market:

        async def rates(**asked: Any) -> list[str]:
            return [plain(one.rate * 10_000) for one in await market.fetch_funding(BTC, **asked)]

        table = await market.fetch_funding(BTC)
        assert [one.settled for one in table] == [True] * 4 + [False]
        assert await rates(limit=6) == ["4", "5", "6", "7", "8", "9", "5000"]
        assert await rates(limit=2, end=FIRST + 40 * HOUR) == ["3", "4"]
        assert await rates(start=FIRST) == [*map(str, range(10)), "5000"]
        assert await rates(start=FIRST + 1, end=FIRST + 48 * HOUR, limit=3) == ["1", "2", "3"]
        assert await rates(start=FIRST + 1, end=FIRST + 48 * HOUR) == ["1", "2", "3", "4", "5"]
        with pytest.raises(UsageError, match="start is not before end"):
            await rates(start=FIRST, end=FIRST)
        assert [one.rate * 10_000 for one in await market.fetch_funding("BTC/USD:BTC")] == [6, 7, 8, 9]
        only = "bourse.inverse gives its newest 4 funding and no others: start not before 2026-01-03T00:00Z"
        with pytest.raises(UsageError, match=only):
            await market.fetch_funding("BTC/USD:BTC", start=FIRST)
        for symbol, said in (("BTC/USDT:USDT-260327", "it has no funding"), ("BTC/USDT", "it has no funding")):
            with pytest.raises(UsageError, match=said):
                await market.fetch_funding(symbol)
        assert table.to_dicts()[-1] == {
            "symbol": BTC, "timestamp": FIRST + 80 * HOUR, "rate": Decimal("0.5"), "settled": False, "interval": None,
            "mark": None, "venue": "bourse.linear",
        }  # fmt: skip
        assert repr(table) == "<Funding BTC/USDT:USDT, 5 rows>"


async def test_a_mark_and_what_is_open_are_asked_once() -> None:
    async with asyncio.timeout(GENEROUS), running() as (_, at), connect("bourse", at=at) as market:
        mark, interest = await market.fetch_mark_price(BTC), await market.fetch_open_interest(BTC)
        assert (mark.price, mark.index) == (Decimal("60000.5"), Decimal(60001))
        assert (mark.symbol, mark.venue) == (BTC, "bourse.linear")
        assert interest.size == Decimal("123.45")
        for ask in (market.fetch_mark_price, market.fetch_open_interest):
            with pytest.raises(UsageError, match=r"is a spot market of bourse\.spot: it has no"):
                await ask("BTC/USDT")
            with pytest.raises(UsageError, match=r"bourse\.inverse has no .* over REST"):
                await ask("BTC/USD:BTC")


async def test_instruments_say_what_they_are() -> None:
    async with asyncio.timeout(GENEROUS), running() as (_, at), connect("bourse", at=at) as market:
        rows = {row["symbol"]: row for row in (await market.fetch_instruments()).to_dicts()}
        assert len(rows) == 12
        option = rows["BTC/USDT:USDT-260327-70000-C"]
        assert (option["settle"], option["strike"], option["right"]) == ("USDT", 70000, "call")
        assert rows["BTC/USDT"]["expiry"] is None
        frame = (await market.fetch_instruments(kind="linear")).to_pandas()
        assert frame["expiry"].isna().sum() == 3
        assert frame.loc["BTC/USDT:USDT-260327", "expiry"].value == FIRST
        assert (await market.fetch_instruments("*-C")).to_arrow().column("strike").to_pylist() == [7e4, 8e4] * 2


async def test_how_many_are_kept_for_a_slow_reader() -> None:
    """The newest of each symbol of what is replaced by the next; of what is not, each."""
    async with (
        asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse.linear", at=at) as market,
        market.liquidations(BTC) as closed, market.mark_prices(BTC) as marks,
    ):  # fmt: skip
        await bourse.push("liquidations", *(closing("BTCUSDT", str(size)) for size in range(1, 6)))
        prices = ({"noun": "mark_prices", "id": "BTCUSDT", "price": str(price)} for price in range(1, 6))
        await bourse.push("tickers.BTCUSDT", *prices)
        await until(lambda: _newest(marks) == 5 and closed.latest() is not None)
        assert [(await closed.next()).size for _ in range(5)] == [1, 2, 3, 4, 5]
        assert (await marks.next()).price == 5


def _newest(marks: Any) -> object:
    return None if marks.latest() is None else marks.latest().price


async def test_two_channels_of_one_topic_are_refused() -> None:
    """One would read what is the other's; the reader that was first goes on."""
    both = replace(LINEAR, facts=(*LINEAR.facts, channel("quotes", lambda id, option: f"trades.{id}")))
    async with (
        asyncio.timeout(GENEROUS), running(both) as (bourse, at), connect("bourse", at=at) as market,
        market.trades(BTC) as trades,
    ):  # fmt: skip
        for _ in range(2):
            with pytest.raises(UsageError, match=r"trades\.BTCUSDT is open already, as trades"):
                await market.quotes(BTC)
        await bourse.push("trades.BTCUSDT", traded("BTCUSDT", "7"))
        assert (await trades.next()).id == "7"


async def test_a_list_that_is_several_questions_is_whole_or_not_there() -> None:
    async with asyncio.timeout(GENEROUS), running(MIXED) as (bourse, at):
        async with connect("bourse.mixed", at=at) as market:
            listed = [one.id for one in await market.fetch_instruments()]
            each = [row["id"] for name in ("spot", "linear", "option") for row in bourse.listing[name]]
            assert sorted(listed) == sorted(each)
            assert bourse.asked == [f"{name}/instruments" for name in ("spot", "linear", "option")]
        bourse.down.add("option")
        with pytest.raises((NetworkError, VenueUnavailable)):  # by how soon it was down
            await connect("bourse.mixed", at=at, timeout=0.1)


async def test_an_environment_is_told_by_its_header() -> None:
    async with asyncio.timeout(GENEROUS), running(MIXED) as (bourse, at):
        await (await connect("bourse.mixed", at=at)).close()
        assert bourse.demo == [None] * 3
        await (await connect("bourse.mixed:demo", at=at)).close()
        assert bourse.demo[3:] == ["1"] * 3


SAME = replace(
    LINEAR, facts=(*LINEAR.facts, channel("quotes", lambda id, option: f"book.{id}")),
)  # fmt: skip
BOTH: dict[str, Any] = {"bids": [["60000", "1"]], "asks": [["60001", "2"]]}


@pytest.mark.parametrize("book_first", [True, False])
async def test_a_book_and_a_stream_of_one_topic_are_on_two_connections(book_first: bool) -> None:
    """On one the reader of the one would take the messages of the other, and nobody would be told."""
    async with asyncio.timeout(GENEROUS), running(SAME) as (bourse, at), connect("bourse.linear", at=at) as market:
        quote = {"noun": "quotes", "id": "BTCUSDT", "bid": "1", "bid_size": "1", "ask": "2", "ask_size": "1"}

        async def pushing() -> None:
            while True:
                await bourse.push("book.BTCUSDT", quote, **BOTH)
                await asyncio.sleep(0.001)

        pushed = asyncio.ensure_future(pushing())
        book, quotes = market.book(BTC), market.quotes(BTC, slow="drop")
        try:
            for one in (book, quotes) if book_first else (quotes, book):
                await one._enter()
            assert (await quotes.next(timeout=None)).symbol == BTC
            await book.next(timeout=None)
            assert book.best_bid is not None
            assert market.stats.sockets == 2
        finally:
            pushed.cancel()
            await asyncio.gather(book.close(), quotes.close(), pushed, return_exceptions=True)
