"""Which streams of Binance's USD-M futures are at ``/public``; all others of a market are at ``/market``.

USD-M futures, Websocket Market Streams, 2026-08-21: split since 2026-04-23.
"""


def is_public(topic: str) -> bool:
    """Whether a stream is one of books and best quotes, as ``btcusdt@depth5@100ms`` and ``!bookTicker``."""
    name = topic.lstrip("!").rpartition("@")[0] if topic.endswith("ms") else topic.lstrip("!")
    return name.rpartition("@")[2].startswith(("depth", "rpiDepth", "bookTicker"))
