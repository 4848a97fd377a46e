#!/usr/bin/env python3
"""How fast a strategy finds the best configuration of a world that is known.

    .venv/bin/python benchmarks/search.py CSV MAPPING.yaml --slo ttft_mean=400ms,tpot_mean=12ms
        --strategy auto,tpe,random --seeds 20 --noise 0.03 [--prior CSV [--mirrored]] [--json]

The table has one row for each configuration and load. The mapping (an example with remarks is
benchmarks/mappings/aiconfigurator.yaml) says which columns are parameters (categorical or
ordered), which is the load, the status and the metrics, and what a start, a measurement and a
crash cost. A configuration of which no load works crashes at its start; a load that fails costs a
measurement. Strategies, load search and what is chosen are the product's own; time is simulated.

Printed are, of the seeds, the median and the 10th percentile of what the choice is truly worth,
relative to the best of the table that meets every limit, after 30 to 240 minutes; the median
minutes to 95 % (never: 240); starts that crashed (mean and most), repeats, and the slowest
suggestion. Where the chosen load truly misses a limit by more than the noise, the best lower load
of that configuration counts, as the product's confirmation would lower it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the runner
from benchmarks.search_prior import prior  # noqa: E402
from benchmarks.search_run import END, SCENARIO, Play, Run  # noqa: E402
from benchmarks.search_table import World, mapping, world  # noqa: E402
from core.search.choose import strategy  # noqa: E402
from core.search.prior import Prior  # noqa: E402
from core.task import Budget, Objective, Slo, Task, Workload  # noqa: E402
from core.task.units import seconds  # noqa: E402
from core.values import AutotunerError, InputError  # noqa: E402

MINUTES = (30, 60, 120, 240)
_NEAR = 0.95


@dataclass(frozen=True, slots=True)
class Given:
    """What every run shares."""

    world: World
    prior: Prior | None

    @classmethod
    @cache  # once in each process: an engine cannot be sent to one
    def of(cls, table: Path, mapping_: Path, slo: str, before: Path | None, mirrored: bool) -> Self:
        mapped, meant = mapping(mapping_), limits(slo)
        played = world(table, mapped, meant)
        if not played.optimum:
            raise InputError(f"{table}: no row meets the limits")
        known = prior(world(before, mapped, meant), mirrored=mirrored) if before else None
        return cls(played, known)


def play(made_of: tuple[Any, ...], name: str, seed: int, noise: float) -> Run:
    given = Given.of(*made_of)
    limits = dict(given.world.limits)
    task = Task(
        model="table", engine="table", strategy=name, seed=seed, slo=Slo(limits),
        objective=Objective.THROUGHPUT, budget=Budget(experiments=10_000),
        workload=Workload(scenarios=(SCENARIO,)),
    )  # fmt: skip
    chosen = strategy(task, given.world.space, given.prior)
    return Play(given.world, chosen, noise, seed).run()


def report(runs: Sequence[Run], optimum: float) -> dict[str, Any]:
    """Ratios to the optimum; minutes; seconds."""
    found: dict[str, Any] = {}
    for minutes in MINUTES:
        ratios = sorted(run.best(minutes * 60) / optimum for run in runs)
        found[f"at_{minutes}"] = {"median": statistics.median(ratios), "p10": _tenth(ratios)}
    times = [run.reached(_NEAR * optimum) / 60 for run in runs]
    found["minutes_to_95"] = statistics.median(times)
    found["never"] = sum(time >= END / 60 for time in times)
    crashes = [run.crashes for run in runs]
    found["crashes"] = {"mean": statistics.fmean(crashes), "most": max(crashes)}
    found["repeats"] = sum(run.repeats for run in runs)
    found["experiments"] = statistics.fmean(len(run.trials) for run in runs)
    found["slowest_suggestion"] = max((s for run in runs for s in run.asking), default=0.0)
    return found


def _tenth(ordered: Sequence[float]) -> float:
    """The 10th percentile, interpolated between its neighbours."""
    place = 0.1 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def limits(text: str) -> dict[str, float]:
    """`ttft_mean=400ms,tpot_mean=12ms` in seconds."""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        amount = seconds(value)
        if amount is None:
            raise InputError(f"--slo: {part} is no limit such as ttft_mean=400ms")
        found[name.strip()] = amount
    return found


def show(results: Mapping[str, Mapping[str, Any]]) -> None:
    head = "".join(f"{f'{minutes} min':>12}" for minutes in MINUTES)
    print(
        f"{'strategy':10}{head}{'to 95 %':>10}{'never':>7}{'crashes':>12}{'repeats':>9}{'ask':>9}"
    )
    for name, one in results.items():
        ratios = "".join(
            f"{one[f'at_{m}']['median']:>7.2f}/{one[f'at_{m}']['p10']:.2f}" for m in MINUTES
        )
        crashes = f"{one['crashes']['mean']:.1f}, {one['crashes']['most']}"
        print(
            f"{name:10}{ratios}{one['minutes_to_95']:>6.0f} min{one['never']:>7}{crashes:>12}"
            f"{one['repeats']:>9}{one['slowest_suggestion']:>7.2f} s"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, metavar="CSV")
    parser.add_argument("mapping", type=Path, metavar="MAPPING.yaml")
    parser.add_argument("--slo", default="", help="such as ttft_mean=400ms,tpot_mean=12ms")
    parser.add_argument("--strategy", default="auto", help="one or several, with commas")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--noise", type=float, default=0.03, help="of each figure (default 0.03)")
    parser.add_argument("--prior", type=Path, metavar="CSV", help="of another model or GPU")
    parser.add_argument("--mirrored", action="store_true", help="the prior tells the contrary")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once (default 1)")
    parser.add_argument("--log", action="store_true", help="print what the first seed tried")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def log(run: Run, optimum: float) -> None:
    for place, (trial, reason) in enumerate(zip(run.trials, run.reasons, strict=False)):
        loads = " ".join(
            f"{one.concurrency}:{one.strain:.2f}" for own in trial.levels.values() for one in own
        )
        score = "crash" if trial.failed else f"{(trial.score or 0) / optimum:.2f}"
        shown = score + ("" if trial.feasible or trial.failed else "!")
        values = " ".join(f"{value}" for value in trial.configuration.parameters.values())
        print(f"{place:3} {shown:6} {values}  [{loads}]  {reason}", file=sys.stderr)


def run(given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    made_of = (given.table, given.mapping, given.slo, given.prior, given.mirrored)
    optimum = Given.of(*made_of).world.optimum
    results = {}
    with ProcessPoolExecutor(given.jobs) as pool:
        for name in given.strategy.split(","):
            seeds = range(given.seeds)
            started = [pool.submit(play, made_of, name, seed, given.noise) for seed in seeds]
            runs = [one.result() for one in started]
            if given.log:
                log(runs[0], optimum)
            results[name] = report(runs, optimum)
    return results


def main() -> int:
    given = arguments()
    try:
        results = run(given)
    except (AutotunerError, OSError) as error:
        print(f"search.py: {error}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(results, indent=2))
    else:
        show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
