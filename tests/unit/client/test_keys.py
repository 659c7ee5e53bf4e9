"""Keys on their way: which is taken, what happens without one or with a wrong one, and that it is shown nowhere.

The venue is served over TLS under another host's name, so that real keys are looked for; no key here is real.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.peers.authority import Authority

from tidebook.client.keys import environments, given, keys_of
from tidebook.client.market import Market, connect
from tidebook.client.where import declared_at
from tidebook.core.options import Options
from tidebook.errors import NoCredentials, NotPermitted, TidebookError, UnknownVenue, UsageError
from tidebook.io.keys import variable
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.model.place import At, parse
from tidebook.sim.server import serve
from tidebook.venues import every, named

CANARY = "CANARY-51d0"
GENEROUS = 120.0
ALPACA = named("alpaca")
RIGHT = {"alpaca": SIMULATOR}
WRONG = {"alpaca": (f"key-{CANARY}", f"secret-{CANARY}")}
HOSTS = ("stream.data.alpaca.markets", "data.alpaca.markets", "api.alpaca.markets")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of whoever runs this is read."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for what in ("KEY", "SECRET"):
        monkeypatch.delenv(f"TIDEBOOK_ALPACA_{what}", raising=False)
    return tmp_path


async def _for_ever(read: Callable[[], Awaitable[object]]) -> None:
    while True:
        await read()


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[serve, At]]:
    authority = Authority(folder)
    context = authority.contexts(["localhost"])["localhost"]
    async with asyncio.timeout(GENEROUS), serve(1, ["alpaca"], tls=context) as sim:
        yield sim, At("alpaca", hosts=dict.fromkeys(HOSTS, f"localhost:{sim.port}"), ca=str(authority.path))


async def test_a_right_key_opens_all(home: Path) -> None:
    async with served(home) as (_, at), connect(at, keys=RIGHT) as market:
        instrument = (await market.fetch_instruments("BTC/USD"))[0]
        assert instrument.tick is not None
        async with market.book("BTC/USD") as book, market.trades("BTC/USD") as trades:
            assert book.best_bid is not None
            assert (await trades.next(timeout=GENEROUS)).symbol == "BTC/USD"


async def test_without_a_key_there_is_what_needs_none(home: Path) -> None:
    async with served(home) as (sim, at), connect(at) as market:
        assert len(await market.fetch_bars("BTC/USD", limit=3)) == 3
        assert (await market.fetch_book("BTC/USD", limit=5)).best_bid is not None
        for lists in (market.fetch_instruments(), market.fetch_instruments("*/USD"), market.books("*/USD")):
            with pytest.raises(NoCredentials, match=r"alpaca GET /v2/assets needs a key\. .*Nothing was sent"):
                await lists
        looked = "Looked in keys=, TIDEBOOK_ALPACA_KEY, ~/.config/tidebook/keys.toml (absent)"
        openings: list[tuple[Any, str]] = [
            (market.book("BTC/USD"), "stream orderbooks BTC/USD"),
            (market.trades("BTC/USD"), "stream trades BTC/USD"),
            (market.raw("trades BTC/USD"), "stream trades BTC/USD"),
        ]
        for opening, what in openings:
            with pytest.raises(NoCredentials) as refused:
                await opening
            assert str(refused.value) == f"alpaca {what} needs a key. {looked}. Nothing was opened"
        assert not any(name.startswith("WS") or "assets" in name for name in sim.tally.made)


async def test_a_wrong_key_ends_it_and_is_shown_nowhere(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    def note(error: BaseException) -> None:
        shown.append("".join(traceback.format_exception(error)))
        shown.append(repr(vars(error)))

    async with served(home) as (sim, at):
        with pytest.raises(NotPermitted) as refused:
            async with connect(at, keys=WRONG) as market:
                pass
        note(refused.value)
        async with connect(at, keys=RIGHT) as market:
            # What is wrong with a key shows at the stream as well: here it is changed behind the market's back.
            market._connected[0].desk._credentials = given(WRONG)[At("alpaca")]
            opened: list[Any] = [market.trades("BTC/USD"), market.book("BTC/USD"), market.raw("trades BTC/USD")]
            health = await market.health()
            for opening in opened:
                with pytest.raises(NotPermitted, match="login refused: 402 auth failed") as denied:
                    await opening
                assert (denied.value.retry, denied.value.code) == ("never", "402")
                note(denied.value)
            assert sim.tally.made["WS localhost/v1beta3/crypto/us"] == 1, "no storm: who comes later is told at once"
            shown += [repr(market), repr(await health.next()), repr(market._connected[0].desk), repr(market.stats)]
    assert all(CANARY not in text for text in shown)
    assert CANARY not in caplog.text
    assert SIMULATOR.secret.reveal() not in caplog.text


async def test_of_several_who_wait_all_are_told(home: Path) -> None:
    async with served(home) as (_, at), connect(at, keys=RIGHT) as market:
        market._connected[0].desk._credentials = given(WRONG)[At("alpaca")]

        async def opened(thing: Any) -> TidebookError:
            with pytest.raises(NotPermitted) as denied:
                await thing
            return denied.value

        things = [market.trades("BTC/USD", "ETH/USD"), market.quotes("BTC/USD"), market.book("BTC/USD")]
        assert len(await asyncio.gather(*map(opened, things))) == 3


@pytest.mark.parametrize("symbol", ["BTC/USD", "BTC/*", "*/USD"])
@pytest.mark.parametrize("noun", ["trades", "quotes", "books"])
async def test_a_key_that_is_refused_later_ends_what_is_open(home: Path, noun: str, symbol: str) -> None:
    """A pattern too: nothing that it matches, or will match, can come any more."""
    async with (
        served(home) as (sim, at),
        connect(at, keys=RIGHT) as market,
        getattr(market, noun)(symbol, **({} if noun == "books" else {"slow": "drop"})) as several,
    ):
        await several.next()
        market._connected[0].desk._credentials = given(WRONG)[At("alpaca")]
        sim.faults.cut("alpaca")
        with pytest.raises(NotPermitted, match="login refused: 402 auth failed"):
            await _for_ever(lambda: several.next(timeout=None))
        assert isinstance(several.failed["BTC/USD"], NotPermitted)


@pytest.mark.parametrize("noun", ["trades", "books"])
async def test_what_is_listed_after_a_refusal_is_no_reason_to_wait(home: Path, noun: str) -> None:
    """A pattern that matched nothing learns of the refusal with the first symbol that it would match."""
    async with served(home) as (sim, at):
        sim.delist("BTC/USD")
        async with (
            connect(at, keys=RIGHT, options=Options(listing_every=0.05)) as market,
            getattr(market, noun)("BTC/US?") as several,
        ):
            market._connected[0].desk._credentials = given(WRONG)[At("alpaca")]
            sim.relist("BTC/USD")
            with pytest.raises(NotPermitted, match="login refused: 402 auth failed"):
                await several.next(timeout=None)


async def test_with_an_address_no_key_is_looked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_ALPACA_KEY", "half of one, which would be refused")
    file = home / ".config/tidebook/keys.toml"
    file.parent.mkdir(parents=True)
    file.write_text("no TOML")
    file.chmod(0o644)
    async with (
        serve(1, ["alpaca"]) as sim,
        connect("alpaca", at=sim.at, keys=WRONG) as market,
        market.trades("BTC/USD") as trades,
    ):
        assert (await trades.next(timeout=GENEROUS)).symbol == "BTC/USD"
    with pytest.raises(UsageError, match="TIDEBOOK_ALPACA_SECRET is missing"):
        await Market(["alpaca"], at=None, engine=None, options=None, timeout=1.0)


def source(place: str, keys: Any = None) -> str | None:
    found = keys_of(ALPACA, parse(place), given(keys), simulated=False).credentials
    return None if found is None else found.source


def test_which_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source("alpaca") is None
    file = home / ".config/tidebook/keys.toml"
    file.parent.mkdir(parents=True)
    file.touch(0o600)
    file.write_text('[alpaca]\nkey = "a"\nsecret = "b"\n')
    assert source("alpaca") == "[alpaca] of ~/.config/tidebook/keys.toml"
    monkeypatch.setenv("TIDEBOOK_ALPACA_KEY", "k")
    monkeypatch.setenv("TIDEBOOK_ALPACA_SECRET", "s")
    assert source("alpaca") == "TIDEBOOK_ALPACA_KEY"
    assert source("alpaca", {"alpaca": ("k", "s")}) == "keys= for alpaca"
    assert source("alpaca:paper") is None
    assert source("alpaca:paper", {"alpaca:paper": ("k", "s"), "alpaca": ("a", "b")}) == "keys= for alpaca:paper"
    assert source("alpaca@other", {"alpaca": ("k", "s")}) is None
    file.chmod(0o644)
    assert source("alpaca") == "TIDEBOOK_ALPACA_KEY", "the file is not needed, so it is not looked at"
    spot = keys_of(replace(named("htx.spot"), sign=None), parse("htx"), {}, simulated=False)
    assert spot.credentials is None, "nothing there wants a key"
    assert CANARY not in repr(given(WRONG))


@pytest.mark.parametrize(
    ("place", "instead"),
    [
        ("okx@demo", "'demo' is an environment. Write okx:demo"),
        ("okx@Demo:demo", "'demo' is an environment"),
        ("okx@my-demo", "'demo' is an environment"),
        ("okx@my_demo", "'demo' is an environment"),
        ("alpaca@paper", "'paper' is an environment. Write alpaca:paper"),
        ("binance@us", "'binance_us' is an exchange. Write binance_us"),
        ("binance@us-other", "'binance_us' is an exchange"),
    ],
)
def test_an_account_by_whose_name_another_places_key_would_be_read(place: str, instead: str) -> None:
    """Each variable is of one place, whatever its parts: who declares a key, or opens a place, is told."""
    at = parse(place)
    with pytest.raises(UsageError, match=instead):
        given({place: ("k", "s")})
    for simulated in (False, True):
        with pytest.raises(UsageError, match=instead):
            keys_of(declared_at(at)[0], at, {}, simulated=simulated)


@pytest.mark.parametrize("place", ["okx@demonstration", "okx@demo2", "okx@live", "binance@usual", "htx@us"])
def test_accounts_that_are_called_otherwise(place: str) -> None:
    assert [*given({place: ("k", "s")})] == [parse(place)]


def test_no_two_places_have_one_variable() -> None:
    exchanges = {venue.exchange: venue for venue in every().values()}
    words = {"", "us", "a", "A-us", *(one.name for venue in every().values() for one in venue.environments)}
    owners: dict[str, At] = {}
    for name, word, account in product(exchanges, words, words):
        for environment in environments(name):
            at = At(name, "-".join(filter(None, (word, account))) or None, environment)
            try:
                keys_of(exchanges[name], at, {}, simulated=True)
            except UsageError:
                continue
            other = owners.setdefault(variable(at), at)
            assert (other.venue, other.environment) == (name, environment)


@pytest.mark.parametrize("bad", [("one",), CANARY, (CANARY, "x", "y", "z"), {"key": CANARY}, (CANARY, 7), None])
def test_what_is_no_key_is_refused_unseen(bad: Any) -> None:
    with pytest.raises(UsageError) as refused:
        given({"alpaca": bad})
    assert CANARY not in str(refused.value)
    with pytest.raises(UnknownVenue):
        given({"nowhere": ("k", "s")})
    assert given({"alpaca": Credentials.of("k", "s", source="mine")})[At("alpaca")].source == "mine"


@pytest.mark.parametrize(
    "keys",
    [
        7, ["alpaca"], ("alpaca", CANARY), CANARY, {7: ("k", CANARY)}, {"alpaca": CANARY}, {"alpaca": (CANARY,)},
        {"alpaca": ("k", CANARY, "p", "q")}, {"alpaca": ("k", 7)}, {"alpaca": {"key": "k", "secret": CANARY}},
        {"alpaca": None}, {"alpaca": (b"k", CANARY)},
    ],
)  # fmt: skip
def test_keys_of_a_wrong_shape_are_told_the_right_one(keys: Any) -> None:
    with pytest.raises(UsageError, match=r'keys= .*write \{"EXCHANGE": \(key, secret\)\}') as told:
        given(keys)
    assert CANARY not in f"{told.value} {told.value!r}"
