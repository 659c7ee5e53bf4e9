"""A short run with `make test`; the long one is `python -m tests.intents.nonces`."""

import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from tests.intents.nonces import PATH, run, strict

from tidebook import ClockRefused, Limit, SignatureRefused, connect
from tidebook.client.private import JUMP
from tidebook.core.effects import Request
from tidebook.core.sign import Stamp
from tidebook.model.credentials import SIMULATOR
from tidebook.sim.server import serve
from tidebook.venues.coincheck.sign import SIGN


async def test_two_processes_with_one_key_are_never_refused(tmp_path: Path) -> None:
    site, ended = await run(2, 10, 3, tmp_path)
    assert ended == [0, 0]
    assert site.refused == []
    assert len(site.taken) == 20


@pytest.fixture(autouse=True)
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_NONCES", str(tmp_path))


def drawn(folder: Path) -> int:
    """The last nonce of the one key."""
    (file,) = folder.iterdir()
    return int(file.read_text())


async def test_a_nonce_that_is_behind_jumps_ahead_once_and_what_was_asked_is_done_once() -> None:
    """Another machine, whose clock is ahead, has used the key."""
    async with strict() as (site, at), connect("coincheck", at=at) as market:
        ahead = time.time_ns() // 1_000_000 + 20_000
        site.taken.append(ahead)
        assert (await market.post(PATH, {"n": 1})).data == {"success": True, "jpy": "0"}
        assert (len(site.refused), len(site.taken)) == (1, 2)
        for _ in range(3):
            await market.get(PATH)  # from there it rises on, without another refusal
        assert (len(site.refused), len(site.taken)) == (1, 5)
        assert site.taken == sorted(site.taken)


async def test_a_nonce_that_stays_behind_is_refused_after_two_and_says_why() -> None:
    """Some program has counted in microseconds with this key."""
    async with strict() as (site, at), connect("coincheck", at=at) as market:
        site.taken.append(time.time_ns() // 1000)
        with pytest.raises(ClockRefused, match=r"Nonce must be incremented.* a key of its own") as told:
            await market.post(PATH, {"n": 1})
        assert told.value.retry == "safe"
        assert len(site.refused) == 2
        assert len(site.taken) == 1


async def test_an_order_too_jumps_ahead_when_it_is_signed_once_more(tmp_path: Path) -> None:
    """No venue of those that take orders here wants a nonce: one is made to."""
    async with serve(seed=7, venues=["binance.spot"]) as sim, connect("binance.spot", at=sim.at) as market:
        (one,) = market._connected
        assert one.declared.sign is not None
        one.declared = replace(one.declared, sign=replace(one.declared.sign, wants_nonce=True))
        before = time.time_ns() // 1_000_000
        sim.faults.clock(30, "binance.spot")
        assert (await market.submit(Limit("BTC/USDT", "buy", size="0.001", price="30000"))).open
        assert before + JUMP <= drawn(tmp_path) < time.time_ns() // 1_000_000 + 2 * JUMP  # once, and not twice


async def test_another_refusal_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with strict() as (site, at), connect("coincheck", at=at) as market:
        monkeypatch.setattr(site, "_judge", lambda request: "signature")
        with pytest.raises(SignatureRefused):
            await market.post(PATH, {"n": 1})
        assert site.refused == ["signature"]


async def test_what_overtakes_and_what_is_changed_would_be_refused_there() -> None:
    """What the run above would see, if calls of one key were not sent one after the other."""
    async with strict() as (site, at), aiohttp.ClientSession() as session:
        statuses: list[int] = []
        for nonce, change in ((7, ""), (9, ""), (8, ""), (9, ""), (10, "x"), (11, "")):
            request = SIGN.sign(Request("GET", f"https://coincheck.com{PATH}"), SIMULATOR, Stamp(0, nonce))
            headers = {name: value.reveal() for name, value in request.secrets.items()} | {"Host": "coincheck.com"}
            headers["ACCESS-SIGNATURE"] = headers["ACCESS-SIGNATURE"][: -len(change) or None] + change
            async with session.get(f"http://{at}{PATH}", headers=headers) as reply:
                statuses.append(reply.status)
    assert statuses == [200, 200, 401, 401, 401, 200]
    assert site.taken == [7, 9, 11]
    assert site.refused == ["nonce 8 after 9", "nonce 9 after 9", "signature"]
