"""The books of one venue and everybody who reads them: who wants the same one shares it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tidebook.client.book import Book
from tidebook.core import book as core
from tidebook.core.clock import Now
from tidebook.core.desk import Desk
from tidebook.core.plan import BookPlan
from tidebook.errors import UsageError


class Views:
    """See the module. `tell` calls something with the time, on the desk's own loop."""

    def __init__(self, desk: Desk, tell: Callable[[Callable[[Now], Any]], Any]) -> None:
        self._desk = desk
        self._tell = tell
        self._of: dict[str, list[Book]] = {}  # by name of the book

    def __len__(self) -> int:
        """How many books are kept."""
        return len(self._of)

    def of(self, symbol: str | None = None) -> list[Book]:
        """All who read a book, or those of one symbol."""
        return [view for views in self._of.values() for view in views if symbol in (None, view.symbol)]

    def join(self, plan: BookPlan, view: Book) -> core.Book:
        """Keep this book. Raises UsageError where its topic is another kind of book's already."""
        views = self._of.get(plan.name)
        if views is not None and self._desk.books[plan.name].plan.endpoint.name != plan.endpoint.name:
            raise UsageError(f"{plan.name} is open already, by another kind of book", venue=plan.venue)
        if views is None:
            views = self._of[plan.name] = []
            self._tell(lambda at: self._desk.wanted(at, add=[plan]))
        views.append(view)
        self._aim(plan.name, views)
        return self._desk.books[plan.name]

    def leave(self, name: str, view: Book) -> bool:
        """Whether it was one of a book's readers, and the last."""
        views = self._of.get(name)
        if views is None or view not in views:
            return False
        views.remove(view)
        if views:
            self._aim(name, views)
        else:
            del self._of[name]
        return not views

    def _aim(self, name: str, views: list[Book]) -> None:
        """Changes go to these; straight to it where there is one."""
        source = self._desk.books.get(name)
        if source is not None:  # else it is gone, and so will these be
            source.changed_to = views[0].changed if len(views) == 1 else partial(_changed, views)


def _changed(views: list[Book], source: core.Book) -> None:
    for view in tuple(views):
        view.changed(source)
