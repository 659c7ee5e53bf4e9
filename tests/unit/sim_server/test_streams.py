"""The streams of both venues over real sockets, read by another library's client."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.unit.sim_server.rig import Client, Sides, Socket, best, change, clients, of

from tidebook import venues
from tidebook.sim.server import serve
from tidebook.venue import Seen

pytestmark = pytest.mark.asyncio

BINANCE_FACTS = {
    "trades": "btcusdt@trade",
    "agg_trades": "btcusdt@aggTrade",
    "quotes": "btcusdt@bookTicker",
    "bars": "btcusdt@kline_1m",
    "ticker": "btcusdt@ticker",
}
HTX_FACTS = {
    "trades": "market.btcusdt.trade.detail",
    "quotes": "market.btcusdt.bbo",
    "bars": "market.btcusdt.kline.1min",
    "ticker": "market.btcusdt.ticker",
}


async def test_changes_chain_and_the_snapshot_bridges() -> None:
    async with (
        serve(3, ["binance"]) as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket("/stream") as socket,
    ):
        await socket.say(method="SUBSCRIBE", params=["btcusdt@depth@100ms"], id=1)
        assert await socket.hear() == {"result": None, "id": 1}
        first = (await socket.until(lambda m: m.get("stream") == "btcusdt@depth@100ms"))["data"]
        book, last = await seeded(client, first["U"])
        held, is_bridged = [first], False
        for data in held + [m["data"] for m in await socket.some(15, lambda m: "stream" in m)]:
            if data["u"] <= last:  # the snapshot may be newer than several messages
                continue
            assert data["U"] == last + 1 or (data["U"] <= last + 1 <= data["u"] and not is_bridged)
            last, is_bridged = data["u"], True
            change(book, data["b"], data["a"])
        assert best(book, 1000) == best(of(sim.book_at("binance.spot", "BTC/USDT", last)), 1000)


async def seeded(client: Client, at_least: int) -> tuple[Sides, int]:
    """A snapshot that is not older than the first change."""
    while True:
        status, body, _ = await client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
        assert status == 200
        if body["lastUpdateId"] + 1 >= at_least:
            book: Sides = ({}, {})
            change(book, body["bids"], body["asks"])
            return book, body["lastUpdateId"]


async def test_what_is_remembered_is_what_the_exchange_has() -> None:
    async with (
        serve(3, ["binance"]) as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket("/ws/btcusdt@depth@100ms") as socket,
    ):
        await socket.some(10)
        whole = sim.exchange.book("binance.spot", "BTC/USDT")
        instrument = sim.exchange.instruments["BTC/USDT"]
        assert of(sim.book_at("binance.spot", "BTC/USDT", whole.update_id)) == tuple(
            {Decimal(instrument.price_text(price)): Decimal(instrument.size_text(size)) for price, size in side}
            for side in (whole.bids, whole.asks)
        )
        with pytest.raises(KeyError):
            sim.book_at("binance.spot", "BTC/USDT", whole.update_id + 1)


@pytest.mark.parametrize("levels", [150, 5])
async def test_windows_link_and_the_reply_is_one_of_their_links(levels: int) -> None:
    topic = f"market.btcusdt.mbp.{levels}"
    async with serve(3, ["htx"]) as sim, clients(sim.at, "htx.spot") as [client], client.socket("/feed") as socket:
        await socket.say(sub=topic, id="a")
        assert await socket.hear() == {"id": "a", "status": "ok", "subbed": topic}
        book, last = await requested(socket, topic)
        assert len(book[0]) == levels
        for _ in range(15):
            tick = (await socket.until(lambda m: "ch" in m))["tick"]
            assert tick["prevSeqNum"] == last
            last = tick["seqNum"]
            change(book, tick.get("bids", []), tick.get("asks", []))
            assert book == best(of(sim.book_at("htx.spot", "BTC/USDT", last)), levels)
        if levels == 5:
            assert any(("bids" in m["tick"]) != ("asks" in m["tick"]) for m in socket.seen if "ch" in m)


async def requested(socket: Socket, topic: str) -> tuple[Sides, int]:
    """A whole book by request, brought up to the last message that came; asked for again while it is too old."""
    while True:
        await socket.until(lambda m: "ch" in m)
        await socket.say(req=topic, id="b")
        reply = await socket.until(lambda m: "rep" in m)
        assert (reply["id"], reply["rep"], reply["status"]) == ("b", topic, "ok")
        pushes = [m["tick"] for m in socket.seen if "ch" in m]
        last = reply["data"]["seqNum"]
        if pushes[0]["prevSeqNum"] > last:
            continue
        book: Sides = ({}, {})
        change(book, reply["data"]["bids"], reply["data"]["asks"])
        for tick in pushes:
            if tick["seqNum"] > last:
                assert tick["prevSeqNum"] == last
                last = tick["seqNum"]
                change(book, tick.get("bids", []), tick.get("asks", []))
        return book, last


async def test_every_stream_of_facts_can_be_read() -> None:
    async with serve(3) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        async with binance.socket("/stream?streams=" + "/".join(BINANCE_FACTS.values())) as socket:
            for name, topic in BINANCE_FACTS.items():
                read_by("binance.spot", name, await raw(socket, "stream", topic), "BTCUSDT")
        async with htx.socket("/ws") as socket:
            for number, (name, topic) in enumerate(HTX_FACTS.items()):
                await socket.say(sub=topic, id=str(number))
                read_by("htx.spot", name, await raw(socket, "ch", topic), "btcusdt")


async def raw(socket: Socket, key: str, topic: str) -> bytes:
    return msgspec.json.encode(
        await socket.until(lambda m: m.get(key) == topic), enc_hook=lambda number: msgspec.Raw(str(number).encode())
    )


def read_by(venue: str, name: str, frame: bytes, id: str) -> None:
    channel = venues.named(venue).channel(name)
    assert channel is not None
    seen = Seen(venue, lambda text: "BTC/USDT" if text == id else text, 1)
    facts = channel.read(frame, seen)
    assert facts
    assert all(fact.symbol == "BTC/USDT" for fact in facts)


@pytest.mark.parametrize(
    ("venue", "door", "topic", "fields"),
    [
        ("binance.spot", "/ws/btcusdt@depth5", None, {"lastUpdateId", "bids", "asks"}),
        ("binance.spot", "/ws/btcusdt@depth20@100ms", None, {"lastUpdateId", "bids", "asks"}),
        ("binance.spot", "/ws/btcusdt@miniTicker", None, {"e", "E", "s", "c", "o", "h", "l", "v", "q"}),
        ("htx.spot", "/ws", "market.btcusdt.depth.step0", {"bids", "asks", "version", "ts"}),
        ("htx.spot", "/ws", "market.btcusdt.mbp.refresh.10", {"bids", "asks", "seqNum"}),
        ("htx.spot", "/ws", "market.btcusdt.detail",
         {"id", "low", "high", "open", "close", "vol", "amount", "version", "count"}),
    ],
)  # fmt: skip
async def test_further_streams(venue: str, door: str, topic: str | None, fields: set[str]) -> None:
    async with serve(3) as sim, clients(sim.at, venue) as [client], client.socket(door) as socket:
        if topic is not None:
            await socket.say(sub=topic, id="1")
            assert (await socket.hear())["subbed"] == topic
        for message in await socket.some(2, lambda m: "subbed" not in m):
            assert set(message.get("tick", message)) == fields


async def test_words_on_the_socket() -> None:
    async with serve(3) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        async with binance.socket("/ws") as socket:
            await socket.say(method="SUBSCRIBE", params=["nosuch@trade", "btcusdt@nosuch"], id="as text")
            assert await socket.hear() == {"result": None, "id": "as text"}
            await socket.say(method="UNSUBSCRIBE", params=["nosuch@trade"], id=7)
            assert await socket.hear() == {"result": None, "id": 7}
            await socket.say(method="LIST_SUBSCRIPTIONS", id=8)
            assert await socket.hear() == {"result": ["btcusdt@nosuch"], "id": 8}
            await socket.say(method="DANCE")
            assert (await socket.hear())["code"] == 2
        async with htx.socket("/ws") as socket:
            for topic in ("market.btcusdt.mbp.150", "market.nosuch.bbo", "market.btcusdt.nosuch"):
                await socket.say(sub=topic, id="x")
                answer = await socket.hear()
                assert (answer["status"], answer["err-code"], answer["id"]) == ("error", "bad-request", "x")
                assert topic in answer["err-msg"]
            await socket.say(sub="market.btcusdt.bbo", id="y")
            await socket.until(lambda m: "ch" in m)
            await socket.say(unsub="market.btcusdt.bbo", id="z")
            assert (await socket.until(lambda m: "ch" not in m))["unsubbed"] == "market.btcusdt.bbo"


async def test_too_many_words_end_it() -> None:
    async with serve(3) as sim, clients(sim.at, "binance.spot") as [client], client.socket("/ws") as socket:
        for number in range(20):
            await socket.say(method="LIST_SUBSCRIPTIONS", id=number)
        while await socket.hear() is not None:
            pass
        assert socket.ws.close_code == 1008


async def test_too_many_topics_are_refused() -> None:
    async with serve(3) as sim, clients(sim.at, "binance.spot") as [client], client.socket("/ws") as socket:
        await socket.say(method="SUBSCRIBE", params=[f"x{number}@trade" for number in range(1025)], id=1)
        assert (await socket.hear())["code"] == 2


async def test_a_bar_is_made_of_the_trades() -> None:
    """The bar of a second that is closed holds what the trades of that second say."""
    async with (
        serve(3, ["binance"], speed=5.0) as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket("/stream?streams=btcusdt@trade/btcusdt@kline_1s") as socket,
    ):
        await socket.until(lambda m: m["data"].get("k", {}).get("x"))
        bar = (await socket.until(lambda m: m["data"].get("k", {}).get("x")))["data"]["k"]
        trades = [m["data"] for m in socket.seen if m["data"]["e"] == "trade"]
        inside = [one for one in trades if bar["t"] <= one["T"] <= bar["T"]]
        assert bar["n"] == len(inside)
        assert Decimal(bar["v"]) == sum(Decimal(one["q"]) for one in inside)


WALL = {"E", "T", "ts"}


def plain(value: Any) -> Any:
    """Without what the clock of this machine says."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in WALL}
    return value


async def test_a_seed_is_a_market() -> None:
    async def messages(seed: int) -> list[Any]:
        async with (
            serve(seed, ["binance"]) as sim,
            clients(sim.at, "binance.spot") as [client],
            client.socket("/stream?streams=btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker") as socket,
        ):
            return [plain(message) for message in await socket.some(100)]

    first, again, other = await messages(5), await messages(5), await messages(6)
    assert first == again
    assert first != other
