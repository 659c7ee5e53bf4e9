"""Binance's options: European, settled in USDT.

Facts: the documentation of options trading as of 2026-08-21: the streams of November 2025, with names in lower case and
at the futures' host; that snapshots are 5 to 30 s old was measured by others in April 2026 (unicorn-binance-local-
depth-cache, pull requests 89 and 98).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from tidebook.model.facts import Fact
from tidebook.venue import (
    Endpoint,
    Environment,
    FactChannel,
    Pace,
    Ping,
    Repeats,
    Seen,
    Venue,
)
from tidebook.venues.binance import futures
from tidebook.venues.binance.answers import answers
from tidebook.venues.binance.futures.rest import FAILED
from tidebook.venues.binance.futures.wire import quotes, usd_bars, usd_ticker
from tidebook.venues.binance.options import rest, wire
from tidebook.venues.binance.recorded import data_topic, reads, sent_topics, url_topics
from tidebook.venues.binance.sign import OPEN, SIGN
from tidebook.venues.binance.streams import WRAPPED, asked_at, facts, partials

# The futures' host, with another pace of pings: every five minutes. What has missed two of them is dead.
PUBLIC: Final[Endpoint] = replace(futures.PUBLIC, ping=Ping(by="server", form="frame", every=300, deadline=660))
MARKET: Final[Endpoint] = replace(PUBLIC, name="market", url=futures.MARKET.url)

_OPTION: Final = re.compile(r"([a-z0-9]+-[0-9]{6}-[0-9.]+-[cp])@(.+)", re.ASCII)


def _named(*suffixes: str) -> Callable[[str], str | None]:
    """The way back from a stream; futures are at the same host, whose ids have another form."""

    def instrument_of(topic: str) -> str | None:
        found = _OPTION.fullmatch(topic)
        return found[1].upper() if found is not None and found[2] in suffixes else None

    return instrument_of


# A snapshot is older than what is kept for it, for half a minute: it is asked for again and again, and nothing that
# was kept is given up. A strike may be silent for hours.
DEPTH: Final = replace(
    futures.DEPTH,
    matches=_named("depth@100ms", "depth@500ms"),
    rule=replace(futures.DEPTH.rule, pace=Pace(count=20, per=60, spacing=3, lag=30), buffer_seconds=180),
    rest=rest.seed,
    depths=rest.LEVELS,
    snapshot_of=asked_at("eapi/v1/depth"),
    first_data=3600,
)
PARTIAL: Final = replace(futures.PARTIAL, matches=_named(*partials(("@100ms", "@500ms"))))


def _shared(name: str, topic: Callable[[str], str], read: Callable[[bytes, Seen], Sequence[Fact]]) -> FactChannel:
    """A stream of many strikes: one message holds them all."""
    return FactChannel(name, "market", lambda instrument, option: topic(instrument.upper()), read, WRAPPED)


def _marks_of(id: str) -> str:
    return f"{wire.parts(id)[0].lower()}@optionMarkPrice"


def _interest_of(id: str) -> str:
    underlying, day = wire.parts(id)
    return f"{underlying.lower()}@optionOpenInterest@{day}"


OPTIONS: Final = Venue(
    name="binance.options",
    exchange="binance",
    kind="option",
    without=("funding", "liquidations"),
    endpoints=(PUBLIC, MARKET, *futures.unwrapped(public_raw=PUBLIC, market_raw=MARKET)),
    books=(DEPTH, PARTIAL),
    facts=(
        facts("trades", "optionTrade", wire.trades, endpoint="public"),
        facts("quotes", "bookTicker", quotes, endpoint="public"),
        facts("bars", "kline_", usd_bars, wire.INTERVALS, "market"),
        facts("ticker", "optionTicker", usd_ticker, endpoint="public"),
        replace(_shared("mark_prices", _marks_of, wire.marks), also=("greeks",), life=Repeats(60)),
        _shared("open_interest", _interest_of, wire.interests),
    ),
    calls=rest.CALLS,
    answers=answers(rest.WEIGHT, rest.KINDS, too_many=rest.TOO_MANY, failed=FAILED),
    rest="https://eapi.binance.com",
    pools=(rest.WEIGHT, futures.CONNECTS),
    environments=(
        Environment("live"),
        Environment(
            "testnet",
            {"eapi.binance.com": "testnet.binancefuture.com", "fstream.binance.com": "fstream.binancefuture.com"},
        ),
    ),
    aliases=("fstream.binance.com", "eapi.binance.com"),
    url_topics=url_topics,
    sent_topics=sent_topics,
    data_topic=data_topic,
    listing=reads("eapi/v1/exchangeInfo", wire.Listed, wire.names),
    sign=SIGN,
    public=OPEN,
    proof_from="options trading 2026-08-21, Diff Book Depth Streams; chained as the futures' books",
)

VENUES: Final = (OPTIONS,)
