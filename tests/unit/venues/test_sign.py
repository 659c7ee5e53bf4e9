"""Each exchange's signatures: against formulas written down a second time, and what may not happen with any of them."""

import base64
import hashlib
import hmac
import json
import re
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook import venues
from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import Question
from tidebook.venues.binance.sign import scheme as binance
from tidebook.venues.bitbank.sign import by_nonce
from tidebook.venues.upbit.sign import scheme as upbit

CANARY = "CANARY7f3a"
PLAIN = Credentials.of(f"key{CANARY}", f"secret{CANARY}", f"pass{CANARY}", source="the test")
IN_BASE64 = Credentials.of(f"key{CANARY}", base64.b64encode(f"secret{CANARY}".encode()).decode(), source="the test")
WALLET = Credentials.of("0xabc", "0x" + "01" * 32, source="the test")
SEED = Credentials.of(f"key{CANARY}", base64.b64encode(bytes(range(32))).decode(), source="the test")
KEYS = {"kraken": IN_BASE64, "hyperliquid": WALLET, "coinbase": SEED}
STAMP = Stamp(1_700_000_000_250_000_000, 1_700_000_000_250, bytes(range(16)))

SCHEMES: dict[str, Scheme] = {
    info.name: import_module(f"{venues.__name__}.{info.name}.sign").SIGN
    for info in iter_modules(venues.__path__)
    if info.ispkg
}
every_scheme = pytest.mark.parametrize("name", sorted(SCHEMES))


def credentials(name: str) -> Credentials:
    return KEYS.get(name, PLAIN)


def request(name: str, *, method: str = "POST", query: str = "", body: bytes = b'{"a":"b"}') -> Request:
    path = "/0/private/X" if name == "kraken" else "/private/v1/x"
    if name == "hyperliquid":
        body = b'{"action":{"type":"x","n":1}}'
    return Request(method, f"https://venue.invalid{path}{'?' if query else ''}{query}", {}, body)


def said(one: Request) -> dict[str, str]:
    """All that goes out of it."""
    found = {name: value.reveal() for name, value in one.secrets.items()}
    return {
        **one.headers,
        **found,
        "url": one.url,
        "body": one.body.decode(),
        "signed": (one.signed or Secret("")).reveal(),
    }


# ------------------------------------------------------------------------------------------------ a second time


def sha256_hex(key: Credentials, text: str) -> str:
    return hmac.new(key.secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()


def sha256_base64(key: Credentials, text: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256_hex(key, text))).decode()


def gate(key: Credentials, one: Mapping[str, str]) -> str:
    body = hashlib.sha512(one["body"].encode()).hexdigest()
    text = f"{one['method']}\n{one['path']}\n{unquote(one['query'])}\n{body}\n1700000000"
    return hmac.new(key.secret.reveal().encode(), text.encode(), hashlib.sha512).hexdigest()


