"""The house rules of ARCHITECTURE.md, checked on the syntax tree: who may import whom, what pure rooms may not touch.

Every rule is a plain function from (path, source) to complaints, so that the second half of this file can show, on
small invented sources, that each of them fails when it should.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "tidebook"

# ------------------------------------------------------------------------------------------------ the rules, as data

FACTS = frozenset({"model", "errors"})
MACHINES = FACTS | {"core", "engine"}
DECLARATIONS = MACHINES | {"venue", "venues"}
FOUNDATION = DECLARATIONS | {"io"}
FACES = frozenset({"client", "history", "record", "sinks", "threads", "compat"})
PUBLIC = FOUNDATION | FACES
EVERYTHING = PUBLIC | {"sim", "ui", "cli", "__init__"}

# A room is a folder or a module directly under src/tidebook. A room always sees itself. A new room is declared here.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "model": frozenset({"errors"}),
    "engine": FACTS,
    "core": FACTS | {"engine"},
    "venue": MACHINES,
    "venues": MACHINES | {"venue"},
    "io": MACHINES,
    "client": PUBLIC,
    "history": PUBLIC,
    "record": PUBLIC,
    "sinks": PUBLIC,
    "threads": PUBLIC,
    "compat": PUBLIC,
    "sim": FOUNDATION,
    "ui": FACTS | {"client", "record"},
    "cli": EVERYTHING,
    "testing": EVERYTHING,
    "__init__": PUBLIC,
    "__main__": frozenset({"cli"}),
}

# Single modules that are kept apart although their rooms see each other.
APART: dict[str, tuple[str, str]] = {
    "sim/verify.py": ("tidebook.core.sign", "it is the second opinion on signatures and shares no code with the first"),
}

# Rooms without I/O, clocks, randomness, threads. What they need of the world is handed to them.
PURE = frozenset({"model", "core", "engine", "venue", "venues"})
# fmt: off
IMPURE_MODULES = frozenset({
    "aiohttp", "asyncio", "concurrent", "glob", "http", "multiprocessing", "os", "pathlib", "picows", "random",
    "sched", "secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver", "ssl", "subprocess",
    "tempfile", "threading", "time", "urllib.request", "uuid",
})
# fmt: on
IMPURE_CLOCKS = frozenset({"now", "utcnow", "today"})

# Written once for all venues, therefore naming none of them: not in code, not in comments, not in docstrings.
NAMELESS = ("engine", "core", "io", "client", "venue.py", "venues/__init__.py")
VENUE_NAMES = re.compile(
    r"binance|huobi|bybit|kraken|coinbase|deribit|kucoin|gate\.?io|bitget|bitfinex|hyperliquid|upbit|gmo_?coin|hitbtc"
    r"|phemex|bitbank|bitflyer|coincheck|bitmex|(?<![a-z])(?:htx|okx|ftx|alpaca)(?![a-z])",
    re.IGNORECASE,
)

UNVERIFIED = re.compile(
    r"CERT_NONE|_create_unverified_context"
    r"|\b(?:verify|verify_ssl|ssl|check_hostname)\s*(?::\s*[\w |]+)?=\s*False"
    r"|allow_redirects\s*=\s*True"
)

LONG, TOO_LONG = 500, 600  # the goal, and where the test fails
INIT_LINES = 60


# ------------------------------------------------------------------------------------------------ reading a source


class Import(NamedTuple):
    line: int
    target: str  # dotted and absolute; for `from a import b` it is a.b, whether b is a module or a name


def room_of(path: str) -> str:
    """core/session.py → core, errors.py → errors."""
    return path.split("/", maxsplit=1)[0].removesuffix(".pyi").removesuffix(".py")


def package_of(path: str) -> list[str]:
    """The package that relative imports of this file start from: core/session.py → tidebook.core."""
    return ["tidebook", *path.split("/")[:-1]]


def imports_of(path: str, source: str) -> Iterator[Import]:
    """Every import anywhere in the file: at the top, in functions, under TYPE_CHECKING, and import_module("…")."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(node.lineno, alias.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                package = package_of(path)
                start = package[: len(package) - level + 1] if level else []
                prefix = ".".join([*start, *([module] if module else [])])
                for alias in names:
                    yield Import(node.lineno, prefix if alias.name == "*" else f"{prefix}.{alias.name}")
            case ast.Call(
                func=ast.Name(id=call) | ast.Attribute(attr=call), args=[ast.Constant(value=str(target)), *_]
            ):
                if call in {"import_module", "__import__"} and not target.startswith("."):
                    yield Import(node.lineno, target)
            case _:
                pass


