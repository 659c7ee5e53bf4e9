"""Binance spot messages that are not books, as they are needed so far."""

import json


def sent_topics(message: str) -> tuple[str, ...]:
    """The streams that a client's message subscribes."""
    try:
        asked = json.loads(message)
    except ValueError:
        return ()
    if not isinstance(asked, dict) or asked.get("method") != "SUBSCRIBE":
        return ()
    params = asked.get("params")
    return tuple(topic for topic in params if isinstance(topic, str)) if isinstance(params, list) else ()


def data_topic(message: str) -> str | None:
    """The stream of a wrapped message. It stands in front, so that the rest need not be read."""
    head = '{"stream":"'
    if message.startswith(head):
        return message[len(head) : message.index('"', len(head))]
    return None
