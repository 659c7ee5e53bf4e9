"""A short run with `make test`; the long one is `python -m tests.intents.nonces`."""

from pathlib import Path

import aiohttp
from tests.intents.nonces import PATH, run, strict

from tidebook.core.effects import Request
from tidebook.core.sign import Stamp
from tidebook.model.credentials import SIMULATOR
from tidebook.venues.coincheck.sign import SIGN


async def test_two_processes_with_one_key_are_never_refused(tmp_path: Path) -> None:
    site, ended = await run(2, 10, 3, tmp_path)
    assert ended == [0, 0]
    assert site.refused == []
    assert len(site.taken) == 20


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
