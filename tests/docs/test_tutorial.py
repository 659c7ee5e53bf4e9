"""Every step of the tutorial does what it says: its programs run, and print what the page shows.

A python block whose first line is a comment with a file's name is that file. A console block has commands, after
`$ `, and what they print: `…` in a line stands for anything there, alone in a line for any number of lines. They run
as a reader would run them, but that `tidebook sim -- CMD` is CMD at one simulator that all pages share: the command
itself is tested in tests/unit/examples. Of `python FILE` the second step's alone is an interpreter begun for it: the
others are forked from one that has imported the package.
"""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.docs.forked import Made, forked, program
from tests.docs.pages import TUTORIAL, Block, blocks
from tests.docs.simulator import environment

STEPS = sorted(TUTORIAL.glob("[0-9][0-9]-*.md"))
LATEST = 60.0  # seconds for one command, of which most take one
MOST = 200_000  # characters of its output
SIM = "tidebook sim -- "
WHOLE = "price.py"  # has an interpreter of its own


class Command(NamedTuple):
    """A command of a page, the lines that it shows, and where it stands."""

    text: str
    shown: str
    line: int


def commands(block: Block) -> list[Command]:
    """Those of one console block."""
    found = []
    for number, part in enumerate(re.split(r"^\$ ", block.text, flags=re.MULTILINE)):
        if number:
            text, _, shown = part.partition("\n")
            found.append(Command(text, shown, block.line))
    return found


def matches(shown: str, printed: str) -> bool:
    """Whether a page shows this output."""
    pattern = ""
    for line in shown.rstrip("\n").split("\n"):
        pattern += r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None


def done(command: Command, folder: Path, at: str) -> str:
    """What a command printed. It must come to a good end."""
    text, told = command.text.removeprefix(SIM), environment(folder)
    if text != command.text:
        told["TIDEBOOK_AT"] = at
    made: Made | subprocess.CompletedProcess[str]
    if (named := re.fullmatch(r"python (\w+\.py)", text)) and named[1] != WHOLE:
        made = forked(program, folder / named[1], folder, told, LATEST)
    else:
        made = subprocess.run(
            text, shell=True, cwd=folder, env=told, capture_output=True, text=True,
            encoding="utf-8", timeout=LATEST, check=False,
        )  # fmt: skip
    assert made.returncode == 0, f"{text}\n{made.stdout[-2000:]}{made.stderr[-4000:]}"
    assert "Traceback" not in made.stderr
    assert len(made.stdout) < MOST
    return made.stdout


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.stem)
def test_step(step: Path, at: str, tmp_path: Path) -> None:
    ran = 0
    for block in blocks(step):
        if block.words == ("python",) and (named := re.match(r"# (\w+\.py)\n", block.text)):
            (tmp_path / named[1]).write_text(block.text, encoding="utf-8")
        if block.words != ("console",):
            continue
        for command in commands(block):
            printed = done(command, tmp_path, at)
            ran += 1
            where = f"{step.name}:{command.line}: $ {command.text}"
            assert matches(command.shown, printed), f"{where}\nshown:\n{command.shown}\nprinted:\n{printed}"
    assert ran > 0


def test_one_program_has_an_interpreter_of_its_own() -> None:
    assert f"$ {SIM}python {WHOLE}\n" in STEPS[1].read_text(encoding="utf-8")


def test_there_are_twelve_and_the_index_has_them_in_order() -> None:
    assert [step.name[:2] for step in STEPS] == [f"{n:02}" for n in range(1, 13)]
    index = (TUTORIAL / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\((\d\d-[a-z-]+\.md)\)", index) == [step.name for step in STEPS]


def test_each_page_is_one_page() -> None:
    """And every program of one is named in a command of it, or imported by another."""
    for step in STEPS:
        text = step.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 110, step.name
        for name in re.findall(r"^# (\w+\.py)$", text, re.MULTILINE):
            ran = rf"^\$ .*{re.escape(name)}|^from {re.escape(name.removesuffix('.py'))} import"
            assert re.search(ran, text, re.MULTILINE), f"{step.name}: {name}"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a … c\n", "a b c\n", True),
        ("a … c\n", "a b d\n", False),
        ("a\n…\nz\n", "a\nb\nc\nz\n", True),
        ("a\n…\nz\n", "a\nz\n", True),
        ("a\n", "a\nb\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_matches(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
