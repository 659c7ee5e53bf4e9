"""HTX, all markets: how connections speak, and the forms that their streams share."""

from typing import Any, Final

from tidebook.venue import (
    BookChannel,
    BookShape,
    FactChannel,
    Id,
    Number,
    Ping,
    Proof,
    Repeats,
    Resync,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
)

# Whole frames are gzip members; heartbeats are messages every 5 s, missed answers end the connection: two on spot, five
# on swaps.
PING: Final = Ping(
    by="server",
    form="message",
    every=5,
    deadline=15,
    ask=Template('{"ping":"#n"}'),
    answer=Template('{"pong":"#n"}'),
    prefix=b'{"ping":',
)
SUBSCRIBING: Final = Subscribing(
    subscribe=Template('{"sub":"$topic","id":"$id"}'),
    ack=Template('{"id":"$id","status":"ok","subbed":"$topic"}'),
    unsubscribe=Template('{"unsub":"$topic","id":"$id"}'),
    unsubscribed=Template('{"id":"$id","status":"ok","unsubbed":"$topic"}'),
    refusals=(Template('{"status":"error","id?":"$id","err-code":"$code","err-msg":"$text"}'),),
)


def middle(topic: str, endings: tuple[str, ...]) -> str | None:
    """The instrument in `market.<instrument>.<ending>`."""
    parts = topic.split(".", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "market" and parts[2] in endings else None


def whole(name: str, endpoint: str, default: str, endings: tuple[str, ...], shape: BookShape) -> BookChannel:
    """A channel whose messages are whole books."""
    return BookChannel(
        name=name,
        endpoint=endpoint,
        topic=lambda instrument: f"market.{instrument}.{default}",
        matches=lambda topic: middle(topic, endings),
        shape=shape,
        rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,), resync=Resync.RESUBSCRIBE),
        life=Repeats(10),  # each second, or each tenth of one
    )


def tick(last: str) -> BookShape:
    return BookShape(
        route=("ch",),
        bids=("tick.bids",),
        asks=("tick.asks",),
        number=Number.EITHER,
        last=Id(last, optional=True),
        time=Time("ts"),
    )


def facts(
    name: str, ending: str, read: Any, periods: dict[str, str] | None = None, endpoint: str = "market"
) -> FactChannel:
    """A topic of one instrument; `ending` stops where the period follows."""
    words = periods or {}
    return FactChannel(
        name, endpoint, lambda instrument, option: f"market.{instrument}.{ending}{words.get(option or '', '')}", read,
        ("ch",), options=tuple(words),
    )  # fmt: skip
