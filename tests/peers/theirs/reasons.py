"""Why a library's own test does not pass on our names: read from what happened, and from its `reasons.toml`."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

UNSERVED: Final = "an endpoint that the simulator has not"
PRIVATE: Final = "a private name of the original"


@dataclass(frozen=True, slots=True)
class Reason:
    """Explains the tests whose name matches `tests` and whose error matches `error`, both as far as these go."""

    why: str
    tests: str
    error: str

    def covers(self, told: Mapping[str, Any]) -> bool:
        return re.search(self.tests, told["test"]) is not None and re.search(self.error, told["why"]) is not None


def read(path: Path) -> tuple[Reason, ...]:
    """Those of a `reasons.toml`, in its order."""
    found = tomllib.loads(path.read_text("utf-8"))
    return tuple(Reason(why, one.get("tests", ""), one.get("error", "")) for why, ones in found.items() for one in ones)


def reason(told: Mapping[str, Any], known: Iterable[Reason], unanswered: Iterable[str]) -> str | None:
    """Why a test failed. None: nobody knows, and it is a difference to look at.

    `unanswered` are the questions for which the simulator has no route, as its tally names them.
    """
    verb, _, path = str(told.get("request", "")).partition(" ")
    if told.get("status") == 404 and any(_is(name, verb, path) for name in unanswered):
        return UNSERVED
    if str(told.get("name", "")).startswith("_"):
        return PRIVATE
    return next((one.why for one in known if one.covers(told)), None)


def _is(name: str, verb: str, path: str) -> bool:
    """Whether a name of the tally, ``GET api.example.com/time``, is this question."""
    said, _, where = name.partition(" ")
    return said == verb and where.partition("/")[2] == path.lstrip("/")
