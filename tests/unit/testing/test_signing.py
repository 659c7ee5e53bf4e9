"""The command that checks signatures against vectors: what passes, what fails, and what is no vector."""

import copy
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidebook.testing.signing import check, main
from tidebook.testing.vectors import Vector

HERE = Path(__file__).parent
OWN = HERE / "own.json"  # examples of the venues' documents, and of one client's tests
ROOT = HERE.parents[2]
SHARED = Path(os.environ.get("TIDEBOOK_VECTORS", ROOT.parent / "shared" / "vectors" / "signing.json"))

there = pytest.mark.skipif(not SHARED.is_file(), reason="the vectors are not beside the project")


def vectors(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return [one for one in found if one.get("status") != "known_bad"]


ALL = vectors(OWN) + (vectors(SHARED) if SHARED.is_file() else [])


def test_examples_of_documents_are_signed_as_they_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(OWN)]) == 0
    out = capsys.readouterr().out
    assert "FAILED" not in out
    assert re.search(r"^bitbank +1 passed +0 failed +1 skipped", out, re.MULTILINE)
    assert re.search(r"^all +13 passed +0 failed +1 skipped", out, re.MULTILINE)


@there
def test_every_vector_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SHARED)]) == 0, capsys.readouterr().out


def damaged(text: str) -> str:
    """Another character in the middle of a signature."""
    at = len(text) // 2
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]


@pytest.mark.parametrize("one", ALL, ids=lambda one: str(one["id"]))
def test_a_signature_that_is_not_ours_fails(one: dict[str, Any]) -> None:
    """Else a check that compares nothing would look like one that finds nothing."""
    text = json.dumps(one["expected"], ensure_ascii=False)
    pattern = r"[0-9a-zA-Z+/_-]{43,}|(?<=-SECRET-KEY\": \")\w+|(?<=secret_key\": \")\w+|(?<=0x)[0-9a-f]{63}"
    key = str(one["credentials"].get("apiKey", "none"))
    found = [match for match in re.findall(pattern, text.replace("\\n", "  ")) if match not in key]
    if not found:  # the key alone is sent
        found = [key]
    wrong = copy.deepcopy(one)
    wrong["expected"] = json.loads(text.replace(found[-1], damaged(found[-1])))
    assert check(Vector(one)) is None
    assert check(Vector(wrong)) is not None


@pytest.mark.parametrize("what", ["url", "body", "header", "none"])
def test_the_first_byte_that_differs_is_shown(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = next(copy.deepcopy(one) for one in vectors(OWN) if one["id"] == "gate: an order")
    expected = one["expected"]
    if what == "url":
        expected["url"] += "?a=1"
    elif what == "body":
        expected["body"] += " "
    elif what == "header":
        expected["headers"]["KEY"] = "kez"
    else:
        del expected["headers"]["SIGN"]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps([one]))
    assert main([str(file)]) == 1
    out = capsys.readouterr().out
    says = {
        "header": "header KEY: byte 2 differs: ours 'y', expected 'z'",
        "none": "header SIGN: the source sends",
    }
    assert "FAILED gate: an order: " + says.get(what, "header SIGN: byte 0 differs") in out
    assert re.search(r"^gate +0 passed +1 failed", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"\xff", "no JSON"),
        (b"{", "no JSON"),
        (b"7", "no list of vectors"),
        (b"[]", "no vectors"),
        (b'{"vectors": []}', "no vectors"),
        (b"[" * 100_000, "too deep"),
        (b"\x00\x01\x02", "no JSON"),
        (b"[7]", "no list of vectors"),
        (b'[{"venue": "nowhere"}]', "'nowhere'"),
        (b'[{"id": "x"}]', "''"),
    ],
)
def test_bad_input_is_one_line(
    content: bytes | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "vectors.json"
    if content is not None:
        file.write_bytes(content)
    assert main([str(file)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert says in error


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_one_line_and_not_waited_for(
    make: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "it")
    assert main([str(tmp_path / "it")]) == 2
    assert capsys.readouterr().err == f"signing: {tmp_path / 'it'} cannot be read: it is no file\n"


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_it_takes_one_file(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: python -m tidebook.testing.signing VECTORS.json" in capsys.readouterr().err


def test_a_vector_that_is_none_fails_and_the_others_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strange: list[Any] = [
        {"venue": "okx", "id": "empty"},
        {"venue": "okx", "id": "odd", "expected": 7, "method": "GET"},
    ]
    strange.append({"venue": "binance", "id": "list", "method": "WS", "expected": {"ws_message": [1]}})
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps([*strange, *vectors(OWN)]))
    assert main([str(file)]) == 1
    out = capsys.readouterr().out
    assert out.count("FAILED") == len(strange)
    assert re.search(r"^all +13 passed +3 failed", out, re.MULTILINE)
