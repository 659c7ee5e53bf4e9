"""Every venue's structs and decoders, in its folder and in those inside of it: a number has one of our names."""

from pathlib import Path
from types import ModuleType

import pytest
from tests.conformance.words import loose_numbers, loose_types, modules, sources

from tidebook import venues

FOLDERS = sorted(path.parent for path in Path(venues.__path__[0]).glob("*/__init__.py"))


@pytest.mark.parametrize("place", FOLDERS, ids=lambda path: path.name)
def test_numbers_of_a_venue_go_by_their_names(place: Path) -> None:
    assert list(loose_numbers(sources(place))) == []
    assert [text for one in modules(f"{venues.__name__}.{place.name}") for text in loose_types(one)] == []


@pytest.mark.parametrize(
    "field",
    ["price: float", "price: Decimal", "id: int", "id: int | None = None", "rows: list[tuple[Num, float]]", "x: 'int'"],
)
def test_a_loose_number_is_found(field: str) -> None:
    assert list(loose_numbers([("wire.py", f"class A(msgspec.Struct):\n    {field}\n")]))
    assert list(loose_numbers([("wire.py", f"class A(Struct, Generic[T]):\n    b: Num\nclass B(A):\n    {field}\n")]))
    assert not list(loose_numbers([("wire.py", f"class A:\n    {field}\n")]))


def test_a_loose_number_is_found_in_folders_inside_of_a_folder(tmp_path: Path) -> None:
    inner = tmp_path / "acme" / "futures"
    inner.mkdir(parents=True)
    (tmp_path / "acme" / "wire.py").write_text("class A(msgspec.Struct):\n    price: Num\n")
    (inner / "wire.py").write_text("from .. import wire\n\nclass B(wire.A):\n    size: float\n")
    found = list(loose_numbers(sources(tmp_path / "acme")))
    assert found == ["futures/wire.py:4: B.size is annotated float"]


LOOSE = """
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
import msgspec
from tidebook.model.wire import Count, Num

T = TypeVar("T")
Amount = float
class Row(NamedTuple):
    price: Num
    size: Amount
class Page(msgspec.Struct, Generic[T]):
    rows: list[T]
class Hidden(msgspec.Struct):
    rows: list[Row]
class Nested(msgspec.Struct):
    here: dict[str, Hidden] | None = None
class Bare(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=0)]
class Good(msgspec.Struct):
    price: Num
    count: Count
ANY = msgspec.json.Decoder()
TUPLES = msgspec.json.Decoder(list[tuple[Num, Amount]])
PAGES = msgspec.json.Decoder(Page[Amount])
GOOD = msgspec.json.Decoder(Page[Good])
"""


def test_a_loose_number_is_found_by_whatever_name() -> None:
    module = ModuleType("acme")
    exec(LOOSE, module.__dict__)
    assert {text.removeprefix("acme.").partition(" ")[0] for text in loose_types(module)} == {
        "Hidden", "Nested", "Bare", "ANY", "TUPLES", "PAGES",
    }  # fmt: skip
