"""Binance's derivatives and Binance.US as they are served: every call and every stream can be read, books chain."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.unit.sim_server.rig import Sides, Socket, best, change, check_answer, of
from tests.unit.sim_server.test_streams import raw

from tidebook import connect, venues
from tidebook.core.channel import NOUNS
from tidebook.engine import Choice, available
from tidebook.model.facts import Instrument
from tidebook.sim.server import serve
from tidebook.venue import Question, Seen, Venue

pytestmark = pytest.mark.asyncio

SYMBOLS = {
    "binance.usdm": "BTC/USDT:USDT",
    "binance.coinm": "BTC/USD:BTC",
    "binance.options": "",  # of a day, as it comes
    "binance_us.spot": "BTC/USD",
}
NAMES = tuple(SYMBOLS)
GENEROUS = 30.0


class Site:
    """One venue at the served exchange, asked as its declaration says and by another library's client."""

    def __init__(self, venue: Venue, at: str, session: aiohttp.ClientSession) -> None:
        self.venue = venue
        self._at = at
        self._session = session
        self.listed: dict[str, Instrument] = {}

    async def load(self) -> "Site":
        for one in await self.ask("instruments", Question()):
            self.listed[one.id] = one
        return self

    def seen(self) -> Seen:
        return Seen(self.venue.name, lambda id: self.listed[id].symbol, 1)

    @property
    def instrument(self) -> Instrument:
        wanted = SYMBOLS[self.venue.name]
        return next(one for one in self.listed.values() if one.symbol == wanted or not wanted)

    async def ask(self, name: str, question: Question) -> Any:
        call = self.venue.call(name)
        assert call is not None
        status, body = await self.get(call.request(question).url)
        assert status == 200, body
        return call.read(body, self.seen(), question)

    async def get(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        headers = {"Host": parts.netloc}
        async with self._session.get(f"http://{self._at}{parts.path}?{parts.query}", headers=headers) as reply:
            return reply.status, await reply.read()

    @asynccontextmanager
    async def at(self, host: str, path: str) -> AsyncIterator[Socket]:
        url = f"ws://{self._at}{path}"
        async with self._session.ws_connect(url, headers={"Host": host}, max_msg_size=0) as ws:
            yield Socket(ws)

    @asynccontextmanager
    async def socket(self, endpoint: str, *topics: str) -> AsyncIterator[Socket]:
        parts = urlsplit(self.venue.endpoint(endpoint).url)
        async with self.at(parts.netloc, parts.path) as socket:
            await socket.say(method="SUBSCRIBE", params=[*topics], id=1)
            assert await socket.until(lambda message: "id" in message) == {"result": None, "id": 1}
            yield socket


@asynccontextmanager
async def site(name: str, speed: float = 1.0) -> AsyncIterator[tuple[serve, Site]]:
    """`speed` where something rare is waited for."""
    async with serve(3, [name], speed=speed) as sim, aiohttp.ClientSession() as session:
        yield sim, await Site(venues.named(name), sim.at, session).load()


# ------------------------------------------------------------------------------------------------ calls


@pytest.mark.parametrize("name", NAMES)
async def test_the_limits_that_are_published_are_those_that_hold(name: str) -> None:
    async with site(name) as (_, one):
        call = one.venue.call("instruments")
        assert call is not None
        assert call.limits is not None
        _, body = await one.get(call.request(Question()).url)
        pool = next(pool for pool in one.venue.pools if pool.name == call.pool)
        assert call.limits(body) == {pool.name: pool.limit}


@pytest.mark.parametrize("name", NAMES)
async def test_every_call_can_be_read(name: str) -> None:
    async with site(name, speed=30 if name == "binance.options" else 1) as (_, one):
        id, symbol = one.instrument.id, one.instrument.symbol
        topic = "optionTrade" if name == "binance.options" else "aggTrade"
        endpoint = {"binance.usdm": "market", "binance.options": "public"}.get(name, "streams")
        async with asyncio.timeout(GENEROUS), one.socket(endpoint, f"{id.lower()}@{topic}") as socket:
            await socket.until(lambda message: "stream" in message)  # there are no trades before the clock begins
        for call in one.venue.calls:
            if (name, call.name) == ("binance_us.spot", "tickers"):
                continue  # as Binance's, of as many markets
            question = Question(id, limit=20 if call.most else None, interval="1m" if call.name == "bars" else None)
            found = await one.ask(call.name, question)
            if call.name == "book":
                assert b'"bids":[[' in found
            elif call.name == "time":
                assert found > 0
            else:
                check_answer(found, call.name, name, symbol)


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_not_there_is_refused_in_the_venues_words(name: str) -> None:
    async with site(name) as (_, one):
        for call in one.venue.calls:
            if call.name in ("instruments", "time", "tickers"):
                continue
            id = "BTC-261225-1-C" if name == "binance.options" else "NOSUCH"
            url = call.request(Question(id, interval="1m" if call.name == "bars" else None)).url
            status, body = await one.get(url)
            if status == 200:  # of all strikes of a day none is this one, and none was charged for
                assert (name, call.name) == ("binance.options", "open_interest")
                continue
            assert (status, body) == (400, b'{"code":-1121,"msg":"Invalid symbol."}'), call.name


async def test_a_depth_that_the_venue_does_not_take() -> None:
    async with site("binance.usdm") as (_, one):
        status, body = await one.get("https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=7")
        assert (status, body) == (400, b'{"code":-4021,"msg":"7 is not valid depth limit."}')


async def test_what_is_delivered_has_no_funding() -> None:
    for name, rate in (("binance.usdm", b'"lastFundingRate":""'), ("binance.coinm", b'"lastFundingRate":""')):
        async with site(name) as (_, one):
            dated = next(each for each in one.listed.values() if each.expiry_ns is not None)
            call = one.venue.call("mark_price")
            assert call is not None
            status, body = await one.get(call.request(Question(dated.id)).url)
            assert status == 200
            assert rate in body
            assert b'"nextFundingTime":0' in body


# ------------------------------------------------------------------------------------------------ streams


@pytest.mark.parametrize("name", NAMES)
async def test_every_stream_of_facts_can_be_read(name: str) -> None:
    """Thirty times as fast: what is open is told every minute, and liquidations are rare."""
    async with site(name, speed=30) as (_, one):
        id, symbol = one.instrument.id, one.instrument.symbol
        for channel in one.venue.facts:
            topic = channel.topic(id, "1m" if channel.options else None)
            async with asyncio.timeout(GENEROUS), one.socket(channel.endpoint, topic) as socket:
                facts = channel.read(await raw(socket, "stream", topic), one.seen())
            kinds = {type(fact) for fact in facts}
            assert kinds <= {NOUNS.get(noun, NOUNS["trades"]) for noun in channel.nouns}
            assert len(kinds) == len(channel.nouns)
            assert symbol in {fact.symbol for fact in facts}


@pytest.mark.parametrize(
    ("name", "endpoint", "topic"),
    [
        ("binance.usdm", "market", "btcusdt@depth@100ms"),
        ("binance.usdm", "public", "btcusdt@aggTrade"),
        ("binance.usdm", "public", "BTCUSDT@depth@100ms"),
    ],
)
async def test_a_stream_at_the_wrong_place_is_acknowledged_and_silent(name: str, endpoint: str, topic: str) -> None:
    right = {"market": "btcusdt@aggTrade", "public": "btcusdt@depth@100ms"}[endpoint]
    async with site(name) as (_, one), one.socket(endpoint, topic, right) as socket:
        async with asyncio.timeout(GENEROUS):
            heard = {message["stream"] for message in await socket.some(10, lambda message: "stream" in message)}
        assert heard == {right}


# ------------------------------------------------------------------------------------------------ books


@pytest.mark.parametrize("name", ["binance.usdm", "binance.coinm", "binance.options"])
async def test_changes_chain_by_what_was_before_and_the_snapshot_bridges(name: str) -> None:
    async with site(name, speed=10 if name == "binance.options" else 1) as (sim, one):
        id, symbol = one.instrument.id, one.instrument.symbol
        depth = one.venue.books[0]
        topic = depth.topic(id)
        async with asyncio.timeout(GENEROUS), one.socket(depth.endpoint, topic) as socket:
            held = [message["data"] for message in await socket.some(2, lambda message: "stream" in message)]
            book: Sides = ({}, {})
            whole: Any = {}
            last = -1
            while last < held[0]["U"]:  # a snapshot is older than the stream, that of options by seconds
                assert depth.rest is not None
                _, body = await one.get(depth.rest(id, None).request.url)
                whole = json.loads(body)
                last = whole["lastUpdateId"]
                await asyncio.sleep(0.1)
            change(book, whole["bids"], whole["asks"])
            held = [message["data"] for message in socket.seen if "stream" in message]
            held += [message["data"] for message in await socket.some(5, lambda message: "stream" in message)]
            for before, after in pairwise(held):
                assert after["pu"] == before["u"]
            for data in [data for data in held if data["u"] >= last]:
                assert data["U"] <= last <= data["u"] or data["pu"] == last
                last = data["u"]
                change(book, data["b"], data["a"])
        assert best(book, 100) == best(of(sim.book_at(name, symbol, last)), 100)
        assert all(Decimal(price) > 0 for price in book[0])


@pytest.mark.parametrize("engine", available())
async def test_the_books_of_all_markets_of_an_exchange_are_live(engine: Choice) -> None:
    async with serve(3, ["binance"]) as sim, connect("binance", at=sim.at, engine=engine) as market:
        option = next(one.symbol for one in await market.fetch_instruments() if one.kind == "option")
        for symbol in ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC", option):
            async with market.book(symbol, require="live", timeout=GENEROUS) as book:
                await book.next(timeout=GENEROUS)
                whole = book.freeze()
                last = whole.seq
                assert last is not None
                true = best(of(sim.book_at(book.venue, symbol, last)), 10)
                found = [{one.price: one.size for one in side[:10]} for side in (whole.bids, whole.asks)]
                assert found == [*true]


UNWRAPPED = [
    ("binance.usdm", "wss://fstream.binance.com/public/ws", "bookTicker"),
    ("binance.usdm", "wss://fstream.binance.com/market/ws", "markPrice@1s"),
    ("binance.coinm", "wss://dstream.binance.com/ws", "bookTicker"),
    ("binance.options", "wss://fstream.binance.com/public/ws", "bookTicker"),
    ("binance.options", "wss://fstream.binance.com/market/ws", "kline_1m"),
]


@pytest.mark.parametrize(("name", "url", "stream"), UNWRAPPED)
async def test_streams_also_come_unwrapped(name: str, url: str, stream: str) -> None:
    """By what is sent, and by the address itself: /public/ws/<stream>, as the documents of all three write it."""
    async with site(name) as (sim, one):
        topic, parts = f"{one.instrument.id.lower()}@{stream}", urlsplit(url)
        for path in (parts.path, f"{parts.path}/{topic}"):
            async with asyncio.timeout(GENEROUS), one.at(parts.netloc, path) as socket:
                if path == parts.path:
                    await socket.say(method="SUBSCRIBE", params=[topic], id=1)
                said = await socket.until(lambda message: "id" not in message)
                assert said["s"] == one.instrument.id
        assert not sim.tally.unanswered


# Streams that Tidebook does not read, and other clients do.
OTHERS = [
    ("binance.usdm", "public", "btcusdt@trade", {"e", "E", "T", "s", "t", "p", "q", "X", "m"}),
    ("binance.usdm", "market", "btcusdt_perpetual@continuousKline_1m", {"e", "E", "ps", "ct", "k"}),
    ("binance.coinm", "streams", "btcusd_perp@trade", {"e", "E", "T", "s", "t", "p", "q", "X", "m"}),
    ("binance.coinm", "streams", "btcusd_perpetual@continuousKline_1m", {"e", "E", "ps", "ct", "k"}),
    ("binance.coinm", "streams", "btcusd@indexPrice@1s", {"e", "E", "i", "p"}),
    ("binance.options", "market", "!index@arr", {"e", "E", "s", "p"}),
]


@pytest.mark.parametrize(("name", "endpoint", "topic", "keys"), OTHERS)
async def test_streams_that_others_read(name: str, endpoint: str, topic: str, keys: set[str]) -> None:
    async with site(name) as (sim, one), asyncio.timeout(GENEROUS), one.socket(endpoint, topic) as socket:
        data = (await socket.until(lambda message: "stream" in message))["data"]
        rows = data if isinstance(data, list) else [data]
        assert all(row.keys() == keys for row in rows)
        if topic == "!index@arr":
            assert sorted(row["s"] for row in rows) == sorted({f"{each.base}USDT" for each in one.listed.values()})
        if topic.endswith("@trade"):
            symbol = SYMBOLS[name]
            (sold,) = [each for each in sim.exchange.trades(name, symbol) if each.trade_id == data["t"]]
            assert data["p"] == sim.exchange.instrument(name, symbol).price_text(sold.price)


async def test_raw_trades_are_silent_where_the_venue_is() -> None:
    """They are undocumented, and come at /public alone."""
    async with site("binance.usdm") as (sim, one), one.socket("market", "btcusdt@trade"):
        assert sim.tally.unanswered == {"topic btcusdt@trade": 1}


@pytest.mark.parametrize(("name", "root", "pair"), [("binance.usdm", "f", "BTCUSDT"), ("binance.coinm", "d", "BTCUSD")])
async def test_continuous_bars_are_those_of_the_contract(name: str, root: str, pair: str) -> None:
    asked = f"limit=5&interval=1h&endTime={10**13}"
    async with site(name) as (_, one):
        host = f"https://{root}api.binance.com/{root}api/v1"
        for kind, id in (("PERPETUAL", one.instrument.id), ("CURRENT_QUARTER", None)):
            path = f"{host}/continuousKlines?pair={pair}&contractType={kind}&{asked}"
            status, body = await one.get(path)
            assert status == 200
            assert len(json.loads(body)) == 5
            if id is not None:
                _, same = await one.get(f"{host}/klines?symbol={id}&{asked}")
                assert [row[:5] for row in json.loads(same)][:-1] == [row[:5] for row in json.loads(body)][:-1]
        status, body = await one.get(f"{host}/continuousKlines?pair={pair}&contractType=NEXT_MONTH&{asked}")
        assert (status, json.loads(body)["code"]) == (400, -1121)


async def test_prices_have_a_second_version() -> None:
    async with site("binance.usdm") as (_, one):
        status, body = await one.get("https://fapi.binance.com/fapi/v2/ticker/price?symbol=BTCUSDT")
        assert (status, json.loads(body)["symbol"]) == (200, "BTCUSDT")