MS = "1700000000250"
NAIVE: dict[str, tuple[str, Callable[[Credentials, Mapping[str, str]], str]]] = {
    "okx": (
        "OK-ACCESS-SIGN",
        lambda key, one: sha256_base64(key, f"2023-11-14T22:13:20.250Z{one['method']}{one['line']}{one['body']}"),
    ),
    "bybit": (
        "X-BAPI-SIGN",
        lambda key, one: sha256_hex(
            key, f"{MS}{key.key.reveal()}5000{one['body'] if one['method'] == 'POST' else one['query']}"
        ),
    ),
    "bitflyer": ("ACCESS-SIGN", lambda key, one: sha256_hex(key, f"{MS}{one['method']}{one['line']}{one['body']}")),
    "gmocoin": (
        "API-SIGN",
        lambda key, one: sha256_hex(key, f"{MS}{one['method']}/v1/x{one['body'] if one['method'] == 'POST' else ''}"),
    ),
    "bitbank": (
        "ACCESS-SIGNATURE",
        lambda key, one: sha256_hex(key, f"{MS}5000{one['line'] if one['method'] == 'GET' else one['body']}"),
    ),
    "coincheck": ("ACCESS-SIGNATURE", lambda key, one: sha256_hex(key, f"{MS}{one['url']}{one['body']}")),
    "phemex": (
        "x-phemex-request-signature",
        lambda key, one: sha256_hex(key, f"{one['path']}{one['query']}1700000060{one['body']}"),
    ),
    "kucoin": (
        "KC-API-SIGN",
        lambda key, one: sha256_base64(key, f"{MS}{one['method']}{unquote(one['line'])}{one['body']}"),
    ),
    "bitget": (
        "ACCESS-SIGN",
        lambda key, one: sha256_base64(key, f"{MS}{one['method']}{unquote(one['line'])}{one['body']}"),
    ),
    "gate": ("SIGN", gate),
    "bitmex": (
        "api-signature",
        lambda key, one: sha256_hex(key, f"{one['method']}{one['line']}1700000060{one['body']}"),
    ),
    "ftx": ("FTX-SIGN", lambda key, one: sha256_hex(key, f"{MS}{one['method']}{one['line']}{one['body']}")),
}

words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
values = st.one_of(words, st.just("%2C"), st.just("a%20b"), st.just("%E3%81%82"), st.just("x,y"), st.just(""))
queries = st.lists(st.tuples(words, values), max_size=3).map(lambda pairs: "&".join(f"{a}={b}" for a, b in pairs))
bodies = st.dictionaries(words, st.one_of(st.text(max_size=5), st.integers()), min_size=1).map(json.dumps)


@pytest.mark.parametrize("name", NAIVE)
@given(st.sampled_from(["GET", "POST", "DELETE", "PUT"]), queries, bodies)
def test_the_formula_holds(name: str, method: str, query: str, body: str) -> None:
    sent = request(name, method=method, query=query, body=b"" if method == "GET" else body.encode())
    parts = urlsplit(sent.url)
    line = f"{parts.path}?{query}" if query else parts.path
    one = {"method": method, "url": sent.url, "path": parts.path, "query": query, "line": line}
    header, formula = NAIVE[name]
    found = SCHEMES[name].sign(sent, PLAIN, STAMP)
    assert found.secrets[header].reveal() == formula(PLAIN, {**one, "body": sent.body.decode()})
    assert (found.method, found.url, found.body, found.signed) == (method, sent.url, sent.body, None)


@given(queries, st.sampled_from(["", "a=1&b=%2C"]))
def test_the_form_of_binance(query: str, body: str) -> None:
    """What is signed is what was sent, without the signature: the query, then the body."""
    for place in (None, "query", "body"):
        sent = Request("POST", f"https://venue.invalid/api/v3/x{'?' if query else ''}{query}", {}, body.encode())
        found = said(binance(place=place).sign(sent, PLAIN, STAMP))
        out = urlsplit(found["url"] + found["signed"]).query, found["body"]
        (whole,) = (text for text in out if "signature=" in text)
        left, _, signature = whole.rpartition("&signature=")
        payload = "".join(left if text == whole else text for text in out)
        assert payload.count("timestamp=1700000000250") == 1
        assert signature == sha256_hex(PLAIN, payload)


@given(queries)
def test_the_form_of_htx(query: str) -> None:
    sent = Request("GET", f"https://venue.invalid/v1/x{'?' if query else ''}{query}")
    found = SCHEMES["htx"].sign(sent, PLAIN, STAMP)
    whole = urlsplit(found.url + (found.signed or Secret("")).reveal()).query
    pairs = [tuple(one.split("=", 1)) for one in whole.split("&") if one]
    name, last = pairs.pop()
    assert name == "Signature"
    signature = unquote(last)
    encoded = sorted((name, value.replace(",", "%2C")) for name, value in pairs)
    text = "GET\nvenue.invalid\n/v1/x\n" + "&".join(f"{name}={value}" for name, value in encoded)
    assert signature == sha256_base64(PLAIN, text)
    assert ("Timestamp", "2023-11-14T22%3A13%3A20") in pairs


