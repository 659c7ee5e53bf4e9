"""Certificates made for the test, trusted by nobody else."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
import pytest_asyncio
import trustme
from tests.unit.io.rig import nothing_left


@dataclass(frozen=True)
class Authority:
    """A private authority: `path` for the client, `server` for contexts with a certificate of it."""

    path: str
    server: Callable[..., SSLContext]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))

    def server(*names: str, **options: Any) -> SSLContext:
        context = SSLContext(PROTOCOL_TLS_SERVER)
        ca.issue_cert(*(names or ("localhost",)), **options).configure_cert(context)
        return context

    return Authority(str(path), server)


@pytest_asyncio.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    """Every test leaves as many tasks and file descriptors as it found."""
    async with nothing_left():
        yield
