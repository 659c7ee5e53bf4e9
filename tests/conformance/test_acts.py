"""What venues are asked of accounts, and what their answers say: tests/venues/*/acts."""

import re

import msgspec
import pytest
from tests.conformance.acts import about_of, instrument_of, other_words, ref_of
from tests.conformance.data import Case, cases
from tests.conformance.plain import plain_result
from tests.test_conformance import RECEIVED, check_mutants, every_venue, seen_for

from tidebook import errors
from tidebook.errors import DecodeError, OrderNotFound, OrderRejected, RateLimited, UsageError
from tidebook.venue import Act, Inquiry, Ref, Reply, Venue

ANSWERED = [case for case in cases("acts") if "body" in case.data]


def act_of(case: Case) -> Act:
    trading = case.venue.trading
    assert trading is not None
    act = trading.act(case.subject)
    assert act is not None
    return act


@pytest.mark.parametrize("case", cases("acts"), ids=str)
def test_what_is_wanted_becomes_this_request(case: Case) -> None:
    act, about = act_of(case), about_of(case)
    if "refuses" in case.data:
        with pytest.raises(UsageError, match=re.escape(case.data["refuses"])):
            act.request(about)
        return
    request = act.request(about)
    assert (request.method, request.url) == (case.data["method"], case.data["url"])
    assert request.url.isascii()
    assert dict(request.headers) == case.data.get("headers", {})
    assert request.body.decode() == case.data.get("sends", "")
    assert request.message.decode() == case.data.get("message", "")
    assert (act.cost(about), act.pool) == (case.data["weight"], case.data["pool"])
    assert act.pool in {pool.name for pool in case.venue.pools}
    for name, further in (("then", act.then), ("otherwise", act.otherwise)):
        assert (None if further is None else further.request(ref_of(about)).url) == case.data.get(name)


@pytest.mark.parametrize("case", [case for case in ANSWERED if "result" in case.data], ids=str)
def test_an_answer_says_this(case: Case) -> None:
    act, about, body, seen = act_of(case), about_of(case), case.data["body"].encode(), seen_for(case)
    answers = case.venue.answers
    assert answers is not None
    assert answers.error(Reply(200, {}, body), case.venue.name, RECEIVED) is None
    result = act.read(body, seen, about)
    assert plain_result(result) == case.data["result"]
    rows = result if isinstance(result, list) else [result]
    assert all((row.venue, row.received_ns) == (case.venue.name, RECEIVED) for row in rows if hasattr(row, "venue"))
    assert ("more" in case.data) == (act.more is not None)
    if act.more is not None:
        further = act.more(act.request(about), body)
        assert (further and [further.url, further.body.decode()]) == case.data["more"]
    if act.name == "cancel_all" or (act.then is not None and act.name != "submit"):
        return  # what it says is of no use
    check_mutants(
        lambda mutant: act.read(mutant, seen, about), body, empty=case.data.get("empty", ()),
        lacks=case.data.get("lacks", ()),
    )  # fmt: skip
    for what, mutant in other_words(body, case.data.get("words", [])):
        with pytest.raises(DecodeError):
            pytest.fail(f"{what}: {act.read(mutant, seen, about)}")


@pytest.mark.parametrize("case", [case for case in ANSWERED if "raises" in case.data], ids=str)
def test_an_answer_says_no(case: Case) -> None:
    """What is not as promised, and orders that are not there."""
    act, about, body, seen = act_of(case), about_of(case), case.data["body"].encode(), seen_for(case)
    if case.data["raises"] == "OrderNotFound":
        with pytest.raises(OrderNotFound):
            act.read(body, seen, about)
    else:
        with pytest.raises(DecodeError) as caught:
            act.read(body, seen, about)
        assert caught.value.kind == case.data["raises"]


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_each_answer_is_expected(case: Case) -> None:
    assert ("result" in case.data) != ("raises" in case.data)


# ------------------------------------------------------------------------------------------------ the declaration


@every_venue
def test_what_is_unsure_is_no_definite_no(venue: Venue) -> None:
    """Each such code has a case in errors, and means neither that an order was rejected nor that there is none."""
    trading = venue.trading
    if trading is None:
        return
    known = {
        case.data.get("code"): getattr(errors, case.data["raises"])
        for case in cases("errors") if case.venue is venue and case.data["raises"]
    }  # fmt: skip
    assert sorted(trading.unsure - set(known)) == []
    for code in trading.unsure:
        assert not issubclass(known[code], (OrderRejected, OrderNotFound, RateLimited)), code


@every_venue
def test_acts_that_follow_are_of_the_same_venue(venue: Venue) -> None:
    trading = venue.trading
    pools = {pool.name for pool in venue.pools}
    for act in () if trading is None else trading.acts:
        for further in (act.then, act.otherwise):
            assert further is None or (further.name == "order" and further.pool in pools)
        assert act.then is None or act.name in ("submit", "cancel", "amend")
        assert act.otherwise is None or act.name == "order"


def test_a_word_that_nobody_knows_is_found() -> None:
    made = dict(other_words(b'{"a":[{"side":"Buy","state":"new"}],"side":""}', ["side", "state"]))
    assert sorted(made) == ["another side", "another state"]
    assert msgspec.json.decode(made["another side"])["a"][0] == {"side": "BuyX", "state": "new"}


def test_abouts_are_told_apart() -> None:
    case = next(one for one in cases("acts") if one.subject == "cancel")
    assert isinstance(about_of(case), Ref)
    assert instrument_of(case).id == case.data["id"]
    assert isinstance(about_of(next(one for one in cases("acts") if one.subject == "balances")), Inquiry)
