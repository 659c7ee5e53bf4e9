"""The screen and the lines, drawn from real replays of the shipped samples."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from tidebook.model import health
from tidebook.model.facts import Trade
from tidebook.model.market import Level, State
from tidebook.ui.facts import BookFacts, Scene, best_across, difference, symbols_of
from tidebook.ui.lines import Lines
from tidebook.ui.screen import Screen
from tidebook.ui.words import clock, decimals, size_decimals, size_text, tell


def picture(scene: Scene, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Screen(console).picture(scene), no_wrap=True, crop=True)
    return console.export_text().rstrip("\n").split("\n")


async def test_80_columns(ended: Scene) -> None:
    lines = picture(ended, 80, 24)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    head, venue_head, binance, htx, price_head, btc, eth, titles, under = lines[:9]
    assert f"{ended.engine} engine" in head
    assert "pace max" in head
    assert venue_head.split() == [
        "venue",
        "connection",
        "msg/s",
        "messages",
        "readable",
        "gaps",
        "resyncs",
        "recording",
    ]
    assert binance.split()[:2] == ["binance.spot", "open"]
    assert binance.split()[3:7] == ["1,554", "2/2", "1", "1"]
    assert htx.split()[3:7] == ["806", "2/2", "0", "0"]
    assert price_head.split() == ["symbol", "binance.spot", "bid", "ask", "htx.spot", "bid", "ask", "difference"]
    for row, symbol in ((btc, "BTC/USDT"), (eth, "ETH/USDT")):
        cells = row.split()
        books = [one.book(symbol, 1) for one in ended.watched]
        assert cells[0] == symbol
        for book, (state, bid, ask) in zip(books, (cells[1:4], cells[4:7]), strict=True):
            assert book is not None
            assert (state, Decimal(bid), Decimal(ask)) == ("LIVE", book.bids[0].price, book.asks[0].price)
        assert cells[7] == difference(books)
        assert cells[7].endswith("%")
    assert titles.split() == ["binance.spot", "BTC/USDT", "LIVE", "htx.spot", "BTC/USDT", "LIVE"]
    assert "150+150 levels" in under
    assert [line.count("│") for line in lines[9:19]] == [2] * 10
    assert [line[2] + line[5] for line in lines[19:]] == [":."] * 5, "the last events, each with its time"


async def test_140_columns(ended: Scene) -> None:
    lines = picture(ended, 140, 40)
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 140
    head = next(line for line in lines if line.startswith("symbol"))
    assert head.split()[-5:] == ["best", "bid", "best", "ask", "difference"]
    first = ended.watched[0].book("BTC/USDT", 10)
    assert first is not None
    levels = [line for line in lines if line.count("│") == 2]
    assert len(levels) == 10
    for line, bid, ask in zip(levels, first.bids, first.asks, strict=True):
        assert f"{bid.price} │ {ask.price}".replace("000000", "") in line
    assert sum("█" in line for line in levels) > 5
    assert any("STALE: gap, expected" in line for line in lines)


@pytest.mark.parametrize(("width", "height"), [(40, 10), (60, 14), (79, 23), (100, 30), (220, 60)])
async def test_any_terminal(stale: Scene, width: int, height: int) -> None:
    lines = picture(stale, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


async def test_stale_is_seen_with_its_reason_and_then_live_again(stale: Scene) -> None:
    lines = picture(stale, 140, 40)
    row = next(line for line in lines if line.startswith("BTC/USDT")).split()
    assert row[1] == "STALE"
    assert row[-1] == "–", "a price that is not current is compared with nothing"
    assert row[-3:-1] == ["htx.spot", "htx.spot"]
    book = stale.watched[0].book("BTC/USDT", 1)
    assert book is not None
    assert (book.state, book.gaps, book.resyncs) == (State.STALE, 1, 0)
    title = next(at for at, line in enumerate(lines) if line.startswith("binance.spot BTC/USDT"))
    assert "STALE" in lines[title]
    assert book.reason in lines[title + 1]
    assert book.reason.startswith("gap, expected ")


async def test_events_tell_the_gap_and_its_end_in_order(ended: Scene) -> None:
    btc = [one.text for one in ended.happenings if (one.venue, one.symbol) == ("binance.spot", "BTC/USDT")]
    assert btc[0].startswith("live, ")
    assert btc[1].startswith("STALE: gap, expected ")
    assert btc[2].startswith("live again after ")
    htx = [one.text for one in ended.happenings if one.symbol == "BTC/USDT" and one.venue == "htx.spot"]
    assert htx[0].startswith("snapshot too old: ")
    assert htx[1].startswith("live, 150+150 levels")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (140, 40), (40, 10)])
async def test_the_tape_is_beside_what_happened_or_one_line_above_it(ended: Scene, width: int, height: int) -> None:
    for n in range(30):
        ended.trade(
            Trade(
                venue="binance.spot", symbol="BTC/USDT", venue_ns=n * 10**9, received_ns=n * 10**9, id=str(n),
                side="buy" if n % 2 else "sell", exact_price=(6000000 + n, 2), exact_size=(5, 1),
            )
        )  # fmt: skip
    lines = picture(ended, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    if width >= 96:
        assert "00:29 binance BTC  buy  60000.29 × 0.5" in lines[-1]
        assert any(line.startswith("00:") and " binance BTC " in line for line in lines), "events are beside it"
    elif width == 80:
        assert "trades  binance BTC buy 60000.29×0.5  binance BTC sell 60000.28×0.5" in text
    assert ended.traded["binance.spot", "BTC/USDT"] == 30


async def test_plain_lines(ended: Scene) -> None:
    out = io.StringIO()
    view = Lines(out)
    view.start(ended)
    view.stop(ended)
    lines = out.getvalue().splitlines()
    assert lines[0] == (f"tidebook replay, {ended.engine} engine, pace max: binance.spot.jsonl.gz htx.spot.jsonl.gz")
    assert out.getvalue().isascii()
    kinds = [line.split()[1] for line in lines[1:]]
    assert kinds == ["event"] * ended.happened + ["book"] * 4 + ["venue"] * 2
    book = next(line for line in lines if " book htx.spot ETH/USDT " in line)
    words = book.split()
    assert words[4] == "LIVE"
    assert words[5] == "bid"
    assert "levels 150+150 seq " in book
    assert book.endswith("gaps 0 resyncs 0")
    assert lines[-2].endswith("venue binance.spot open messages 1554 readable 2/2 gaps 1 resyncs 1")


async def test_plain_lines_of_a_stale_book(stale: Scene) -> None:
    out = io.StringIO()
    Lines(out).sum_up(stale)
    assert " book binance.spot BTC/USDT STALE for " in out.getvalue()
    assert ": gap, expected " in out.getvalue()


async def test_events_beyond_memory_are_counted(ended: Scene) -> None:
    out = io.StringIO()
    ended.happened += 5
    Lines(out).stop(ended)
    assert out.getvalue().startswith("5 events were too many to remember\n")


async def test_common_symbols_come_first(ended: Scene) -> None:
    assert symbols_of(ended.watched) == ["BTC/USDT", "ETH/USDT"]
    assert symbols_of(ended.watched[:1]) == ["BTC/USDT", "ETH/USDT"]
    lines = picture(Scene(ended.watched[:1], "x1"), 80, 24)
    assert sum(line.count("│") for line in lines) == 10, "one recording, one book"


def book(bid: str, ask: str, state: State = State.LIVE) -> BookFacts:
    bids, asks = (Level(Decimal(bid), Decimal(1)),), (Level(Decimal(ask), Decimal(1)),)
    return BookFacts("v", "A/B", state, "", 0.0, bids, asks, 1, 1, 1, 0, 0)


def test_best_prices_and_difference() -> None:
    one, two, old = book("99", "101"), book("100", "102"), book("500", "1", State.STALE)
    assert best_across([one, two, old, None]) == (two, one)
    assert difference([one, two, old]) == "+1.0000%"
    assert difference([two, one]) == "-0.9901%"
    assert difference([one, old, None]) == "–"
    assert best_across([old]) == (None, None)


def test_numbers_for_the_eye() -> None:
    assert clock(0.0) == "00:00.0"
    assert clock(83.27) == "01:23.2"
    assert decimals([Decimal("1.50"), Decimal("2.25"), Decimal(3)]) == 2
    assert size_decimals([Decimal("0.123456789"), Decimal(12)]) == 5
    assert size_decimals([Decimal("123456.5")]) == 1
    assert size_text(Decimal("0.000000012"), 5) == "1e-8"
    assert size_text(Decimal(0), 2) == "0.00"


def test_every_event_has_words_or_another_that_has_them() -> None:
    about = ("v", "A/B", 0)
    assert tell(health.Gap(*about, 1, 2))[0] == ""
    assert tell(health.Stale(*about, "gap, expected 1, got 2")) == ("STALE: gap, expected 1, got 2", "bad")
    assert tell(health.Connected("v", None, 0, 3)) == ("connected, attempt 3", "plain")
    for event in (
        health.Disconnected(*about, "cut", 0.5), health.Mismatch(*about, 1, 2), health.Resynced(*about, 0.5, 7),
        health.Undecodable(*about, "number", "NaN", "{}"), health.SubscriptionFailed(*about, "t", "refused"),
        health.IntegrityUnavailable(*about, "no checksum any more"), health.Throttled(*about, "weight", 3.0),
        health.SnapshotFailed(*about, "HTTP 503", 1.0),
    ):  # fmt: skip
        assert tell(event)[0]