def target_room(target: str) -> str | None:
    """tidebook.core.session.Session → core; tidebook.connect → __init__; json.loads → None."""
    first, _, rest = target.partition(".")
    if first != "tidebook":
        return None
    name = rest.split(".", maxsplit=1)[0]
    return name if name in MAY_IMPORT else "__init__"


def inside(target: str, module: str) -> bool:
    return target == module or target.startswith(module + ".")


# ------------------------------------------------------------------------------------------------ the rules


def foreign_rooms(path: str, source: str) -> Iterator[str]:
    """A room imports only what MAY_IMPORT says."""
    room = room_of(path)
    for line, target in imports_of(path, source):
        other = target_room(target)
        if other is not None and other != room and other not in MAY_IMPORT.get(room, frozenset()):
            yield f"{path}:{line}: {room} may not import {other} ({target})"


def foreign_venues(path: str, source: str) -> Iterator[str]:
    """A venue's folder imports nothing of the other venues' folders."""
    parts = path.split("/")
    if parts[0] != "venues" or parts[1:] == ["__init__.py"]:
        return
    own = parts[1].removesuffix(".py")
    for line, target in imports_of(path, source):
        names = target.split(".")
        if names[:2] == ["tidebook", "venues"] and names[2:3] != [own]:
            yield f"{path}:{line}: venue {own} may not import {target}"


def kept_apart(path: str, source: str) -> Iterator[str]:
    """The pairs of APART do not meet."""
    if path in APART:
        module, why = APART[path]
        for line, target in imports_of(path, source):
            if inside(target, module):
                yield f"{path}:{line}: may not import {module}: {why}"


def impurities(path: str, source: str) -> Iterator[str]:
    """Pure rooms import no I/O, read no clock and open no file."""
    room = room_of(path)
    if room not in PURE:
        return
    dates = {"datetime", "date"}
    for line, target in imports_of(path, source):
        for module in sorted(IMPURE_MODULES):
            if inside(target, module):
                yield f"{path}:{line}: {room} may not import {module}"
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            dates |= {alias.asname or alias.name for alias in node.names}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="open")):
                yield f"{path}:{node.lineno}: {room} may not open files"
            case ast.Attribute(value=ast.Name(id=base) | ast.Attribute(attr=base), attr=attr) if (
                base in dates and attr in IMPURE_CLOCKS
            ):
                yield f"{path}:{node.lineno}: {room} may not read the clock ({base}.{attr}): the time is an argument"
            case _:
                pass


def named_venues(path: str, source: str) -> Iterator[str]:
    """What is written once for all venues names none; what users read of the client shows what they will type."""
    shown = docstring_lines(source) if path.startswith("client/") else set[int]()
    for number, line in enumerate(source.splitlines(), 1):
        for found in () if number in shown else VENUE_NAMES.finditer(line):
            yield f"{path}:{number}: names a venue ({found.group()})"


def docstring_lines(source: str) -> set[int]:
    """The numbers of the lines that docstrings take up."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            found.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def unverified_tls(path: str, source: str) -> Iterator[str]:
    """TLS is always verified, redirects are always refused: there is no switch."""
    for number, line in enumerate(source.splitlines(), 1):
        for found in UNVERIFIED.finditer(line):
            yield f"{path}:{number}: {found.group()}"


def too_long(path: str, source: str) -> Iterator[str]:
    """A file past TOO_LONG lines holds a second thing."""
    lines = source.count("\n")
    if lines > TOO_LONG:
        yield f"{path}: {lines} lines; the goal is {LONG}, the limit {TOO_LONG}: look for the second thing hiding in it"


def undeclared_room(path: str, source: str) -> Iterator[str]:
    """A new folder or module under src/tidebook has its line in MAY_IMPORT."""
    del source
    if room_of(path) not in MAY_IMPORT:
        yield f"{path}: the room {room_of(path)} is not in the table MAY_IMPORT"


def untidy_front(path: str, source: str) -> Iterator[str]:
    """The package's __init__ is short and its __all__ is a sorted literal without repetition."""
    if path != "__init__.py":
        return
    if (lines := source.count("\n")) > INIT_LINES:
        yield f"{path}: {lines} lines, the limit is {INIT_LINES}"
    body = ast.parse(source).body
    if not [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]:
        return  # an empty package
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                pass
            case _:
                continue
        if not isinstance(value, ast.List | ast.Tuple):
            yield f"{path}:{node.lineno}: __all__ is not a literal"
            return
        names = [item.value for item in value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        if len(names) != len(value.elts):
            yield f"{path}:{node.lineno}: __all__ holds something that is not a literal name"
        if names != sorted(set(names)):
            yield f"{path}:{node.lineno}: __all__ is not sorted or repeats a name"
        return
    yield f"{path}: no __all__"


Rule = Callable[[str, str], Iterator[str]]
ON_PYTHON: list[Rule] = [
    undeclared_room,
    foreign_rooms,
    foreign_venues,
    kept_apart,
    impurities,
    unverified_tls,
    too_long,
    untidy_front,
]


# ------------------------------------------------------------------------------------------------ the house itself


def python_sources() -> list[tuple[str, str]]:
    files = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])
    return [(file.relative_to(PACKAGE).as_posix(), file.read_text("utf-8")) for file in files]


