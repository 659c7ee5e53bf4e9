"""Invented venues that speak what the built-in ones do not: topics as objects, lists by kind, refusals in part."""

from dataclasses import replace

from tidebook.venue import Endpoint, Ping, Pool, Subscribing, Template, Venue

_SOME = Template('{"data":{"bad":"@failed","good":"@topics"},"type":"response"}')
_ALL = Template('[{"T":"subscription","trades?":"@trades","quotes?":"@quotes"}]')

OBJECTS = Endpoint(
    name="stream",
    url="wss://objects.spoken.invalid/ws",
    subscribing=Subscribing(
        subscribe=Template('{"ref?":"$id","op":"subscribe","args":"@topics"}'),
        ack=Template('{"ref?":"$id","event":"subscribe","arg":"*topic"}'),
        unsubscribe=Template('{"ref?":"$id","op":"unsubscribe","args":"@topics"}'),
        unsubscribed=Template('{"ref?":"$id","event":"unsubscribe","arg":"*topic"}'),
        refusals=(Template('{"ref?":"$id","event":"error","code":"$code","msg":"$text"}'),),
        topics_per_message=10,
        most_bytes=500,
        each=(Template('{"channel":"closed","kind":"$kind"}'), Template('{"channel":"$channel","id":"$id"}')),
    ),
    ping=Ping("client", "text", 0.05, 5, ask_text="ping", answer_text="pong"),
    max_bytes=200,
)
PART = Endpoint(
    name="stream",
    url="wss://part.spoken.invalid/ws",
    subscribing=Subscribing(
        subscribe=Template('{"req_id":"$id","op":"subscribe","args":"@topics"}'),
        ack=_SOME,
        unsubscribe=Template('{"req_id":"$id","op":"unsubscribe","args":"@topics"}'),
        unsubscribed=_SOME,
        topics_per_message=10,
    ),
    ping=Ping(
        "client", "message", 0.05, 5, Template('{"req_id":"$id","op":"ping"}'),
        Template('{"req_id?":"$id","op":"pong","at":"#now"}'), always=True,
    ),
)  # fmt: skip
LISTS = Endpoint(
    name="stream",
    url="wss://lists.spoken.invalid/ws",
    subscribing=Subscribing(
        subscribe=Template('{"action":"subscribe","trades?":"@trades","quotes?":"@quotes"}'),
        ack=_ALL,
        unsubscribe=Template('{"action":"unsubscribe","trades?":"@trades","quotes?":"@quotes"}'),
        unsubscribed=_ALL,
        refusals=(Template('[{"T":"error","code":"#code","msg":"$text"}]'),),
        topics_per_message=10,
        serial=True,
    ),
    ping=Ping("server", "text", 0.05, 5, ask_text="there?", answer_text="here"),
    max_topics=3,
)


def _venue(name: str, endpoint: Endpoint) -> Venue:
    return Venue(
        name=f"spoken.{name}",
        exchange="spoken",
        kind="spot",
        endpoints=(endpoint,),
        books=(),
        rest=f"https://{name}.spoken.invalid",
        pools=(Pool("spoken", "ip", 100, 60.0),),
        aliases=(f"{name}.spoken.invalid",),
    )


VENUES = (
    _venue("objects", OBJECTS),
    _venue("part", PART),
    _venue("lists", LISTS),
    _venue("deaf", replace(OBJECTS, url="wss://deaf.spoken.invalid/ws")),
)
