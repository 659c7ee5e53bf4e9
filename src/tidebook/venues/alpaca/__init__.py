"""Alpaca's market of crypto (`us`). Facts: docs.alpaca.markets, "Real-time Crypto Data" (copy of 2026-06-09).

Its stream wants a key; market data over REST does not. `us-1` and `eu-1` are other exchanges behind other paths, not
other hosts of this one: not declared.
"""

from dataclasses import replace
from typing import Any, Final

from tidebook.core.pack import pack, unpack
from tidebook.venue import (
    BookChannel,
    BookShape,
    Endpoint,
    Environment,
    FactChannel,
    Kind,
    Login,
    Number,
    Ping,
    Resync,
    Row,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    TimeUnit,
    Venue,
)
from tidebook.venues.alpaca import account, private, wire
from tidebook.venues.alpaca.recorded import listing
from tidebook.venues.alpaca.rest import ANSWERS, CALLS, DATA, REST, unlisted
from tidebook.venues.alpaca.sign import OPEN, SIGN

_LISTS: Final = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "orderbooks")
_BY_KIND: Final = ",".join(f'"{name}?":"@{name}"' for name in _LISTS)
_ALL: Final = Template(f'[{{"T":"subscription",{_BY_KIND}}}]')
_NO: Final = Template('[{"T":"error","code":"#code","msg":"$text"}]')

# One connection of an account at a time: while another one, or what is left of one, has the place, the venue says 406.
STREAM: Final = Endpoint(
    name="stream",
    url="wss://stream.data.alpaca.markets/v1beta3/crypto/us",
    subscribing=Subscribing(
        subscribe=Template(f'{{"action":"subscribe",{_BY_KIND}}}'),
        ack=_ALL,
        unsubscribe=Template(f'{{"action":"unsubscribe",{_BY_KIND}}}'),
        unsubscribed=_ALL,
        refusals=(_NO,),
        topics_per_message=100,
        serial=True,
    ),
    ping=Ping("client", "frame", 10, 20),
    login=Login(
        after=Template('[{"T":"success","msg":"connected"}]'),
        ask=Template('{"action":"auth","key":"$key","secret":"$secret"}'),
        ok=Template('[{"T":"success","msg":"authenticated"}]'),
        refusals=(_NO,),
        final=("402", "409", "411"),  # auth failed, insufficient subscription, insufficient scope
        timeout=10,
    ),
)

# The same messages as MessagePack, in both directions. It unpacks to many times its size, so less of it is taken.
PACKED: Final = replace(
    STREAM, name="packed", decode=unpack, encode=pack, headers={"Content-Type": "application/msgpack"}, cap=1 << 20
)

_EACH: Final = BookShape(
    each="",
    route=("T", "S"),
    # A reset says so; what does not, or says false, is a change.
    kind=Kind(path="r", snapshot=("true",), delta=("false",), default="delta"),
    bids=("b",),
    asks=("a",),
    row=Row("p", "s"),
    number=Number.JSON,
    time=Time("t", TimeUnit.ISO),
)

# No number, no checksum: what the server itself loses cannot be seen.
BOOK: Final = BookChannel(
    name="orderbooks",
    endpoint="stream",
    topic=lambda instrument: f"orderbooks {instrument}",
    matches=lambda topic: topic.removeprefix("orderbooks ") if topic.startswith("orderbooks ") else None,
    key=lambda topic: f"o {topic.removeprefix('orderbooks ')}".encode(),
    shape=_EACH,
    rule=SyncRule(seed=Seed.STREAM, resync=Resync.RESUBSCRIBE),
    snapshot=BookShape(
        each="orderbooks.*", bids=("b",), asks=("a",), row=Row("p", "s"), number=Number.JSON,
        time=Time("t", TimeUnit.ISO),
    ),
)  # fmt: skip

# A connection of its own, of which an account has one: not beside `orderbooks` or any facts.
BOOK_PACKED: Final = replace(BOOK, name="packed", endpoint="packed", snapshot=None)

_LETTERS: Final = {"trades": "t", "quotes": "q", "bars": "b", "dailyBars": "d"}
_BARS: Final = {"1m": "bars", "1d": "dailyBars"}


def _key(topic: str) -> bytes:
    name, _, instrument = topic.partition(" ")
    return f"{_LETTERS[name]} {instrument}".encode()


def _facts(name: str, read: Any, lists: dict[str, str] | None = None) -> FactChannel:
    """One message of a frame; where there are options, each has its list."""
    return FactChannel(
        name, "stream", lambda instrument, option: f"{(lists or {}).get(option or '1m', name)} {instrument}", read,
        _EACH.route, each="", key=_key, options=tuple(lists or ()),
    )  # fmt: skip


ALPACA: Final = Venue(
    name="alpaca",
    exchange="alpaca",
    kind="spot",
    endpoints=(STREAM, PACKED),
    books=(BOOK, BOOK_PACKED),
    facts=(_facts("trades", wire.trades), _facts("quotes", wire.quotes), _facts("bars", wire.bars, _BARS)),
    calls=CALLS,
    answers=ANSWERS,
    rest=DATA,
    pools=(REST,),
    # Keys for trial are other keys at another host; market data takes them as it takes the others.
    environments=(Environment("live"), Environment("paper", {"api.alpaca.markets": "paper-api.alpaca.markets"})),
    aliases=("stream.data.alpaca.markets/v1beta3/crypto/us", "data.alpaca.markets", "api.alpaca.markets"),
    listing=listing,
    unlisted=unlisted,
    symbol=str,
    key_headers={"APCA-API-KEY-ID": "$key", "APCA-API-SECRET-KEY": "$secret"},
    sign=SIGN,
    public=OPEN,
    without=("ticker",),
    trading=private.ORDERS,
    account=account.stream(STREAM.ping),
    proof_from="docs.alpaca.markets: Real-time Crypto Data, orderbooks (2026-06-09)",
)

VENUES = (ALPACA,)
