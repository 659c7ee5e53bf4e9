"""No statement is left out, none is open without a reason, and the page says what is so."""

from tests.checklist import page


def test_every_statement_is_held_or_open() -> None:
    held, reasons = page.tests(), page.still_open()
    numbers = set(range(1, page.COUNT + 1))
    assert held.keys() | reasons.keys() == numbers
    assert all(len(reason) > 20 for reason in reasons.values())
    assert numbers == {n for first, last in page.DOCUMENTS for n in range(first, last + 1)}


def test_the_page_is_of_today() -> None:
    assert page.PAGE.read_text("utf-8") == page.page()
