"""Signed calls of several processes with one key, at an exchange that wants each nonce above the one before it.

`python -m tests.intents.nonces` is the long run, four processes of a thousand calls each; exit status 1 where a call
was refused. The exchange is a server on this machine, in the way of Coincheck (coincheck.com/documents/exchange/api,
"Authentication"): it checks signatures by code of its own, judges requests in the order in which they arrive, and has
no tolerance at all. What it says to a nonce that is not above the last clients have reported (its documents do not).
"""

import argparse
import asyncio
import hashlib
import hmac
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidebook import Options, TidebookError, connect
from tidebook.io.serve import Answer, Asked, Served, Server
from tidebook.model.credentials import SIMULATOR

PATH: Final = "/api/accounts/balance"
LONGEST: Final = 0.002  # seconds that an answer may be under way, drawn anew for each
OUTER: Final = 600.0  # seconds after which a process is given up


@dataclass
class Strict:
    """The exchange. `taken` are nonces in the order in which they came, `refused` what was wrong with the others."""

    seed: int = 1
    taken: list[int] = field(default_factory=list[int])
    refused: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def http(self, request: Asked) -> Answer:
        why = self._judge(request)  # in the order of arrival: nothing is waited for before
        await asyncio.sleep(self._random.uniform(0, LONGEST))
        if why:
            self.refused.append(why)
            text = "Nonce must be incremented" if why.startswith("nonce") else "invalid authentication"
            return Answer(401, f'{{"success":false,"error":"{text}"}}'.encode())
        return Answer(200, b'{"success":true,"jpy":"0"}')

    async def websocket(self, request: Asked, socket: Served) -> None:
        socket.refuse(Answer(404))

    def _judge(self, request: Asked) -> str:
        nonce = request.headers.get("access-nonce", "")
        if request.headers.get("access-key") != SIMULATOR.key.reveal() or not nonce.isdigit():
            return "no key"
        query = f"?{request.query}" if request.query else ""
        text = f"{nonce}https://{request.host}{request.path}{query}{request.body.decode()}"
        right = hmac.new(SIMULATOR.secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, request.headers.get("access-signature", "")):
            return "signature"
        last = self.taken[-1] if self.taken else 0
        if int(nonce) <= last:
            return f"nonce {nonce} after {last}"
        self.taken.append(int(nonce))
        return ""


@asynccontextmanager
async def strict() -> AsyncIterator[tuple[Strict, str]]:
    """The exchange, and where it is."""
    site = Strict()
    async with Server(site) as serving:
        yield site, serving.at


async def calls(at: str, count: int, at_once: int) -> int:
    """One process's part: how many were not answered as they should be."""
    failed, left = 0, iter(range(count))

    async def some() -> None:
        nonlocal failed
        for number in left:
            try:
                if number % 2:
                    await market.get(PATH, {"n": number})
                else:
                    await market.post(PATH, {"n": number})
            except TidebookError as error:
                failed += 1
                print(f"{number}: {error}", file=sys.stderr)

    async with connect("coincheck", at=at, options=Options(request_timeout=60, fetch_timeout=120)) as market:
        await asyncio.gather(*(some() for _ in range(at_once)))
    return failed


async def run(processes: int, count: int, at_once: int, folder: Path) -> tuple[Strict, list[int]]:
    """The exchange as it is afterwards, and how each process ended."""
    async with strict() as (site, at):
        given = {**os.environ, "TIDEBOOK_NONCES": str(folder)}
        command = (sys.executable, "-m", "tests.intents.nonces", "--at", at, "--count", str(count))
        running = [
            await asyncio.create_subprocess_exec(*command, "--at-once", str(at_once), env=given)
            for _ in range(processes)
        ]
        try:
            async with asyncio.timeout(OUTER):
                ended = [await one.wait() for one in running]
        finally:
            for one in running:
                if one.returncode is None:
                    one.kill()
                    await one.wait()
    return site, ended


def main() -> int:
    parser = argparse.ArgumentParser(description="Signed calls of several processes with one key")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--count", type=int, default=1000, help="calls of each")
    parser.add_argument("--at-once", type=int, default=4, help="calls of one process that wait side by side")
    parser.add_argument("--at", help="be one of the processes, of the exchange at this address")
    wanted = parser.parse_args()
    if wanted.at:
        return 1 if asyncio.run(calls(wanted.at, wanted.count, wanted.at_once)) else 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        site, ended = asyncio.run(run(wanted.processes, wanted.count, wanted.at_once, Path(folder)))
    print(f"{wanted.processes} processes × {wanted.count} signed calls: {len(site.taken)} taken, ", end="")
    print(f"{len(site.refused)} refused, {time.monotonic() - began:.0f} s; processes ended with {ended}")
    print(*site.refused[:20], sep="\n", end="\n" if site.refused else "")
    whole = len(site.taken) == wanted.processes * wanted.count
    return 0 if whole and not site.refused and not any(ended) else 1


if __name__ == "__main__":
    sys.exit(main())
