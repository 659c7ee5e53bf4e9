"""`python -m benchmarks [SECTION …]`: measures, and shows what was measured.

    python -m benchmarks                      all usual sections
    python -m benchmarks engine memory        only these
    python -m benchmarks --json FILE          and a file
    python -m benchmarks --chart FILE         and the picture
    python -m benchmarks --keep               and docs/performance.json, the README's tables and its pictures
    python -m benchmarks --write              measures nothing: README and pictures from docs/performance.json
    python -m benchmarks --list               which sections there are

The exit code is 0 whatever was measured, and 1 when a contender did not do the work right.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import chart, kept, machine, report, sections
from benchmarks.kept import Kept, Measured
from benchmarks.record import Bench, Result, Section, Skipped, Wrong

README = kept.ROOT / "README.md"
PICTURES = {"light": kept.ROOT / "docs" / "performance.svg", "dark": kept.ROOT / "docs" / "performance-dark.svg"}


def write() -> None:
    """README and pictures, as docs/performance.json has it."""
    all_of_it = Kept.read(kept.KEPT)
    README.write_text(report.put(README.read_text(encoding="utf-8"), report.readme(all_of_it)), encoding="utf-8")
    rows = chart.drawn(all_of_it)
    PICTURES["light"].write_text(chart.svg(rows, "light"), encoding="utf-8")
    PICTURES["dark"].write_text(chart.svg(rows, "dark"), encoding="utf-8")


def measure(section: Section, bench: Bench, console: Console) -> tuple[list[Result], bool]:
    """What it says, and whether everything was right."""
    results: list[Result] = []
    try:
        with console.status(f"{section.name}, about {section.seconds:g} s") as status:
            for result in section.run(bench):
                results.append(result)
                status.update(f"{section.name}: {result.work}")
    except Skipped as reason:
        bench.note(f"skipped: {reason}")
    except Wrong as error:
        bench.note(f"WRONG: {error}")
        return results, False
    return results, True


def rounds(text: str) -> int:
    """How many. Raises ArgumentTypeError for what is no count, or none at all."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds")
    return int(text)


def check_writable(path: Path | None) -> None:
    """Before minutes of measuring. Raises SystemExit where a file cannot be written there."""
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}") from None


def chosen(names: Sequence[str], found: Sequence[Section], absent: dict[str, str]) -> list[Section]:
    """Raises SystemExit for a name that there is not."""
    known = {one.name: one for one in found}
    for name in names:
        if name in absent:
            raise SystemExit(f"{name}: {absent[name]}")
        if name not in known:
            raise SystemExit(f"there is no section {name}. There are: {', '.join(known)}")
    return [known[name] for name in names] if names else [one for one in found if one.usual]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--rounds", type=rounds, default=5, help="rounds of each comparison (5)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument(
        "--chart", type=Path, metavar="FILE", help="an SVG; with -dark before its ending, for dark pages"
    )
    parser.add_argument("--keep", action="store_true", help="put it into docs/performance.json and write the README")
    parser.add_argument(
        "--write", action="store_true", help="write the README from docs/performance.json, no measuring"
    )
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160)
    if options.write:
        write()
        return 0
    found, absent = sections.found()
    if options.list:
        for one in found:
            print(f"{one.name:12} {one.title}{'' if one.usual else ' (only when named)'}")
        for name, reason in absent.items():
            print(f"{name:12} absent: {reason}")
        return 0
    return run(options, console, chosen(options.sections, found, absent), {} if options.sections else absent)


def run(options: argparse.Namespace, console: Console, wanted: Sequence[Section], absent: dict[str, str]) -> int:
    for path in (options.json, options.chart):
        check_writable(path)
    head = machine.describe()
    console.print("\n".join(machine.lines(head)), highlight=False)
    measured: dict[str, Measured] = {}
    right = True
    began = time.monotonic()
    for section in wanted:
        bench = Bench(rounds=options.rounds)
        results, good = measure(section, bench, console)
        right = right and good
        one = Measured(section.name, section.title, section.about, head, tuple(bench.notes), tuple(results))
        if results:
            measured[section.name] = one
        console.print(report.section(one), highlight=False)
    for name, reason in absent.items():
        console.print(f"{name}: skipped: {reason}", style="yellow", highlight=False)
    this = Kept(measured)
    console.print(report.goals(this.results()), highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s", style="dim", highlight=False)
    if options.json is not None:
        options.json.write_text(this.text(), encoding="utf-8")
    if options.chart is not None:
        options.chart.write_text(
            chart.svg(chart.drawn(this), "dark" if options.chart.stem.endswith("-dark") else "light"), encoding="utf-8"
        )
    if options.keep and right:
        kept.KEPT.write_text(Kept.read(kept.KEPT).with_(measured).text(), encoding="utf-8")
        write()
    if not right:
        console.print("A contender is wrong: see WRONG above.", style="bold red")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
