"""Instructions of the native engine against what is budgeted: `python benchmarks/guard.py [--write] [--scene NAME]`.

valgrind's callgrind counts them while `rust/examples/guard.rs` feeds fixed frames. Counts hang on the compiler and
hardly on anything else: no other load, no faster machine changes them. `guard.toml` has the budgets, and the
compiler that they were measured with. More than the tolerance above a budget fails; below it the budget should be
renewed (`--write`).
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BUDGETS: Final = ROOT / "benchmarks" / "guard.toml"
SCENES: Final = ("light", "mid", "heavy", "four texts", "side words", "objects", "small")
OTHER_COMPILER: Final = 0.25
"""The tolerance where another compiler than the budgets' built the engine."""


@dataclass(frozen=True)
class Compiler:
    """What counts hang on."""

    release: str
    host: str


@dataclass(frozen=True)
class Budgets:
    """Instructions a message, and the part of them by which a count may differ."""

    compiler: Compiler
    tolerance: float
    instructions: Mapping[str, int]


@dataclass(frozen=True)
class Verdict:
    scene: str
    count: int | None
    budget: int | None
    word: str
    fails: bool

    def __str__(self) -> str:
        count, budget = ("-" if one is None else f"{one:,}" for one in (self.count, self.budget))
        part = f"{self.count / self.budget - 1:+.1%}" if self.count is not None and self.budget else ""
        return f"{self.scene:12} {count:>9} of {budget:>9} {part:>7}  {self.word}"


def tolerance(budgets: Budgets, compiler: Compiler) -> tuple[float | None, str]:
    """By how much a count may be over its budget, None for any; and why that is not the usual part."""
    mine = budgets.compiler
    if compiler.host != mine.host:
        return None, f"only reported: built for {compiler.host}, the budgets are for {mine.host}"
    if compiler.release != mine.release:
        return (
            OTHER_COMPILER,
            f"tolerance {OTHER_COMPILER:.0%}: rustc {compiler.release} built it, the budgets are of {mine.release}",
        )
    return budgets.tolerance, ""


def judge(budgets: Budgets, measured: Mapping[str, int], most: float | None) -> list[Verdict]:
    """One verdict a scene. A scene on one side only fails: a budget that nothing is held to guards nothing."""
    verdicts: list[Verdict] = []
    for scene in dict.fromkeys([*budgets.instructions, *measured]):
        count, budget = measured.get(scene), budgets.instructions.get(scene)
        word, fails = "in its budget", False
        if count is None:
            word, fails = "has a budget and was not measured", True
        elif budget is None:
            word, fails = "has no budget: --write gives it one", True
        elif most is not None and count > budget * (1 + most):
            word, fails = "TOO MANY", True
        elif count < budget * (1 - budgets.tolerance):
            word = "fewer: lower the budget with --write"
        verdicts.append(Verdict(scene, count, budget, word, fails))
    return verdicts


def read(text: str) -> Budgets:
    """Raises KeyError and TOMLDecodeError where the file is not what `write` makes."""
    told = tomllib.loads(text)
    return Budgets(Compiler(told["rustc"], told["host"]), told["tolerance"], told["instructions"])


def write(budgets: Budgets) -> str:
    lines = [
        "# Instructions of the native engine a message, as `make bench-guard` counts them; `--write` renews them.",
        f'rustc = "{budgets.compiler.release}"',
        f'host = "{budgets.compiler.host}"',
        f"tolerance = {budgets.tolerance}",
        "",
        "[instructions]",
        *(f'"{scene}" = {count}' for scene, count in budgets.instructions.items()),
    ]
    return "\n".join(lines) + "\n"


# ---- measuring


def missing() -> str | None:
    """What there is not, and is needed."""
    for tool, package in (("cargo", "Rust"), ("valgrind", "valgrind")):
        if shutil.which(tool) is None:
            return f"no {tool} on PATH ({package} is not installed)"
    return None


def compiler() -> Compiler:
    told = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    fields = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
    return Compiler(fields["release"], fields["host"])


def built() -> Path:
    """The program, built as the package's engine is, without Python in it."""
    at = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "rust" / "target")).absolute()
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--no-default-features", "--example", "guard"]
    subprocess.run([*command, "--manifest-path", ROOT / "rust" / "Cargo.toml", "--target-dir", at], check=True)
    return at / "release" / "examples" / "guard"


def counted(program: Path, scene: str) -> int:
    """Instructions a message of one scene. Only what runs inside of `guarded_loop` counts."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*guarded_loop*", f"--callgrind-out-file={out}"]
        done = subprocess.run([*command, program, scene], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{scene}: {done.stderr.strip()[-800:]}")
        return per_message(out.read_text(), done.stdout)


def per_message(counts: str, said: str) -> int:
    """From callgrind's file and what the program printed. Raises ValueError where the loop was not found."""
    found = re.search(r"^(?:summary|totals): (\d+)", counts, re.MULTILINE)
    if found is None or int(found[1]) == 0:
        raise ValueError("callgrind counted nothing: guarded_loop was not found in the program")
    return round(int(found[1]) / int(said))


def main() -> int:
    parser = argparse.ArgumentParser(description="Instructions of the native engine against their budgets")
    parser.add_argument("--write", action="store_true", help="make what is measured the budgets")
    parser.add_argument("--scene", choices=SCENES, action="append", help="only this one; may be given again")
    wanted = parser.parse_args()
    lacking = missing()
    if lacking is not None:
        print(f"bench-guard skipped: {lacking}")
        return 0
    program, mine = built(), compiler()
    scenes: list[str] = wanted.scene or [*SCENES]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        measured = dict(zip(scenes, pool.map(lambda scene: counted(program, scene), scenes), strict=True))
    if wanted.write:
        old = read(BUDGETS.read_text()) if BUDGETS.exists() else Budgets(mine, 0.05, {})
        kept = {scene: old.instructions.get(scene, 0) for scene in SCENES if scene not in measured}
        together = {**kept, **measured}
        new = Budgets(mine, old.tolerance, {scene: together[scene] for scene in SCENES if together[scene]})
        BUDGETS.write_text(write(new))
    budgets = read(BUDGETS.read_text())
    if wanted.scene:
        told = {scene: budgets.instructions[scene] for scene in scenes if scene in budgets.instructions}
        budgets = Budgets(budgets.compiler, budgets.tolerance, told)
    most, why = tolerance(budgets, mine)
    if why:
        print(why)
    verdicts = judge(budgets, measured, most)
    print(*verdicts, sep="\n")
    return 1 if any(verdict.fails for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
