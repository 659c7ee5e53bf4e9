"""Links of the pages lead somewhere: a relative one to a file that is here, one with a # to a heading that is there."""

import re
from itertools import chain
from pathlib import Path

import pytest
from tests.docs.pages import ROOT

PAGES = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "rust").glob("*.md")))
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


def links(text: str) -> list[str]:
    """The targets of a page's links, but those of other places."""
    found = (one[1] or one[2] for one in _LINK.finditer(_FENCED.sub("", text)))
    return [one for one in found if not re.match(r"[a-z]+:", one)]


def anchors(text: str) -> set[str]:
    """What a # may name: headings as they are written in addresses."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: there is no {target}"
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{link}: there is no such heading"


def test_what_a_link_is() -> None:
    text = '[a](b.md#c-d) ![e](f.svg) <img src="g.svg"> [h](https://i.example)\n```\n[j](k.md)\n```\n'
    assert links(text) == ["b.md#c-d", "f.svg", "g.svg"]
    assert anchors("# A b, c!\n## What `x` is\n") == {"a-b-c", "what-x-is"}
