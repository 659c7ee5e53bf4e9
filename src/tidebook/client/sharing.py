"""A topic of facts and everybody who reads it: who gets which of its facts, and who is told what becomes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter

from tidebook.core.channel import NOUNS
from tidebook.core.stream import Stream
from tidebook.errors import TidebookError
from tidebook.model.facts import Fact

Take = Callable[[Sequence[Fact]], None]
_symbol = attrgetter("symbol")


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """A reader of one noun of one instrument. `watch` is told how the topic flows, `end` when there will be no more."""

    noun: str
    symbol: str
    take: Take
    watch: Callable[[Stream], None]
    end: Callable[[TidebookError], None]


class Shared:
    """See the module. Facts are looked at one by one only where a topic has several nouns or instruments."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.readers: dict[Joined, None] = {}
        self._has_several = bool(stream.plan.channel.also)  # nouns
        self._alone = stream.plan.symbol  # whose all of it is
        self._kinds: dict[type[Fact], dict[str | None, tuple[Take, ...]]] = {}
        stream.changed_to = self._told

    def join(self, one: Joined) -> None:
        self.readers[one] = None
        if one.symbol != self._alone and self._alone is not None:
            self._alone = None
            self._kinds = {}
            for other in self.readers:
                self._put(other)
        else:
            self._put(one)
        self._aim()
        one.watch(self.stream)

    def leave(self, one: Joined) -> bool:
        """Whether it was a reader, and the last."""
        if one not in self.readers:
            return False
        del self.readers[one]
        readers, name = self._place(one)
        readers[name] = tuple(take for take in readers[name] if take != one.take)
        self._aim()
        return not self.readers

    def _place(self, one: Joined) -> tuple[dict[str | None, tuple[Take, ...]], str | None]:
        """Where its function stands; of a topic of one instrument the symbols are not looked at."""
        return self._kinds.setdefault(NOUNS[one.noun], {}), None if self._alone is not None else one.symbol

    def _put(self, one: Joined) -> None:
        readers, name = self._place(one)
        readers[name] = (*readers.get(name, ()), one.take)

    def _aim(self) -> None:
        """Of one noun of one instrument all that comes goes straight to who reads it."""
        if self._has_several or self._alone is None:
            self.stream.deliver = self._sort
            return
        takes = next(iter(self._kinds.values()), {}).get(None, ())
        self.stream.deliver = takes[0] if len(takes) == 1 else partial(_give, takes)

    def _sort(self, facts: Sequence[Fact]) -> None:
        """To each its own, in the order in which they came."""
        kinds = self._kinds
        found: dict[type[Fact], list[Fact]] = {}
        for fact in facts:
            if (kind := type(fact)) in kinds:
                found.setdefault(kind, []).append(fact)
        for kind, some in found.items():
            readers = kinds[kind]
            if (takes := readers.get(None)) is not None:
                _give(takes, some)
                continue
            for symbol, run in groupby(some, _symbol):
                if (takes := readers.get(symbol)) is not None:
                    _give(takes, [*run])

    def _told(self, stream: Stream) -> None:
        for one in tuple(self.readers):
            one.watch(stream)


def _give(takes: Sequence[Take], facts: Sequence[Fact]) -> None:
    for take in takes:
        take(facts)
