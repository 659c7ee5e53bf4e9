"""What one connection asked for, and what the venue said to it: acknowledged, refused, or silent."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from tidebook.core.clock import Now, seconds
from tidebook.core.endpoint import Endpoint
from tidebook.core.keys import Keys
from tidebook.core.options import Options
from tidebook.core.outbox import Letter, Outbox
from tidebook.core.raw import Raw
from tidebook.core.redact import Known, shown
from tidebook.core.timers import Timers
from tidebook.core.topic import Asked, Topic
from tidebook.model import health

RAW_IDS: Final = 1 << 30  # from here on, where users' own messages have ids too


class Speaker(Protocol):
    """The session, as its acks see it."""

    topics: dict[str, Topic]

    def emit(self, event: health.Health) -> None: ...
    def say(self, data: bytes) -> None:
        """Send a message."""
        ...

    def renew(self, reason: str, now: Now) -> None:
        """Give this connection up."""
        ...


class Acks:
    """Subscriptions of one connection, from when they are asked for until they are confirmed or given up."""

    def __init__(
        self, session: Speaker, endpoint: Endpoint, keys: Keys, timers: Timers, options: Options, venue: str,
        known: Known,
    ) -> None:  # fmt: skip
        subscribing = endpoint.subscribing
        if subscribing is None:
            self.outbox = Outbox(self._send, timers, pace=0.0, most=1)
        else:
            self.outbox = Outbox(
                self._send, timers, pace=subscribing.pace, burst=subscribing.burst, most=subscribing.topics_per_message,
                room=subscribing.room, held=self._must_wait,
            )  # fmt: skip
        self._session = session
        self._endpoint = endpoint
        self._keys = keys
        self._options = options
        self._venue = venue
        self._known = known
        self._room = self.outbox.room
        self._raw: Raw | None = None
        self._asked: dict[str, Asked] = {}
        self._under_way: Asked | None = None  # where one question waits for the answer to the last
        self._last_id = 0
        self._ack_timer = timers.timer(self._acks_late)
        self._again_timer = timers.timer(self._try_again)

    def carry(self, raw: Raw) -> None:
        """Other messages than ours are said on this connection too, with ids of their own."""
        self._raw = raw
        self._last_id = RAW_IDS

    def closed(self) -> None:
        """The connection is gone: nothing is answered any more."""
        self._ack_timer.off()
        self._again_timer.off()
        self._asked.clear()
        self._under_way = None
        self.outbox.clear()

    # Answers ------------------------------------------------------------------

    def answer(self, message: Any, now: Now) -> bool | None:
        """Whether a message answers what we asked; None where it is no answer at all."""
        subscribing = self._endpoint.subscribing
        assert subscribing is not None
        answers = [(subscribing.ack, self._acked), (subscribing.unsubscribed, self._unsubscribed)]
        answers += [(refusal, self._refused) for refusal in subscribing.refusals]
        for template, act in answers:
            if template is not None and (slots := subscribing.read(template, message)) is not None:
                if self._raw is not None and not self._is_asked(slots):
                    return False  # the answer to what a user said
                asked = self._question(slots)
                act(slots, asked, now)
                if asked is not None and asked is self._under_way:
                    self._under_way = None
                    self.outbox.go(now)
                return True
        return None

    def _question(self, slots: dict[str, Any]) -> Asked | None:
        """The message of ours that is answered: by its id, else the one under way."""
        return self._asked.get(str(slots["id"])) if "id" in slots else self._under_way

    def _is_asked(self, slots: dict[str, Any]) -> bool:
        """Whether an answer is to a question of ours."""
        if self._raw is not None and not self._raw.plan.says:
            return True
        return self._question(slots) is not None or bool(self._called(slots.get("topics", ())))

    def _called(self, names: Iterable[str]) -> tuple[Topic, ...]:
        """The topics of which a text is among these."""
        known = set(names)
        return tuple(topic for topic in self._session.topics.values() if not known.isdisjoint(topic.texts))

    def _named(self, slots: dict[str, Any], asked: Asked | None, what: str) -> tuple[Topic, ...]:
        """The topics that an answer is about: by what it names, else by the message that it answers."""
        names = slots.get("topics", ())
        named = self._called(names)
        if what == "unsubscribe" and not names and (key := _key(slots)) is not None:
            named = tuple(topic for topic in self._session.topics.values() if topic.key == key)
        if named or "failed" in slots:  # an answer that names what is refused may well name nothing else
            if asked is not None and set(map(id, asked.topics)) <= set(map(id, named)):
                self._asked.pop(asked.id, None)
            return named
        if asked is None or asked.what != what:
            return ()
        self._asked.pop(asked.id, None)
        return asked.topics

    def _acked(self, slots: dict[str, Any], asked: Asked | None, now: Now) -> None:
        subscribing = self._endpoint.subscribing
        assert subscribing is not None
        if subscribing.is_complete:
            self._told_all(set(slots["topics"]), asked, now)
            return
        if asked is not None and asked.what == "unsubscribe":
            self._unsubscribed(slots, asked, now)
            return
        named, key = self._named(slots, asked, "subscribe"), _key(slots)
        if key is not None and not self._learn(named, key, now):
            return
        names = set(slots.get("topics", ()))
        for topic in named:
            if topic.is_second and (not topic.is_asked or (asked is not None and topic not in asked.topics)):
                continue  # the answer to an earlier asking, that names it as this one's will
            if asked is None and topic.resubscribe and subscribing.ack == subscribing.unsubscribed:
                self._left(topic, now)  # what answers both does not say which
                continue
            topic.missing -= names.intersection(topic.texts) or set(asked.texts if asked is not None else ())
            if not topic.missing:
                self.confirm(topic, now)
        self._failed(slots, asked, now)

    def _failed(self, slots: dict[str, Any], asked: Asked | None, now: Now) -> None:
        """An answer names topics that are refused."""
        for topic in self._called(slots.get("failed", ())):
            if topic.resubscribe:
                if asked is None:
                    self._left(topic, now)  # it could not be unsubscribed: there is nothing to unsubscribe
            elif not topic.confirmed:
                self._lost(topic, self._reason(slots), now)

    def _told_all(self, texts: set[str], asked: Asked | None, now: Now) -> None:
        """An answer is all that is subscribed on this connection now: what is in it, and what is not, is answered."""
        asked_for = asked.topics if asked is not None and asked.what == "subscribe" else ()
        if asked is not None:
            self._asked.pop(asked.id, None)
        if asked is not None and asked.what == "unsubscribe":
            for topic in asked.topics:
                self._left(topic, now)
        for topic in list(self._session.topics.values()):
            if topic.resubscribe:
                continue
            if texts.issuperset(topic.texts):
                if topic.is_asked:  # the answer may be late
                    self.confirm(topic, now)
            elif topic in asked_for and not topic.confirmed:
                self._lost(topic, "it is not among what the venue says is subscribed", now)
            elif topic.confirmed:
                self._withdrawn(topic, now)

    def _withdrawn(self, topic: Topic, now: Now) -> None:
        """It was subscribed and is no more, by no wish of ours."""
        topic.confirmed = False
        topic.tries = 0
        if topic.book is not None:
            topic.book.resubscribing("the venue does not send it any more", now)
        self.ask_for("subscribe", (topic,), now)

    def confirm(self, topic: Topic, now: Now) -> None:
        """It is acknowledged, or its data says as much. Twice is fine."""
        if topic.confirmed or topic.resubscribe:
            return
        topic.confirmed, topic.is_second = True, False
        topic.asked_ns = topic.again_ns = None
        topic.tries = topic.refusals = 0
        topic.wanted.confirmed(now)

    def _learn(self, named: tuple[Topic, ...], key: bytes, now: Now) -> bool:
        """What the venue calls a topic from now on. False where this connection cannot be believed any more."""
        if not named:  # not wanted any more: it was given up before it was acknowledged
            if self._raw is None:
                self._leave(key, now)
            return True
        for topic in named:
            other = self._keys.learn(topic, key)
            if other is not None and not other.resubscribe:
                self._session.renew(f"{topic.text} is called what {other.text} was called", now)
                return False
        return True

    def _leave(self, key: bytes, now: Now) -> None:
        """Unsubscribe what the venue calls so."""
        subscribing = self._endpoint.subscribing
        if subscribing is not None and subscribing.unsubscribe is not None and "key" in subscribing.unsubscribe.slots:
            ask_id = self.new_id("unsubscribe", (), [], now)
            data = subscribing.print(subscribing.unsubscribe, (), key=key.decode(), id=ask_id)
            self.outbox.post(Letter("say", (), [], data), now)

    def _unsubscribed(self, slots: dict[str, Any], asked: Asked | None, now: Now) -> None:
        for topic in self._named(slots, asked, "unsubscribe"):
            self._left(topic, now)
        for topic in self._called(slots.get("failed", ())):
            self._left(topic, now)  # it could not be unsubscribed: there is nothing to unsubscribe

    def _left(self, topic: Topic, now: Now) -> None:
        """It is not subscribed any more; if that was to subscribe it anew, that is asked for now."""
        if topic.resubscribe:
            topic.resubscribe = False
            if self._keys.learned:
                self._keys.unlearn(topic)  # from here on it may be another's
            self.ask_for("subscribe", (topic,), now)

    def _refused(self, slots: dict[str, Any], asked: Asked | None, now: Now) -> None:
        reason = self._reason(slots)
        if asked is not None and asked.what == "request":
            del self._asked[asked.id]
            for topic in asked.topics:
                # Else a later one is under way.
                if str(topic.request_id) == asked.id and topic.book is not None:
                    topic.book.failed(reason, now)
            return
        if asked is not None and asked.what == "unsubscribe":
            self._unsubscribed(slots, asked, now)  # there is nothing to unsubscribe: so much the better
            return
        named = self._named(slots, asked, "subscribe")
        if not named:  # it does not say what it refuses: told all the same
            self._session.emit(health.SubscriptionFailed(self._venue, None, now.wall_ns, "", reason))
        refused = [topic for topic in named if not topic.confirmed and not topic.resubscribe]
        for topic in refused:
            if len(refused) > 1:
                self._apart(topic, now)
            else:
                self._lost(topic, reason, now)

    def _apart(self, topic: Topic, now: Now) -> None:
        """Refused in company: one bad topic must not keep the others out. Each is asked for by itself.

        Where each topic has its own answer, the good ones' may still come: what is left is asked for when it is late.
        """
        subscribing = self._endpoint.subscribing
        topic.alone = True
        if subscribing is None or not subscribing.answers_each:
            topic.asked_ns = None
            topic.again_ns = now.mono_ns
            self._arm_again()

    def _lost(self, topic: Topic, reason: str, now: Now) -> None:
        """Told once; then it rests, and is tried again, ever more rarely and by itself."""
        options = self._options
        if topic.refusals == 0:
            plan = topic.plan
            self._session.emit(health.SubscriptionFailed(plan.venue, plan.symbol, now.wall_ns, topic.text, reason))
        topic.wanted.refused(reason)
        rest = min(options.ask_again * 2.0 ** min(topic.refusals, 30), options.ask_again_most)
        topic.alone = True
        topic.refusals += 1
        topic.asked_ns = None
        topic.again_ns = now.mono_ns + seconds(rest)
        self._arm_again()

    def _try_again(self, now: Now) -> None:
        due = [t for t in self._session.topics.values() if t.again_ns is not None and t.again_ns <= now.mono_ns]
        for topic in due:
            topic.again_ns, topic.tries = None, 0
        self.ask_all("subscribe", due, now)
        self._arm_again()

    def _arm_again(self) -> None:
        waiting = [topic.again_ns for topic in self._session.topics.values() if topic.again_ns is not None]
        if waiting:
            self._again_timer.set(min(waiting))

    def _acks_late(self, now: Now) -> None:
        """Some answer is overdue: ask again, and after the last try say so."""
        timeout = seconds(self._options.ack_timeout)
        if self._under_way is not None and now.mono_ns >= self._under_way.at_ns + timeout:
            self._under_way = None
        again: list[Topic] = []
        for topic in self._session.topics.values():
            if topic.asked_ns is None or now.mono_ns < topic.asked_ns + timeout:
                continue
            topic.asked_ns = None
            if topic.tries < self._options.ack_tries:
                again.append(topic)
            else:
                self._lost(topic, f"not acknowledged after {topic.tries} tries", now)
        for topic in again:
            # Without an answer to the unsubscription the subscription is asked for all the same.
            topic.resubscribe = False
        if again:
            self.ask_all("subscribe", again, now)
        self.outbox.go(now)
        self._arm_acks()

    def _arm_acks(self) -> None:
        waiting = [topic.asked_ns for topic in self._session.topics.values() if topic.asked_ns is not None]
        if self._under_way is not None:
            waiting.append(self._under_way.at_ns)
        if waiting:
            self._ack_timer.set(min(waiting) + seconds(self._options.ack_timeout))
        else:
            self._ack_timer.off()

    # Asking -------------------------------------------------------------------

    def next_id(self) -> int:
        """One that no answer of a subscription has."""
        self._last_id += 1
        return self._last_id

    def ask_all(self, what: str, topics: list[Topic], now: Now) -> None:
        """Subscribe or unsubscribe, as few messages as may be."""
        for group in self._groups(topic for topic in topics if not topic.alone):
            self.ask_for(what, group, now)
        for topic in topics:
            if topic.alone:
                self.ask_for(what, (topic,), now)

    def _groups(self, topics: Iterable[Topic]) -> Iterator[tuple[Topic, ...]]:
        """As many as one message holds, and its bytes allow."""
        subscribing = self._endpoint.subscribing
        assert subscribing is not None
        many, room = subscribing.topics_per_message, self._room
        group: list[Topic] = []
        count = size = 0
        for topic in topics:
            more, bigger = len(topic.texts), self._size(topic.texts)
            if group and (count + more > many or (room is not None and size + bigger > room)):
                yield tuple(group)
                group, count, size = [], 0, 0
            group.append(topic)
            count, size = count + more, size + bigger
        if group:
            yield tuple(group)

    def _size(self, texts: Iterable[str]) -> int:
        """How many bytes they take in a message, where that is limited."""
        subscribing = self._endpoint.subscribing
        return 0 if subscribing is None or self._room is None else sum(map(subscribing.bytes_of, texts))

    def ask_for(self, what: str, topics: tuple[Topic, ...], now: Now) -> None:
        """Subscribe or unsubscribe these, in one message where the endpoint lets one name several."""
        assert self._endpoint.subscribing is not None
        if what == "unsubscribe" and self._keys.learned and topics[0].key is None:
            return  # it cannot be said, and if an answer comes yet it is given up then
        texts = [text for topic in topics for text in topic.texts]
        for topic in topics if what == "subscribe" else ():
            topic.missing = set(topic.texts)
            topic.tries += 1
        groups = [texts] if self._endpoint.subscribing.topics_per_message > 1 else [[text] for text in texts]
        for group in groups:
            self.outbox.post(Letter(what, topics, group, size=self._size(group)), now)

    def new_id(self, what: str, topics: tuple[Topic, ...], texts: list[str], now: Now) -> int:
        """The id of a question whose answer is awaited."""
        # Answers that never came, or that named no id, are not waited for for ever.
        oldest = now.mono_ns - seconds(4 * self._options.ack_timeout) - self.outbox.takes_ns
        while self._asked and (ask_id := next(iter(self._asked))) and self._asked[ask_id].at_ns < oldest:
            del self._asked[ask_id]
        self._last_id += 1
        ask_id = str(self._last_id)
        self._asked[ask_id] = Asked(what, topics, texts, now.mono_ns, ask_id)
        return self._last_id

    def _must_wait(self, letter: Letter) -> bool:
        return self._under_way is not None and letter.what in ("subscribe", "unsubscribe")

    def _send(self, letter: Letter, now: Now) -> None:
        """A letter's turn has come."""
        data = letter.data or self._written(letter, now)
        self._session.say(data)
        subscribing = self._endpoint.subscribing
        if letter.what == "request":
            for topic in letter.topics:
                if topic.book is not None:
                    topic.book.requested(now)
        if letter.what in ("request", "say") or subscribing is None:
            return
        for topic in letter.topics:
            if subscribing.ack is None and letter.what == "subscribe":
                self.confirm(topic, now)
            elif subscribing.ack is not None and not topic.confirmed:
                topic.asked_ns = now.mono_ns
        self._arm_acks()

    def _written(self, letter: Letter, now: Now) -> bytes:
        subscribing = self._endpoint.subscribing
        assert subscribing is not None
        template = subscribing.subscribe if letter.what == "subscribe" else subscribing.unsubscribe
        assert template is not None
        ask_id = self.new_id(letter.what, letter.topics, letter.texts, now)
        if subscribing.serial:
            self._under_way = self._asked[str(ask_id)]
        key = letter.topics[0].key or b""
        return subscribing.print(template, letter.texts, id=ask_id, key=key.decode())

    def _reason(self, slots: dict[str, Any]) -> str:
        return shown(self._known.without(f"{slots.get('code', '')} {slots.get('text', '')}".strip() or "refused"))


def _key(slots: dict[str, Any]) -> bytes | None:
    return str(slots["key"]).encode() if "key" in slots else None
