"""What each venue's stream of an account says, in messages of the venues' documents: the rows that they mean."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

import tidebook.venues
from tidebook.core.channel import Seen
from tidebook.core.trading import Expired, Look
from tidebook.errors import DecodeError
from tidebook.model.orders import Balance, Fill, Order, Position
from tidebook.venues import every

SAMPLES: Final = Path(tidebook.venues.__file__).parent
SEEN: Final = Seen("x", lambda id: f"<{id}>", 7)

SAID: Final[list[tuple[str, str, list[type]]]] = [
    ("binance.spot", "binance/samples/executionReport.json", [Order]),
    ("binance.spot", "binance/samples/outboundAccountPosition.json", [Balance]),
    ("binance.spot", "binance/samples/ws_subscription.json", []),
    ("binance.usdm", "binance/futures/samples/ORDER_TRADE_UPDATE.json", [Order, Look]),
    ("binance.usdm", "binance/futures/samples/ACCOUNT_UPDATE.json", [Position, Look]),
    ("bybit.spot", "bybit/samples/private_order.json", [Order]),
    ("bybit.linear", "bybit/samples/private_execution.json", [Fill]),
    ("bybit.linear", "bybit/samples/private_position.json", [Position]),
    ("bybit.spot", "bybit/samples/private_wallet.json", [Balance]),
    ("bybit.spot", "bybit/samples/private_ack.json", []),
    ("bybit.spot", "bybit/samples/private_pong.json", []),
    ("okx", "okx/samples/orders.json", [Order]),
    ("okx", "okx/samples/account.json", [Balance]),
    ("okx", "okx/samples/positions.json", [Position]),
    ("okx", "okx/samples/private_subscribe.json", []),
    ("htx.spot", "htx/samples/orders_creation.json", [Order]),
    ("htx.spot", "htx/samples/orders_trade.json", [Order]),
    ("htx.spot", "htx/samples/orders_cancellation.json", [Order]),
    ("htx.spot", "htx/samples/trade_clearing.json", [Fill]),
    ("htx.spot", "htx/samples/accounts_update.json", [Balance]),
    ("htx.spot", "htx/samples/private_ping.json", []),
    ("alpaca", "alpaca/samples/trade_update.json", [Order, Look]),
    ("alpaca", "alpaca/samples/trade_fill.json", [Order, Look]),
    ("alpaca", "alpaca/samples/listening.json", []),
]


def read(venue: str, frame: bytes) -> list[Any]:
    account = every()[venue].account
    assert account is not None
    return [*account.read(frame, SEEN)]


LEGS: Final[list[tuple[str, str, list[tuple[str, str]]]]] = [
    (
        "binance.usdm",
        '{"e":"ACCOUNT_UPDATE","E":1564745798939,"T":1564745798938,"a":{"m":"ORDER","B":[],"P":['
        '{"s":"BTCUSDT","pa":"0","ep":"0.00000","bep":"0","cr":"200","up":"0","mt":"isolated","iw":"0","ps":"BOTH"},'
        '{"s":"BTCUSDT","pa":"20","ep":"6563.66500","bep":"0","cr":"0","up":"2850.21200","mt":"isolated",'
        '"iw":"13200.70726908","ps":"LONG"},'
        '{"s":"BTCUSDT","pa":"-10","ep":"6563.86000","bep":"6563.6","cr":"-45.04","up":"-1423.15600","mt":"isolated",'
        '"iw":"6570.42511771","ps":"SHORT"}]}}',
        [("net", "0"), ("long", "20"), ("short", "-10")],
    ),
    (
        "bybit.linear",
        '{"id":"1","topic":"position.linear","creationTime":1697682317044,"data":['
        '{"positionIdx":1,"symbol":"BTCUSDT","side":"Buy","size":"0.3","entryPrice":"28184.5","leverage":"10",'
        '"markPrice":"28184.5","unrealisedPnl":"0","liqPrice":"","updatedTime":"1697682317038"},'
        '{"positionIdx":2,"symbol":"BTCUSDT","side":"Sell","size":"0.2","entryPrice":"28184.5","leverage":"10",'
        '"markPrice":"28184.5","unrealisedPnl":"0","liqPrice":"","updatedTime":"1697682317038"}]}',
        [("long", "0.3"), ("short", "-0.2")],
    ),
    (
        "okx",
        '{"arg":{"channel":"positions","instType":"ANY","uid":"1"},"data":['
        '{"instId":"BTC-USDT-SWAP","instType":"SWAP","mgnMode":"cross","posSide":"long","pos":"3","lever":"10","markPx":"1","liqPx":"",'
        '"avgPx":"1","upl":"0","uTime":"1790000000000"},'
        '{"instId":"BTC-USDT-SWAP","instType":"SWAP","mgnMode":"cross","posSide":"short","pos":"2","lever":"10","markPx":"1","liqPx":"",'
        '"avgPx":"1","upl":"0","uTime":"1790000000000"}]}',
        [("long", "3"), ("short", "-2")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("venue", "frame", "legs"), LEGS, ids=[venue for venue, _, _ in LEGS])
def test_two_positions_of_a_contract_are_told_apart(venue: str, frame: str, legs: list[tuple[str, str]]) -> None:
    """The first is the venue's own example; the others are its documents' fields with invented values."""
    rows = [row for row in read(venue, frame.encode()) if isinstance(row, Position)]
    assert [(row.leg, str(row.size)) for row in rows] == legs
    assert all(row.entry for row in rows if row.size)
    assert all(row.entry is None for row in rows if not row.size)  # a price of 0 is none


@pytest.mark.parametrize(
    ("venue", "right", "wrong"),
    [("binance.usdm", '"LONG"', '"SIDEWAYS"'), ("bybit.linear", 'Idx":1', 'Idx":7'), ("okx", '"long"', '"up"')],
)
def test_a_leg_that_nobody_knows_is_an_error(venue: str, right: str, wrong: str) -> None:
    frame = next(frame for one, frame, _ in LEGS if one == venue)
    assert right in frame
    with pytest.raises(DecodeError):
        read(venue, frame.replace(right, wrong).encode())


def test_a_position_with_a_margin_of_its_own_is_another() -> None:
    frame = next(frame for one, frame, _ in LEGS if one == "okx")
    first, second = read("okx", frame.replace("cross", "isolated", 1).encode())
    assert (first.margin, second.margin) == ("isolated", "cross")
    with pytest.raises(DecodeError):
        read("okx", frame.replace("cross", "portfolio", 1).encode())


@pytest.mark.parametrize(("venue", "sample", "kinds"), SAID, ids=[f"{venue} {Path(at).stem}" for venue, at, _ in SAID])
def test_a_message_means_these_rows(venue: str, sample: str, kinds: list[type]) -> None:
    rows = read(venue, (SAMPLES / sample).read_bytes())
    assert [type(row) for row in rows][: len(kinds)] == kinds
    assert {type(row) for row in rows} == {*kinds}


def test_a_fill_of_spot_to_the_last_digit() -> None:
    frame = (
        b'{"subscriptionId":0,"event":{"e":"executionReport","E":1499405658658,"s":"ETHBTC","c":"mUvoqJxFIILMdfAW5iGSOW",'
        b'"S":"BUY","o":"LIMIT","f":"GTC","q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,'
        b'"C":"","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":4293153,"l":"0.40000000","z":"0.40000000",'
        b'"L":"0.10264410","n":"0.00040000","N":"ETH","T":1499405658657,"t":77,"v":3,"I":8641984,"w":true,"m":true,'
        b'"M":false,"O":1499405658000,"Z":"0.04105764","Y":"0.04105764","Q":"0.00000000","W":1499405658657,"V":"NONE"}}'
    )
    order, fill = read("binance.spot", frame)
    assert (order.id, order.status, str(order.filled), str(order.cost)) == (
        "4293153",
        "open",
        "0.40000000",
        "0.04105764",
    )
    assert (order.venue_ns, order.created_ns) == (1499405658657_000_000, 1499405658000_000_000)
    assert (fill.id, fill.order_id, str(fill.price), str(fill.size)) == ("77", "4293153", "0.10264410", "0.40000000")
    assert (str(fill.fee), fill.fee_currency, fill.maker, fill.symbol) == ("0.00040000", "ETH", True, "<ETHBTC>")


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ({"tgtCcy": "quote_ccy"}, None),
        ({"tgtCcy": ""}, None),  # a purchase is counted in quote currency where its client did not say
        ({"tgtCcy": "base_ccy"}, "100"),
        ({"tgtCcy": "", "side": "sell"}, "100"),
        ({"tgtCcy": "", "ordType": "limit", "px": "60000"}, "100"),
        ({"tgtCcy": "", "instId": "BTC-USDT-SWAP", "instType": "SWAP"}, "100"),
    ],
)
def test_an_order_of_okx_for_so_much_money_has_no_size(words: dict[str, str], size: str | None) -> None:
    frame = json.loads((SAMPLES / "okx/samples/orders.json").read_bytes())
    row = frame["data"][0]
    row |= {"instId": "BTC-USDT", "instType": "SPOT", "ordType": "market", "side": "buy", "px": "", "sz": "100"}
    row |= words
    (order,) = read("okx", json.dumps(frame).encode())[:1]
    assert isinstance(order, Order)
    assert (None if order.size is None else str(order.size)) == size


def test_a_cancelled_order_keeps_its_own_name() -> None:
    frame = (SAMPLES / "binance/samples/executionReport.json").read_bytes()
    told = frame.replace(b'"C":""', b'"C":"mine"').replace(b'"X":"NEW"', b'"X":"CANCELED"')
    assert told != frame
    (order,) = read("binance.spot", told)
    assert (order.client_id, order.status) == ("mine", "cancelled")


@pytest.mark.parametrize(
    ("venue", "frame"),
    [
        ("binance.spot", b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1728973001334}}'),
        ("binance.usdm", b'{"e":"listenKeyExpired","E":1736996475556,"listenKey":"x"}'),
    ],
)
def test_what_ends_a_stream_is_told(venue: str, frame: bytes) -> None:
    (row,) = read(venue, frame)
    assert isinstance(row, Expired)


@pytest.mark.parametrize("venue", [name for name, one in every().items() if one.account is not None])
def test_what_is_no_message_raises_nothing_else(venue: str) -> None:
    for frame in (b"", b"x", b"[]", b'{"event":{"e":"executionReport"}}', b'{"topic":"order","data":[{}]}'):
        try:
            read(venue, frame)
        except DecodeError:
            continue
