"""By which bytes the engine finds each topic of one connection: as declared, or as the venue's answer teaches."""

from tidebook.core.endpoint import Subscribing
from tidebook.core.plan import BookPlan
from tidebook.core.raw import RawTopic
from tidebook.core.stream import StreamPlan
from tidebook.core.topic import Reads, Topic
from tidebook.engine import contract
from tidebook.errors import UsageError


class Keys:
    """Of one connection, which it ends with: what an answer teaches is true on no other."""

    def __init__(self, feed: contract.Feed, subscribing: Subscribing | None) -> None:
        self.learned = subscribing is not None and subscribing.teaches
        self._feed = feed
        self._declared: dict[bytes, str] = {}
        self._topics: dict[bytes, Topic] = {}

    def enter(self, topic: Topic) -> None:
        """Carry this topic, and look for its messages if it is known by what they are found.

        Raises UsageError where the venue's messages do not tell it from another.
        """
        plan = topic.plan
        assert not isinstance(plan, RawTopic)  # these are not looked for
        key = plan.key_or_topic()
        other = self._declared.setdefault(key, plan.name)
        if other != plan.name:
            raise UsageError(f"{plan.name} and {other} cannot be told apart on one connection")
        if not self.learned:
            self._want(topic, key)
        elif isinstance(plan, BookPlan) and plan.snapshot_key is not None:
            raise UsageError(f"{plan.name}: whole books apart have no key that an answer teaches")

    def leave(self, topic: Topic) -> None:
        """Frames of this topic are passed over from now on. Its key stays known: it may be what is unsubscribed."""
        plan = topic.plan
        assert not isinstance(plan, RawTopic)
        self._declared.pop(plan.key_or_topic(), None)
        self._pass_over(topic)

    def learn(self, topic: Topic, key: bytes) -> Topic | None:
        """The venue calls this topic so. If it called another so until now, that one, which lost its key."""
        if self._topics.get(key) is topic:
            return None
        other = self._topics.get(key)
        for one in (topic, other):
            if one is not None:
                self.unlearn(one)
        self._want(topic, key)
        return other

    def unlearn(self, topic: Topic) -> None:
        """What the venue called it so far means nothing any more."""
        self._pass_over(topic)
        topic.key = None

    def reads(self, key: bytes) -> Reads | None:
        """Who reads the messages of this key."""
        topic = self._topics.get(key)
        return None if topic is None else topic.reads

    def given(self, topic: Topic) -> None:
        """Its messages are another's from now on."""
        if (key := topic.key) is not None:
            self._pass_over(topic)
            self._want(topic, key)

    def _want(self, topic: Topic, key: bytes) -> None:
        topic.key = key
        self._topics[key] = topic
        if topic.book is not None:
            self._feed.want(key, topic.book.engine, "stream")
            if topic.book.plan.snapshot_key is not None:
                self._feed.want(topic.book.plan.snapshot_key, topic.book.engine, "snapshot")
        elif isinstance(topic.plan, BookPlan):
            self._feed.other(key, topic.plan.shape)  # held back
        elif isinstance(topic.plan, StreamPlan):
            self._feed.other(key, topic.plan.channel)

    def _pass_over(self, topic: Topic) -> None:
        if topic.key is None or self._topics.get(topic.key) is not topic:
            return
        del self._topics[topic.key]
        self._feed.forget(topic.key)
        if topic.book is not None and topic.book.plan.snapshot_key is not None:
            self._feed.forget(topic.book.plan.snapshot_key)
