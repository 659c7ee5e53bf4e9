"""The served exchange behind its venues' own names: TLS, and a child process that knows no other world."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.peers.authority import Authority
from tests.peers.child import environment, run

from tidebook.io.tls import named_context
from tidebook.sim.server import serve

ALIKE = "\nimport asyncio, aiohttp, json, socket, ssl, urllib.request\n"


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[serve, dict[str, str], Path]]:
    """The exchange with TLS, what a child is told of it, and the authority's file."""
    authority = Authority(folder)
    hosts = serve(3).hosts
    async with serve(3, tls=authority.contexts(hosts)) as sim:
        yield sim, dict(environment(sim.hosts, sim.port, authority.path, folder)), authority.path


async def shaken(port: int, name: str | None, authority: Path) -> dict[str, object]:
    """The certificate that a client is shown who asks for a name."""
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False  # what is shown is looked at here
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    shown: dict[str, object] = writer.get_extra_info("ssl_object").getpeercert()
    writer.transport.abort()
    return shown


async def test_each_name_has_its_own_certificate(tmp_path: Path) -> None:
    async with served(tmp_path) as (sim, _, authority):
        assert {"api.binance.com", "stream.binance.com", "api.huobi.pro", "www.binance.com"} <= {*sim.hosts}
        for name in sim.hosts:
            assert (await shaken(sim.port, name, authority))["subjectAltName"] == (("DNS", name),)
        assert (await shaken(sim.port, "API.Binance.com", authority))["subjectAltName"] == (("DNS", "api.binance.com"),)


@pytest.mark.parametrize("name", ["example.com", "binance.com", "api.binance.com.example.com", "127.0.0.1"])
async def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    async with served(tmp_path) as (sim, _, authority):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shaken(sim.port, name, authority)
        assert not sim.tally.made


def test_the_choosing_context_is_not_old() -> None:
    assert named_context({}).minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_plain_client_finds_the_venues(tmp_path: Path) -> None:
    code = ALIKE + (
        "async def main():\n"
        "    async with aiohttp.ClientSession() as session:\n"
        "        async with session.get('https://api.binance.com/api/v3/ping') as reply: print(reply.status)\n"
        "        async with session.ws_connect('wss://stream.binance.com:9443/ws/btcusdt@trade') as ws:\n"
        "            print((await ws.receive_json())['s'])\n"
        "        async with session.ws_connect('wss://api.huobi.pro/feed') as ws:\n"
        "            await ws.send_json({'sub': 'market.btcusdt.mbp.150', 'id': '1'})\n"
        "            print((await ws.receive()).type.name)\n"
        "asyncio.run(main())\n"
        "print(urllib.request.urlopen('https://api-aws.huobi.pro/v1/common/timestamp').status)\n"
    )
    async with served(tmp_path) as (sim, told, _):
        assert await run(code, told) == (0, "200\nBTCUSDT\nBINARY\n200\n", "")
        assert not sim.tally.unanswered
        assert sim.tally.made == {
            "GET api.binance.com/api/v3/ping": 1,
            "WS stream.binance.com/ws/btcusdt@trade": 1,
            "topic btcusdt@trade": 1,
            "WS api.huobi.pro/feed": 1,
            "topic market.btcusdt.mbp.150": 1,
            "GET api-aws.huobi.pro/v1/common/timestamp": 1,
        }


async def test_nothing_else_can_be_reached(tmp_path: Path) -> None:
    tries = {
        "a foreign name": "socket.create_connection(('example.com', 443))",
        "a name that only begins alike": "socket.create_connection(('api.binance.com.example.com', 443))",
        "by urllib": "urllib.request.urlopen('https://example.com/')",
        "by asyncio": "asyncio.run(asyncio.open_connection('example.com', 443))",
        "a name of this machine": "socket.create_connection(('localhost', {port}))",
        "the older functions": "socket.gethostbyname('example.com')",
        "the system's resolver": "__import__('_socket').getaddrinfo('api.binance.com', 443)",
        "who an address is": "socket.gethostbyaddr('127.0.0.1')",
        "another address": "socket.create_connection(('192.0.2.1', 443))",
        "another address by asyncio": "asyncio.run(asyncio.open_connection('192.0.2.1', 443))",
        "a socket without a name": "socket.socket().connect(('192.0.2.1', 443))",
        "another port": "socket.socket().connect(('127.0.0.1', {port} + 1))",
        "another port of a venue": "socket.create_connection(('api.binance.com', 80))",
        "the other protocol": "socket.socket(socket.AF_INET6).connect(('::1', {port}))",
        "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
        "a loop in C": "__import__('uvloop')",
        "a resolver in C": "__import__('aiodns')",
    }
    async with served(tmp_path) as (sim, told, _):
        for name, line in tries.items():
            code = (  # without what takes long to import
                "import asyncio, socket, urllib.request\n"
                f"try: {line.format(port=sim.port)}\nexcept (OSError, ImportError) as error: print('refused')"
            )
            assert await run(code, told) == (0, "refused\n", ""), name
        assert not sim.tally.made


async def test_an_authority_that_is_not_told_is_not_trusted(tmp_path: Path) -> None:
    code = ALIKE + (
        "try: urllib.request.urlopen('https://api.binance.com/api/v3/ping')\n"
        "except OSError as error: print('CERTIFICATE_VERIFY_FAILED' in str(error))"
    )
    async with served(tmp_path) as (_, told, _):
        del told["SSL_CERT_FILE"]
        assert await run(code, told) == (0, "True\n", "")
