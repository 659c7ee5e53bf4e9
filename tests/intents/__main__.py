"""`python -m tests.intents`: the run that nobody waits for with `make test`. Exit status 1 where something is wrong."""

import argparse
import asyncio
import sys
import time

from tests.intents.run import MESSAGES, PATHS, run


def main() -> int:
    parser = argparse.ArgumentParser(description="Orders against an exchange that cuts requests at every point")
    parser.add_argument("--count", type=int, default=5000, help="orders at each venue")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--over", choices=("rest", "websocket"), default="rest", help="how orders go")
    parser.add_argument("--cuts", type=float, default=0.2, help="by message, of the chance of a request to fail")
    wanted = parser.parse_args()
    wrong = 0
    for venue in PATHS if wanted.over == "rest" else MESSAGES:
        began = time.monotonic()
        cuts = 1.0 if wanted.over == "rest" else wanted.cuts
        found = asyncio.run(run(venue, wanted.count, wanted.seed, over=wanted.over, cuts=cuts))
        outcomes = ", ".join(f"{name} {n}" for name, n in sorted(found.outcomes.items()))
        later = ", ".join(f"{name} {n}" for name, n in sorted(found.resolved.items())) or "none"
        print(f"{venue}: {found.sent} orders, {found.hits} requests failed, {found.over_rest} over REST instead:")
        print(f"    {outcomes}; unknown at first, then: {later}")
        print(f"    {time.monotonic() - began:.0f} s; wrong: {len(found.wrong)}")
        print(*(f"    {text}" for text in found.wrong[:20]), sep="\n", end="\n" if found.wrong else "")
        wrong += len(found.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
