"""Messages printed from samples: everything but the values at declared paths is the sample's."""

import json
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from importlib.resources import files
from typing import Any, Final, cast

import msgspec

from tidebook.core.dialect import ABSENT, Values

_MARK: Final = re.compile(r'"@@([0-9]+)@@"')
_KINDS: Final[Mapping[type, tuple[type, ...]]] = {
    bool: (bool,),
    str: (str,),
    int: (int, msgspec.Raw),
    float: (int, msgspec.Raw),
    list: (list, tuple),
}
_FORMS: Final = 2_000  # of one sample: messages that leave out what did not change have many
_encode = msgspec.json.Encoder().encode


class Sheet:
    """One sample. Printing raises KeyError for a path that it does not have, TypeError for a value of another kind."""

    def __init__(self, name: str, sample: Any) -> None:
        self._name = name
        self._sample = sample
        self._forms: dict[tuple[str, ...], Form] = {}
        self._rows: dict[str, Sheet] = {}

    def print(self, values: Values) -> bytes:
        """The message as JSON."""
        return self._form(values).print(values)

    def print_rows(self, rows: Iterable[Values]) -> list[bytes]:
        """Several, each as JSON: most of them have what the one before has, so its form is tried first."""
        made: list[bytes] = []
        form: Form | None = None
        for values in rows:
            if form is None or values.keys() != form.paths or ABSENT in values.values():
                form = self._form(values)
            made.append(form.print(values))
        return made

    def _form(self, values: Values) -> "Form":
        key = tuple([path if value is not ABSENT else "-" + path for path, value in values.items()])
        form = self._forms.get(key)
        if form is None:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            form = self._forms[key] = Form(self, values)
        return form

    def rows(self, path: str) -> "Sheet":
        """The sheet of a list's rows: its first one."""
        sheet = self._rows.get(path)
        if sheet is None:
            found = self.at(path.removesuffix("[]"))
            if not isinstance(found, list) or not found:
                raise KeyError(f"{self._name}: {path} is no list with a row")
            sheet = self._rows[path] = Sheet(f"{self._name}:{path}", found[0])
        return sheet

    def at(self, path: str, sample: Any = ABSENT) -> Any:
        value: Any = self._sample if sample is ABSENT else sample
        for part in filter(None, path.split(".")):
            value = value[_key(value, part)] if _has(value, part) else ABSENT
            if value is ABSENT:
                raise KeyError(f"{self._name}: the sample has no {path}")
        return value

    def marked(self, values: Values) -> str:
        """The sample as JSON with a mark for each value."""
        sample = deepcopy(self._sample)
        for number, (path, value) in enumerate(values.items()):
            bare = path.removesuffix("[]")
            self.at(bare, sample)
            if not bare:
                sample = f"@@{number}@@"
                continue
            above, _, last = bare.rpartition(".")
            parent = self.at(above, sample)
            if value is ABSENT:
                del parent[_key(parent, last)]
            else:
                parent[_key(parent, last)] = f"@@{number}@@"
        return json.dumps(sample, separators=(",", ":"), ensure_ascii=False)

    def check(self, path: str, value: object) -> None:
        """The value is of the kind that the sample has there."""
        found = self.at(path)
        kinds = _KINDS.get(type(found))
        if kinds is not None and (not isinstance(value, kinds) or isinstance(value, bool) != isinstance(found, bool)):
            raise TypeError(f"{self._name}: {path} is {type(found).__name__}, not {value!r}")


class Form:
    """A sample cut at the paths that are replaced."""

    def __init__(self, sheet: Sheet, values: Values) -> None:
        parts = _MARK.split(sheet.marked(values))
        paths = list(values)
        self.paths = values.keys()
        self._texts = [text.encode() for text in parts]  # at odd places what is replaced
        self._places = [paths[int(mark)] for mark in parts[1::2]]
        self._lists = any(path.endswith("[]") for path in self._places)
        self._sheet = sheet
        head, *between = self._texts[::2]
        # A list whose first places are all replaced, as a venue's bars are, is encoded at once.
        self._is_row = not self._lists and head == b"[" and {*between[:-1]} <= {b","}
        for path, value in values.items():
            if not path.endswith("[]") and value is not ABSENT:
                sheet.check(path, value)

    def print(self, values: Values) -> bytes:
        if self._is_row:
            return _encode([values[path] for path in self._places])[:-1] + self._texts[-1]
        made = self._texts[:]
        if self._lists:
            made[1::2] = [self._said(path, values[path]) for path in self._places]
        else:
            made[1::2] = [_encode(values[path]) for path in self._places]
        return b"".join(made)

    def _said(self, path: str, value: object) -> bytes:
        if not path.endswith("[]"):
            return _encode(value)
        return b"[" + b",".join(self._sheet.rows(path).print_rows(cast("Iterable[Values]", value))) + b"]"


class Page:
    """A sample that is no JSON: it is said as it is."""

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        self._data = data

    def print(self, values: Values) -> bytes:
        """The page. Raises KeyError for any value."""
        if values:
            raise KeyError(f"{self._name}: a page has no {', '.join(values)}")
        return self._data


def _has(value: Any, part: str) -> bool:
    if isinstance(value, list):
        return part.isdigit() and int(part) < len(value)
    return isinstance(value, dict) and part in value


def _key(value: Any, part: str) -> Any:
    return int(part) if isinstance(value, list) else part


def samples(package: str, folder: str) -> Mapping[str, Sheet | Page]:
    """The sheets and pages in a folder of a venue's package, by name."""
    found: dict[str, Sheet | Page] = {}
    for one in (files(package) / folder).iterdir():
        name, _, kind = one.name.rpartition(".")
        if kind == "json":
            found[name] = Sheet(one.name, json.loads(one.read_text(encoding="utf-8")))
        elif kind == "html":
            found[name] = Page(one.name, one.read_bytes())
    return found
