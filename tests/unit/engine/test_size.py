"""Large frames: read whole, and kept exactly."""

from fractions import Fraction

from tests.unit.engine.replay import levels

from tidebook.engine.contract import Engine
from tidebook.engine.rule import Chain, Seed, SyncRule
from tidebook.engine.shape import BookShape, Id, Kind, Row

SHAPE = BookShape(
    route=("t",),
    kind=Kind(path="type", snapshot=("snapshot",), delta=("update",)),
    bids=("b",),
    asks=("a",),
    row=Row("price_level", "new_quantity"),
    last=Id("u"),
)
RULE = SyncRule(Seed.STREAM, Chain.NEXT)


def row(price: int, size: int) -> str:
    when = "2026-11-20T12:00:00.123456789Z"
    return (
        f'{{"side":"any","event_time":"{when}","price_level":"{price / 100:.2f}","new_quantity":"{size}.{price:09}"}}'
    )


def size(price: int, whole: int) -> Fraction:
    return Fraction(f"{whole}.{price:09}")


def test_a_snapshot_of_five_megabytes_and_long_changes(engine: Engine) -> None:
    """46,000 levels, the bids worst first, then changes of 1,100 rows that touch every kind of place."""
    book = engine.Book(SHAPE, RULE, depth_cap=50_000)
    feed = engine.Feed(cap=6_000_000)
    feed.want(b"x", book)
    bids, asks = list(range(1, 23_001)), list(range(30_000, 53_000))
    rows = [",".join(row(price, 1) for price in prices) for prices in (bids, asks)]
    frame = f'{{"t":"x","type":"snapshot","u":1,"b":[{rows[0]}],"a":[{rows[1]}]}}'.encode()
    assert len(frame) > 5_000_000
    feed.feed(frame, 1)
    assert (book.bid_count, book.ask_count) == (23_000, 23_000)
    expected = dict.fromkeys(bids, 1)
    for number in range(2, 6):
        touched = [(number * 7_919 + at * 37) % 25_000 + 1 for at in range(1_100)]
        sizes = [at % 3 for at in range(1_100)]
        changes = [row(price, whole) if whole else row(price, 0).replace(f'"0.{price:09}"', '"0.00"')
                   for price, whole in zip(touched, sizes, strict=True)]  # fmt: skip
        message = f'{{"t":"x","type":"update","u":{number},"b":[{",".join(changes)}]}}'
        assert feed.feed(message.encode(), number) is book
        for price, whole in zip(touched, sizes, strict=True):
            if whole:
                expected[price] = whole
            else:
                expected.pop(price, None)
    found = levels(book)
    assert found[0] == [
        (Fraction(price, 100), size(price, expected[price])) for price in sorted(expected, reverse=True)
    ]
    assert [price for price, _ in found[1]] == [Fraction(price, 100) for price in asks]
    assert book.best()[0] == max(expected) / 100


def test_the_default_caps(engine: Engine) -> None:
    """20,000 levels a side; a frame beyond 4 MiB is refused."""
    book = engine.Book(SHAPE, RULE)
    feed = engine.Feed()
    feed.want(b"x", book)
    rows = ",".join(row(price, 1) for price in range(1, 20_501))
    feed.feed(f'{{"t":"x","type":"snapshot","u":1,"b":[{rows}]}}'.encode(), 1)
    assert (book.bid_count, book.stats()["trimmed"]) == (20_000, 500)
    assert book.levels("bid")[-1] == book.levels("bid", 20_000)[-1]
    assert levels(book)[0][-1][0] == Fraction(501, 100)
