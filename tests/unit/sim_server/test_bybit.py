"""Bybit's four markets as they are served: every call and every stream can be read, books are numbered by message."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.unit.sim_server.rig import GENEROUS, Sides, Socket, best, change, check_answer, of

from tidebook import connect, venues
from tidebook.client.book import Book
from tidebook.core.channel import NOUNS
from tidebook.core.effects import Request
from tidebook.core.options import Options
from tidebook.engine import Choice, available
from tidebook.model.facts import Instrument
from tidebook.sim.server import serve
from tidebook.venue import Question, Seen, Venue

pytestmark = pytest.mark.asyncio

NAMES = ("bybit.spot", "bybit.linear", "bybit.inverse", "bybit.option")
SYMBOLS = {"bybit.spot": "BTC/USDT", "bybit.linear": "BTC/USDT:USDT", "bybit.inverse": "BTC/USD:BTC"}
QUICK = Options(backoff_first=0.01, backoff_most=0.02, reopen_apart=0.0)


class Site:
    """One market at the served exchange, asked as its declaration says and by another library's client."""

    def __init__(self, venue: Venue, at: str, session: aiohttp.ClientSession) -> None:
        self.venue = venue
        self._at = at
        self._session = session
        self.listed: dict[str, Instrument] = {}

    async def load(self) -> "Site":
        call = self.venue.call("instruments")
        assert call is not None
        request: Request | None = call.request(Question())
        while request is not None:
            _, body = await self.get(request.url)
            self.listed |= {one.id: one for one in call.read(body, self.seen(), Question())}
            request = None if call.more is None else call.more(request, body)
        return self

    def seen(self) -> Seen:
        return Seen(self.venue.name, lambda id: self.listed[id].symbol, 1)

    @property
    def instrument(self) -> Instrument:
        """The one whose market is looked at: of options the first of BTC."""
        wanted = SYMBOLS.get(self.venue.name)
        return next(one for one in self.listed.values() if one.symbol == wanted or not wanted)

    async def get(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        headers = {"Host": parts.netloc}
        async with self._session.get(f"http://{self._at}{parts.path}?{parts.query}", headers=headers) as reply:
            return reply.status, await reply.read()

    @asynccontextmanager
    async def socket(self, *topics: str) -> AsyncIterator[Socket]:
        parts = urlsplit(self.venue.endpoints[0].url)
        url = f"ws://{self._at}{parts.path}"
        async with self._session.ws_connect(url, headers={"Host": parts.netloc}, max_msg_size=0) as ws:
            socket = Socket(ws)
            if topics:
                await socket.say(op="subscribe", args=[*topics], req_id="x")
                assert (await socket.until(lambda message: "topic" not in message))["success"] is True
            yield socket


@asynccontextmanager
async def site(name: str, speed: float = 1.0) -> AsyncIterator[tuple[serve, Site]]:
    """`speed` where something rare is waited for."""
    async with serve(3, [name], speed=speed) as sim, aiohttp.ClientSession() as session:
        yield sim, await Site(venues.named(name), sim.at, session).load()


def of_topic(message: Any) -> bool:
    return "topic" in message


async def raw(socket: Socket, topic: str) -> bytes:
    """The next message of a topic as it came."""
    async with asyncio.timeout(GENEROUS):
        while True:
            got = await socket.ws.receive()
            if got.type is aiohttp.WSMsgType.TEXT and json.loads(got.data).get("topic") == topic:
                return str(got.data).encode()


# ------------------------------------------------------------------------------------------------ calls


@pytest.mark.parametrize("name", NAMES)
async def test_every_call_can_be_read(name: str) -> None:
    option = name == "bybit.option"
    async with site(name, speed=30 if option else 1) as (_, one):
        id, symbol = one.instrument.id, one.instrument.symbol
        topic = "publicTrade.BTC" if option else f"publicTrade.{id}"
        if option:  # its market begins
            await one.get(f"https://api.bybit.com/v5/market/orderbook?category=option&symbol={id}")
        async with asyncio.timeout(GENEROUS), one.socket(topic) as socket:
            await socket.until(lambda message: of_topic(message) and message["data"][0]["s"] == id)
        for call in one.venue.calls:
            question = Question(id, limit=20 if call.most else None, interval="1m" if call.name == "bars" else None)
            status, body = await one.get(call.request(question).url)
            assert (status, json.loads(body)["retCode"]) == (200, 0), (call.name, body)
            found = call.read(body, one.seen(), question)
            if call.name == "book":
                assert b'"b":[[' in found
            elif call.name == "time":
                assert found > 0
            else:
                check_answer(found, call.name, name, symbol)


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_not_there_is_refused_in_the_venues_words(name: str) -> None:
    async with site(name) as (_, one):
        for call in one.venue.calls:
            if call.name not in ("instruments", "time", "tickers"):
                question = Question("NOSUCH", interval="1m" if call.name == "bars" else None)
                status, body = await one.get(call.request(question).url)
                assert status == 200
                if (name, call.name) == ("bybit.spot", "ticker"):
                    assert json.loads(body)["result"]["list"] == [], "spot says that there is none of it"
                else:
                    said = json.loads(body)
                    assert (said["retCode"], said["retMsg"]) == (10001, "params error: symbol invalid"), call.name


async def test_a_list_comes_in_pages() -> None:
    async with site("bybit.option") as (_, one):
        call = one.venue.call("instruments")
        assert call is not None
        assert call.more is not None
        request: Request | None = Request("GET", call.request(Question()).url.replace("limit=1000", "limit=20"))
        ids: list[str] = []
        pages = 0
        while request is not None:
            _, body = await one.get(request.url)
            page = [each.id for each in call.read(body, one.seen(), Question())]
            assert len(page) <= 20
            ids += page
            pages += 1
            request = call.more(request, body)
        assert pages == -(-len(one.listed) // 20) > 1
        assert ids == list(one.listed)
        _, body = await one.get("https://api.bybit.com/v5/market/instruments-info?category=option")
        assert {row["baseCoin"] for row in json.loads(body)["result"]["list"]} == {"BTC"}, "without a word it is BTC"


async def test_who_asks_too_often_is_shut_out() -> None:
    async with site("bybit.spot") as (_, one):
        said = [(0, b"")]
        for _ in range(40):  # 600 are allowed in five seconds
            said += await asyncio.gather(*(one.get("https://api.bybit.com/v5/market/time") for _ in range(50)))
            if said[-1][0] != 200:
                break
        status, body = said[-1]
        assert len(said) > 600
        assert status == 403
        assert b"access too frequent" in body


# ------------------------------------------------------------------------------------------------ streams


@pytest.mark.parametrize("name", NAMES)
async def test_every_stream_of_facts_can_be_read(name: str) -> None:
    """Thirty times as fast: liquidations are rare, and options are seldom traded."""
    async with site(name, speed=30) as (_, one):
        id, symbol = one.instrument.id, one.instrument.symbol
        for channel in one.venue.facts:
            topic = channel.topic(id, "1m" if channel.options else None)
            async with asyncio.timeout(GENEROUS), one.socket(topic) as socket:
                facts = channel.read(await raw(socket, topic), one.seen())
            kinds = {type(fact) for fact in facts}
            assert kinds == {NOUNS[noun] for noun in channel.nouns}
            if (name, channel.name) != ("bybit.option", "trades"):
                assert {fact.symbol for fact in facts} == {symbol}
            assert all(fact.symbol.startswith("BTC/") for fact in facts)


async def test_a_ticker_says_what_changed_and_what_is_delivered_has_no_funding() -> None:
    async with site("bybit.linear") as (_, one):
        dated = next(each for each in one.listed.values() if each.expiry_ns is not None)
        for id, rate in ((one.instrument.id, True), (dated.id, False)):
            async with asyncio.timeout(GENEROUS), one.socket(f"tickers.{id}") as socket:
                first = next((each for each in socket.seen if of_topic(each)), None) or await socket.until(of_topic)
                assert first["type"] == "snapshot"
                assert bool(first["data"]["fundingRate"]) is bool(first["data"]["nextFundingTime"]) is rate
                known = dict(first["data"])
                for message in await socket.some(5, of_topic):
                    assert message["type"] == "delta"
                    told = {key: value for key, value in message["data"].items() if key != "symbol"}
                    assert [key for key, value in told.items() if known[key] == value] == [], "only what changed"
                    known |= told


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_said_and_answered_on_a_connection(name: str) -> None:
    option = name == "bybit.option"
    async with site(name) as (_, one), one.socket() as socket:
        topic, wrong = one.venue.books[0].topic(one.instrument.id), "orderbook.7.BTCUSDT"

        async def ask(**message: Any) -> Any:
            await socket.say(**message)
            return await socket.until(lambda answer: "topic" not in answer)

        pong = await ask(req_id="100001", op="ping")
        if option:
            assert (pong["op"], len(pong["args"])) == ("pong", 1)
        else:
            assert pong == {"success": True, "ret_msg": "pong", "req_id": "100001", "op": "ping"}
        both = await ask(req_id="a", op="subscribe", args=[topic, wrong])
        if option:
            assert both["data"] == {"failTopics": [wrong], "successTopics": [topic]}
        else:
            assert both["success"] is False, "one bad topic refuses all"
            assert both["ret_msg"] == f"error:handler not found,topic:{wrong}"
            assert (await ask(req_id="b", op="subscribe", args=[topic]))["success"] is True
        left = await ask(req_id="c", op="unsubscribe", args=[topic])
        assert left["success"] is True


# ------------------------------------------------------------------------------------------------ books


def rebuilt(messages: Sequence[Any]) -> Sides:
    book: Sides = ({}, {})
    for message in messages:
        if message["type"] == "snapshot":
            book = ({}, {})
        change(book, message["data"]["b"], message["data"]["a"])
    return book


@pytest.mark.parametrize("depth", [50, 200])
@pytest.mark.parametrize("name", NAMES[:3])
async def test_numbers_count_the_messages_of_a_topic(name: str, depth: int) -> None:
    async with site(name) as (sim, one):
        topic = f"orderbook.{depth}.{one.instrument.id}"
        async with asyncio.timeout(GENEROUS), one.socket(topic) as socket:
            await socket.some(8, of_topic)
            heard = [each for each in socket.seen if of_topic(each)]
            assert [each["type"] for each in heard] == ["snapshot", *["delta"] * (len(heard) - 1)]
            assert all(after["data"]["u"] == before["data"]["u"] + 1 for before, after in pairwise(heard))
            last = heard[-1]["data"]
            true = of(sim.book_at(name, one.instrument.symbol, last["seq"]))
            assert rebuilt(heard) == best(true, depth), "just the best levels of both sides"
            async with one.socket(topic) as other:
                second = next((each for each in other.seen if of_topic(each)), None) or await other.until(of_topic)
                follows = await socket.until(lambda each: of_topic(each) and each["data"]["u"] > second["data"]["u"])
                assert second["type"] == "snapshot"
                assert follows["data"]["u"] == second["data"]["u"] + 1, "what is told first has the last one's number"


async def checked(sim: serve, one: Site, book: Book, topic: str) -> None:
    """A live book against the exchange's, at the number of a message that another client has heard too."""
    async with asyncio.timeout(GENEROUS), one.socket(topic) as socket:
        first = next((each for each in socket.seen if of_topic(each)), None) or await socket.until(of_topic)
        heard = {first["data"]["u"]: first["data"]["seq"]}
        whole = book.freeze()
        while whole.seq is None or whole.seq < min(heard):
            await book.next()
            whole = book.freeze()
        while whole.seq not in heard:
            data = (await socket.until(of_topic))["data"]
            heard[data["u"]] = data["seq"]
    true = best(of(sim.book_at(one.venue.name, one.instrument.symbol, heard[whole.seq])), 200)
    mine = [{level.price: level.size for level in side} for side in (whole.bids, whole.asks)]
    assert all(mine)
    assert mine == [dict([*side.items()][: len(mine[n])]) for n, side in enumerate(true)]
    assert [len(side) for side in mine] == [min(len(side), 100 if one.venue.kind == "option" else 200) for side in true]


@pytest.mark.parametrize("engine", available())
@pytest.mark.parametrize("name", NAMES)
async def test_a_book_is_live_and_live_again_after_a_cut_and_a_loss(name: str, engine: Choice) -> None:
    async with site(name, speed=10 if name == "bybit.option" else 1) as (sim, one):
        symbol, topic = one.instrument.symbol, one.venue.books[0].topic(one.instrument.id)
        async with (
            asyncio.timeout(GENEROUS), connect(name, at=sim.at, engine=engine, options=QUICK) as market,
            market.book(symbol, require="live") as book,
        ):  # fmt: skip
            await checked(sim, one, book, topic)
            async with market.health() as health:

                async def until(kind: str) -> list[str]:
                    names: list[str] = []
                    while kind not in names:
                        names.append(type(await health.next()).__name__)
                    return names

                sim.faults.drop(name, topic)
                assert "Gap" in await until("Resynced")
                await checked(sim, one, book, topic)
                sim.faults.cut(name)
                assert "Connected" in await until("Resynced")
                await checked(sim, one, book, topic)
                assert book.state == "live"


async def test_a_book_of_level_one_and_quotes_of_the_same_topic() -> None:
    async with (
        asyncio.timeout(GENEROUS), site("bybit.spot") as (sim, _), connect("bybit.spot", at=sim.at) as market,
        market.quotes("BTC/USDT") as quotes, market.book("BTC/USDT", kind="best", require="live") as book,
    ):  # fmt: skip
        await book.next()
        quote = await quotes.next()
        assert quote.bid < quote.ask
        assert len(book.bids) == len(book.asks) == 1
        assert market.stats.sockets == 2


async def test_an_exchanges_name_opens_all_four() -> None:
    async with asyncio.timeout(GENEROUS), serve(3, ["bybit"]) as sim, connect("bybit", at=sim.at) as market:
        rows = [one for one in await market.fetch_instruments() if one.base == "BTC" and one.quote != "EUR"]
        option = next(one for one in rows if one.kind == "option")
        assert {one.kind for one in rows} == {"spot", "linear", "inverse", "option"}
        for symbol in (*SYMBOLS.values(), option.symbol):
            async with market.book(symbol, require="live", timeout=GENEROUS) as book:
                assert book.venue == f"bybit.{next(one.kind for one in rows if one.symbol == symbol)}"
        inverse = next(one for one in rows if one.symbol == "BTC/USD:BTC")
        assert inverse.contract_size == 1
        assert option.contract_size is None
        assert (inverse.size_unit, option.size_unit) == ("contract", "BTC")
        async with market.greeks(option.symbol) as greeks, market.funding("BTC/USDT:USDT") as funding:
            assert (await greeks.next()).delta is not None
            assert not (await funding.next()).settled
        table = await market.fetch_funding("BTC/USDT:USDT", start="3d")
        assert [one.settled for one in table] == [*[True] * (len(table) - 1), False]
        assert len(table) >= 9


@pytest.mark.parametrize(("name", "id"), [("linear", "BTCUSDT"), ("inverse", "BTCUSD")])
async def test_open_interest_has_a_call_of_its_own(name: str, id: str) -> None:
    """Of its history the newest is all that is kept."""
    async with site(f"bybit.{name}") as (sim, one):
        asked = f"https://api.bybit.com/v5/market/open-interest?category={name}&symbol={id}"
        status, body = await one.get(f"{asked}&intervalTime=1h")
        result = json.loads(body)["result"]
        (row,) = result.pop("list")
        assert (status, result) == (200, {"symbol": id, "category": name, "nextPageCursor": ""})
        assert int(row["timestamp"]) % 3_600_000 == 0
        _, body = await one.get(f"https://api.bybit.com/v5/market/tickers?category={name}&symbol={id}")
        assert row["openInterest"] == json.loads(body)["result"]["list"][0]["openInterest"]
        _, body = await one.get(f"{asked}&intervalTime=2h")
        assert json.loads(body)["retCode"] == 10001
        assert not sim.tally.unanswered
