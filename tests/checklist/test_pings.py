"""Statement S39 on its own: what goes over the line is looked at between the client and the embedded exchange."""

import asyncio
import re
import zlib

import tidebook
from tidebook.sim.server import serve

CHUNK, LATEST = 1 << 16, 20.0
GZIP = b"\x1f\x8b\x08"


def texts(said: bytes) -> list[bytes]:
    """What a client has said on one WebSocket in short messages, unmasked."""
    head, _, rest = said.partition(b"\r\n\r\n")
    found: list[bytes] = []
    while b"websocket" in head.lower() and len(rest) > 6 and (length := rest[1] & 0x7F) < 126:
        mask, part = rest[2:6], rest[6 : 6 + length]
        found.append(bytes(byte ^ mask[n % 4] for n, byte in enumerate(part)))
        rest = rest[6 + length :]
    return found


class Line:
    """Carries bytes to and from an exchange, and keeps them, by connection."""

    def __init__(self, at: str) -> None:
        self._host, _, port = at.rpartition(":")
        self._port = int(port)
        self.said: list[bytearray] = []
        self.heard: list[bytearray] = []
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._carrying.add(asyncio.ensure_future(self._join(reader, writer)))

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        await asyncio.gather(self._carry(reader, far_writer, self.said), self._carry(far_reader, writer, self.heard))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: list[bytearray]
    ) -> None:  # fmt: skip
        own = bytearray()
        kept.append(own)
        while data := await reader.read(CHUNK):
            own += data
            writer.write(data)
        writer.close()

    def pongs(self) -> list[bytes]:
        said = [text for one in self.said for text in texts(bytes(one))]
        return [text.removeprefix(b'{"pong":').removesuffix(b"}") for text in said if b'"pong"' in text]

    def pings(self) -> list[bytes]:
        """Out of each gzip member that came; frames lie around them."""
        found: list[bytes] = []
        for one in self.heard:
            for start in re.finditer(re.escape(GZIP), one):
                text = zlib.decompressobj(wbits=31).decompress(bytes(one[start.start() : start.start() + 200]), 200)
                found += re.findall(rb'\{"ping":(\d+)\}', text)
        return found


async def test_S39_a_ping_is_answered_with_its_own_number() -> None:
    async with serve(seed=3, venues=("htx.spot",)) as sim:
        line = Line(sim.at)
        async with line as at, tidebook.connect("htx.spot", at=at) as market, market.trades("BTC/USDT"):
            async with asyncio.timeout(LATEST):
                while not line.pongs():  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(0.01)
            assert line.pongs() == line.pings()[: len(line.pongs())]
