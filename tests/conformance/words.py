"""Which types a venue's structs may have: numbers go by the names of tidebook.model.wire alone.

Looked at twice: as the annotations are written, and as msgspec understands them, whatever they are called.
"""

import ast
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, Final

import msgspec
from msgspec import inspect

FORBIDDEN = frozenset({"int", "float", "complex", "Decimal", "Any", "object"})
UNBOUND: Final = (inspect.FloatType, inspect.DecimalType, inspect.AnyType)

# ---- as it is written


def loose_numbers(sources: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Fields of structs by which a number could come in unseen, in the files (path, source) of one folder.

    A struct may stand on one of another file.
    """
    classes = [
        (path, node)
        for path, source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    ]
    structs, before = {"Struct"}, 0
    while len(structs) > before:
        before = len(structs)
        structs |= {node.name for _, node in classes if any(_names(base) & structs for base in node.bases)}
    for path, node in classes:
        if node.name not in structs:
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign):
                for name in sorted(_names(field.annotation) & FORBIDDEN):
                    yield f"{path}:{field.lineno}: {node.name}.{ast.unparse(field.target)} is annotated {name}"


def sources(folder: Path) -> list[tuple[str, str]]:
    """The files of a venue's folder and of those inside of it."""
    return [(file.relative_to(folder).as_posix(), file.read_text("utf-8")) for file in sorted(folder.rglob("*.py"))]


def _names(node: ast.expr) -> set[str]:
    found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    found |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    for inner in ast.walk(node):  # annotations in quotes
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found |= _names(ast.parse(inner.value, mode="eval").body) if inner.value.isidentifier() else set()
    return found


# ---- as it is understood


def modules(name: str) -> list[ModuleType]:
    """A package's modules, with those of the packages inside of it."""
    top = import_module(name)
    found = [top]
    found += [import_module(info.name) for info in walk_packages(top.__path__, f"{name}.")]
    return found


def loose_types(module: ModuleType) -> Iterator[str]:
    """What the module's structs and decoders take for a number, and what could be anything."""
    for name, value in vars(module).items():
        read: Any = None
        if isinstance(value, msgspec.json.Decoder):
            read = value.type
        elif isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__:
            read = None if getattr(value, "__parameters__", ()) else value  # else its decoders say of what
        if read is not None:
            for wrong in sorted(set(_wrong(inspect.type_info(read)))):
                yield f"{module.__name__}.{name} {wrong}"


def _wrong(kind: inspect.Type, seen: frozenset[type] = frozenset()) -> Iterator[str]:
    if isinstance(kind, UNBOUND):
        yield f"takes {type(kind).__name__}"
    elif isinstance(kind, inspect.IntType):
        if kind.ge is None or kind.le is None:
            yield "takes an int without bounds"
    elif isinstance(kind, inspect.StructType):
        if kind.cls not in seen:
            for field in kind.fields:
                for wrong in _wrong(field.type, seen | {kind.cls}):
                    yield f"{field.name} {wrong}" if wrong.startswith("takes") else wrong
    else:
        for inner in _inside(kind):
            yield from _wrong(inner, seen)


def _inside(kind: inspect.Type) -> Iterator[inspect.Type]:
    """The types of which a type is made."""
    for name in ("type", "item_type", "key_type", "value_type"):
        inner = getattr(kind, name, None)
        if isinstance(inner, inspect.Type):
            yield inner
    for name in ("types", "item_types"):
        yield from getattr(kind, name, ())
    for field in getattr(kind, "fields", ()):
        yield field.type
