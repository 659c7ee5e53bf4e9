"""What is said of figures: the README and the pictures say what docs/performance.json says, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks import __main__ as command
from benchmarks import chart, kept, machine, measure, report, sections, targets
from benchmarks.kept import Kept, Measured
from benchmarks.record import Bench, Result, Section, Skipped, Wrong
from rich.console import Console

HEAD = {**machine.describe(), "load": 0.5}


def result(work: str, contender: str, value: float, section: str = "engine", **ratios: float) -> Result:
    return Result(section, work, contender, value, ratios=ratios, low=value, high=value, rounds=3, messages=10)


def made(*results: Result, name: str = "engine") -> Kept:
    return Kept({name: Measured(name, "A title", "About.", HEAD, ("a note",), results)})


LIGHT = (
    result("binance light, best", "floor", 0.65),
    result("binance light, best", "native", 0.6, floor=0.92),
    result("binance light, best", "python", 29.04, floor=45.0),
)


def shown(renderable: object) -> str:
    console = Console(width=200, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


# ---- what the repository says


def test_the_readme_says_what_the_file_says() -> None:
    page = command.README.read_text(encoding="utf-8")
    assert report.put(page, report.readme(Kept.read(kept.KEPT))) == page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pictures_show_what_the_file_says(theme: chart.Theme) -> None:
    expected = chart.svg(chart.drawn(Kept.read(kept.KEPT)), theme)
    assert command.PICTURES[theme].read_text(encoding="utf-8") == expected


def test_the_file_has_a_figure_for_every_target_of_its_sections() -> None:
    """A target whose section was measured and that is about no result has the wrong words."""
    read = Kept.read(kept.KEPT)
    about = {(one.target.section, one.target.work, one.target.of) for one in targets.reached(read.results())}
    asked = {(one.section, one.work, one.of) for one in targets.TARGETS if one.section in read.sections}
    assert about == asked


def test_every_target_is_of_a_section_that_there_is() -> None:
    found, absent = sections.found()
    known = {one.name for one in found} | {name.replace("_", "-") for name in absent}
    later = {"path", "latency", "peers", "peers-path"}
    assert {one.section for one in targets.TARGETS} <= known | later


# ---- how it is said


def test_results_come_back_from_a_file_as_they_were(tmp_path: Path) -> None:
    one = made(*LIGHT)
    (tmp_path / "file.json").write_text(one.text(), encoding="utf-8")
    assert Kept.read(tmp_path / "file.json") == one
    assert Kept.read(tmp_path / "absent.json") == Kept()


def test_a_section_measured_anew_replaces_that_one_alone() -> None:
    both = made(*LIGHT).with_(made(result("a book", "native", 31, "memory"), name="memory").sections)
    newer = both.with_(made(replace(LIGHT[0], value=0.7)).sections)
    assert newer.find("engine", "binance light, best") == [replace(LIGHT[0], value=0.7)]
    assert newer.find("memory", "a book") == both.find("memory", "a book")


def test_the_file_says_which_targets_are_met() -> None:
    plain = json.loads(made(*LIGHT).text())["sections"]["engine"]["targets"]
    assert [(one["contender"], one["of"], one["met"]) for one in plain] == [
        ("native", "floor", True),
        ("python", "", True),
    ]


@pytest.mark.parametrize(("ratio", "met"), [(1.2, "met"), (1.201, "not met")])
def test_a_target_is_met_at_its_bound(ratio: float, met: str) -> None:
    (row,) = report.target_rows([result("binance light, best", "native", 1.0, floor=ratio)])
    assert row[-1] == met


def test_a_target_of_so_many_times_faster_is_a_ratio() -> None:
    fast = result("binance light, best", "native", 0.6, "peers", **{targets.PEER: 1 / 30})
    (row,) = report.target_rows([fast])
    assert row == ("peers: binance light, best", "native / best peer", "1/30 ×", "1/20 ×", "met")


def test_the_table_has_a_line_a_work_and_a_column_a_contender() -> None:
    text = shown(report.section(made(*LIGHT).sections["engine"]))
    assert [word for word in ("floor", "native", "python") if word in text] == ["floor", "native", "python"]
    assert "0.600 (0.92 ×)" in text
    assert "29.0 (45.00 ×)" in text
    assert "note: a note" in text


def test_a_section_without_results_says_why() -> None:
    skipped = Measured("capture", "A recording", "About.", HEAD, ("skipped: it is not there",), ())
    assert "skipped: it is not there" in shown(report.section(skipped))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0456, "0.046"), (0.6, "0.600"), (5.678, "5.68"), (56.78, "56.8"), (567.8, "568"), (56789.0, "56,789")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_readme_has_our_lines_and_the_libraries_when_they_were_measured() -> None:
    block = report.readme(made(*LIGHT))
    assert "| Binance, light: decode, apply, read the best | 0.600 | 0.650 | 0.92 × | 29.0 |" in block
    assert "other libraries" not in block
    peers = made(
        result("binance light, best", "ccxt 4", 30.1, "peers"), result("binance light, best", "native", 0.6, "peers"),
        name="peers",
    )  # fmt: skip
    path = made(result("quotes", "tidebook on", 1.5, "peers-path"), name="peers-path")
    block = report.readme(made(*LIGHT).with_(peers.sections).with_(path.sections))
    assert "| **Tidebook** | 0.600 | 1.50 |\n| ccxt 4 | 30.1 |  |" in block


def test_a_section_of_another_day_says_so() -> None:
    other = made(result("a book, 1000 levels a side", "native", 31, "memory"), name="memory").sections["memory"]
    later = replace(other, machine={**HEAD, "date": "2031-01-02"})
    block = report.readme(made(*LIGHT).with_({"memory": later}))
    assert f"Measured {HEAD['date']}" in block
    assert "A title: 2031-01-02 on" in block


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        report.put("# A page", report.readme(Kept()))
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter"
    assert report.put(page, report.readme(made(*LIGHT))).startswith("before\n<!--")
    assert "old" not in report.put(page, report.readme(Kept()))


# ---- the picture


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_is_svg_with_a_bar_for_each(theme: chart.Theme) -> None:
    rows = [*chart.drawn(made(*LIGHT)), result("binance light, best", "a <library> & more", 1200)]
    root = ET.fromstring(chart.svg(rows, theme))
    space = "{http://www.w3.org/2000/svg}"
    bars = [float(one.attrib["width"]) for one in root.iter(f"{space}rect")][1:]
    words = [one.text for one in root.iter(f"{space}text")]
    assert bars == sorted(bars)
    assert len(bars) == 4
    assert {"Tidebook", "0.600", "a <library> & more", "1,200"} <= set(words)
    assert max(bars) + chart.LEFT <= chart.WIDTH - chart.RIGHT + 0.1


def test_other_libraries_are_drawn_from_the_run_in_which_they_were() -> None:
    peers = made(result("binance light, best", "ccxt", 30.1, "peers"), name="peers")
    assert [one.contender for one in chart.drawn(made(*LIGHT).with_(peers.sections))] == ["ccxt"]
    assert [one.contender for one in chart.drawn(made(*LIGHT))] == ["native", "floor", "python"]


# ---- measuring


def test_ratios_are_taken_inside_of_a_round() -> None:
    """The second round is disturbed: all of it takes ten times as long, and no ratio changes."""
    rounds = [{"floor": 1.0, "native": 1.5}, {"floor": 10.0, "native": 15.0}, {"floor": 1.2, "native": 1.8}]
    floor, native = measure.results("engine", "work", rounds, ("floor", "absent"))
    assert native.ratios == {"floor": pytest.approx(1.5)}
    assert floor.ratios == {}
    assert (native.value, native.low, native.high, native.rounds) == (1.8, 1.5, 15.0, 3)


def test_references_are_compared_with_those_before_them() -> None:
    (_, tricks, native) = measure.results("engine", "work", [{"a": 1.0, "b": 2.0, "c": 4.0}], ("a", "b"))
    assert (dict(tricks.ratios), dict(native.ratios)) == ({"a": 2.0}, {"a": 4.0, "b": 2.0})


def test_rounds_are_prepared_anew_and_in_another_order() -> None:
    order: list[str] = []

    def contender(name: str) -> measure.Contender:
        def prepare() -> measure.Work:
            order.append(name)
            return lambda: 1

        return measure.Contender(name, prepare)

    found = measure.in_rounds([contender(name) for name in "abcd"], 6, seed=1)
    drawn = ["".join(order[at : at + 4]) for at in range(0, 24, 4)]
    assert {"".join(sorted(one)) for one in drawn} == {"abcd"}
    assert len(set(drawn)) > 2
    assert [list(one) for one in found] == [list("abcd")] * 6


# ---- the command


def section(outcome: Exception | None) -> Section:
    def run(bench: Bench):  # type: ignore[no-untyped-def]
        yield result("binance light, best", "native", 9.9, floor=50.0)
        if outcome is not None:
            raise outcome

    return Section("engine", "A title", "About.", run)


def options(tmp_path: Path) -> object:
    class Options:
        rounds, json, chart, keep = 1, tmp_path / "out.json", tmp_path / "out.svg", False

    return Options()


@pytest.mark.parametrize(
    ("outcome", "code"), [(None, 0), (Skipped("no reason"), 0), (Wrong("the best levels are wrong"), 1)]
)
def test_only_a_contender_that_is_wrong_fails(
    outcome: Exception | None, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = options(tmp_path)
    assert command.run(asked, Console(width=150), [section(outcome)], {"peers": "No module named 'ccxt'"}) == code  # type: ignore[arg-type]
    printed = capsys.readouterr().out
    assert "not met" in printed
    assert "peers: skipped: No module named 'ccxt'" in printed
    assert ("WRONG: the best levels are wrong" in printed) == bool(code)
    assert Kept.read(tmp_path / "out.json").find("engine", "binance light, best")[0].value == 9.9
    assert (tmp_path / "out.svg").read_text(encoding="utf-8").startswith("<svg")


def test_sections_are_chosen_by_name() -> None:
    one = section(None)
    rare = replace(one, name="peers", usual=False)
    assert command.chosen([], [one, rare], {}) == [one]
    assert command.chosen(["peers"], [one, rare], {}) == [rare]
    with pytest.raises(SystemExit, match="there is no section memroy"):
        command.chosen(["memroy"], [one], {})
    with pytest.raises(SystemExit, match="path: No module"):
        command.chosen(["path"], [one], {"path": "No module named 'uvloop'"})


def test_sections_are_found_by_themselves() -> None:
    found, _ = sections.found()
    assert {"engine", "capture", "decimals", "symbols", "memory", "cold"} <= {one.name for one in found}
    assert len({one.name for one in found}) == len(found)
