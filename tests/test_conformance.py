"""Every venue against the data in tests/venues/: found by themselves, with no code for any one of them.

tests/conformance/data.py says what the files hold. A venue without data fails here.
"""

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from itertools import product

import msgspec
import pytest
from tests.conformance.data import KINDS, Case, cases, files, folder
from tests.conformance.mutants import mutants
from tests.conformance.page import PAGE, page
from tests.conformance.plain import plain_fact, plain_result, strictly
from tests.conformance.transcript import play
from tests.unit.engine.replay import Player, exact

from tidebook import errors, venues
from tidebook.core.channel import NOUNS
from tidebook.core.rest import Odd
from tidebook.engine.contract import Engine, Feed, Other
from tidebook.engine.shape import BookShape
from tidebook.errors import Banned, DecodeError, RateLimited, TidebookError, UsageError
from tidebook.model.facts import Fact
from tidebook.model.number import parse
from tidebook.model.wire import decode
from tidebook.venue import (
    Endpoint,
    FactChannel,
    Pool,
    Proof,
    Question,
    Reply,
    Seed,
    Seen,
    SyncRule,
    Template,
    Venue,
)

RECEIVED = 1_790_000_000_123_456_789
every_venue = pytest.mark.parametrize("venue", venues.every().values(), ids=lambda venue: venue.name)
# A signer with hosts alone is a venue too: it says nothing of markets, so there is nothing to be shown for it.
described = pytest.mark.parametrize(
    "venue",
    [one for one in venues.every().values() if one.books or one.facts or one.calls or one.sign is None],
    ids=lambda venue: venue.name,
)


def seen_for(case: Case) -> Seen:
    listed = {case.data.get("id"): case.data.get("symbol"), **case.data.get("symbols", {})}
    return Seen(case.venue.name, lambda one: listed.get(one) or one, RECEIVED)


# ------------------------------------------------------------------------------------------------ nothing is left out


@every_venue
@pytest.mark.parametrize("kind", KINDS)
def test_a_venue_has_data_of_each_kind(venue: Venue, kind: str) -> None:
    needed = {
        "decode": {channel.name for channel in venue.facts},
        "calls": {call.name for call in venue.calls},
        "books": {channel.name for channel in venue.books},
        "acts": {act.name for act in (() if venue.trading is None else venue.trading.acts)},
    }
    there = {case.subject for case in cases(kind) if case.venue is venue}
    if kind in needed:
        assert there == needed[kind]
    else:
        assert there or not (venue.calls or venue.books), f"no {kind} in {folder(venue)}"


@described
def test_the_evidence_for_each_file_is_noted(venue: Venue) -> None:
    notes = (folder(venue) / "NOTES.md").read_text("utf-8")
    missing = [f"{kind}/{file.name}" for kind in KINDS for file in files(venue, kind)]
    assert [name for name in missing if name not in notes] == []


def test_the_page_of_venues_is_of_today() -> None:
    assert PAGE.read_text("utf-8") == page(), "make docs"


# ------------------------------------------------------------------------------------------------ the declaration


@every_venue
def test_what_a_venue_does_not_have_is_a_channel_that_others_have(venue: Venue) -> None:
    assert set(venue.without) <= set(NOUNS)


@described
def test_topics_lead_back_to_ids(venue: Venue) -> None:
    ids = {case.data["id"] for kind in ("decode", "books") for case in cases(kind) if case.venue is venue}
    assert ids
    for channel in venue.books:
        for one in ids:
            assert channel.matches(channel.topic(one)) == one
        assert channel.matches("no such topic") is None
    owners: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for stream in venue.facts:
        for one, option in product(ids, stream.options or (None,)):
            topic = stream.topic(one, option)
            # A topic that does not spell the id may be of several instruments.
            owners.setdefault((stream.endpoint, topic), set()).add(
                (stream.name, one if stream.spells(one, topic) else "")
            )
    assert [sorted(owned) for owned in owners.values() if len(owned) > 1] == []
    of_books = {(channel.endpoint, channel.topic(one)) for channel in venue.books for one in ids}
    assert of_books.isdisjoint(owners), "one reader of a topic would take the other's place"


