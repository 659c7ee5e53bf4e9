"""HTX (Huobi): spot here, swaps in their own folder. Facts: huobiapi/docs v1_en and later notices, as of 2026-06-30."""

from dataclasses import replace

from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Codec,
    Endpoint,
    Id,
    Kind,
    Number,
    Pace,
    Proof,
    Resync,
    Seed,
    SyncRule,
    Template,
    Time,
    Venue,
    Window,
)
from tidebook.venues.htx import account, private, swaps, wire
from tidebook.venues.htx.recorded import data_topic, listing, sent_topics
from tidebook.venues.htx.rest import ANSWERS, CALLS, REST
from tidebook.venues.htx.sign import OPEN, SIGN
from tidebook.venues.htx.streams import PING, SUBSCRIBING, facts, middle, tick, whole

MARKET = Endpoint("market", "wss://api.huobi.pro/ws", SUBSCRIBING, PING, codec=Codec.GZIP)
# Incremental depth and the requests for it are served here alone.
FEED = Endpoint("feed", "wss://api.huobi.pro/feed", SUBSCRIBING, PING, codec=Codec.GZIP)


# Sent about once a second, changed or not; an equal version is a new message. The call `book` answers in this form.
STEP = replace(
    whole("depth", "market", "depth.step0", tuple(f"depth.step{n}" for n in range(6)), tick("tick.version")),
    snapshot=tick("tick.version"),
)
REFRESH = whole(
    "refresh", "market", "mbp.refresh.20", tuple(f"mbp.refresh.{n}" for n in (5, 10, 20)), tick("tick.seqNum")
)

_MBP = tuple(f"mbp.{n}" for n in (5, 20, 150, 400))

# Changes between successive top-N books: a side that did not change may be absent. The snapshot is
# asked for on the same socket; it often lags, so it is asked for again after 100 ms.
MBP = BookChannel(
    name="mbp",
    endpoint="feed",
    topic=lambda instrument: f"market.{instrument}.mbp.150",
    matches=lambda topic: middle(topic, _MBP),
    shape=BookShape(
        route=("ch",),
        kind=Kind(default="delta"),
        bids=("tick.bids",),
        asks=("tick.asks",),
        number=Number.EITHER,
        last=Id("tick.seqNum"),
        prev=Id("tick.prevSeqNum"),
        time=Time("ts"),
        window=Window(150),
    ),
    snapshot=BookShape(
        # Replies name the same topic as pushes; their status makes the key another one.
        route=("rep", "status"),
        bids=("data.bids",),
        asks=("data.asks",),
        number=Number.EITHER,
        last=Id("data.seqNum"),
    ),
    rule=SyncRule(
        seed=Seed.REQUEST,
        chain=Chain.PREV,
        bridge=Bridge.PREV,
        proof=(Proof.SEQUENCE,),
        resync=Resync.REQUEST,
        pace=Pace(count=60, per=60, spacing=0.1),
    ),
    reply_key=lambda topic: f"{topic} ok".encode(),
    ask=Template('{"req":"$topic","id":"$id"}'),
)


FACTS = (
    facts("trades", "trade.detail", wire.trades),
    facts("quotes", "bbo", wire.quotes),
    facts("bars", "kline.", wire.bars, wire.PERIODS),
    facts("ticker", "ticker", wire.ticker),
)

SPOT = Venue(
    name="htx.spot",
    exchange="htx",
    kind="spot",
    endpoints=(MARKET, FEED),
    books=(STEP, REFRESH, MBP),
    facts=FACTS,
    calls=CALLS,
    answers=ANSWERS,
    rest="https://api.huobi.pro",
    pools=(REST, private.ORDERS, private.LOOKS),
    trading=private.TRADING,
    account=account.stream(),
    aliases=("api.huobi.pro", "api-aws.huobi.pro", "api.htx.com"),
    sent_topics=sent_topics,
    data_topic=data_topic,
    listing=listing,
    symbol=str,
    sign=SIGN,
    public=OPEN,
    proof_from="huobiapi/docs v1_en: market depth, market by price",
)

# An exchange of its own in Japan, with HTX's signatures. Nothing of its markets is declared.
BITTRADE = Venue(
    name="bittrade",
    exchange="bittrade",
    kind="spot",
    endpoints=(),
    books=(),
    rest="https://api-cloud.bittrade.co.jp",
    aliases=("api-cloud.bittrade.co.jp",),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (SPOT, *swaps.VENUES, BITTRADE)
