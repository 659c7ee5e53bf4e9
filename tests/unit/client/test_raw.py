"""The venue's own words: what is sent, what is refused before anything is sent, what comes back."""

from collections.abc import Awaitable
from decimal import Decimal
from typing import Any

import pytest

from tidebook.client.market import Market, connect
from tidebook.client.raw import Param, RawMessage, RawStream, check_host, request_of
from tidebook.errors import DecodeError, RateLimited, SubscriptionFailed, UnknownSymbol, UsageError, VenueUnavailable
from tidebook.model.health import Connected
from tidebook.sim.server import serve
from tidebook.venues import named

BINANCE = named("binance.spot")


async def test_a_call_in_the_venues_words(market: Market) -> None:
    place = market["binance"]
    reply = await place.get("/api/v3/ticker/price", {"symbol": "BTCUSDT"})
    assert reply.status == 200
    assert reply.data["symbol"] == "BTCUSDT"
    assert int(reply.headers["x-mbx-used-weight-1m"]) > 0
    whole = await place.get("https://api.binance.com/api/v3/ticker/price?symbol=BTCUSDT")
    assert set(whole.data) == {"symbol", "price"}
    bare = await market.get("/market/detail/merged", {"symbol": "btcusdt"}, venue="htx.spot")
    assert isinstance(bare.data["tick"]["close"], Decimal)
    assert repr(bare).startswith("<RawReply htx.spot 200 {")


async def test_a_refusal_is_the_venues(market: Market, sim: serve) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        await market["binance"].get("/api/v3/ticker/price", {"symbol": "NOPE"})
    assert caught.value.code == "-1121"
    sim.faults.status(429, "binance", retry_after=1)
    with pytest.raises(RateLimited):
        await market["binance"].get("/api/v3/time")