def templates(venue: Venue) -> list[Template]:
    found: list[Template | None] = [channel.ask for channel in venue.books]
    for endpoint in venue.endpoints:
        found += [endpoint.ping.ask, endpoint.ping.answer]
        if (way := endpoint.subscribing) is not None:
            found += [way.subscribe, way.ack, way.unsubscribe, way.unsubscribed, *way.refusals]
    return [template for template in found if template is not None]


def example(template: Template) -> dict[str, object]:
    filled: dict[str, object] = {"$": "a word", "#": 7, "@": ["one", "two"], "*": {"of": "several words"}}
    return {name: filled[sign] for sign, name in re.findall(r'"([$#@*])(\w+)"', template.text)}


@every_venue
def test_templates_are_read_as_they_are_written(venue: Venue) -> None:
    for template in templates(venue):
        slots = example(template)
        assert template.match(json.loads(template.print(**slots))) == slots


@every_venue
def test_questions_and_answers_of_a_connection_are_told_apart(venue: Venue) -> None:
    """What one template writes, no other one of the same endpoint takes for its own."""
    for endpoint in venue.endpoints:
        way = endpoint.subscribing
        answers = [] if way is None else [way.ack, way.unsubscribed, *way.refusals]
        answers = [endpoint.ping.ask if endpoint.ping.by == "server" else endpoint.ping.answer, *answers]
        once = dict.fromkeys(one for one in answers if one is not None)  # a venue may answer two questions alike
        written = [(one, one.print(**example(one))) for one in once]
        for one, message in written:
            takers = [other for other, _ in written if other.match(json.loads(message)) is not None]
            assert takers == [one], message


# ------------------------------------------------------------------------------------------------ facts


@pytest.mark.parametrize("case", cases("decode"), ids=str)
def test_a_frame_gives_these_facts(case: Case) -> None:
    channel = case.venue.channel(case.subject)
    assert channel is not None
    facts = reader_for(case, channel)(case.data["frame"].encode(), seen_for(case))
    assert [plain_fact(fact) for fact in facts] == case.data["facts"]
    kinds = [NOUNS[noun] for noun in channel.nouns if noun in NOUNS]
    assert all(type(fact) in kinds for fact in facts) or not kinds
    assert all((fact.venue, fact.received_ns) == (case.venue.name, RECEIVED) for fact in facts)


def reader_for(case: Case, channel: FactChannel) -> Callable[[bytes, Seen], Sequence[Fact]]:
    """What reads the case's message: where readers remember, one that has read what came before it."""
    read = channel.reader()
    for earlier in case.data.get("before", ()):
        assert channel.fresh is not None, "nothing is remembered here"
        read(earlier.encode(), seen_for(case))
    return read


def feed_for(engine: Engine, channel: FactChannel) -> Feed:
    """A feed on which something else has the channel's form."""
    feed = engine.Feed()
    shape = BookShape(route=channel.route, each=channel.each, bids=("b",), asks=("a",))
    feed.want(b"another topic", engine.Book(shape, SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,))))
    return feed


@pytest.mark.parametrize("case", cases("decode"), ids=str)
def test_a_frame_finds_its_topic(case: Case, engine: Engine) -> None:
    channel = case.venue.channel(case.subject)
    assert channel is not None
    topic = channel.topic(case.data["id"], case.data.get("option"))
    key = topic.encode() if channel.key is None else channel.key(topic)
    feed = feed_for(engine, channel)
    feed.other(key)
    outcome = feed.feed(case.data["frame"].encode(), RECEIVED)
    found = outcome if isinstance(outcome, tuple) else (outcome,)
    assert [one.topic for one in found if isinstance(one, Other)] == [key] * len(found)


