"""From the topics of recorded connections to the streams of facts that a client would read of them."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from tidebook.core.channel import FactChannel
from tidebook.core.stream import StreamPlan
from tidebook.errors import TidebookError
from tidebook.record.connections import Recorded, as_recorded
from tidebook.venue import Venue

_WORD = re.compile(r"[^\s.:@/_,\"{}\[\]-]+")
PARTS = 12
"""Words of a topic of which an id is looked for; the longest known has six."""


def streams(recorded: Recorded, symbols: Mapping[str, str]) -> list[StreamPlan]:
    """The plans of one connection. `symbols` are, by the venue's id, what its lists say."""
    venue = recorded.venue
    by_upper = {id.upper(): symbol for id, symbol in symbols.items()}

    def read_symbol(id: str) -> str:
        return symbols.get(id) or by_upper.get(id.upper()) or venue.symbol(id)

    found: list[StreamPlan] = []
    for topic in (*recorded.by_url, *recorded.topics):
        match = _channel(venue, topic, recorded.url, by_upper)
        if match is not None:
            channel, id = match
            endpoint = as_recorded(venue.endpoint(channel.endpoint), recorded.url)
            symbol = None if id is None else read_symbol(id)
            found.append(StreamPlan(venue.name, symbol, topic, endpoint, channel, read_symbol))
    return found


def _channel(venue: Venue, topic: str, url: str, known: Mapping[str, str]) -> tuple[FactChannel, str | None] | None:
    """The channel that makes this topic and the id of which it does, None where it is of several; see `_ids`.

    Of several channels the one whose endpoint has the recorded path, of several ids one that is listed.
    """
    path = f"{urlsplit(url).path}/"
    found: list[tuple[bool, bool, FactChannel, str | None]] = []
    for channel in venue.facts:
        is_there = path.startswith(f"{urlsplit(venue.endpoint(channel.endpoint).url).path}/")
        for id in _ids(topic):
            if any(_made(channel, id, option) == topic for option in (channel.options or (None,))):
                spelt = id if channel.spells(id, topic) else None
                found.append((is_there, spelt is not None and spelt.upper() in known, channel, spelt))
    if not found:
        return None
    best = max(found, key=lambda one: one[:2])
    return best[2], best[3]


def _made(channel: FactChannel, id: str, option: str | None) -> str | None:
    try:
        return channel.topic(id, option)
    except (TidebookError, ValueError, KeyError, IndexError):
        return None  # what is no id of this venue need not make a topic


def _ids(topic: str) -> Iterator[str]:
    """Every run of words in it, in its own case and in capitals, and one that is in no topic."""
    words = [*_WORD.finditer(topic)][:PARTS]
    for at, first in enumerate(words):
        for last in words[at:]:
            text = topic[first.start() : last.end()]
            yield text
            if text != text.upper():
                yield text.upper()
    yield "?"
