"""`python -m tests.faults.world_report --seeds 1000`: the fault scenarios with many seeds, as a table of figures.

Dropped changes get every seed, each other scenario a tenth of them. A failure is printed with what repeats it.
"""

import argparse
import sys
import time
from typing import cast

from tests.faults.scenarios import BY_NAME, SCENARIOS, run

from tidebook import engine as engines
from tidebook.engine.contract import Engine
from tidebook.sim import combinations
from tidebook.sim.combinations import COMBINATIONS, Combination
from tidebook.sim.watch import Figures

_COLUMNS = (
    "runs",
    "checks",
    "losses",
    "found",
    "covered",
    "beyond",
    "unprovable",
    "missed",
    "gaps",
    "requests",
    "unsettled",
)


def _row(name: str, figures: Figures) -> str:
    return f"| {name} | " + " | ".join(f"{getattr(figures, column):,}" for column in _COLUMNS) + " |"


def _table(title: str, rows: dict[str, Figures]) -> None:
    print(f"\n| {title} | " + " | ".join(_COLUMNS) + " |")
    print("|---" + "|--:" * len(_COLUMNS) + "|")
    total = Figures()
    for name, figures in rows.items():
        print(_row(name, figures))
        total.add(figures)
    print(_row("all", total))


def _times(scenario: str, seeds: int) -> int:
    return seeds if scenario in ("dropped", "doubled", "swapped") else max(seeds // 10, 1)


def _chosen(args: argparse.Namespace) -> list[Combination]:
    return [combinations.BY_NAME[args.combination]] if args.combination else list(COMBINATIONS)


def main() -> int:
    """Run, print, and say by the exit status whether every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--combination", choices=sorted(combinations.BY_NAME))
    parser.add_argument("--scenario", choices=sorted(BY_NAME))
    parser.add_argument("--engine", choices=engines.available(), default=engines.available()[0])
    args = parser.parse_args()
    engine: Engine = engines.load(cast(engines.Choice, args.engine))
    by_combination: dict[str, Figures] = {}
    by_scenario: dict[str, Figures] = {}
    begin, failures = time.monotonic(), 0
    for combination in _chosen(args):
        for scenario in SCENARIOS:
            if not scenario.applies(combination) or args.scenario not in (None, scenario.name):
                continue
            wanted = range(_times(scenario.name, args.seeds)) if args.seed is None else (args.seed,)
            for seed in wanted:
                result = run(combination, scenario, seed, engine)
                by_combination.setdefault(combination.name, Figures()).add(result.figures)
                by_scenario.setdefault(scenario.name, Figures()).add(result.figures)
                if result.trouble is not None:
                    failures += 1
                    again = f'--seed {seed} --combination "{combination.name}" --scenario "{scenario.name}"'
                    print(f"{again} --engine {args.engine}\n    {result.trouble[:300]}", flush=True)
    _table(f"combination ({engine.name} engine)", by_combination)
    _table("scenario", by_scenario)
    print(f"\n{failures} failures, {time.monotonic() - begin:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
