"""How good the search for the best load is, on curves whose best load is known.

    .venv/bin/python -m benchmarks.load_curves [--noise 0.03] [--curves 40] [CSV ...]

Every curve is searched by the product's own function at a loose and at a tight limit, and what it
chose is held, by the true curve, against the best feasible load of a full 14-point ladder. Each
table is one more family of curves: columns that are not named tell its configurations apart.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))

from benchmarks.load_families import FAMILIES, LADDER, Curve, curve, task  # noqa: E402
from benchmarks.load_search import Outcome, search  # noqa: E402
from benchmarks.load_tables import Columns, read  # noqa: E402
from core.bench.load import MOST  # noqa: E402

CLOSE = 0.95
LIMITS = ("loose", "tight")
TASKS, CONFIGURATIONS = 10, 20


def report(seed: int, curves: int, noise: float) -> dict[str, Any]:
    """A JSON-ready document. `curves` of each family; `noise` relative, of one measurement."""
    made = {name: [curve(name, i, seed) for i in range(curves)] for name in FAMILIES}
    restricted = [replace(one, loads=LADDER) for group in made.values() for one in group]
    tasks = [task(seed * TASKS + i, CONFIGURATIONS) for i in range(TASKS)]
    return {
        "seed": seed,
        "noise": noise,
        "most": MOST,
        "families": evaluate(made, noise, seed),
        "only the loads of the ladder": evaluate({"all families": restricted}, noise, seed),
        "tasks": [_tasks("generated", tasks, limit, noise, seed) for limit in LIMITS],
    }


def evaluate(
    families: Mapping[str, Sequence[Curve]], noise: float, seed: int
) -> list[dict[str, Any]]:
    """A row for each family, and one for all of them when there are several."""
    found = {
        name: [search(one, limit, noise, seed) for one in group for limit in LIMITS]
        for name, group in families.items()
    }
    rows = [_row(name, outcomes) for name, outcomes in found.items()]
    if len(rows) > 1:
        rows.append(_row("all", [one for group in found.values() for one in group]))
    return rows


def _row(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    ratios = [one.ratio for one in outcomes]
    return {
        "family": name,
        "searches": len(outcomes),
        "close": statistics.fmean(ratio >= CLOSE for ratio in ratios),
        "worst": min(ratios),
        "median": statistics.median(ratios),
        "measurements": statistics.fmean(one.measurements for one in outcomes),
        "most": max(one.measurements for one in outcomes),
        "wrong": sum(one.wrong for one in outcomes),
    }


def _tasks(
    name: str, tasks: Iterable[Sequence[Curve]], limit: str, noise: float, seed: int
) -> dict[str, Any]:
    """Tasks taken one configuration after the other, with and without what came before.

    `ratio`: the true value of the winner at its load, to the best of all ladders.
    """
    ratios: dict[bool, list[float]] = {True: [], False: []}
    counts = {True: 0, False: 0}
    for configurations in tasks:
        best = max((one.best(one.limits[limit]) or 0.0 for one in configurations), default=0.0)
        for told in (True, False):
            winner, measured = _run(configurations, limit, noise, seed, told=told)
            counts[told] += measured
            if best:
                ratios[told].append(winner / best)
    return {
        "tasks": f"{name}, {limit}",
        "measurements": counts[False],
        "measurements told": counts[True],
        "worst": min(ratios[False], default=1.0),
        "worst told": min(ratios[True], default=1.0),
        "median": statistics.median(ratios[False] or [1.0]),
        "median told": statistics.median(ratios[True] or [1.0]),
    }


def _run(
    configurations: Sequence[Curve], limit: str, noise: float, seed: int, *, told: bool
) -> tuple[float, int]:
    """The true value of the winner (0: infeasible in truth, beyond the noise) and how many
    measurements were made. `told`: each search knows the best before it."""
    best: Outcome | None = None
    count = 0
    for one in configurations:
        floor, hint = (best.value, best.chosen) if told and best else (None, None)
        outcome = search(one, limit, noise, seed, floor=floor, hint=hint)
        count += outcome.measurements
        if outcome.value is not None and (best is None or outcome.value > (best.value or 0.0)):
            best = outcome
    return (best.true if best else 0.0), count


def lines(document: Mapping[str, Any]) -> list[str]:
    """The document for people."""
    found = [f"noise {document['noise']:.0%}, at most {document['most']} measurements a search", ""]
    for title in ("families", "only the loads of the ladder", "tables"):
        if rows := document.get(title):
            heads = f"{'≥ 95 %':>8}{'worst':>8}{'median':>8}{'mean':>7}{'most':>6}{'wrong':>7}"
            found += [
                f"{title:<32}{heads}",
                *map(_line, rows),
                "",
            ]
    found.append(f"{'one configuration after another':<32}{'without':>9}{'with':>7}{'worst':>8}")
    for row in document["tasks"]:
        found.append(
            f"{row['tasks']:<32}{row['measurements']:>9}{row['measurements told']:>7}"
            f"{row['worst told']:>8.3f}{row['median told']:>8.3f} (without {row['worst']:.3f}"
            f" {row['median']:.3f})"
        )
    found += [
        "",
        "with: each search knows the best before it; worst, median: the winner's true value",
    ]
    return found


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"{row['family']:<32}{row['close']:>8.1%}{row['worst']:>8.3f}{row['median']:>8.3f}"
        f"{row['measurements']:>7.2f}{row['most']:>6}{row['wrong']:>7}"
    )


def _tables(asked: argparse.Namespace, document: dict[str, Any]) -> None:
    """Adds each table's curves, between its loads and restricted to them."""
    names = ("load", "ttft", "tpot", "throughput", "status")
    columns = Columns(**{name: getattr(asked, name) for name in names}, ignored=asked.ignore)
    limits = {
        name: dict(zip(("ttft", "tpot"), getattr(asked, name), strict=True)) for name in LIMITS
    }
    document["tables"] = []
    for path in asked.tables:
        any_load = read(path, limits, columns)
        only = [replace(one, loads=one.ladder) for one in any_load]
        for limit in LIMITS:
            for name, group in (("any load", any_load), ("its loads", only)):
                outcomes = [search(one, limit, asked.noise, asked.seed) for one in group]
                document["tables"].append(_row(f"{limit}, {name}", outcomes))
            orders = [random.Random(i).sample(any_load, len(any_load)) for i in range(3)]
            document["tasks"].append(
                _tasks(f"{path.stem[:16]}…", orders, limit, asked.noise, asked.seed)
            )


def _pair(text: str) -> tuple[float, float]:
    ttft, tpot = map(float, text.split(","))
    return ttft, tpot


def main() -> int:
    parser = argparse.ArgumentParser(prog="load_curves", description=__doc__)
    parser.add_argument("tables", nargs="*", type=Path, metavar="CSV")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--curves", type=int, default=40, help="of each family")
    parser.add_argument("--noise", type=float, default=0.0, help="relative, of one measurement")
    parser.add_argument("--json", action="store_true")
    for name in ("load", "ttft", "tpot", "throughput", "status"):
        default = getattr(Columns(), name)
        parser.add_argument(f"--{name}", default=default, help=f"column, default {default}")
    parser.add_argument(
        "--ignore", type=lambda text: tuple(text.split(",")), default=Columns().ignored
    )
    parser.add_argument("--loose", type=_pair, default=(1000.0, 30.0), metavar="TTFT,TPOT")
    parser.add_argument("--tight", type=_pair, default=(400.0, 12.0), metavar="TTFT,TPOT")
    asked = parser.parse_args()
    document = report(asked.seed, asked.curves, asked.noise)
    _tables(asked, document)
    print(json.dumps(document, indent=1) if asked.json else "\n".join(lines(document)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