def check_mutants(
    read: Callable[[bytes], object], frame: bytes, *, partial: bool = False, empty: Sequence[str] = (),
    lacks: Sequence[str] = (),
) -> None:  # fmt: skip
    """Each is refused with a DecodeError, or says what the unchanged message says; `partial` ones may say less.

    So may those in which a field that the venue itself leaves `empty` is that, or one that it `lacks` elsewhere is not
    there.
    """
    left_empty = {f'"" at {name}' for name in empty} | {f"null at {name}" for name in lacks}
    original = read(frame)
    refused = 0
    for what, mutant in mutants(frame):
        try:
            found = read(mutant)
        except DecodeError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{what}: {error!r} instead of a DecodeError, for {mutant!r}") from error
        else:
            less = partial and what.startswith(("without", "null"))
            less = less or (what.startswith("without") and what.rpartition(".")[2].rpartition(" ")[2] in lacks)
            assert found == original or less or _field(what) in left_empty, f"{what}: {found}"
            assert not what.startswith("cut"), what
    assert refused > len(frame)


def _field(what: str) -> str:
    """What was done, to a field of which place."""
    done, _, path = what.rpartition(" at ")
    return f"{done} at {path.rpartition('.')[2]}"


@pytest.mark.parametrize("case", cases("decode"), ids=str)
def test_a_wrong_frame_is_refused(case: Case) -> None:
    channel = case.venue.channel(case.subject)
    assert channel is not None
    seen = seen_for(case)
    check_mutants(
        lambda frame: reader_for(case, channel)(frame, seen),
        case.data["frame"].encode(),
        partial=channel.fresh is not None,
        empty=case.data.get("empty", ()),
    )


# ------------------------------------------------------------------------------------------------ calls


@pytest.mark.parametrize("case", cases("calls"), ids=str)
def test_a_question_becomes_this_request(case: Case) -> None:
    call = case.venue.call(case.subject)
    assert call is not None
    question = Question(**case.data["question"])
    if "refuses" in case.data:
        with pytest.raises(UsageError, match=re.escape(case.data["refuses"])):
            call.request(question)
        return
    request = call.request(question)
    assert (request.method, request.url, request.body) == (case.data["method"], case.data["url"], b"")
    assert request.url.isascii()
    assert (call.weight(question), call.most) == (case.data["weight"], case.data.get("most"))
    assert call.pool in {pool.name for pool in case.venue.pools}
    assert [part(question).url for part in call.parts] == case.data.get("parts", [])


ANSWERED = [case for case in cases("calls") if "body" in case.data]


@pytest.mark.parametrize("case", [case for case in ANSWERED if case.subject != "book"], ids=str)
def test_a_body_says_this(case: Case) -> None:
    call = case.venue.call(case.subject)
    assert call is not None
    body, question, seen = case.data["body"].encode(), Question(**case.data["question"]), seen_for(case)
    assert (
        case.venue.answers is None or case.venue.answers.error(Reply(200, {}, body), case.venue.name, RECEIVED) is None
    )
    assert plain_result(call.read(body, seen, question)) == case.data["result"]
    if call.limits is not None or "limits" in case.data:
        assert call.limits is not None
        assert call.limits(body) == case.data.get("limits", {})
        for mutant in (b"", b"[]", body[:-1], body.replace(b'"limit":', b'"limit":-')):
            assert call.limits(mutant) == {}, "what cannot be read tells of no limit"
    if "more" in case.data:
        assert call.more is not None
        further = call.more(call.request(question), body)
        assert (further and further.url) == case.data["more"]
    if case.subject == "instruments":
        assert sum(isinstance(one, Odd) for one in call.read(body, seen, question)) == case.data.get("odd", 0)
    if "odd" not in case.data:  # else a row is passed over already
        check_mutants(
            lambda mutant: strictly(call.read(mutant, seen, question)), body, empty=case.data.get("empty", ()),
            lacks=case.data.get("lacks", ()),
        )  # fmt: skip


