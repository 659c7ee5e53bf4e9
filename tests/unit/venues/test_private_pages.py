"""Lists of accounts that do not fit a page: how the next one is asked for, where no cursor says that there is one."""

import json
from typing import Any

import pytest
from tests.conformance.acts import about_of
from tests.conformance.data import Case, cases

from tidebook.core.trading import Act
from tidebook.venue import Request


def case_of(venue: str, act: str) -> tuple[Case, Act]:
    case = next(
        one for one in cases("acts") if (one.venue.name, one.subject) == (venue, act) and one.data.get("result")
    )
    assert case.venue.trading is not None
    found = case.venue.trading.act(act)
    assert found is not None
    return case, found


def page(case: Case, rows: int) -> bytes:
    """An answer with so many rows like the first one, their numbers counted on."""
    root: Any = json.loads(case.data["body"])
    holder = root["data"] if isinstance(root, dict) else root
    first = holder[0]
    made = [
        {**first, **{name: kind(number) for name, kind in NUMBERS.items() if name in first}} for number in range(rows)
    ]
    return json.dumps({**root, "data": made} if isinstance(root, dict) else made).encode()


NUMBERS: dict[str, Any] = {"ordId": str, "billId": str, "id": lambda number: number}

CASES = [
    ("okx", "open_orders", 100, "&after=99"),
    ("okx", "fills", 100, "&after=99"),
    ("htx.spot", "open_orders", 500, "&from=499&direct=next"),
]


@pytest.mark.parametrize(("venue", "name", "most", "ends"), CASES)
def test_a_full_page_has_another_one_behind_it(venue: str, name: str, most: int, ends: str) -> None:
    case, act = case_of(venue, name)
    assert act.more is not None
    request = act.request(about_of(case))
    further = act.more(request, page(case, most))
    assert further is not None
    assert further.url == request.url + ends
    again = act.more(further, page(case, most))
    assert again is not None
    assert again.url == request.url + ends, "one cursor and no two"
    assert act.more(request, page(case, most - 1)) is None


def test_a_page_of_activities_goes_on_where_it_ended() -> None:
    case, act = case_of("alpaca", "fills")
    assert act.more is not None
    request = act.request(about_of(case))
    row = {**json.loads(case.data["body"])[0], "id": "20260921141322000::a/b"}
    further = act.more(request, json.dumps([row] * 100).encode())
    assert further is not None
    assert further.url == f"{request.url}&page_token=20260921141322000%3A%3Aa%2Fb"
    assert act.more(Request("GET", request.url.replace("after=", "since=")), json.dumps([row] * 100).encode()) is None
    assert act.more(request, json.dumps([row] * 99).encode()) is None


def test_the_newest_alone_are_one_page() -> None:
    """Where no beginning is named nobody wants all there ever were."""
    case, act = case_of("okx", "fills")
    assert act.more is not None
    request = act.request(about_of(case))
    assert act.more(Request("GET", request.url.replace("begin=", "end=")), page(case, 100)) is None
