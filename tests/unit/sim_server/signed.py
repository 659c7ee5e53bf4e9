"""A client with a key that shares nothing with ours: aiohttp, hmac, json."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.sim import serve

GENEROUS = aiohttp.ClientTimeout(total=30)


def digest(key: Credentials, text: str) -> str:
    return hmac.new(key.secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()


class Binance:
    """Spot or USD-M: calls signed as the venue's documents say."""

    def __init__(self, session: aiohttp.ClientSession, sim: serve, host: str = "api.binance.com") -> None:
        self.session = session
        self.sim = sim
        self.host = host
        self.key = SIMULATOR
        self.ahead_ms = 0

    def signed(self, **words: Any) -> str:
        words = {name: value for name, value in words.items() if value is not None}
        text = urlencode({**words, "timestamp": int(time.time() * 1000) + self.ahead_ms})
        return f"{text}&signature={digest(self.key, text)}"

    async def ask(self, method: str, path: str, **words: Any) -> tuple[int, Any]:
        return await self.raw(method, f"{path}?{self.signed(**words)}")

    async def raw(self, method: str, target: str) -> tuple[int, Any]:
        headers = {"Host": self.host, "X-MBX-APIKEY": self.key.key.reveal()}
        url = f"http://{self.sim.at}{target}"
        async with self.session.request(method, url, headers=headers, timeout=GENEROUS) as answer:
            return answer.status, json.loads(await answer.read() or b"null")

    def message(self, method: str, **params: Any) -> dict[str, Any]:
        """A signed request on the WebSocket API."""
        params = {"apiKey": self.key.key.reveal(), "timestamp": int(time.time() * 1000) + self.ahead_ms, **params}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {"id": "1", "method": method, "params": {**params, "signature": digest(self.key, text)}}


@asynccontextmanager
async def binance(**options: Any) -> AsyncIterator[Binance]:
    async with serve(seed=7, venues=["binance.spot"], **options) as sim, aiohttp.ClientSession() as session:
        yield Binance(session, sim)


async def hear(ws: aiohttp.ClientWebSocketResponse) -> Any:
    got = await ws.receive(timeout=30)
    return json.loads(got.data) if got.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY) else None


class Bybit:
    """The unified account: a body of JSON, headers, and one connection to hear."""

    def __init__(self, session: aiohttp.ClientSession, sim: serve) -> None:
        self.session = session
        self.sim = sim
        self.key = SIMULATOR
        self.ahead_ms = 0
        self.spoilt = False

    async def ask(self, method: str, path: str, **words: Any) -> dict[str, Any]:
        query = urlencode(words) if method == "GET" else ""
        body = json.dumps(words) if method == "POST" else ""
        now, key = str(int(time.time() * 1000) + self.ahead_ms), self.key.key.reveal()
        signature = digest(self.key, f"{now}{key}5000{query or body}")
        if self.spoilt:
            signature = ("0" if signature[0] != "0" else "1") + signature[1:]
        headers = {
            "Host": "api.bybit.com", "X-BAPI-API-KEY": key, "X-BAPI-TIMESTAMP": now, "X-BAPI-SIGN": signature,
            "X-BAPI-RECV-WINDOW": "5000",
        }  # fmt: skip
        url = f"http://{self.sim.at}{path}" + (f"?{query}" if query else "")
        async with self.session.request(method, url, headers=headers, data=body or None, timeout=GENEROUS) as answer:
            found: dict[str, Any] = json.loads(await answer.read())
            return found

    async def connect(self, path: str) -> aiohttp.ClientWebSocketResponse:
        ws = await self.session.ws_connect(f"http://{self.sim.at}{path}", headers={"Host": "stream.bybit.com"})
        expires = int(time.time() * 1000) + 10_000
        signature = digest(self.key, f"GET/realtime{expires}")
        await ws.send_json({"op": "auth", "args": [self.key.key.reveal(), expires, signature]})
        return ws


@asynccontextmanager
async def bybit(**options: Any) -> AsyncIterator[Bybit]:
    async with serve(seed=7, venues=["bybit"], **options) as sim, aiohttp.ClientSession() as session:
        yield Bybit(session, sim)


@asynccontextmanager
async def usdm(**options: Any) -> AsyncIterator[Binance]:
    async with serve(seed=7, venues=["binance.usdm"], **options) as sim, aiohttp.ClientSession() as session:
        yield Binance(session, sim, "fapi.binance.com")


