"""`python -m benchmarks.unread`: what a terminal that nobody reads costs the work.

Pairs of runs of one task, one with a console that is read, one with a console whose terminal
nobody reads and that hangs up at last. The bounds: no gap in the journal that is a second
longer than the longest of the other run, and at most 3 % more time (median of the pairs).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from tests.neglected import Ran, run

CONFIGURATIONS = 10
GAP = 1.0
COST = 0.03


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--unread", type=float, default=60.0, help="seconds")
    options = parser.parse_args()
    pairs = []
    for number in range(options.pairs):
        # The one is first in turn with the other: a machine may get slower or faster.
        order = (0.0, options.unread) if number % 2 == 0 else (options.unread, 0.0)
        found = {unread: _ran(unread) for unread in order}
        pairs.append((found[0.0], found[options.unread]))
        print(_line(number + 1, *pairs[-1]), flush=True)
    cost = statistics.median(unread.seconds / read.seconds for read, unread in pairs) - 1
    gap = max(unread.gap - read.gap for read, unread in pairs)
    print(f"cost of an unread terminal: {cost:+.1%} (median; at most {COST:.0%})")
    print(f"longest gap beyond the other run's: {gap:+.2f} s (at most {GAP:g} s)")
    print(json.dumps({"pairs": len(pairs), "cost": round(cost, 4), "gap": round(gap, 3)}))
    return 0 if cost <= COST and gap <= GAP else 1


def _ran(unread: float) -> Ran:
    with tempfile.TemporaryDirectory(prefix="unread-", dir="/tmp") as folder:
        return run(Path(folder), CONFIGURATIONS, unread)


def _line(number: int, read: Ran, unread: Ran) -> str:
    return (
        f"pair {number}: read {read.seconds:.1f} s, longest gap {read.gap:.2f} s; "
        f"unread {unread.seconds:.1f} s, longest gap {unread.gap:.2f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
