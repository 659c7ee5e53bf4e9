"""What a recording shows of venues that are declared in a file: topics, scales, and numbers that acks teach."""

import gzip
import json
from pathlib import Path

import pytest

from tidebook import engine as engines
from tidebook.engine import Choice
from tidebook.errors import UsageError
from tidebook.record.capture import Record, records
from tidebook.record.check import check
from tidebook.record.connections import Connections, survey
from tidebook.record.declared import load
from tidebook.record.oracle import digest

DECLARED = """
import json
from dataclasses import replace
from tidebook.venue import *

PING = Ping(by="server", form="frame", every=30, deadline=60)
NUMBERED = Endpoint(
    "numbered", "wss://numbered.invalid/ws",
    Subscribing(
        Template('{"sub":"$topic","id?":"#id"}'), Template('{"subbed":"$topic","channel":"#key"}'),
        Template('{"unsub":"#key"}'), Template('{"unsubbed":"#key"}'),
    ),
    PING, says=(Template('{"count":true}'),), counter=Id("-1", optional=True),
)
LISTED = Endpoint("listed", "wss://listed.invalid/ws", Subscribing(Template('{"subs":"@topics"}'), None), PING)
SHAPE = BookShape(
    route=("0",), kind=Kind(nested="1"), rows=(Rows("1", flat=True),), row=Row("0", "2", count="1"), signed=True,
    remove=Remove.COUNT, number=Number.JSON,
)
BOOK = BookChannel(
    "book", "numbered", str, str, SHAPE,
    SyncRule(Seed.STREAM, Chain.NEXT, scope=Scope.CONNECTION, proof=(Proof.SEQUENCE,), resync=Resync.RECONNECT),
)
SCALED = replace(BOOK, endpoint="listed", rule=SyncRule(Seed.STREAM), shape=BookShape(
    route=("s",), bids=("b",), asks=("a",), number=Number.JSON, scaled=True))
FIRST = Venue("survey.numbered", "survey.numbered", "spot", (NUMBERED,), (BOOK,))
SECOND = Venue(
    "survey.scaled", "survey.scaled", "spot", (NUMBERED, LISTED), (SCALED,),
    scales=lambda url, body: {one["id"]: (one["scale"], 0) for one in json.loads(body)} if "list" in url else {},
)
THIRD = replace(FIRST, name="survey.own", exchange="survey.own", sent_topics=lambda message: (message[1:],))
VENUES = (FIRST, SECOND, THIRD)
"""


