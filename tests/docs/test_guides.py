"""Every migration guide has ten tasks, each before and after, and both sides run.

"After" runs here, against a simulator. "Before" needs the other library: `make peers` runs it, through the venue's own
host names, and so does this where that has installed it.
"""

import re
from pathlib import Path

import pytest
from tests.docs.forked import after, forked
from tests.docs.pages import GUIDES, blocks, snippets
from tests.docs.simulator import environment
from tests.peers.authority import Authority
from tests.peers.plan import GUIDES as GUIDED
from tests.peers.plan import PROGRAMS, Program
from tests.peers.runner import PEERS, sent

ALL = sorted(path for path in GUIDES.glob("*.md") if path.name != "README.md")
TASKS = 10
LATEST = 90.0  # seconds for one side of a guide, which takes two


@pytest.mark.parametrize("guide", ALL, ids=lambda guide: guide.stem)
def test_it_has_ten_tasks_and_both_sides_of_each(guide: Path) -> None:
    headings = re.findall(r"^## (.+)$", guide.read_text(encoding="utf-8"), re.MULTILINE)
    tasks = headings[1 : TASKS + 1]
    assert [one.partition(". ")[0] for one in tasks] == [str(n) for n in range(1, TASKS + 1)]
    assert [headings[0], *headings[TASKS + 1 :]] == ["Opening", "Closing", "What is different"]
    for side in ("before", "after"):
        assert [one.heading for one in snippets(guide, side)] == headings[:-1]
    assert {one.words for one in blocks(guide)} == {("python", "before"), ("python", "after")}


@pytest.mark.parametrize("guide", ALL, ids=lambda guide: guide.stem)
def test_after_runs(guide: Path, at: str, tmp_path: Path) -> None:
    """And each task prints something."""
    made = forked(after, guide, tmp_path, {**environment(tmp_path), "TIDEBOOK_AT": at}, LATEST)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-4000:]
    assert "Traceback" not in made.stderr
    said = made.stdout.split("== ")[1:]
    assert len(said) == TASKS + 2
    for one in said[1 : TASKS + 1]:
        assert one.partition("\n")[2].strip(), f"nothing is printed by {one}"


@pytest.mark.parametrize("program", GUIDED, ids=lambda program: program.peer)
async def test_before_runs(program: Program, tmp_path: Path) -> None:
    if not (PEERS / program.peer / ".made").exists():
        pytest.skip(f"{program.peer} is not installed: `make peers` does that, with a package index, and runs this")
    outcome = await sent(program, Authority(tmp_path), tmp_path)
    assert outcome.faults() == []


def test_make_peers_has_them() -> None:
    assert sorted(program.peer for program in GUIDED) == [guide.stem for guide in ALL]
    assert [one for one in PROGRAMS if one.file == "guides.py"] == [*GUIDED]


def test_the_index_has_them() -> None:
    index = (GUIDES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(([a-z-]+\.md)\)", index)) == [guide.name for guide in ALL]