class Okx:
    """A body of JSON, headers with the time as text, and one connection to hear."""

    def __init__(self, session: aiohttp.ClientSession, sim: serve) -> None:
        self.session = session
        self.sim = sim
        self.key = SIMULATOR
        self.passphrase = "simulator-passphrase"
        self.late_s = 0.0
        self.spoilt = False

    def _sign(self, text: str) -> str:
        found = hmac.new(self.key.secret.reveal().encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(found if not self.spoilt else found[::-1]).decode()

    async def ask(self, method: str, path: str, body: Any = None, **words: Any) -> dict[str, Any]:
        where = path + ("?" + urlencode(words) if words else "")
        text = "" if body is None else json.dumps(body)
        now = datetime.fromtimestamp(time.time() - self.late_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        headers = {
            "Host": "www.okx.com", "OK-ACCESS-KEY": self.key.key.reveal(), "OK-ACCESS-PASSPHRASE": self.passphrase,
            "OK-ACCESS-TIMESTAMP": now, "OK-ACCESS-SIGN": self._sign(f"{now}{method}{where}{text}"),
        }  # fmt: skip
        url = f"http://{self.sim.at}{where}"
        async with self.session.request(method, url, headers=headers, data=text or None, timeout=GENEROUS) as answer:
            found: dict[str, Any] = json.loads(await answer.read())
            return found

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        ws = await self.session.ws_connect(f"http://{self.sim.at}/ws/v5/private", headers={"Host": "ws.okx.com"})
        now = str(int(time.time()))
        words = {
            "apiKey": self.key.key.reveal(), "passphrase": self.passphrase, "timestamp": now,
            "sign": self._sign(f"{now}GET/users/self/verify"),
        }  # fmt: skip
        await ws.send_json({"op": "login", "args": [words]})
        return ws


@asynccontextmanager
async def okx(**options: Any) -> AsyncIterator[Okx]:
    async with serve(seed=7, venues=["okx"], **options) as sim, aiohttp.ClientSession() as session:
        yield Okx(session, sim)


class Htx:
    """All that is signed is in the query; a body of JSON is not."""

    def __init__(self, session: aiohttp.ClientSession, sim: serve) -> None:
        self.session = session
        self.sim = sim
        self.key = SIMULATOR
        self.late_s = 0.0

    def _now(self) -> str:
        return datetime.fromtimestamp(time.time() - self.late_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")

    def _sign(self, head: str, words: dict[str, str]) -> str:
        text = "\n".join([head, urlencode(sorted(words.items()))])
        found = hmac.new(self.key.secret.reveal().encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(found).decode()

    async def ask(self, method: str, path: str, *, spoilt: bool = False, **words: Any) -> dict[str, Any]:
        names = {
            "AccessKeyId": self.key.key.reveal(), "SignatureMethod": "HmacSHA256", "SignatureVersion": "2",
            "Timestamp": self._now(),
        }  # fmt: skip
        query = {**names, **({name: str(value) for name, value in words.items()} if method == "GET" else {})}
        signature = self._sign(f"{method}\napi.huobi.pro\n{path}", query)
        signature = signature if not spoilt else signature[1:] + signature[0]
        url = f"http://{self.sim.at}{path}?{urlencode({**query, 'Signature': signature})}"
        body = json.dumps(words) if method == "POST" else None
        headers = {"Host": "api.huobi.pro", "Content-Type": "application/json"}
        asked = self.session.request(method, URL(url, encoded=True), headers=headers, data=body, timeout=GENEROUS)
        async with asked as answer:
            found: dict[str, Any] = json.loads(await answer.read())
            return found

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        ws = await self.session.ws_connect(f"http://{self.sim.at}/ws/v2", headers={"Host": "api.huobi.pro"})
        words = {
            "accessKey": self.key.key.reveal(), "signatureMethod": "HmacSHA256", "signatureVersion": "2.1",
            "timestamp": self._now(),
        }  # fmt: skip
        signature = self._sign("GET\napi.huobi.pro\n/ws/v2", words)
        await ws.send_json(
            {"action": "req", "ch": "auth", "params": {"authType": "api", **words, "signature": signature}}
        )  # fmt: skip
        return ws


@asynccontextmanager
async def htx(**options: Any) -> AsyncIterator[Htx]:
    async with serve(seed=7, venues=["htx.spot"], **options) as sim, aiohttp.ClientSession() as session:
        yield Htx(session, sim)


class Alpaca:
    """Key and secret as they are."""

    def __init__(self, session: aiohttp.ClientSession, sim: serve) -> None:
        self.session = session
        self.sim = sim
        self.key = SIMULATOR
        self.secret = SIMULATOR.secret.reveal()

    async def ask(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        headers = {
            "Host": "paper-api.alpaca.markets", "APCA-API-KEY-ID": self.key.key.reveal(),
            "APCA-API-SECRET-KEY": self.secret,
        }  # fmt: skip
        url = URL(f"http://{self.sim.at}{target}", encoded=True)
        async with self.session.request(method, url, headers=headers, json=body, timeout=GENEROUS) as answer:
            return answer.status, json.loads(await answer.read() or b"null")


@asynccontextmanager
async def alpaca(**options: Any) -> AsyncIterator[Alpaca]:
    async with serve(seed=7, venues=["alpaca"], **options) as sim, aiohttp.ClientSession() as session:
        yield Alpaca(session, sim)
