"""Deribit's book of every change, as recorded in July 2021."""

from tidebook.venue import (
    BookChannel,
    BookShape,
    Chain,
    Endpoint,
    Id,
    Kind,
    Number,
    Ping,
    Proof,
    Remove,
    Row,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    Venue,
)

API = Endpoint(
    "api", "wss://www.deribit.com/ws/api/v2",
    Subscribing(
        Template('{"jsonrpc":"2.0","id":"#id","method":"public/subscribe","params":{"channels":"@topics"}}'),
        Template('{"jsonrpc":"2.0","id":"#id","result":"@topics"}'),
        Template('{"jsonrpc":"2.0","id":"#id","method":"public/unsubscribe","params":{"channels":"@topics"}}'),
        Template('{"jsonrpc":"2.0","id":"#id","result":"@topics"}'),
        refusals=(Template('{"jsonrpc":"2.0","id?":"#id","error":{"code":"#code","message":"$text"}}'),),
        topics_per_message=100,
    ),
    Ping(
        by="client", form="message", every=30, deadline=15,
        ask=Template('{"jsonrpc":"2.0","id":"#id","method":"public/test"}'),
        answer=Template('{"jsonrpc":"2.0","id":"#id","result":{"version":"$version"}}'),
    ),
)  # fmt: skip


def _instrument(topic: str) -> str | None:
    parts = topic.split(".")
    return parts[1] if len(parts) == 3 and parts[0] == "book" and parts[2] in ("raw", "100ms") else None


BOOK = BookChannel(
    name="book", endpoint="api",
    topic=lambda instrument: f"book.{instrument}.raw",
    matches=_instrument,
    shape=BookShape(
        route=("params.channel",), kind=Kind(path="params.data.type", snapshot=("snapshot",), delta=("change",)),
        bids=("params.data.bids",), asks=("params.data.asks",), row=Row("1", "2", action="0"), remove=Remove.ACTION,
        remove_words=("delete",), number=Number.JSON, last=Id("params.data.change_id"),
        prev=Id("params.data.prev_change_id", optional=True), time=Time("params.data.timestamp"),
    ),
    rule=SyncRule(Seed.STREAM, Chain.PREV, proof=(Proof.SEQUENCE,)),
)  # fmt: skip

DERIBIT = Venue(
    name="deribit.books", exchange="deribit", kind="mixed", endpoints=(API,), books=(BOOK,),
    aliases=("www.deribit.com",),
    proof_from="the capture DERIBIT of 2021-07-22 and the rule of its oracle",
)  # fmt: skip

VENUES = (DERIBIT,)
SETS = {"DERIBIT": "deribit.books"}