@pytest.mark.parametrize("case", [case for case in ANSWERED if case.subject == "instruments"], ids=str)
def test_an_odd_row_hides_no_other(case: Case) -> None:
    """It is counted, with why: a new kind of contract, or a rule left empty, must not make a whole list unreadable."""
    call = case.venue.call(case.subject)
    assert call is not None
    body, question, seen = case.data["body"].encode(), Question(**case.data["question"]), seen_for(case)
    before = call.read(body, seen, question)
    counted = 0
    for place in re.finditer(rb"\[(?=\{)", body):  # one of these begins the list, others begin lists within a row
        more = body[: place.end()] + b'{"symbol":"ODD","tickSize":""},' + body[place.end() :]
        with contextlib.suppress(DecodeError):
            after = call.read(more, seen, question)
            shown = [*map(str, after[1:])] == [*map(str, before)]  # errors are equal to themselves alone
            counted += shown and isinstance(after[0], Odd) and "ODD" in after[0].row
    assert counted == 1


@pytest.mark.parametrize("case", [case for case in ANSWERED if case.subject == "book"], ids=str)
def test_a_body_is_this_book(case: Case, engine: Engine) -> None:
    """The engine reads it, in the snapshot shape of the venue's first channel that has one."""
    channel = next(one for one in case.venue.books if one.snapshot is not None)
    book = engine.Book(channel.shape, channel.rule, snapshot=channel.snapshot)
    book.seed(case.data["body"].encode(), RECEIVED, RECEIVED)
    sides = [[[str(part) for part in row] for row in case.data["result"][side]] for side in ("bids", "asks")]
    found = [[[exact(*row[:2]), exact(*row[2:])] for row in book.levels(side)] for side in ("bid", "ask")]
    assert found == [[[exact(*_scaled(part)) for part in row] for row in side] for side in sides]
    assert book.last == case.data["result"]["seq"]


def _scaled(text: str) -> tuple[int, int]:
    head, _, tail = text.partition(".")
    return int(head + tail), len(tail)


def test_a_pool_is_declared_once() -> None:
    """Venues that name the same pool share it: they must mean the same."""
    declared: dict[tuple[str, str], Pool] = {}
    for venue in venues.every().values():
        for pool in (*venue.pools, *(one.connects for one in venue.endpoints if one.connects is not None)):
            assert declared.setdefault((venue.exchange, pool.name), pool) == pool
        named = {pool.name for pool in venue.pools}
        for endpoint in venue.endpoints:
            assert endpoint.connects is None or endpoint.connects.name in named


@every_venue
def test_questions_without_what_they_need_are_refused(venue: Venue) -> None:
    """No call asks about an instrument that nobody named."""
    for call in venue.calls:
        try:
            url = call.request(Question(interval="1m")).url
        except UsageError:
            continue
        assert "None" not in url
        assert "symbol=" not in url


# ------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("case", cases("errors"), ids=str)
def test_an_answer_means_this(case: Case) -> None:
    answers, data = case.venue.answers, case.data
    assert answers is not None
    reply = Reply(data["status"], data.get("headers", {}), data.get("body", "").encode())
    error = answers.error(reply, case.venue.name, RECEIVED)
    assert answers.used(reply.headers) == data.get("used", {})
    if data["raises"] is None:
        assert error is None
        return
    assert type(error) is getattr(errors, data["raises"])
    assert isinstance(error, TidebookError)
    assert (error.code, error.retry, error.venue) == (data["code"], data["retry"], case.venue.name)
    if "says" in data:
        assert str(error) == data["says"]
    if "wait" in data:
        assert isinstance(error, (RateLimited, Banned))
        until = error.retry_at if isinstance(error, RateLimited) else error.until
        assert until == RECEIVED + data["wait"] * 1_000_000_000


