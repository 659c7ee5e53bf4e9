"""A program in a process of its own, for which the simulator is the world."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

RESOLVER = Path(__file__).parent / "resolver"
LINE = 16 << 20  # bytes: a whole book is one line


def environment(hosts: Iterable[str], port: int, authority: Path, home: Path) -> Mapping[str, str]:
    """What a child is told, and nothing that this process was told: no proxy, no key, no other path.

    The authority is named in every variable by which TLS libraries are told of one: Python's ssl, requests, curl.
    """
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",  # no file of a peer is written
        "PYTHONPATH": str(RESOLVER),
        "PYTHONUNBUFFERED": "1",
        "SSL_CERT_FILE": str(authority),
        "REQUESTS_CA_BUNDLE": str(authority),
        "CURL_CA_BUNDLE": str(authority),
        "TIDEBOOK_PEERS_HOSTS": " ".join(hosts),
        "TIDEBOOK_PEERS_PORT": str(port),
    }


@asynccontextmanager
async def started(
    python: str | Path, arguments: Iterable[str], told: Mapping[str, str], *, talks: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child with piped output, and input where it `talks`. Leaving it ends it."""
    process = await asyncio.create_subprocess_exec(
        str(python),
        *arguments,
        env=dict(told),
        stdin=asyncio.subprocess.PIPE if talks else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(code: str, told: Mapping[str, str]) -> tuple[int, str, str]:
    """A program given as text, with this interpreter. Its status and what it printed."""
    async with started(sys.executable, ["-c", code], told) as process:
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()