def rust_sources() -> list[tuple[str, str]]:
    files = sorted((ROOT / "rust" / "src").rglob("*.rs"))
    return [(file.relative_to(ROOT).as_posix(), file.read_text("utf-8")) for file in files]


def is_nameless(path: str) -> bool:
    return any(path == place or path.startswith(place + "/") for place in NAMELESS)


@pytest.mark.parametrize("rule", ON_PYTHON, ids=lambda rule: rule.__name__)
def test_the_package_keeps(rule: Rule) -> None:
    complaints = [text for path, source in python_sources() for text in rule(path, source)]
    assert not complaints, "\n" + "\n".join(complaints)


def test_what_is_written_once_names_no_venue() -> None:
    sources = [pair for pair in python_sources() if is_nameless(pair[0])] + rust_sources()
    complaints = [text for path, source in sources for text in named_venues(path, source)]
    assert not complaints, "\n" + "\n".join(complaints)


def test_rust_files_are_not_too_long() -> None:
    complaints = [text for path, source in rust_sources() for text in too_long(path, source)]
    assert not complaints, "\n" + "\n".join(complaints)


def test_the_table_names_only_rooms_it_declares() -> None:
    assert {name for rooms in MAY_IMPORT.values() for name in rooms} <= MAY_IMPORT.keys()
    assert PURE <= MAY_IMPORT.keys()
    assert {room_of(place) for place in NAMELESS} <= MAY_IMPORT.keys()


def test_the_table_says_what_the_design_says() -> None:
    seen_by = {room: {other for other, sees in MAY_IMPORT.items() if room in sees} for room in MAY_IMPORT}
    assert seen_by["sim"] == {"cli", "testing"}
    assert seen_by["ui"] == {"cli", "testing"}
    assert seen_by["testing"] == set()
    assert not {"venue", "venues"} & MAY_IMPORT["io"]
    assert not {"core", "venue", "venues", "io"} & MAY_IMPORT["engine"]


# ------------------------------------------------------------------------------------------------ the rules can fail