def test_arrays_of_upbit() -> None:
    asked = request("upbit", method="GET", query="uuids[]=a&uuids%5B%5D=b%2Cc", body=b"")
    claims = token(upbit("HS512").sign(asked, PLAIN, STAMP))
    assert claims["query_hash"] == hashlib.sha512(b"uuids[]=a&uuids[]=b,c").hexdigest()
    body = b'{"uuids": ["a", "b"], "n": 1.50, "yes": true}'
    claims = token(SCHEMES["upbit"].sign(request("upbit", body=body), PLAIN, STAMP))
    assert claims["query_hash"] == hashlib.sha512(b"uuids[]=a&uuids[]=b&n=1.50&yes=true").hexdigest()
    assert "query_hash" not in token(SCHEMES["upbit"].sign(request("upbit", body=b""), PLAIN, STAMP))


def token(one: Request) -> dict[str, Any]:
    part = one.secrets["Authorization"].reveal().split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


@pytest.mark.parametrize("body", [b"", b"a=1", b'{"a": 1}', b"{}", b'{"nonce": 7, "a": 1}', b"a=1&nonce=7"])
def test_the_nonce_of_kraken_is_in_the_body_once(body: bytes) -> None:
    found = SCHEMES["kraken"].sign(request("kraken", body=body), IN_BASE64, STAMP)
    nonce = "7" if b"nonce" in body else MS
    assert re.findall(r'nonce"?[:=] ?"?(\d+)', found.body.decode()) == [nonce]
    if body.startswith(b"{"):
        assert str(json.loads(found.body)["nonce"]) == nonce
    hashed = hashlib.sha256(nonce.encode() + found.body).digest()
    expected = hmac.new(f"secret{CANARY}".encode(), b"/0/private/X" + hashed, hashlib.sha512).digest()
    assert base64.b64decode(found.secrets["API-Sign"].reveal()) == expected
    with pytest.raises(UsageError, match="POST"):
        SCHEMES["kraken"].sign(request("kraken", method="GET"), IN_BASE64, STAMP)


# ------------------------------------------------------------------------------------------------ of all of them


@every_scheme
def test_the_same_is_signed_alike_and_the_request_is_left_as_it_is(name: str) -> None:
    scheme, key, sent = SCHEMES[name], credentials(name), request(name)
    first, second = (said(scheme.sign(sent, key, STAMP)) for _ in range(2))
    assert first == second
    assert said(sent)["signed"] == ""
    assert sent == request(name)
    assert first["url"] == sent.url
    assert first["body"].endswith(sent.body.decode().lstrip("{")) or first["body"].startswith(sent.body.decode()[:-1])


# What is not signed, by the documents: the request of those that only say who asks, or sign a part.
UNSIGNED = {"alpaca": {"path", "body", "secret"}, "coinbase": {"body"}, "htx": {"body"}, "liquid": {"body"}}
UNSIGNED |= {"upbit": {"path"}, "hyperliquid": {"path"}, "binance": {"path"}, "bitbank": {"path"}, "bybit": {"path"}}


@every_scheme
def test_another_byte_is_another_signature(name: str) -> None:
    scheme, key, sent = SCHEMES[name], credentials(name), request(name)
    other = {
        "path": Request("POST", sent.url.replace("/x", "/y").replace("/X", "/Y"), {}, sent.body),
        "body": Request("POST", sent.url, {}, sent.body.replace(b'"b"', b'"c"').replace(b"1", b"2")),
    }
    first = signatures(scheme.sign(sent, key, STAMP), sent)
    for what, one in other.items():
        if what not in UNSIGNED.get(name, set()):
            assert signatures(scheme.sign(one, key, STAMP), one) != first, what
    if name != "alpaca":
        later = Stamp(STAMP.wall_ns + 1_000_000_000, STAMP.nonce + 1000, bytes(16))
        assert signatures(scheme.sign(sent, key, later), sent) != first
        secret = {
            "kraken": "c2VjcmV0",
            "hyperliquid": "0x" + "02" * 32,
            "coinbase": base64.b64encode(bytes(32)).decode(),
        }
        another = Credentials.of(key.key.reveal(), secret.get(name, "another"), "pass", source="the test")
        assert signatures(scheme.sign(sent, another, STAMP), sent) != first


