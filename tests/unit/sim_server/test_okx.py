"""OKX as it is served: all kinds at one address, books that chain and equal the exchange's, also after a cut."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.unit.client.stepping import until
from tests.unit.sim_server.rig import Sides, Socket, best, change, check_answer, of

from tidebook import connect, venues
from tidebook.core.channel import has
from tidebook.core.options import Options
from tidebook.engine import Choice, available
from tidebook.errors import UsageError
from tidebook.model.facts import Instrument
from tidebook.sim.server import serve
from tidebook.venue import Question, Seen

OKX = venues.named("okx")
GENEROUS = 60.0
SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"


class Site:
    """The venue at the served exchange, asked as its declaration says, by another library's client."""

    def __init__(self, at: str, session: aiohttp.ClientSession) -> None:
        self._at = at
        self._session = session
        self.listed: dict[str, Instrument] = {}

    async def get(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        address = f"http://{self._at}{parts.path}?{parts.query}"
        async with self._session.get(address, headers={"Host": parts.netloc}) as reply:
            return reply.status, await reply.read()

    async def ask(self, name: str, question: Question) -> Any:
        call = OKX.call(name)
        assert call is not None
        seen = Seen("okx", lambda id: self.listed[id].symbol, 1)
        found: Any = None
        for request in (call.request, *call.parts):
            status, body = await self.get(request(question).url)
            assert status == 200, body
            part = call.read(body, seen, question)
            found = part if found is None else [*found, *part]
        return found

    async def load(self) -> "Site":
        self.listed = {one.id: one for one in await self.ask("instruments", Question())}
        return self

    def of_kind(self, kind: str, *, ends: bool) -> Instrument:
        rows = (one for one in self.listed.values() if one.base == "BTC")
        return next(one for one in rows if one.kind == kind and (one.expiry_ns is not None) is ends)

    @asynccontextmanager
    async def socket(self, endpoint: str) -> AsyncIterator[Socket]:
        parts = urlsplit(OKX.endpoint(endpoint).url)
        address = f"ws://{self._at}{parts.path}"
        async with self._session.ws_connect(address, headers={"Host": parts.netloc}, max_msg_size=0) as ws:
            yield Socket(ws)


@asynccontextmanager
async def site(speed: float = 1.0) -> AsyncIterator[tuple[serve, Site]]:
    """`speed` where something rare is waited for."""
    async with asyncio.timeout(GENEROUS), serve(3, ["okx"], speed=speed) as sim, aiohttp.ClientSession() as session:
        yield sim, await Site(sim.at, session).load()


# ------------------------------------------------------------------------------------------------ calls


async def test_all_kinds_are_listed_under_ids_of_one_space() -> None:
    async with site() as (_, one):
        ids = {row.id: row for row in one.listed.values()}
        assert {row.kind for row in ids.values()} == {"spot", "linear", "inverse", "option"}
        assert ids["BTC-USDT"].symbol == SPOT
        swap, dollars = ids["BTC-USDT-SWAP"], ids["BTC-USD-SWAP"]
        assert (swap.symbol, str(swap.contract_size), swap.size_unit) == (SWAP, "0.01", "contract")
        assert (dollars.symbol, str(dollars.contract_size), dollars.settle) == ("BTC/USD:BTC", "100", "BTC")
        options = [row for row in ids.values() if row.kind == "option"]
        assert {row.settle for row in options} == {"BTC", "ETH"}, "those settled in dollars are not listed"
        assert len({row.symbol for row in ids.values()}) == len(ids)


async def test_every_call_can_be_read() -> None:
    async with site(speed=20) as (_, one):
        kinds = [("spot", False), ("linear", False), ("inverse", True), ("option", True)]
        for row in [one.of_kind(kind, ends=ends) for kind, ends in kinds]:
            for call in OKX.calls:
                noun = {"mark_price": "mark_prices", "funding_now": "funding"}.get(call.name, call.name)
                if call.name in ("instruments", "tickers", "time") or not has(row, noun):
                    continue
                question = Question(row.id, limit=20 if call.most else None, interval="1h" if noun == "bars" else None)
                found = await one.ask(call.name, question)
                if call.name == "book":
                    assert b'"seqId":' in found
                else:
                    check_answer(found, call.name, "okx", row.symbol, may_be_empty=call.name == "trades")


async def test_bars_of_a_range_are_the_newest_in_it_and_both_bounds_are_exclusive() -> None:
    async with site() as (_, one):
        hour = 3_600_000
        newest = (await one.ask("bars", Question("BTC-USDT", limit=3, interval="1h")))[-1].start_ns // 1_000_000
        start = newest - 10 * hour

        async def openings(path: str, **query: Any) -> list[int]:
            words = "&".join(f"{name}={value}" for name, value in query.items())
            status, body = await one.get(f"https://www.okx.com/api/v5/market/{path}?instId=BTC-USDT&bar=1H&{words}")
            assert status == 200
            return [(int(row[0]) - start) // hour for row in json.loads(body)["data"]]

        assert await openings("history-candles", before=start, after=start + 5 * hour) == [4, 3, 2, 1]
        assert await openings("history-candles", before=start, after=start + 5 * hour, limit=2) == [4, 3]
        assert await openings("candles", before=start - 1, limit=300) == [*range(10, -1, -1)]
        assert await openings("candles", after=start - 1440 * hour) == [], "it goes back 1440 bars"


async def test_a_range_that_brings_fewer_bars_than_there_may_be_is_refused() -> None:
    """Else it would read like the end of the market, and asking page after page would stop there."""
    call, hour, now_ns = OKX.call("bars"), 3_600 * 10**9, 1_790_000_000 * 10**9
    assert call is not None
    start_ns = now_ns - now_ns % hour - 100 * hour
    row = [str(start_ns // 10**6), *(["1"] * 8)]
    body = json.dumps({"code": "0", "msg": "", "data": [row]}).encode()
    seen = Seen("okx", str, now_ns)
    with pytest.raises(UsageError, match="1 bars of 1h where 10 could be"):
        call.read(body, seen, Question("BTC-USDT", 10, "1h", start_ns))
    for question in (
        Question("BTC-USDT", 10, "1h", start_ns, start_ns + 9 * hour),  # all of it was asked for
        Question("BTC-USDT", 1, "1h", start_ns),
        Question("BTC-USDT", 10, "1h", None, start_ns + hour),
    ):
        assert len(call.read(body, seen, question)) == 1


async def test_the_demo_is_the_same_at_its_own_hosts() -> None:
    async with asyncio.timeout(GENEROUS), serve(3, ["okx"]) as sim, connect("okx:demo", at=sim.at) as market:
        assert "wspap.okx.com" in sim.hosts
        assert len(await market.fetch_instruments("BTC/USDT")) == 1


async def test_what_is_not_there_is_refused_in_the_venues_words() -> None:
    async with site() as (_, one):
        for path, code in (
            ("public/instruments?instType=OPTION", "50014"),
            ("public/instruments?instType=MOON", "51000"),
            ("market/books?instId=BTC-MOON", "51001"),
            ("market/books?instId=BTC-USDT&sz=401", "51000"),
            ("market/candles?instId=BTC-USDT&bar=7m", "51000"),
            ("public/funding-rate?instId=BTC-USDT", "51001"),
            ("public/mark-price?instType=SWAP&instId=BTC-USDT", "51001"),
        ):
            assert json.loads((await one.get(f"https://www.okx.com/api/v5/{path}"))[1])["code"] == code, path


async def test_each_call_has_its_limit_for_itself() -> None:
    async with site() as (_, one):
        url = "https://www.okx.com/api/v5/public/time"
        found = [await one.get(url) for _ in range(25)]
        assert (429, "50011") in {(status, json.loads(body)["code"]) for status, body in found}
        assert (await one.get("https://www.okx.com/api/v5/public/instruments?instType=SWAP"))[0] == 200


# ------------------------------------------------------------------------------------------------ streams


async def test_topics_are_answered_each_for_itself_and_pings_are_words() -> None:
    async with site() as (_, one), one.socket("public") as socket:
        good = {"channel": "books", "instId": "BTC-USDT"}
        bad = [
            {"channel": "books", "instId": "BTC-MOON"},
            {"channel": "candle1m", "instId": "BTC-USDT"},  # it is at the other address
            {"channel": "books-l2-tbt", "instId": "BTC-USDT"},
        ]
        await socket.say(id="7", op="subscribe", args=[good, *bad])
        answers = await socket.some(4, lambda message: "event" in message)
        assert answers[0] == {"id": "7", "event": "subscribe", "arg": good}
        assert [(one["event"], one["code"]) for one in answers[1:]] == [
            ("error", "60018"), ("error", "60018"), ("error", "60011"),
        ]  # fmt: skip
        await socket.ws.send_str("ping")
        while (got := await socket.ws.receive()).data != "pong":
            assert got.type is aiohttp.WSMsgType.TEXT


@pytest.mark.parametrize("id", ["BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP"])
async def test_a_book_begins_whole_and_chains(id: str) -> None:
    async with site() as (sim, one), one.socket("public") as socket:
        await socket.say(op="subscribe", args=[{"channel": "books", "instId": id}])
        whole = await socket.until(lambda message: "data" in message)
        (first,) = whole["data"]
        assert (whole["action"], first["prevSeqId"]) == ("snapshot", -1)
        last, sides = first["seqId"], read(({}, {}), first)
        for message in await socket.some(20, lambda message: message.get("action") == "update"):
            (change,) = message["data"]
            assert change["prevSeqId"] == last
            last, sides = change["seqId"], read(sides, change)
            assert sides == best(of(sim.book_at("okx", one.listed[id].symbol, last)), 400)


def read(sides: Sides, message: Any) -> Sides:
    """Both sides with the rows of a message: price, size, and two more columns."""
    change(sides, *([row[:2] for row in message[side]] for side in ("bids", "asks")))
    return sides


# ------------------------------------------------------------------------------------------------ our client


@pytest.mark.parametrize("engine", available())
async def test_books_of_several_kinds_are_the_exchanges_before_and_after_a_cut(engine: Choice) -> None:
    quick = Options(backoff_first=0.01, backoff_most=0.05, reopen_apart=0.0)
    async with (
        asyncio.timeout(GENEROUS), serve(3, ["okx"]) as sim,
        connect("okx", at=sim.at, engine=engine, options=quick) as market,
        market.book(SPOT) as spot, market.book(SWAP) as swap, market.book("BTC/USD:BTC") as inverse,
    ):  # fmt: skip
        books = (spot, swap, inverse)
        for cut in (False, True):
            if cut:
                sim.faults.cut("okx", 0.5)
                await until(lambda: all(book.state == "stale" for book in books))
            await until(lambda: all(book.state == "live" for book in books))
            for book in books:
                for _ in range(5):
                    await book.next()
                frozen = book.freeze()
                assert frozen.seq is not None
                true = best(of(sim.book_at("okx", book.symbol, frozen.seq)), 400)
                assert (
                    {row.price: row.size for row in frozen.bids},
                    {row.price: row.size for row in frozen.asks},
                ) == true