@every_venue
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 418, 429, 451, 500, 502, 503, 504])
def test_no_answer_is_too_strange(venue: Venue, status: int) -> None:
    answers = venue.answers
    if answers is None:
        return
    bodies = [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"code":"x"}',
        b'{"code":1e400}',
        b'{"status":7}',
        b"\xff",
        b"[" * 9999,
    ]
    bodies += [
        case.data["body"].encode()[:length] for case in cases("errors") for length in (5, 20) if "body" in case.data
    ]
    for body in bodies:
        for wait in (
            {},
            {"retry-after": "soon"},
            {"retry-after": "٣"},
            {"retry-after": "9" * 400},
            {"retry-after": "-1"},
        ):
            error = answers.error(Reply(status, wait, body), venue.name, RECEIVED)
            assert (error is not None) or status == 200
            if isinstance(error, RateLimited):
                assert RECEIVED < error.retry_at < RECEIVED + 10**18


@described
def test_an_error_shows_no_secret(venue: Venue) -> None:
    answers = venue.answers
    assert answers is not None
    for case in cases("errors"):
        if case.venue is venue and case.data["raises"] and case.data.get("body", "").startswith("{"):
            message = {
                key: "refused apiKey=SECRET" if isinstance(value, str) and " " in value else value
                for key, value in json.loads(case.data["body"]).items()
            }
            reply = Reply(case.data["status"], {}, json.dumps(message).encode())
            assert "SECRET" not in str(answers.error(reply, venue.name, RECEIVED))


# ------------------------------------------------------------------------------------------------ books and connections


class DeclaredPlayer(Player):
    """Plays steps on the book of one channel, as the venue declares it."""

    def __init__(self, engine: Engine, case: Case) -> None:
        channel = next(one for one in case.venue.books if one.name == case.subject)
        plan = case.venue.book_plan(channel, case.data["id"], case.data.get("topic"))
        endpoint: Endpoint = case.venue.endpoint(channel.endpoint)
        self.case = case.data
        self.feed = engine.Feed(counter=endpoint.counter, cap=endpoint.cap)
        book = engine.Book(plan.shape, plan.rule, snapshot=plan.snapshot)
        self.books = {"book": book}
        self.others: dict[bytes, Other] = {}
        self.feed.want(plan.key_or_topic(), book)
        if plan.snapshot_key is not None:
            self.feed.want(plan.snapshot_key, book, "snapshot")
        self.at = self.asked = 0


@pytest.mark.parametrize("case", cases("books"), ids=str)
def test_a_book_goes_through_these_states(case: Case, engine: Engine) -> None:
    DeclaredPlayer(engine, case).play()


@pytest.mark.parametrize("case", cases("sessions"), ids=str)
def test_a_connection_says_this(case: Case, engine: Engine) -> None:
    play(case, engine)


def test_mutants_are_made() -> None:
    made = dict(mutants(b'{"a":[{"p":"1.5","t":3}],"m":true}'))
    assert made["without a.0.p"] == b'{"a":[{"t":3}],"m":true}'
    assert made['"NaN" at a.0.p'] == b'{"a":[{"p":"NaN","t":3}],"m":true}'
    assert made["1_000 at a.0.t"] == b'{"a":[{"p":"1.5","t":1_000}],"m":true}'
    assert made["null at m"] == b'{"a":[{"p":"1.5","t":3}],"m":null}'
    assert "without a.0" not in made


@pytest.mark.parametrize(
    "read", [lambda frame: float(json.loads(frame)["p"]), lambda frame: json.loads(frame).get("p"), lambda frame: None]
)
def test_a_careless_reader_is_found(read: Callable[[bytes], object]) -> None:
    with pytest.raises(AssertionError):
        check_mutants(read, b'{"p":"1.5"}')


def test_what_may_be_empty_is_let_through_alone() -> None:
    decoder = msgspec.json.Decoder(dict[str, str])

    def read(frame: bytes) -> object:
        text = decode(decoder, frame).get("p")
        if text is None:
            raise DecodeError("missing", "no p")
        return parse(text) if text else None

    with pytest.raises(AssertionError, match='"" at p'):
        check_mutants(read, b'{"p":"1.5"}')
    check_mutants(read, b'{"p":"1.5"}', empty=["p"])
