"""HTX spot messages that are not books, as they are needed so far."""

import json


def sent_topics(message: str) -> tuple[str, ...]:
    """The topic that a client's message subscribes."""
    try:
        asked = json.loads(message)
    except ValueError:
        return ()
    topic = asked.get("sub") if isinstance(asked, dict) else None
    return (topic,) if isinstance(topic, str) else ()


def data_topic(message: str) -> str | None:
    """The topic of a push."""
    head = '{"ch":"'
    if message.startswith(head):
        return message[len(head) : message.index('"', len(head))]
    return None