BAD: list[tuple[Rule, str, str, str]] = [
    (undeclared_room, "helpers.py", "", "helpers is not in the table"),
    (undeclared_room, "utils/text.py", "", "utils is not in the table"),
    (foreign_rooms, "errors.py", "import tidebook.model", "errors may not import model"),
    (foreign_rooms, "model/number.py", "from tidebook.core import clock", "model may not import core"),
    (foreign_rooms, "engine/python.py", "from tidebook import venue", "engine may not import venue"),
    (foreign_rooms, "engine/python.py", "from ..core.book import Desk", "engine may not import core"),
    (foreign_rooms, "core/session.py", "from .. import io", "core may not import io"),
    (foreign_rooms, "core/book/desk.py", "from ...io import serve", "core may not import io"),
    (foreign_rooms, "core/session.py", "def f():\n    import tidebook.io.ws", ":2: core may not import io"),
    (
        foreign_rooms,
        "core/session.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tidebook.client import Market",
        ":3: core may not import client",
    ),
    (foreign_rooms, "core/session.py", "from tidebook import connect", "core may not import __init__"),
    (foreign_rooms, "core/session.py", "import tidebook", "core may not import __init__"),
    (foreign_rooms, "core/session.py", "from tidebook import *", "core may not import __init__"),
    (foreign_rooms, "venue.py", "from tidebook.venues.acme import VENUE", "venue may not import venues"),
    (foreign_rooms, "venues/acme/wire.py", "from tidebook.io import http", "venues may not import io"),
    (foreign_rooms, "venues/acme/dialect.py", "from tidebook.sim import faults", "venues may not import sim"),
    (foreign_rooms, "io/ws.py", "from tidebook.venues import acme", "io may not import venues"),
    (foreign_rooms, "io/ws.py", "from tidebook.venue import Venue", "io may not import venue"),
    (foreign_rooms, "client/market.py", "from importlib import import_module\nimport_module('tidebook.sim')", "sim"),
    (foreign_rooms, "client/market.py", "__import__('tidebook.ui')", "client may not import ui"),
    (foreign_rooms, "record/replay.py", "import tidebook.testing", "record may not import testing"),
    (foreign_rooms, "sim/match.py", "from tidebook.client import Market", "sim may not import client"),
    (foreign_rooms, "ui/terminal.py", "from tidebook.io import serve", "ui may not import io"),
    (foreign_rooms, "cli/__init__.py", "from tidebook.testing import plugin", "cli may not import testing"),
    (foreign_rooms, "__init__.py", "from tidebook.sim import Exchange", "__init__ may not import sim"),
    (foreign_rooms, "__main__.py", "from tidebook.client import connect", "__main__ may not import client"),
    (foreign_venues, "venues/acme/wire.py", "from tidebook.venues.zenith.wire import Row", "venue acme"),
    (foreign_venues, "venues/acme/wire.py", "from ..zenith import wire", "venue acme"),
    (foreign_venues, "venues/acme/wire.py", "from .. import zenith", "venue acme"),
    (foreign_venues, "venues/acme.py", "from tidebook.venues import zenith", "venue acme"),
    (kept_apart, "sim/verify.py", "from tidebook.core.sign import hmac_hex", "second opinion"),
    (kept_apart, "sim/verify.py", "from tidebook.core import sign", "second opinion"),
    (impurities, "core/backoff.py", "import random", "core may not import random"),
    (impurities, "core/backoff.py", "import asyncio.events", "core may not import asyncio"),
    (impurities, "core/clock.py", "from time import monotonic_ns", "core may not import time"),
    (impurities, "engine/__init__.py", "from os import environ", "engine may not import os"),
    (impurities, "engine/__init__.py", "import os.path as p", "engine may not import os"),
    (impurities, "venue.py", "import socket", "venue may not import socket"),
    (impurities, "venues/acme/wire.py", "def f():\n    import aiohttp", ":2: venues may not import aiohttp"),
    (impurities, "venues/acme/wire.py", "from urllib import request", "venues may not import urllib.request"),
    (impurities, "venues/acme/wire.py", "x = open('samples/book.json')", "may not open files"),
    (impurities, "model/market.py", "from pathlib import Path", "model may not import pathlib"),
    (impurities, "model/market.py", "import datetime\nx = datetime.datetime.now()", ":2: model may not read the clock"),
    (impurities, "model/market.py", "from datetime import datetime\nx = datetime.utcnow", "may not read the clock"),
    (impurities, "model/market.py", "from datetime import date as d\nx = d.today()", "may not read the clock"),
    (named_venues, "core/session.py", "# as Binance does", "names a venue (Binance)"),
    (named_venues, "core/session.py", "class BybitSession: ...", "names a venue (Bybit)"),
    (named_venues, "core/session.py", "okx_quirk = True", "names a venue (okx)"),
    (named_venues, "core/session.py", '"""Written for HTX."""', "names a venue (HTX)"),
    (named_venues, "core/session.py", "# gate.io and gateio", "names a venue (gate.io)"),
    (named_venues, "rust/src/book.rs", "// Kraken's checksum", "names a venue (Kraken)"),
    (unverified_tls, "io/http.py", "context.verify_mode = ssl.CERT_NONE", "CERT_NONE"),
    (unverified_tls, "io/http.py", "get(url, ssl=False)", "ssl=False"),
    (unverified_tls, "io/http.py", "get(url, verify = False)", "verify = False"),
    (unverified_tls, "io/http.py", "def get(verify: bool = False): ...", "verify: bool = False"),
    (unverified_tls, "io/http.py", "context.check_hostname = False", "check_hostname = False"),
    (unverified_tls, "io/http.py", "get(url, allow_redirects=True)", "allow_redirects=True"),
    (too_long, "core/session.py", "x = 1\n" * 601, "601 lines"),
    (untidy_front, "__init__.py", "x = 1\n" * 61 + "__all__ = []\n", "62 lines"),
    (untidy_front, "__init__.py", "__all__ = ['b', 'a']\n", "not sorted"),
    (untidy_front, "__init__.py", "__all__: list[str] = ['a', 'a']\n", "repeats a name"),
    (untidy_front, "__init__.py", "__all__ = sorted(names)\n", "not a literal"),
    (untidy_front, "__init__.py", "__all__ = ['a', b]\n", "not a literal name"),
    (untidy_front, "__init__.py", "x = 1\n", "no __all__"),
]