def signatures(one: Request, sent: Request) -> dict[str, str]:
    """What the signer added; of the body the end that is new."""
    found = said(one)
    found["body"] = found["body"].replace(sent.body.decode().strip("{}"), "")
    return {name: value for name, value in found.items() if name != "url"}


@every_scheme
def test_nothing_secret_is_shown(name: str) -> None:
    scheme, key = SCHEMES[name], credentials(name)
    signed = scheme.sign(request(name), key, STAMP)
    held = [value.reveal() for value in (*signed.secrets.values(), *filter(None, [signed.signed]))]
    shown = f"{signed!r}{signed}{scheme!r}{STAMP.ms}{signed.secrets}{signed.headers}{signed.url}"
    for text in (*held, key.key.reveal(), key.secret.reveal()):
        assert len(text) < 14 or text not in shown  # times and nonces are no secrets
    if scheme.login is not None:
        assert repr(scheme.login("wss://venue.invalid/ws/v2", key, STAMP)) == "***"


@every_scheme
def test_a_secret_of_another_kind_is_refused_without_being_shown(name: str) -> None:
    """A private key that is none, where one may be; a text that is no base64, where that is wanted."""
    bad = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"
    if name not in ("binance", "bybit", "coinbase", "hyperliquid", "kraken"):
        return
    with pytest.raises(UsageError) as refused:
        SCHEMES[name].sign(request(name), Credentials.of("key", bad, source="the test"), STAMP)
    assert CANARY not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("name", ["okx", "kucoin", "bitget"])
def test_a_passphrase_is_wanted(name: str) -> None:
    assert SCHEMES[name].wants_passphrase
    with pytest.raises(UsageError, match="passphrase"):
        SCHEMES[name].sign(request(name), Credentials.of("key", "secret", source="the test"), STAMP)


@pytest.mark.parametrize("name", ["binance", "htx", "hyperliquid"])
def test_a_request_is_signed_once(name: str) -> None:
    once = SCHEMES[name].sign(request(name), credentials(name), STAMP)
    whole = Request(once.method, once.url + (once.signed or Secret("")).reveal(), {}, once.body)
    with pytest.raises(UsageError, match="once"):
        SCHEMES[name].sign(whole, credentials(name), STAMP)


@pytest.mark.parametrize("header", ["X-BAPI-RECV-WINDOW", "ACCESS-TIME-WINDOW"])
def test_a_window_of_the_callers_is_the_one_that_is_signed(header: str) -> None:
    name = "bybit" if "BAPI" in header else "bitbank"
    sent = Request("POST", "https://venue.invalid/v1/x", {header.lower(): "777"}, b"{}")
    found = SCHEMES[name].sign(sent, PLAIN, STAMP)
    assert [one for one in found.headers if one.lower() == header.lower()] == [header.lower()]
    between = f"{PLAIN.key.reveal()}777" if name == "bybit" else "777"
    assert sha256_hex(PLAIN, f"{MS}{between}{{}}") in {value.reveal() for value in found.secrets.values()}


def test_bitbanks_other_way() -> None:
    found = by_nonce().sign(Request("GET", "https://venue.invalid/v1/x?a=1"), PLAIN, STAMP)
    assert found.secrets["ACCESS-SIGNATURE"].reveal() == sha256_hex(PLAIN, f"{MS}/v1/x?a=1")
    assert "ACCESS-REQUEST-TIME" not in found.secrets
    assert by_nonce().wants_nonce