async def test_which_venue_must_be_clear(market: Market) -> None:
    with pytest.raises(UsageError, match="say of which venue"):
        await market.get("/api/v3/time")
    with pytest.raises(UsageError, match=r"^evil\.example is no host of what is connected: binance.*Nothing was sent"):
        await market.get("https://evil.example/api/v3/account")
    with pytest.raises(UsageError, match="is no URL"):
        await market.get("https://[bad/x")
    with pytest.raises(UsageError, match="say of which venue"):
        await market.get(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="3 is not a place"):
        await market.get("/api/v3/time", venue=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("https://evil.example/api/v3/time", r"evil\.example is no host of binance\.spot"),
        ("http://api.binance.com/api/v3/time", "write https://"),
        ("https://", "'https://' has no host"),
        ("https://user:secret@api.binance.com/api/v3/time", "without a user"),
        ("https://api.huobi.pro/v1/common/timestamp", "is no host of"),
        ("/api/v3/time bad", "neither a path nor a URL"),
        ("/api/v3/time#x", "neither a path nor a URL"),
        ("/api/v3/time\x00", "neither a path nor a URL"),
        ("/api/v3/time\x7f", "neither a path nor a URL"),
        ("/api/v3/é", "neither a path nor a URL"),
        ("/api/v3/\ud800", "neither a path nor a URL"),
        ("/api\\v3", "neither a path nor a URL"),
        ("https://api.binance.com\\@evil.example/", "neither a path nor a URL"),
        ("https://[bad/x", "is no URL"),
        ("https://api.binance.com:99999/api/v3/time", "is no URL"),
        ("https://api.binance.com:abc/api/v3/time", "is no URL"),
        ("https://api.binance.com:8080/api/v3/time", r"binance\.spot has nothing at port 8080 of api\.binance\.com"),
        ("https://api.binance.com:0/api/v3/time", "has nothing at port 0"),
        ("https://api.binance.com:9443/api/v3/time", "has nothing at port 9443"),  # that of another host of its
        ("https://@api.binance.com/api/v3/time", "without a user"),
    ],
)
def test_what_is_refused_before_it_is_sent(where: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        request_of(BINANCE, where, None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("params", [{"a": "\ud800"}, {"\udfff": 1}])
def test_parameters_that_are_no_text(params: dict[str, Param]) -> None:
    with pytest.raises(UsageError, match="is no text"):
        request_of(BINANCE, "/api/v3/x", params)


def test_ports_that_are_declared() -> None:
    for where in ("https://api.binance.com:443/api/v3/time", "https://API.binance.com/api/v3/time"):
        assert request_of(BINANCE, where, None).url == where
    check_host(BINANCE, "wss://stream.binance.com:9443/ws", "wss")
    for url in ("wss://stream.binance.com:99999/ws", "wss://stream.binance.com:80/ws", "wss://[stream/ws"):
        with pytest.raises(UsageError):
            check_host(BINANCE, url, "wss")


def test_parameters() -> None:
    given: dict[str, Param] = {"a": 1, "b": "x y&z", "c": Decimal("0.10"), "d": True, "e": None}
    assert (
        request_of(BINANCE, "api/v3/x", given).url == "https://api.binance.com/api/v3/x?a=1&b=x%20y%26z&c=0.10&d=true"
    )
    assert request_of(BINANCE, "/api/v3/x?q=1", {"a": 1}).url == "https://api.binance.com/api/v3/x?q=1&a=1"
    with pytest.raises(TypeError, match=r'price=0\.1 is a float\. Write "0\.1"'):
        request_of(BINANCE, "/x", {"price": 0.1})
    with pytest.raises(TypeError, match="parameters are texts and numbers"):
        request_of(BINANCE, "/x", {"symbols": {"a": 1}})


def test_what_a_message_says() -> None:
    message = RawMessage("v", 1, b'{"a":1.10,"b":123456789012345678901234567890,"c":"x"}')
    assert message.data == {"a": Decimal("1.10"), "b": 123456789012345678901234567890, "c": "x"}
    assert str(message.data["a"]) == "1.10"
    assert message.text.startswith('{"a":1.10')
    with pytest.raises(DecodeError, match="not JSON"):
        _ = RawMessage("v", 1, b"hello").data
    with pytest.raises(DecodeError, match="not UTF-8"):
        _ = RawMessage("v", 1, b"\xff").text


async def test_a_topic_in_the_venues_words(market: Market, sim: serve) -> None:
    async with market["binance"].raw("btcusdt@miniTicker") as stream:
        assert stream.state == "open"
        first = await stream.next()
        assert first.data["stream"] == "btcusdt@miniTicker"
        assert first.data["data"]["s"] == "BTCUSDT"
        assert first.venue == "binance.spot"
        sim.faults.cut("binance")
        seen = [await stream.next() for _ in range(3)]  # subscribed again after the reconnect
        assert {one.data["stream"] for one in seen} == {"btcusdt@miniTicker"}
    assert stream.state == "closed"


async def test_compressed_topics_and_refusals(market: Market) -> None:
    async with market["htx.spot"].raw("market.btcusdt.detail") as stream:
        message = await stream.next()
        assert message.data["ch"] == "market.btcusdt.detail"
    with pytest.raises(SubscriptionFailed, match=r"market\.nope\.detail: bad-request invalid topic"):
        await market["htx.spot"].raw("market.nope.detail")


async def test_a_refusal_later_on_passes(market: Market) -> None:
    topic = "market.btcusdt.detail"
    async with market["htx.spot"].raw(topic) as stream:
        raw, one = stream._raw, market._venues("htx")[0]
        assert raw is not None
        one._driver.tell(lambda now: raw.refused(topic, "not acknowledged after 3 tries"))
        assert stream.state == "failed"
        one._driver.tell(lambda now: raw.confirmed(topic))
        assert stream.state == "open"
        for _ in range(3):
            assert (await stream.next()).data["ch"] == topic


async def test_a_venue_that_died_ends_it(sim: serve) -> None:
    market = await connect("htx.spot", at=sim.at)
    stream = await market.raw("market.btcusdt.detail")
    market._venues(None)[0]._driver.fail(RuntimeError("a bug"))
    with pytest.raises(VenueUnavailable, match="closed by a bug"):
        await _to_the_end(stream)
    with pytest.raises(RuntimeError):
        await market.close()


async def _to_the_end(stream: RawStream) -> None:
    async for _ in stream:
        pass


async def test_a_message_of_ones_own(market: Market) -> None:
    async with market["binance"].raw({"method": "SUBSCRIBE", "params": ["btcusdt@miniTicker"], "id": "mine"}) as stream:
        assert (await stream.next()).data == {"result": None, "id": "mine"}
        assert (await stream.next()).data["stream"] == "btcusdt@miniTicker"


async def test_another_address_of_the_venue(market: Market) -> None:
    url = "wss://stream.binance.com:9443/ws/btcusdt@miniTicker"
    async with market["binance"].raw(url=url) as stream:
        assert (await stream.next()).data["e"] == "24hrMiniTicker"
    with pytest.raises(UsageError, match="is no host of"):
        await market["binance"].raw(url="wss://evil.example/ws")
    with pytest.raises(UsageError, match="of which topic"):
        market["binance"].raw()
    with pytest.raises(UsageError, match="has no endpoint"):
        await market["binance"].raw("x", endpoint="nowhere")
    with pytest.raises(TypeError, match="is a float"):
        market["binance"].raw({"price": 0.1})


async def test_raw_beside_typed(sim: serve) -> None:
    """The same topic, raw and typed: each gets all of it."""
    async with (
        connect("binance.spot", at=sim.at) as market,
        market.quotes("BTC/USDT") as quotes,
        market.raw("btcusdt@bookTicker") as raw,
    ):
        quote, message = await quotes.next(), await raw.next()
        assert quote.symbol == "BTC/USDT"
        assert message.data["data"]["s"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("\ud800", "is no topic"),
        ("", "is no topic"),
        ("x" * 1025, "a topic of 1025 bytes"),
        ({"a": "\ud800"}, "is no message"),
    ],
)
async def test_what_cannot_be_said_is_refused_at_the_door(market: Market, what: Any, words: str) -> None:
    """A text that no message can hold once stopped the machine, and with it all of the venue."""
    with pytest.raises(UsageError, match=words):
        market["binance"].raw(what)
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(UsageError, match="is no message"):
        market["binance"].raw(deep)
    for bad in (b"x", {"a": object()}, {("a", 1): 1}):
        with pytest.raises(TypeError):
            market["binance"].raw(bad)  # type: ignore[arg-type]
    assert (await market["binance"].get("/api/v3/time")).status == 200


@pytest.mark.parametrize("text", ["\ud800", "", "\x00", "BTC/USDT\ud800"])
async def test_a_symbol_that_is_no_text_harms_nothing(market: Market, text: str) -> None:
    """What a user types reaches no message unless it is the name of something listed, or an interval that is known."""
    place = market["binance"]
    doors: list[Awaitable[object]] = [
        place.book(text), place.books(text), place.trades(text), place.quotes(text), place.bars(text),
        place.ticker(text), place.fetch_book(text), place.fetch_trades(text), place.fetch_ticker(text),
        place.fetch_bars(text), place.bars("BTC/USDT", text), place.fetch_bars("BTC/USDT", text),
    ]  # fmt: skip
    for door in doors:
        with pytest.raises(UsageError):
            await door
    assert (await place.get("/api/v3/time")).status == 200


async def test_topics_come_and_go_on_one_connection(market: Market, sim: serve) -> None:
    async with market["binance"].raw("btcusdt@miniTicker") as stream, market.health() as health:
        await stream.next()
        stream.add("ethusdt@miniTicker", "btcusdt@miniTicker")
        while (await stream.next()).data["stream"] != "ethusdt@miniTicker":
            pass
        stream.remove("btcusdt@miniTicker", "nope@miniTicker")
        sim.faults.cut("binance")  # and so it stays after a reconnect
        while not isinstance(await health.next(), Connected):
            pass
        while (message := await stream.next()).data["stream"] == "btcusdt@miniTicker":  # what was there before
            pass
        seen = {message.data["stream"], *[(await stream.next()).data["stream"] for _ in range(2)]}
        assert seen == {"ethusdt@miniTicker"}
        with pytest.raises(UsageError, match="is no topic"):
            stream.add("")
    with pytest.raises(UsageError, match="is closed"):
        stream.add("btcusdt@miniTicker")
