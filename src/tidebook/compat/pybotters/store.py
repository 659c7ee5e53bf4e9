"""pybotters' data stores: rows as dicts by their keys, which can be looked up, waited for and watched."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, ClassVar, Final, Literal, Self, TypeVar, overload

from tidebook.client.subscription import Queue
from tidebook.compat.pybotters.answers import Response

Item = dict[str, Any]
Operation = Literal["insert", "update", "delete"]
MOST: Final = 10_000  # changes that wait for who watches
S = TypeVar("S", bound="DataStore")


class _Waiting:
    """Who waits for what happens next."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    async def wait(self) -> None:
        await self._next.wait()

    def wake(self) -> None:
        """Everybody who waits now, and nobody who will."""
        self._next.set()
        self._next = asyncio.Event()


class DataStore:
    """Rows of one kind. Those with `_KEYS` are one for each value of these; others are all kept.

    At most `_MAXLEN` of them: the oldest go.
    """

    _KEYS: ClassVar[list[str]] = []
    _MAXLEN: ClassVar[int] = 9999

    def __init__(self, name: str | None = None, keys: list[str] | None = None, data: list[Item] | None = None) -> None:
        self.name = name
        self._keys = tuple(keys or self._KEYS)
        self._rows: dict[object, Item] = {}
        self._numbers = count()
        self._waiting = _Waiting()
        self._streams: list[StoreStream] = []
        self._init()
        self._insert(data or [])

    def _init(self) -> None:
        """For what inherits from it."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._rows.values())

    def __reversed__(self) -> Iterator[Item]:
        return reversed(self._rows.values())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name or ''}, {len(self)} rows>"

    # Changing -----------------------------------------------------------------

    def _key(self, item: Item) -> object | None:
        """By what a row is known; None where it has not all of its keys."""
        if not self._keys:
            return next(self._numbers)
        return tuple(item[name] for name in self._keys) if all(name in item for name in self._keys) else None

    def _insert(self, data: Iterable[Item]) -> None:
        """Rows as they are, in place of those with their keys; those without all keys are passed over."""
        for item in data:
            if (key := self._key(item)) is not None:
                self._rows[key] = item
                self._put("insert", None, item)
        self._changed()

    def _update(self, data: Iterable[Item]) -> None:
        """Values into the rows with their keys, or new rows."""
        for item in data:
            if (key := self._key(item)) is None:
                continue
            if (row := self._rows.get(key)) is None:
                self._rows[key] = item
                self._put("update", None, item)
            else:
                row.update(item)
                self._put("update", item, row)
        self._changed()

    def _delete(self, data: Iterable[Item]) -> None:
        """The rows with these keys."""
        for item in data if self._keys else ():
            row = self._rows.pop(self._key(item), None)
            if row is not None:
                self._put("delete", item, row)
        self._changed()

    def _pop(self, item: Item) -> Item | None:
        """The row with these keys, which is none any more."""
        return self._rows.pop(self._key(item), None) if self._keys else None

    def _find_and_delete(self, query: Item | None = None) -> list[Item]:
        found = [key for key, row in self._rows.items() if _fits(row, query)]
        rows = [self._rows.pop(key) for key in found]
        for row in rows:
            self._put("delete", row if query else None, row)
        self._changed()
        return rows

    def _clear(self) -> None:
        self._find_and_delete()

    def _changed(self) -> None:
        for key in [*islice(self._rows, max(0, len(self._rows) - self._MAXLEN))]:
            del self._rows[key]
        self._waiting.wake()

    def _put(self, operation: Operation, source: Item | None, item: Item) -> None:
        for stream in self._streams:
            stream.put(StoreChange(self, operation, copy.deepcopy(source), copy.deepcopy(item)))

    # Reading ------------------------------------------------------------------

    def get(self, item: Item) -> Item | None:
        """The row with these keys, if there is one."""
        return self._rows.get(self._key(item)) if self._keys else None

    def find(self, query: Item | None = None) -> list[Item]:
        """All rows that have these values."""
        return [row for row in self if _fits(row, query)]

    def _sorted(
        self, item_key: str, item_asc_key: str, item_desc_key: str, sort_key: str, query: Item | None = None,
        limit: int | None = None,
    ) -> dict[str, list[Item]]:  # fmt: skip
        """The rows that have the values of `query` in two lists: rising, and falling, by a number."""
        sides: dict[str, list[Item]] = {item_asc_key: [], item_desc_key: []}
        for row in self.find(query):
            sides[row[item_key]].append(row)
        for name, rows in sides.items():
            rows.sort(key=lambda row: float(row[sort_key]), reverse=name == item_desc_key)
        return {name: rows[: limit or None] for name, rows in sides.items()}

    async def wait(self) -> None:
        """Until something changes."""
        await self._waiting.wait()

    def watch(self) -> "StoreStream":
        """Each change from here on: ``with store.watch() as stream: async for change in stream``."""
        return StoreStream(self)


@dataclass
class StoreChange:
    """One change: `data` is a copy of the row, `source` of what changed it, if anything did."""

    store: DataStore
    operation: Operation
    source: Item | None
    data: Item


class StoreStream:
    """Changes of a store, 10,000 at most that wait; who is slower is told with Overrun how many were lost."""

    def __init__(self, store: DataStore) -> None:
        self._store = store
        self._queue: Queue[StoreChange] = Queue("error", most=MOST)
        store._streams.append(self)

    def put(self, change: StoreChange) -> None:
        self._queue.put(change)

    async def get(self) -> StoreChange:
        """The next change. Raises Overrun, and StopAsyncIteration once it is closed."""
        return await self._queue.one()

    def close(self) -> None:
        """Watch no more. Twice is fine."""
        if self in self._store._streams:
            self._store._streams.remove(self)
        self._queue.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StoreChange:
        return await self.get()


class DataStoreCollection:
    """The stores of one exchange. `onmessage` is a handler of ``ws_connect(hdlr_json=…)``."""

    def __init__(self) -> None:
        self._stores: dict[str, DataStore] = {}
        self._waiting = _Waiting()
        self._init()

    def _init(self) -> None:
        """For what inherits from it: make the stores."""

    def __getitem__(self, name: str) -> DataStore:
        return self._stores[name]

    def __contains__(self, name: str) -> bool:
        return name in self._stores

    def _create(
        self, name: str, *, keys: list[str] | None = None, data: list[Item] | None = None,
        datastore_class: type[DataStore] = DataStore,
    ) -> None:  # fmt: skip
        self._stores[name] = datastore_class(name, keys, data)

    @overload
    def _get(self, name: str, type_: type[S]) -> S: ...

    @overload
    def _get(self, name: str, type_: None = None) -> DataStore: ...

    def _get(self, name: str, type_: type[DataStore] | None = None) -> DataStore:
        """A store by its name, for what inherits from it. Raises KeyError where there is none."""
        found = self._stores[name]
        assert type_ is None or isinstance(found, type_)
        return found

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        """For what inherits from it."""

    def onmessage(self, msg: Any, ws: Any = None) -> None:
        """Take what a message says, of the socket that brought it."""
        self._onmessage(msg, ws)
        self._waiting.wake()

    async def wait(self) -> None:
        """Until the next message has been taken."""
        await self._waiting.wait()


async def each_answer(aws: Sequence[Awaitable[Response]], take: Callable[[Response, Any], None]) -> None:
    """Ask all at once, and take what they say as they come. Raises the first error, also what an answer means whose
    status is no success; the others are then given up.
    """

    async def one(asked: Awaitable[Response]) -> None:
        response = await asked
        response.raise_for_status()  # before its body is read, which may be no JSON then
        take(response, await response.json())

    tasks = [asyncio.ensure_future(one(asked)) for asked in aws]
    try:
        for done in asyncio.as_completed(tasks):
            await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _fits(row: Item, query: Item | None) -> bool:
    return not query or all(name in row and row[name] == value for name, value in query.items())
