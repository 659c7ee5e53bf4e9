"""Acts of accounts as the data files write them: what is asked, of which instrument."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.conformance.data import Case

from tidebook.core.trading import About
from tidebook.model.facts import Instrument
from tidebook.venue import Countdown, Inquiry, Ref, Wish

_NUMBERS = ("size", "cost", "price", "trigger")


def instrument_of(case: Case) -> Instrument:
    """What the case is about, with no rules: they are kept before an act is asked for anything."""
    symbol, _, settle = case.data["symbol"].partition(":")
    base, _, quote = symbol.partition("/")
    kind: Any = case.data.get("kind", case.venue.kind)
    return Instrument(
        venue=case.venue.name, symbol=case.data["symbol"], id=case.data["id"], base=base, quote=quote, kind=kind,
        active=True, tick=None, step=None, settle=settle.partition("-")[0], code=case.data.get("code"),
    )  # fmt: skip


def about_of(case: Case) -> About:
    """What the act is asked about."""
    instrument, account = instrument_of(case), case.data.get("account", "")
    if "wish" in case.data:
        fields = dict(case.data["wish"])
        numbers = {name: Decimal(fields.pop(name)) for name in _NUMBERS if name in fields}
        return Wish(**{"instrument": instrument, "account": account, "size": None, **fields, **numbers})
    if "ref" in case.data:
        return Ref(instrument=instrument, account=account, **case.data["ref"])
    asked = dict(case.data["countdown" if "countdown" in case.data else "inquiry"])
    one = None if asked.pop("all", False) else instrument
    if "countdown" in case.data:
        return Countdown(instrument=one, account=account, **asked)
    return Inquiry(instrument=one, account=account, **asked)


def ref_of(about: About) -> About:
    """What is asked after an act: of an order that was sent, by the name under which it was."""
    return Ref(about.instrument, client_id=about.client_id) if isinstance(about, Wish) else about


def other_words(body: bytes, fields: list[str]) -> Iterator[tuple[str, bytes]]:
    """The body with another word in each place of these fields."""
    root = json.loads(body)
    for holder in list(_objects(root)):
        for name in fields:
            if isinstance(word := holder.get(name), str) and word:
                holder[name] = f"{word}X"
                yield f"another {name}", json.dumps(root).encode()
                holder[name] = word


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    inner: Any = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _objects(one)
