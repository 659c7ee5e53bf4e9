"""Binance USD-M: accounts as they happen, at an address that ends with a key.

Facts: USD-M "User Data Streams" (Start, Keepalive, Event: Order Update, Event: Balance and Position Update, Event: User
Data Stream Expired) as of 2026-08-21. Since 2026-04-23 they come at /private. In the hedge mode a symbol has two
positions, each with its side.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tidebook.model.number import exact
from tidebook.model.orders import Fill, Order, Position
from tidebook.model.wire import MS, Code, Id, Ms, Num, decode, word
from tidebook.venue import AccountStream, Endpoint, Expired, Lifetime, Look, Ping, Pool, Request, Seen, Token, Told
from tidebook.venues.binance.private import KIND, LEG, SIDE, STATUS, TIF, maybe


class _Event(msgspec.Struct):
    e: str = ""


class _Report(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    client_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    tif: str = msgspec.field(name="f")
    size: Num = msgspec.field(name="q")
    price: Num = msgspec.field(name="p")
    trigger: Num = msgspec.field(name="sp")
    what: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    id: Id = msgspec.field(name="i")
    last_size: Num = msgspec.field(name="l")
    filled: Num = msgspec.field(name="z")
    last_price: Num = msgspec.field(name="L")
    at: Ms = msgspec.field(name="T")
    trade: Code = msgspec.field(name="t")
    maker: bool = msgspec.field(name="m")
    reduces: bool = msgspec.field(name="R")
    kind: str = msgspec.field(name="ot")
    leg: str = msgspec.field(name="ps")
    fee: Num = msgspec.field(name="n", default="0")  # absent where there is none, and so its currency
    fee_currency: str = msgspec.field(name="N", default="")


class _Ordered(msgspec.Struct):
    o: _Report


class _Held(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    size: Num = msgspec.field(name="pa")
    entry: Num = msgspec.field(name="ep")
    gain: Num = msgspec.field(name="up")
    leg: str = msgspec.field(name="ps")


class _Moved(msgspec.Struct):
    positions: list[_Held] = msgspec.field(name="P", default_factory=list[_Held])


class _Update(msgspec.Struct):
    a: _Moved
    at: Ms = msgspec.field(name="T")


class _Key(msgspec.Struct):
    listenKey: str  # noqa: N815 - the venue's word


_EVENT: Final = msgspec.json.Decoder(_Event)
_ORDERED: Final = msgspec.json.Decoder(_Ordered)
_UPDATE: Final = msgspec.json.Decoder(_Update)
_KEY: Final = msgspec.json.Decoder(_Key)
# The wallet is told with what it holds, and not what of it is free; orders that rest move only that.
_LOOK: Final = Look(("balances",))


def read(frame: bytes, seen: Seen) -> Sequence[Told]:
    """What a message says."""
    match decode(_EVENT, frame).e:
        case "ORDER_TRADE_UPDATE":
            return [*_reported(decode(_ORDERED, frame).o, seen), _LOOK]
        case "ACCOUNT_UPDATE":
            update = decode(_UPDATE, frame)
            rows = [
                Position(
                    venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=update.at * MS,
                    received_ns=seen.received_ns, exact_size=exact(one.size), exact_entry=maybe(one.entry),
                    exact_unrealized=exact(one.gain), leg=word(LEG, one.leg, "position side"),
                )
                for one in update.a.positions
            ]  # fmt: skip
            return [*rows, _LOOK]
        case "listenKeyExpired":
            return [Expired("its key has ended")]
    return ()


def _reported(one: _Report, seen: Seen) -> list[Told]:
    about: dict[str, Any] = {
        "venue": seen.venue, "symbol": seen.symbol(one.symbol), "venue_ns": one.at * MS,
        "received_ns": seen.received_ns, "side": word(SIDE, one.side, "side"), "client_id": one.client_id,
    }  # fmt: skip
    kind = word(KIND, one.kind, "kind of order")
    rows: list[Told] = [
        Order(
            **about, id=str(one.id), kind=kind, status=word(STATUS, one.status, "status"),
            exact_price=exact(one.price) if kind in ("limit", "stop_limit") else None,
            exact_trigger=exact(one.trigger) if kind in ("stop", "stop_limit") else None,
            exact_size=exact(one.size), exact_filled=exact(one.filled), tif=TIF.get(one.tif, "gtc"),
            post_only=one.tif == "GTX", reduce_only=one.reduces,
            leg=word(LEG, one.leg, "position side"),
        )
    ]  # fmt: skip
    if one.what == "TRADE":
        rows.append(
            Fill(
                **about, id=str(one.trade), order_id=str(one.id), exact_price=exact(one.last_price),
                exact_size=exact(one.last_size), exact_fee=exact(one.fee), fee_currency=one.fee_currency,
                maker=one.maker, leg=word(LEG, one.leg, "position side"),
            )
        )  # fmt: skip
    return rows


def _key(body: bytes) -> str:
    return decode(_KEY, body).listenKey


def stream(api: str, connects: Pool, weight: Pool) -> AccountStream:
    """A key lives for an hour, and is kept twice in that time; whoever asks anew gets the one that there is."""
    url = f"{api}/v1/listenKey"
    return AccountStream(
        Endpoint(
            name="account",
            url="wss://fstream.binance.com/private/ws",
            subscribing=None,
            ping=Ping(by="server", form="frame", every=180, deadline=400),
            connects=connects,
            lifetime=Lifetime(24 * 3600, overlap=300),
        ),
        read,
        token=Token(
            ask=lambda: Request("POST", url),
            read=_key,
            keep=lambda word: Request("PUT", url),
            every=1800.0,
            tail=lambda word: f"?listenKey={word}",
            pool=weight.name,
            gone=frozenset({"-1125"}),
        ),
    )
