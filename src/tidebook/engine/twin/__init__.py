"""The Python twin: the engine's specification (`engine/README.md`) in readable code.

It is correct first; where it is quick, it is so by plain means.
"""

from tidebook.engine.twin.book import Book
from tidebook.engine.twin.feed import Feed

name = "python"

__all__ = ["Book", "Feed", "name"]