@pytest.fixture(scope="module", autouse=True)
def _declared(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("declared") / "surveyed.py"
    file.write_text(DECLARED)
    load(file)


def shown(venue: str, said: list[tuple[str, str]]) -> Connections:
    """The survey of one connection with these records."""
    url = {"http": "https://listed.invalid/list"}
    return survey(
        [Record(n, n, how, "ws.1", url.get(how, "wss://x.invalid/ws"), text) for n, (how, text) in enumerate(said, 1)],
        venue,
    )


def topics(connections: Connections) -> list[str]:
    return [book.plan.topic for book in connections.books]


def test_what_a_client_sent_is_read_by_the_template_that_prints_it() -> None:
    sent = ["no json", '{"sub":7}', '{"sub":"A"}', '{"unsub":"B"}', '["sub"]', '{"sub":"C","id":1,"more":[]}', "1e999"]
    assert topics(shown("survey.numbered", [("send", one) for one in sent])) == ["7", "A", "C"]


def test_lists_of_topics_and_the_templates_of_other_endpoints() -> None:
    said = [("http", '[{"id":"A","scale":2},{"id":"B","scale":4},{"id":"C","scale":8}]')]
    said += [("send", '{"subs":["A",["B"],"C",5]}'), ("send", '{"sub":"B"}')]
    found = shown("survey.scaled", said)
    assert topics(found) == ["A", "C", "B"]
    assert [(book.plan.price_scale, book.plan.size_scale) for book in found.books] == [(2, 0), (8, 0), (4, 0)]


def test_without_its_scale_there_is_no_book() -> None:
    with pytest.raises(UsageError, match="scale of the prices of B is not known"):
        shown("survey.scaled", [("http", '[{"id":"A","scale":2}]'), ("send", '{"subs":["A","B"]}')])


def test_a_venue_may_read_it_in_its_own_way() -> None:
    assert topics(shown("survey.own", [("send", '{"sub":"A"}')])) == ['"sub":"A"}']


SAID = [
    ("open", ""), ("send", '{"count":true}'), ("send", '{"sub":"A"}'), ("send", '{"sub":"B"}'),
    ("recv", '{"counts":1}'), ("recv", '{"subbed":"A","channel":17}'), ("recv", "[17,[[10,1,1],[11,1,-2]],1]"),
    ("recv", '[99,"other",2]'), ("recv", '{"subbed":"B","channel":18}'), ("recv", "[18,[],3]"),
    ("recv", "[17,[10,0,1],4]"), ("recv", "[18,[5,2,3],5]"), ("recv", '[99,"other",6]'), ("recv", "[17,[9,1,4],7]"),
]  # fmt: skip


def recorded(tmp_path: Path, said: list[tuple[str, str]]) -> tuple[Path, Path]:
    """A recording of these, and what its books are in the end."""
    lines = [{"dir": how, "conn": "ws.1", "t": 1.0, "url": "wss://x.invalid/ws", "msg": text} for how, text in said]
    capture, oracle = tmp_path / "x.jsonl.gz", tmp_path / "oracle.json"
    capture.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    books = {"A": ([["9", "4"]], [["11", "2"]]), "B": ([["5", "3"]], [])}
    symbols = {
        key: {"in_sync": True, "bid_levels": len(bids), "ask_levels": len(asks), "sha256": digest(bids, asks)}
        for key, (bids, asks) in books.items()
    }
    oracle.write_text(json.dumps({"symbols": symbols}))
    return capture, oracle


@pytest.mark.parametrize("engine", engines.available())
async def test_a_recording_in_which_acks_number_the_channels(engine: Choice, tmp_path: Path) -> None:
    capture, oracle = recorded(tmp_path, SAID)
    verdict = await check(capture, oracle, engine=engine, venue="survey.numbered", say=lambda line: None)
    assert verdict.passed, verdict.faults
    assert verdict.compared == 2
    assert len(list(records(capture))) == len(SAID)


@pytest.mark.parametrize("missing", range(6, 13))
async def test_one_frame_removed_is_noticed_whichever_it_is(missing: int, tmp_path: Path) -> None:
    """Also of another topic, and of an ack: all but the last frame, behind which nothing counts on."""
    capture, oracle = recorded(tmp_path, SAID[:missing] + SAID[missing + 1 :])
    verdict = await check(capture, oracle, engine=None, venue="survey.numbered", say=lambda line: None)
    assert not verdict.passed


def of_hosts(*places: str) -> Connections:
    """The survey of one connection to each of these hosts and paths, which subscribes topics named after it."""
    said = [
        Record(n, n, "send", f"ws.{n}", f"wss://{place}", f'{{"sub":"{place}"}}') for n, place in enumerate(places, 1)
    ]
    return survey(said)


TWINS = """
from dataclasses import replace
from tidebook.venue import *

PING = Ping(by="server", form="frame", every=30, deadline=60)
SAID = Subscribing(Template('{"sub":"$topic"}'), None)
SHAPE = BookShape(route=("s",), bids=("b",), asks=("a",))
WHOLE = SyncRule(Seed.EVERY, proof=(Proof.WHOLE,))
EAST = Venue(
    "survey.east", "survey.twins", "spot", (Endpoint("east", "wss://twins.invalid/east", SAID, PING),),
    (BookChannel("book", "east", str, lambda topic: topic if "west" not in topic else None, SHAPE, WHOLE),),
    aliases=("twins.invalid/east", "twins.invalid/shared"),
)
WEST = replace(
    EAST, name="survey.west", endpoints=(Endpoint("west", "wss://twins.invalid/west", SAID, PING),),
    books=(BookChannel("book", "west", str, lambda topic: topic if "east" not in topic else None, SHAPE, WHOLE),),
    aliases=("twins.invalid/west", "twins.invalid/shared"),
)
OTHER = replace(EAST, name="survey.other", exchange="survey.other", aliases=("other.invalid",))
OLD = replace(
    EAST.books[0], topic=lambda id: f"old {id}", matches=lambda topic: topic[4:] if topic[:4] == "old " else None
)
YOUNG = replace(
    OTHER, name="survey.young", exchange="survey.young", aliases=("aged.invalid",),
    endpoints=(replace(EAST.endpoints[0], url="wss://aged.invalid/new"),),
    eras=(Era("old", "2020-01-01", (OLD,), (replace(EAST.endpoints[0], url="wss://aged.invalid/old"),)),),
)
VENUES = (EAST, WEST, OTHER, YOUNG, replace(YOUNG, name="survey.younger", eras=(), aliases=("aged.invalid/ol",)))
"""


@pytest.fixture(scope="module")
def _twins(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("twins") / "twins.py"
    file.write_text(TWINS)
    load(file)


@pytest.mark.usefixtures("_twins")
def test_connections_may_be_of_several_venues_of_an_exchange() -> None:
    found = of_hosts("twins.invalid/east", "twins.invalid/west", "twins.invalid/east/2")
    assert found.name == "survey.twins"
    assert [one.venue.name for one in found.recorded] == ["survey.east", "survey.west", "survey.east"]
    assert [(book.conn, book.plan.venue) for book in found.books] == [
        ("ws.1", "survey.east"), ("ws.2", "survey.west"), ("ws.3", "survey.east")
    ]  # fmt: skip


@pytest.mark.usefixtures("_twins")
def test_what_may_be_of_either_is_of_the_one_that_was_there_before() -> None:
    assert of_hosts("twins.invalid/west", "twins.invalid/shared").name == "survey.west"
    assert of_hosts("twins.invalid/shared", "twins.invalid/west").name == "survey.west"
    assert of_hosts("twins.invalid/shared").name == "survey.east"


@pytest.mark.usefixtures("_twins")
def test_connections_of_several_exchanges_are_no_recording() -> None:
    with pytest.raises(UsageError, match="several exchanges"):
        of_hosts("twins.invalid/east", "other.invalid/east")


@pytest.mark.usefixtures("_twins")
def test_a_connection_is_of_the_era_that_had_its_address() -> None:
    said = [Record(1, 1, "send", "ws.1", "wss://aged.invalid/old", '{"sub":"old A"}')]
    (book,) = survey(said).books
    assert (book.instrument, book.plan.venue, book.channel.topic("B")) == ("A", "survey.young", "old B")
    said = [Record(1, 1, "send", "ws.1", "wss://aged.invalid/new", '{"sub":"A"}')]
    (book,) = survey(said).books
    assert (book.instrument, book.channel.topic("B")) == ("A", "B")
