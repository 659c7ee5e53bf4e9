"""`tidebook explain`: whatever has a name is explained by it."""

import inspect

import pytest

from tidebook import errors, venues
from tidebook.cli import main
from tidebook.cli.explain import PROOFS, STATES, explained
from tidebook.engine.rule import Proof
from tidebook.errors import TidebookError, UsageError
from tidebook.model import health
from tidebook.model.market import State


def test_all_errors_events_states_and_proofs() -> None:
    kinds: list[type] = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, TidebookError)
    ]
    kinds += [kind for _, kind in inspect.getmembers(health, inspect.isclass) if issubclass(kind, health.Health)]
    for kind in [kind for kind in kinds if kind is not health.Health]:
        assert any((inspect.getdoc(kind) or "?") in text for text in explained(kind.__name__))
    assert len(explained("Overrun")) == 2  # an error, and an event
    assert {*STATES} == {*State}
    assert {*PROOFS} <= {*Proof}
    for word in (*STATES, *PROOFS):
        assert explained(word)
    assert "a kind of VenueError, of TidebookError" in explained("orderrejected")[0]


def test_the_books_of_all_venues() -> None:
    for venue in venues.every().values():
        if venue.books:
            assert len(explained(venue.name)) == len(venue.books)
    (first, *_) = explained("binance.spot")
    assert "a whole book is asked for over REST" in first
    assert "Proof: sequence. The venue numbers its messages" in first
    assert "it says of itself that it is unproven" in explained("alpaca")[0]
    assert len(explained("binance")) > len(explained("binance.spot"))


@pytest.mark.parametrize(
    "line",
    [
        ["BookNotLive"],
        ["BookNotLive: BTC/USDT binance is stale for 0.84 s: gap"],
        ["tidebook.errors.BookNotLive:", "BTC/USDT", "binance"],
        ["tidebook:", "BookNotLive:", "x"],
    ],
)
def test_a_pasted_line(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *line]) == 0
    assert capsys.readouterr().out.startswith("BookNotLive, an error: a kind of TidebookError\n")


def test_what_has_no_name() -> None:
    with pytest.raises(UsageError, match=r"nothing here is called 'booknotalive'.* Close: BookNotLive"):
        explained("booknotalive")
    with pytest.raises(UsageError, match="Write an error's name"):
        explained("qqqqqqqq")
