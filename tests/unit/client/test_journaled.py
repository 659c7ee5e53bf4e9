"""An order as it stands in a journal, and what the next process makes of it."""

from decimal import Decimal

import msgspec
import pytest

from tidebook.client.journaled import entry_of, wish_of
from tidebook.core.intents import BITS
from tidebook.core.rules import Wish
from tidebook.io.journal import Entry
from tidebook.model.facts import Instrument

ONE = Instrument(
    venue="x.linear", symbol="A/B:B", id="AB", kind="linear", base="A", quote="B", settle="B", active=True,
    tick=Decimal("0.1"), step=Decimal(1),
)  # fmt: skip
WISHES = [
    Wish(ONE, "buy", "limit", "tb1", Decimal("1.50"), price=Decimal(2), post_only=True),
    Wish(ONE, "sell", "stop_limit", "tb2", Decimal(1), None, Decimal(2), Decimal(3), "ioc", leg="short", account="7"),
    Wish(ONE, "sell", "market", "tb3", Decimal("1E+3"), reduce_only=True, leg="long"),
    Wish(ONE, "buy", "market", "tb4", None, Decimal("10.00")),
]


@pytest.mark.parametrize("wish", WISHES, ids=[wish.client_id for wish in WISHES])
def test_it_is_the_same_order_after_a_crash(wish: Wish) -> None:
    entry = entry_of(wish, (1 << BITS) - 1, "x", 5)
    line = msgspec.json.encode(entry)
    assert msgspec.json.decode(line, type=Entry) == entry
    assert wish_of(msgspec.json.decode(line, type=Entry), ONE) == wish


def test_a_journal_of_before_there_were_legs_is_read() -> None:
    entry = entry_of(WISHES[0], 1, "x", 5)
    del entry.wish["leg"]
    assert wish_of(entry, ONE) == WISHES[0]
