"""Where USD-M futures have the streams that programs still ask for at their old place.

Since 2026-04-23 ``wss://fstream.binance.com/ws`` and ``/stream`` are gone: books and best quotes are at ``/public``,
the other streams of markets at ``/market``, accounts at ``/private``, where a key in the path is not read any more
(Binance, USD-M futures, Websocket Market Streams and User Data Streams, 2026-08-21).
"""

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from tidebook.compat.split import is_public
from tidebook.errors import UsageError

_HOSTS: Final = ("fstream.binance.com", "fstream.binancefuture.com", "demo-fstream.binance.com")
_EVENTS: Final = (
    "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "MARGIN_CALL", "ACCOUNT_CONFIG_UPDATE", "TRADE_LITE", "listenKeyExpired"
)  # fmt: skip
_SPLIT: Final = "is gone since 2026-04-23: /public/ws has depth, rpiDepth and bookTicker, /market/ws the other streams"


def moved(url: str, says: Sequence[bytes]) -> str:
    """The address where such a stream is now; any other URL as it is. `says` is what will be said on the connection.

    Raises UsageError where one connection cannot have all of it any more, or what is wanted is not known yet.
    """
    parts = urlsplit(url)
    first, _, rest = parts.path.strip("/").partition("/")
    if parts.hostname not in _HOSTS or first not in ("ws", "stream"):
        return url
    if first == "ws" and rest and "@" not in rest and not rest.startswith("!"):
        asked = f"listenKey={quote(rest, safe='')}&events={'/'.join(_EVENTS)}"
        return parts._replace(path="/private/ws", query=asked).geturl()
    topics = [*(one for one in rest.split("/") if one), *_streams(parts.query), *_said(says)]
    public = [one for one in topics if is_public(one)]
    market = [one for one in topics if not is_public(one)]
    if public and market:
        raise UsageError(
            f"{parts.hostname}/{first} {_SPLIT}. Open two connections, one of {', '.join(public)}, one of "
            f"{', '.join(market)}"
        )
    if not topics:
        raise UsageError(f"{parts.hostname}/{first} {_SPLIT}. Give what is wanted as send_json=, or write one of these")
    return parts._replace(path=f"/{'public' if public else 'market'}{parts.path}").geturl()


def _streams(query: str) -> list[str]:
    return [one for text in parse_qs(query).get("streams", ()) for one in text.split("/") if one]


def _said(says: Sequence[bytes]) -> list[str]:
    found: list[str] = []
    for text in says:
        try:
            message: Any = json.loads(text)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("method") == "SUBSCRIBE":
            found.extend(one for one in message.get("params") or () if isinstance(one, str))
    return found