# ------------------------------------------------------------------------------------------------ declared


def test_every_venue_signs_and_says_what_is_public() -> None:
    for venue in venues.every().values():
        assert venue.sign is not None, venue.name
        assert not venue.public("GET", "/nothing/of/the/kind")
        assert not venue.public("DELETE", urlsplit(venue.rest).path or "/")
        host = urlsplit(venue.rest).hostname or ""
        path = (
            "/linear-swap-api/" if venue.name == "htx.linear" else "/swap-api/" if "inverse" in venue.name else "/api/"
        )
        assert venue in venues.at_host(host, path)


PUBLIC = {
    "binance.spot": ("/api/v3/depth", "/api/v3/openOrders"),
    "binance.usdm": ("/fapi/v1/depth", "/fapi/v1/order"),
    "bybit.spot": ("/v5/market/orderbook", "/v5/order/realtime"),
    "okx": ("/api/v5/market/books", "/api/v5/account/balance"),
    "htx.spot": ("/market/depth", "/v1/account/accounts"),
    "alpaca": ("/v1beta3/crypto/us/bars", "/v2/orders"),
    "bitflyer": ("/v1/getboard", "/v1/me/getbalance"),
    "gmocoin": ("/public/v1/ticker", "/private/v1/order"),
    "bitbank": ("/btc_jpy/depth", "/v1/user/assets"),
    "coincheck": ("/api/ticker", "/api/accounts"),
    "phemex": ("/public/products", "/accounts/accountPositions"),
    "upbit": ("/v1/orderbook", "/v1/accounts"),
    "hitbtc": ("/api/3/public/ticker", "/api/3/spot/order"),
    "kraken": ("/0/public/Depth", "/0/private/Balance"),
    "coinbase": ("/api/v3/brokerage/market/products", "/api/v3/brokerage/products"),
    "kucoin": ("/api/v1/market/orderbook/level2_100", "/api/v3/market/orderbook/level2"),
    "gate": ("/api/v4/spot/order_book", "/api/v4/spot/orders"),
    "bitget": ("/api/v2/spot/market/orderbook", "/api/v2/spot/account/assets"),
    "deribit": ("/api/v2/public/ticker", "/api/v2/private/buy"),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public(name: str) -> None:
    venue, (public, private) = venues.named(name), PUBLIC[name]
    assert venue.public("GET", public)
    assert not venue.public("GET", private)
    assert not venue.public("PUT", public)


def test_a_post_can_be_public() -> None:
    assert venues.named("hyperliquid").public("POST", "/info")
    assert not venues.named("hyperliquid").public("POST", "/exchange")
    assert venues.named("kucoin").public("POST", "/api/v1/bullet-public")
    assert not venues.named("kucoin").public("POST", "/api/v1/bullet-private")


def test_what_a_venue_asks_without_a_key_is_public() -> None:
    """The calls that are declared are of public data, so nothing of theirs may count as private."""
    for venue in venues.every().values():
        for call in venue.calls:
            try:
                asked = call.request(Question(instrument="BTCUSDT", interval="1m"))
            except UsageError:
                continue
            if not call.keyed:
                assert venue.public(asked.method, urlsplit(asked.url).path), (venue.name, call.name, asked.url)


def test_an_environment_may_sign_another_way() -> None:
    """What is signed for the network of tests is good there alone, whatever address it is sent to."""
    venue = venues.named("hyperliquid")
    test, live = venue.scheme("testnet"), venue.scheme()
    assert test is not None
    assert live is venue.sign
    assert test.sign(request("hyperliquid"), WALLET, STAMP) != SCHEMES["hyperliquid"].sign(
        request("hyperliquid"), WALLET, STAMP
    )
    assert venues.named("deribit").scheme("testnet") is venues.named("deribit").sign


LOGINS = [
    (
        "alpaca", "wss://stream.data.alpaca.markets/v1beta3/crypto/us",
        {"action": "auth", "key": "KEY", "secret": "SECRET"},
    ),
    (
        "alpaca", "wss://api.alpaca.markets/stream",
        {"action": "authenticate", "data": {"key_id": "KEY", "secret_key": "SECRET"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "url", "said"), LOGINS)
def test_a_login_by_its_address(name: str, url: str, said: dict[str, Any]) -> None:
    login = SCHEMES[name].login
    assert login is not None
    assert json.loads(login(url, Credentials.of("KEY", "SECRET", source="the test"), STAMP).reveal()) == said


def test_logins_of_htx() -> None:
    login = SCHEMES["htx"].login
    assert login is not None
    spot, swaps = (
        json.loads(login(f"wss://Venue.invalid{path}", PLAIN, STAMP).reveal())
        for path in ("/ws/v2", "/linear-swap-notification")
    )
    key = PLAIN.key.reveal()
    at = "2023-11-14T22%3A13%3A20"
    text = f"accessKey={key}&signatureMethod=HmacSHA256&signatureVersion=2.1&timestamp={at}"
    assert spot["params"]["signature"] == sha256_base64(PLAIN, f"GET\nvenue.invalid\n/ws/v2\n{text}")
    text = f"AccessKeyId={key}&SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp={at}"
    signature = sha256_base64(PLAIN, f"GET\nvenue.invalid\n/linear-swap-notification\n{text}")
    assert (swaps["op"], swaps["type"], swaps["Signature"]) == ("auth", "api", signature)


def test_messages_of_gate() -> None:
    scheme = SCHEMES["gate"]
    assert scheme.login is not None
    assert scheme.request is not None
    channels = [
        json.loads(scheme.login(url, PLAIN, STAMP).reveal())["channel"]
        for url in ("wss://api.gateio.ws/ws/v4/", "wss://fx-ws.gateio.ws/v4/ws/usdt")
    ]
    assert channels == ["spot.login", "futures.login"]
    asked = scheme.request({"channel": "spot.orders", "event": "subscribe", "payload": ["!all"]}, PLAIN, STAMP)
    text = b"channel=spot.orders&event=subscribe&time=1700000000"
    signature = hmac.new(PLAIN.secret.reveal().encode(), text, hashlib.sha512).hexdigest()
    assert asked["time"] == 1700000000
    assert asked["auth"] == {"method": "api_key", "KEY": PLAIN.key.reveal(), "SIGN": signature}


def test_messages_of_bybit_and_coinbase() -> None:
    bybit, coinbase = SCHEMES["bybit"].request, SCHEMES["coinbase"].request
    assert bybit is not None
    assert coinbase is not None
    asked = bybit({"op": "order.create", "header": {"Referer": "x"}}, PLAIN, STAMP)
    assert asked["header"] == {"X-BAPI-TIMESTAMP": MS, "X-BAPI-RECV-WINDOW": "5000", "Referer": "x"}
    claims = coinbase({"type": "subscribe", "channel": "user"}, SEED, STAMP)["jwt"].split(".")[1]
    assert "uri" not in json.loads(base64.urlsafe_b64decode(claims + "=="))


def test_a_user_of_binance_is_heard_with_any_key() -> None:
    """A session is logged on with an Ed25519 key alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    login = SCHEMES["binance"].login
    assert login is not None
    plain = json.loads(login("wss://venue.invalid/", PLAIN, STAMP).reveal())
    edwards = json.loads(login("wss://venue.invalid/", Credentials.of("key", text, source="the test"), STAMP).reveal())
    assert plain["method"] == "userDataStream.subscribe.signature"
    assert plain["params"]["signature"] == sha256_hex(PLAIN, f"apiKey={PLAIN.key.reveal()}&timestamp={MS}")
    assert edwards["method"] == "session.logon"
    signature = base64.b64decode(edwards["params"]["signature"])
    key.public_key().verify(signature, f"apiKey=key&timestamp={MS}".encode())
