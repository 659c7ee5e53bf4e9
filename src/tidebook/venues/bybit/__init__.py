"""Bybit: spot, linear, inverse and option, four markets of one form. Facts: bybit-exchange/docs v5 as of 2026-07-24.

A market is told apart by the last word of its stream's path. Its numbers `u` count the messages of one topic.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from tidebook.venue import (
    BookChannel,
    BookShape,
    Chain,
    Endpoint,
    Environment,
    Era,
    Id,
    Kind,
    Ping,
    Pool,
    Proof,
    Repeats,
    Resync,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
    Window,
)
from tidebook.venues.bybit import account, orders
from tidebook.venues.bybit.answers import ANSWERS
from tidebook.venues.bybit.private import trading
from tidebook.venues.bybit.recorded import V2, data_topic, listing, sent_topics
from tidebook.venues.bybit.rest import HOST, REST, Category, calls
from tidebook.venues.bybit.sign import OPEN, SIGN
from tidebook.venues.bybit.streams import facts

# Of each endpoint alone; 20 in a second on spot.
ORDERS: Final = Pool("bybit.orders", "endpoint", 10, 1)
LOOKS: Final = Pool("bybit.looks", "endpoint", 50, 1)
CONNECTS: Final = Pool("bybit.connects", "ip", 500, 300)  # "in 5 minutes", of one domain for WebSockets

# One bad topic refuses all that are asked for with it. The words of an answer are not the same everywhere.
SUBSCRIBING: Final = Subscribing(
    subscribe=Template('{"req_id":"$id","op":"subscribe","args":"@topics"}'),
    ack=Template('{"success":true,"req_id":"$id","op":"subscribe"}'),
    unsubscribe=Template('{"req_id":"$id","op":"unsubscribe","args":"@topics"}'),
    unsubscribed=Template('{"success":true,"req_id":"$id","op":"unsubscribe"}'),
    refusals=(Template('{"success":false,"ret_msg":"$text","req_id?":"$id"}'),),
    topics_per_message=10,
    serial=True,
)
# Options answer without an id, subscriptions and their end alike.
_ANSWER: Final = Template(
    '{"success":true,"data":{"failTopics":"@failed","successTopics":"@topics"},"type":"COMMAND_RESP"}'
)
# A ping every 20 s is asked for, whatever else is said; ten minutes without one close the connection.
PING: Final = Ping(
    by="client",
    form="message",
    every=20,
    deadline=20,
    ask=Template('{"req_id":"$id","op":"ping"}'),
    answer=Template('{"success":true,"ret_msg":"pong","req_id?":"$id","op":"ping"}'),
    always=True,
)
_PRIVATE_PING: Final = replace(PING, answer=Template('{"op":"pong"}'))
_STREAM: Final = Endpoint(
    name="stream",
    url="wss://stream.bybit.com/v5/public/spot",
    subscribing=SUBSCRIBING,
    ping=PING,
    connects=CONNECTS,
    max_bytes=21_000,
)


def _end(depths: tuple[str, ...], topic: str) -> str | None:
    """The instrument in `orderbook.<depth>.<instrument>`."""
    name, _, rest = topic.partition(".")
    depth, _, instrument = rest.partition(".")
    return (instrument or None) if name == "orderbook" and depth in depths else None


# Any later snapshot replaces the book, and so does what has the number 1: the service has begun anew.
_SHAPE: Final = BookShape(
    route=("topic",),
    kind=Kind(sentinel=("data.u", 1), path="type", snapshot=("snapshot",), delta=("delta",)),
    bids=("data.b",),
    asks=("data.a",),
    last=Id("data.u"),
    time=Time("ts"),
)


def _book(name: str, depth: int, *also: str) -> BookChannel:
    """Changes of the best `depth` levels, which the venue cuts. `also` are depths of recordings."""
    return BookChannel(
        name=name,
        endpoint="stream",
        topic=lambda instrument: f"orderbook.{depth}.{instrument}",
        matches=partial(_end, (str(depth), *also)),
        shape=replace(_SHAPE, window=Window(depth)),
        rule=SyncRule(seed=Seed.STREAM, chain=Chain.NEXT, proof=(Proof.SEQUENCE,), resync=Resync.RESUBSCRIBE),
    )


# The call `book` answers in this form.
_ANSWERED: Final = BookShape(bids=("result.b",), asks=("result.a",), last=Id("result.u"), time=Time("result.ts"))
# Level 1 is whole each time since 2025-03-20, and comes again after 3 s in which nothing changed, with the same number.
# It has a connection of its own: quotes are of the same topic.
BEST: Final = BookChannel(
    name="best",
    endpoint="best",
    topic=lambda instrument: f"orderbook.1.{instrument}",
    matches=partial(_end, ("1",)),
    shape=replace(_SHAPE, kind=Kind(path="type", snapshot=("snapshot",))),
    rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,), resync=Resync.RESUBSCRIBE),
    life=Repeats(15),
)
DEPTH: Final = replace(_book("depth", 200), snapshot=_ANSWERED)
# There was a depth of 500 until 2025-09-11.
BOOKS: Final = (DEPTH, _book("depth50", 50), _book("depth1000", 1000, "500"), BEST)
OPTION_BOOKS: Final = (replace(_book("depth", 100), snapshot=_ANSWERED), _book("depth25", 25))


# Accounts of some countries have a host of their own.
_REGIONS: Final = ("tr", "kz", "id")
_API: Final = (
    "api.bytick.com", *(f"api.bybit.{one}" for one in ("nl", "eu", "ae", *_REGIONS)), "api.bybitgeorgia.ge",
    "api.manepa.jp",
)  # fmt: skip
_STREAMS: Final = (
    "stream.bytick.com", *(f"stream.bybit.{one}" for one in _REGIONS), "stream.bybitgeorgia.ge", "stream.manepa.jp",
)  # fmt: skip
_LIVE: Final = ("api.bybit.com", "stream.bybit.com")


def _venue(category: Category, stream: Endpoint, *eras: Era, without: tuple[str, ...] = ()) -> Venue:
    """One market. Public streams of the demo environment are those of the live one."""
    stream = replace(stream, url=f"wss://stream.bybit.com/v5/public/{category}")
    former = [
        f"stream.bybit.com/{word}" for era in eras for word in (one.url.rpartition("/")[2] for one in era.endpoints)
    ]
    told = account.stream(category, SUBSCRIBING, _PRIVATE_PING, CONNECTS)
    return Venue(
        name=f"bybit.{category}",
        exchange="bybit",
        kind=category,
        endpoints=(stream, *([replace(stream, name="best")] if category != "option" else [])),
        books=OPTION_BOOKS if category == "option" else BOOKS,
        facts=facts(category),
        calls=calls(category),
        answers=ANSWERS,
        rest=HOST,
        pools=(REST, CONNECTS, ORDERS, LOOKS),
        trading=trading(HOST, category, ORDERS, LOOKS, orders.socket(_PRIVATE_PING, CONNECTS), told.endpoint),
        account=told,
        environments=(
            Environment("live"),
            Environment("testnet", {one: one.replace(".", "-testnet.", 1) for one in _LIVE}),
            Environment("demo", {"api.bybit.com": "api-demo.bybit.com"}),
        ),
        eras=eras,
        aliases=(
            "api.bybit.com", *_API, *(f"{host}/v5/public/{category}" for host in ("stream.bybit.com", *_STREAMS)),
            *former,
        ),
        sent_topics=sent_topics,
        data_topic=data_topic,
        listing=partial(listing, category),
        without=without,
        sign=SIGN,
        public=OPEN,
        proof_from="bybit-exchange/docs v5 2026-07-24, Orderbook",
    )  # fmt: skip


SPOT: Final = _venue("spot", _STREAM)
LINEAR: Final = _venue(
    "linear", replace(_STREAM, subscribing=replace(SUBSCRIBING, topics_per_message=100)), V2["linear"]
)
INVERSE: Final = _venue("inverse", LINEAR.endpoints[0], V2["inverse"])
OPTION: Final = _venue(
    "option",
    replace(
        _STREAM,
        subscribing=replace(SUBSCRIBING, ack=_ANSWER, unsubscribed=_ANSWER, topics_per_message=100),
        ping=replace(PING, answer=Template('{"args":["$now"],"op":"pong"}')),
        max_topics=2000,
    ),
    without=("quotes", "bars", "liquidations", "funding"),
)

VENUES: Final = (SPOT, LINEAR, INVERSE, OPTION)
