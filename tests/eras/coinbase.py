"""Coinbase Pro's feed, retired: the rule in its oracle file and the capture are the specification."""

from tidebook.venue import (
    BookChannel,
    BookShape,
    Endpoint,
    Kind,
    Ping,
    Row,
    Rows,
    Seed,
    Subscribing,
    SyncRule,
    Template,
    Time,
    TimeUnit,
    Venue,
)

FEED = Endpoint(
    "feed", "wss://ws-feed.pro.coinbase.com",
    Subscribing(
        Template('{"type":"subscribe","product_ids":"@topics","channels":["level2"]}'),
        # Lists all that is subscribed by now.
        Template('{"type":"subscriptions","channels":[{"name":"level2","product_ids":"@topics"}]}'),
        Template('{"type":"unsubscribe","product_ids":"@topics","channels":["level2"]}'),
        refusals=(Template('{"type":"error","message":"$text"}'),),
        topics_per_message=50,
    ),
    Ping(by="server", form="frame", every=30, deadline=60), cap=32 << 20,
)  # fmt: skip

# A whole book has two sides and comes under a word of its own; a change is a list of rows with side words. Nothing
# is counted and nothing summed up.
LEVEL2 = BookChannel(
    name="level2", endpoint="feed", topic=str, matches=str,
    shape=BookShape(
        route=("type", "product_id"), kind=Kind(default="delta"), rows=(Rows("changes"),),
        row=Row("1", "2", side="0"), bid_words=("buy",), ask_words=("sell",), time=Time("time", TimeUnit.ISO),
    ),
    key=lambda topic: f"l2update {topic}".encode(),
    snapshot=BookShape(route=("type", "product_id"), bids=("bids",), asks=("asks",)),
    reply_key=lambda topic: f"snapshot {topic}".encode(),
    rule=SyncRule(Seed.STREAM),
)  # fmt: skip

PRO = Venue(
    name="coinbase_pro", exchange="coinbase_pro", kind="spot", endpoints=(FEED,), books=(LEVEL2,),
    aliases=("ws-feed.pro.coinbase.com", "ws-feed.gdax.com"),
    proof_from="the capture COINBASE of 2021-04-17 and the rule of its oracle",
)  # fmt: skip

VENUES = (PRO,)
SETS = {"COINBASE": "coinbase_pro"}
