"""The venue's own words: what is sent, what is refused before anything is sent, what comes back."""

from decimal import Decimal

import pytest

from tidebook.client.market import Market, connect
from tidebook.client.raw import Param, RawMessage, request_of
from tidebook.errors import DecodeError, RateLimited, SubscriptionFailed, UnknownSymbol, UsageError
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
    bare = await market.get("/market/detail/merged", {"symbol": "btcusdt"}, venue="htx")
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


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("https://evil.example/api/v3/time", r"evil\.example is no host of binance\.spot"),
        ("http://api.binance.com/api/v3/time", "write https://"),
        ("https://user:secret@api.binance.com/api/v3/time", "without a user"),
        ("https://api.huobi.pro/v1/common/timestamp", "is no host of"),
        ("/api/v3/time bad", "neither a path nor a URL"),
        ("/api/v3/time#x", "neither a path nor a URL"),
    ],
)
def test_what_is_refused_before_it_is_sent(where: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        request_of(BINANCE, where, None)
    assert "secret" not in str(caught.value)


def test_parameters() -> None:
    given: dict[str, Param] = {"a": 1, "b": "x y&z", "c": Decimal("0.10"), "d": True, "e": None}
    assert (
        request_of(BINANCE, "api/v3/x", given).url == "https://api.binance.com/api/v3/x?a=1&b=x%20y%26z&c=0.10&d=true"
    )
    assert request_of(BINANCE, "/api/v3/x?q=1", {"a": 1}).url == "https://api.binance.com/api/v3/x?q=1&a=1"
    with pytest.raises(TypeError, match=r'price=0\.1 is a float\. Write "0\.1"'):
        request_of(BINANCE, "/x", {"price": 0.1})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="parameters are texts and numbers"):
        request_of(BINANCE, "/x", {"symbols": ["a"]})  # type: ignore[dict-item]


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
    async with market["htx"].raw("market.btcusdt.detail") as stream:
        message = await stream.next()
        assert message.data["ch"] == "market.btcusdt.detail"
    with pytest.raises(SubscriptionFailed, match=r"market\.nope\.detail: bad-request invalid topic"):
        await market["htx"].raw("market.nope.detail")


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
        connect("binance", at=sim.at) as market,
        market.quotes("BTC/USDT") as quotes,
        market.raw("btcusdt@bookTicker") as raw,
    ):
        quote, message = await quotes.next(), await raw.next()
        assert quote.symbol == "BTC/USDT"
        assert message.data["data"]["s"] == "BTCUSDT"
