"""Of which topics a recorded message is, by what engines find them by: so what nobody wants is passed over."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tidebook.core.plan import BookPlan
from tidebook.core.stream import StreamPlan
from tidebook.engine.contract import Engine, Formed, Other, Outcome
from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError
from tidebook.record.connections import Recorded


class Route(NamedTuple):
    """Messages with this key, where the form says that it stands, are of this topic."""

    key: bytes
    form: Formed
    topic: str


def routes(plans: Iterable[BookPlan | StreamPlan]) -> Iterator[Route]:
    """Of topics whose messages are found by what is declared; keys that an answer teaches are true for one client."""
    for plan in plans:
        subscribing = plan.endpoint.subscribing
        if subscribing is not None and subscribing.teaches:
            continue
        if isinstance(plan, StreamPlan):
            yield Route(plan.key_or_topic(), plan.channel, plan.topic)
            continue
        yield Route(plan.key_or_topic(), plan.shape, plan.topic)
        if plan.snapshot_key is not None:
            yield Route(plan.snapshot_key, plan.snapshot or plan.shape, plan.topic)


class Router:
    """Tells the topics of one connection's messages, where they are JSON as they are."""

    def __init__(self, one: Recorded, plans: Sequence[BookPlan | StreamPlan], engine: Engine) -> None:
        found = [*routes(plans)]
        is_plain = all(plan.endpoint.codec is Codec.TEXT and plan.endpoint.decode is None for plan in plans)
        self._topics: dict[bytes, set[str]] = {}  # one channel's messages may look like another's
        self._feed = engine.Feed()
        for key, form, topic in found if is_plain else ():
            self._topics.setdefault(key, set()).add(topic)
            self._feed.other(key, form)
        self._others = {*one.by_url, *one.topics}.difference(*self._topics.values())

    def topics(self, message: str | bytes) -> set[str] | None:
        """Those of which it may be; None where nothing is known of it: an answer, a heartbeat, what is new."""
        if not self._topics or isinstance(message, bytes):
            return None
        try:
            outcome = self._feed.feed(message.encode(), 0)
        except DecodeError:
            return None
        found = self._found(outcome)
        return None if found is None else found | self._others

    def _found(self, outcome: Outcome) -> set[str] | None:
        if isinstance(outcome, Other):
            return None if outcome.topic is None else self._topics.get(outcome.topic)
        if not isinstance(outcome, tuple):
            return None
        found = set[str]()
        for each in map(self._found, outcome):
            if each is None:
                return None
            found |= each
        return found