GOOD: list[tuple[Rule, str, str]] = [
    (undeclared_room, "core/session.py", ""),
    (undeclared_room, "errors.py", ""),
    (foreign_rooms, "core/session.py", "from tidebook.core.clock import Now\nfrom . import clock"),
    (foreign_rooms, "core/session.py", "import json\nimport msgspec\nfrom tidebook.engine.rule import Rule"),
    (foreign_rooms, "core/session.py", "from tidebook import errors\nfrom ..model import market"),
    (foreign_rooms, "venues/acme/__init__.py", "from tidebook.venue import Venue\nfrom . import wire"),
    (foreign_rooms, "client/market.py", "import tidebook.io.ws\nfrom tidebook.history import Bars"),
    (foreign_rooms, "cli/__init__.py", "import tidebook\nfrom tidebook.sim import Exchange\nimport tidebook.ui"),
    (foreign_rooms, "testing/plugin.py", "from tidebook.sim import Exchange\nfrom tidebook.cli import main"),
    (foreign_venues, "venues/acme/wire.py", "from tidebook.venues.acme.maps import SIDES\nfrom . import maps"),
    (foreign_venues, "venues/acme/wire.py", "from tidebook.venue import Venue"),
    (foreign_venues, "compat/acme.py", "from tidebook.venues import acme"),
    (kept_apart, "sim/verify.py", "import hmac\nfrom tidebook.core import redact"),
    (kept_apart, "sim/match.py", "from tidebook.core import sign"),
    (impurities, "io/ws.py", "import asyncio, time, random\nopen('x')"),
    (impurities, "model/market.py", "from datetime import UTC, datetime\nx = datetime(2026, 1, 1, tzinfo=UTC)"),
    (impurities, "core/session.py", "def f(moment):\n    return moment.now\nimport urllib.parse\nimport timeit_like"),
    (named_venues, "core/session.py", "# the smokxing gun, a height_x, bitter flyers, gates and coin bases"),
    (unverified_tls, "io/http.py", "get(url, ssl=context, verify=True, allow_redirects=False)"),
    (too_long, "core/session.py", "x = 1\n" * 600),
    (untidy_front, "__init__.py", ""),
    (untidy_front, "__init__.py", '"""Tidebook."""\n'),
    (untidy_front, "__init__.py", "__all__ = ['At', 'Limit', 'connect', 'run']\n"),
    (untidy_front, "core/__init__.py", "x = 1\n" * 100),
]


@pytest.mark.parametrize(("rule", "path", "source", "expected"), BAD)
def test_a_rule_finds(rule: Rule, path: str, source: str, expected: str) -> None:
    complaints = list(rule(path, source))
    assert any(expected in text for text in complaints), complaints


@pytest.mark.parametrize(("rule", "path", "source"), GOOD)
def test_a_rule_accepts(rule: Rule, path: str, source: str) -> None:
    assert list(rule(path, source)) == []


def test_every_rule_has_an_example_of_failing() -> None:
    assert {rule for rule, *_ in BAD} == {*ON_PYTHON, named_venues}
    assert {rule for rule, *_ in GOOD} == {*ON_PYTHON, named_venues}


def test_nameless_places_are_matched_by_whole_names() -> None:
    assert is_nameless("venue.py")
    assert is_nameless("core/book/desk.py")
    assert is_nameless("venues/__init__.py")
    assert not is_nameless("venues/acme/__init__.py")
    assert not is_nameless("corefile.py")
