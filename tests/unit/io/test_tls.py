"""Who is not who they say they are gets nothing, over WebSocket and over HTTP."""

import asyncio
import datetime as dt
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from tests.unit.io.conftest import Authority
from tests.unit.io.rig import Echo, asking, driving, forever, raw, refusal

from tidebook.errors import UsageError
from tidebook.io.serve import Server
from tidebook.io.tls import client_context

pytestmark = pytest.mark.asyncio


def stranger(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


def self_signed(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    alone = trustme.CA()
    with alone.private_key_pem.tempfile() as key, alone.cert_pem.tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    return context


def wrong_name(authority: Authority) -> ssl.SSLContext:
    return authority.server("other.example")


def expired(authority: Authority) -> ssl.SSLContext:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    return authority.server("localhost", not_after=yesterday)


def old(authority: Authority) -> ssl.SSLContext:
    return lowered(authority.server("localhost"))


def lowered(context: ssl.SSLContext) -> ssl.SSLContext:
    """TLS 1.1 and nothing else."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


async def test_an_old_server_is_refused(authority: Authority) -> None:
    site = Echo()
    async with Server(site, tls=old(authority)) as serving:
        careless = lowered(ssl.create_default_context(cafile=authority.path))
        _, writer = await asyncio.open_connection("localhost", serving.port, ssl=careless)  # it does work
        writer.transport.abort()
        _, reason = await refusal(f"wss://localhost:{serving.port}/", tls_ca=authority.path)
        assert reason.startswith(("TlsRefused: ", "ConnectFailed: "))  # an alert may be lost in the reset after it
        async with driving(tls_ca=authority.path) as (driver, notes):
            driver.tell(notes.want, asking(f"https://localhost:{serving.port}/"))
            _, why = await notes.first("failed")
            assert why.endswith("; nothing was sent")
    assert site.asked == []


@pytest.mark.parametrize("server", [stranger, self_signed, wrong_name, expired])
async def test_is_refused(authority: Authority, server: Callable[[Authority], ssl.SSLContext]) -> None:
    site = Echo()
    async with Server(site, tls=server(authority)) as serving:
        code, reason = await refusal(f"wss://localhost:{serving.port}/a?token=canary", tls_ca=authority.path)
        assert code is None
        assert reason.startswith(f"TlsRefused: wss://localhost:{serving.port}: ")
        async with driving(tls_ca=authority.path) as (driver, notes):
            driver.tell(notes.want, asking(f"https://localhost:{serving.port}/a?token=canary"))
            _, why = await notes.first("failed")
        assert why.startswith(f"TlsRefused: GET https://localhost:{serving.port}/a: ")
        assert why.endswith("; nothing was sent")
        assert "canary" not in reason + why
    assert site.asked == []


async def test_without_the_authoritys_file_it_is_unknown(authority: Authority) -> None:
    async with Server(Echo(), tls=authority.server()) as serving:
        _, reason = await refusal(f"wss://localhost:{serving.port}/")
        assert reason.startswith("TlsRefused: ")


async def test_a_server_that_speaks_no_tls(authority: Authority) -> None:
    async with Server(Echo()) as serving:
        _, reason = await refusal(f"wss://localhost:{serving.port}/", tls_ca=authority.path)
        assert reason.startswith("TlsRefused: ")


async def test_a_handshake_that_never_ends(authority: Authority) -> None:
    async with raw(forever) as at:
        port = at.partition(":")[2]
        _, reason = await refusal(f"wss://localhost:{port}/", tls_ca=authority.path, connect_timeout=0.2)
        assert reason == f"ConnectFailed: wss://localhost:{port}: no connection within 0.2 s"


async def test_the_context_cannot_be_loosened() -> None:
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a file of certificates"):
        client_context(f"{tmp_path}/absent.pem")
