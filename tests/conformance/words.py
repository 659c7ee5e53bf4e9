"""Which annotations a venue's structs may have: numbers go by the names of tidebook.model.wire alone."""

import ast
from collections.abc import Iterator

FORBIDDEN = frozenset({"int", "float", "complex", "Decimal", "Any", "object"})


def loose_numbers(path: str, source: str) -> Iterator[str]:
    """Fields of structs by which a number could come in unseen."""
    structs = {"Struct"}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef) or not any(_names(base) & structs for base in node.bases):
            continue
        structs.add(node.name)
        for field in node.body:
            if isinstance(field, ast.AnnAssign):
                for name in sorted(_names(field.annotation) & FORBIDDEN):
                    yield f"{path}:{field.lineno}: {node.name}.{ast.unparse(field.target)} is annotated {name}"


def _names(node: ast.expr) -> set[str]:
    found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    found |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    for inner in ast.walk(node):  # annotations in quotes
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found |= _names(ast.parse(inner.value, mode="eval").body) if inner.value.isidentifier() else set()
    return found
