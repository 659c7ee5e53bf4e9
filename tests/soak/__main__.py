"""`python -m tests.soak`: the run that nobody waits for with `make test`. Exit status 1 where a book is not right."""

import argparse
import asyncio
import time

from tests.soak.run import Soaked, soak

from tidebook.sim.server.spoken import dialects

GROWTH = 0.05  # of what is resident: a heap that is used breathes


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--venues", nargs="*", default=[*dialects()])
    options.add_argument("--symbols", type=int, default=50, help="books a venue")
    options.add_argument("--seconds", type=float, default=300)
    options.add_argument("--apart", type=float, default=2.0, help="seconds between two faults, about")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    began = time.monotonic()
    run = soak(asked.venues, asked.symbols, asked.seconds, seed=asked.seed, apart=asked.apart, show=print)
    return report(asyncio.run(run), time.monotonic() - began)


def report(found: Soaked, seconds: float) -> int:
    for venue, count in found.books.items():
        failed = len(found.failed[venue])
        right = found.verdict.right[venue]
        print(f"{venue:<16} {right} of {count} right, {failed} failed, {found.changes.get(venue, 0)} changes")
    print(f"faults: {', '.join(f'{kind} {count}' for kind, count in sorted(found.faults.items()))}")
    print(f"health: {', '.join(f'{kind} {count}' for kind, count in sorted(found.health.items()))}")
    print(f"{found.verdict.levels} levels compared, memory {found.grown:+.1%} from the second quarter, {seconds:.0f} s")
    for line in found.verdict.wrong:
        print(f"wrong: {line}")
    for venue, reasons in found.failed.items():
        for symbol, reason in reasons.items():
            print(f"failed: {venue} {symbol}: {reason}")
    return bool(found.verdict.wrong or found.grown > GROWTH or any(found.failed.values()))


if __name__ == "__main__":
    raise SystemExit(main())
