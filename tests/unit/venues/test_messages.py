"""What is said on sockets that take orders, and what their answers are, by the documents' own texts."""

import json

import pytest

from tidebook.core.effects import Request
from tidebook.core.sign import Stamp
from tidebook.core.talk import OrderSocket
from tidebook.errors import DecodeError
from tidebook.model.credentials import SIMULATOR
from tidebook.venues import okx
from tidebook.venues.okx.sign import SIGN

AT = Stamp(1_790_000_000_123_456_789, 0, bytes(16))
ORDER = b'{"instIdCode":10458,"tdMode":"cash","side":"buy","ordType":"market","sz":"100"}'


@pytest.fixture
def socket() -> OrderSocket:
    trading = okx.OKX.trading
    assert trading is not None
    assert trading.socket is not None
    return trading.socket


def post(path: str, message: bytes) -> Request:
    return Request("POST", f"https://www.okx.com/api/v5/trade/{path}", body=b'{"instId":"BTC-USDT"}', message=message)


@pytest.mark.parametrize("op", ["order", "amend-order"])
def test_okx_an_order_has_its_number_and_is_to_be_done_within_the_window(socket: OrderSocket, op: str) -> None:
    request = post(op, ORDER)
    assert socket.name(request) == op
    said = socket.say(op, request, "7", SIGN, SIMULATOR, AT).reveal()
    assert json.loads(said) == {"id": "7", "op": op, "args": [json.loads(ORDER)], "expTime": "1790000030123"}


def test_okx_a_cancellation_is_always_in_time(socket: OrderSocket) -> None:
    request = post("cancel-order", b'{"instIdCode":10458,"ordId":"1"}')
    assert socket.name(request) == "cancel-order"
    said = socket.say("cancel-order", request, "8", SIGN, SIMULATOR, AT).reveal()
    assert said == '{"id":"8","op":"cancel-order","args":[{"instIdCode":10458,"ordId":"1"}]}'


def test_okx_what_has_no_number_or_no_message_goes_over_http(socket: OrderSocket) -> None:
    assert socket.name(post("order", b"")) is None
    assert socket.name(post("cancel-all-after", b"{}")) is None


def test_okx_an_answer_is_what_http_brings_and_what_has_no_id_is_none(socket: OrderSocket) -> None:
    frame = (
        b'{"id":"1512","op":"order","data":[{"clOrdId":"","ordId":"12345689","tag":"","ts":"1695190491421",'
        b'"sCode":"0","sMsg":"","subCode":""}],"code":"0","msg":"","inTime":"1695190491421339",'
        b'"outTime":"1695190491423240"}'
    )
    answer = socket.read(frame)
    assert answer is not None
    assert (answer.id, answer.reply.status, answer.reply.body) == ("1512", 200, frame)
    assert socket.read(b'{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"x"}') is None
    with pytest.raises(DecodeError):
        socket.read(b'{"id":7,"op":"order"}')
