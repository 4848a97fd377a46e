"""How often confirmation is wrong: A/A tasks and tasks with a true difference.

Tasks are drawn on a virtual clock and taken through the product's own functions: which
configurations are worth repeating, which is started next, when that ends, and with what verdict.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core import score
from core.values import Objective

CONFIGURATIONS = 8  # beside the baseline
MOST = 7  # repeats: the default of `budget.repeats`
DIFFERENCES = (0.03, 0.05)
BASELINE = 0
_START, _MEASUREMENT = 240.0, 60.0  # seconds of the virtual clock


@dataclass
class Noise:
    """What lies on the logarithm of a value: drawn at each start and at each measurement.

    `sigma` is the standard deviation of one measurement without drifts and bursts.
    """

    model: str
    sigma: float
    random: random.Random
    now: float = 0.0
    of_start: float = 0.0
    walked: float = 0.0
    slope: float = field(init=False)

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"no noise model {self.model}: {', '.join(MODELS)}")
        self.slope = self.random.choice((-1, 1)) * self.sigma / _DRIFTED

    def start(self) -> None:
        self.now += _START
        self.of_start = self.random.gauss() * self.sigma * MODELS[self.model].start
        if self.model == "walk":
            self.walked += self.random.gauss() * self.sigma / _STEP

    def measure(self) -> float:
        self.now += _MEASUREMENT
        own = MODELS[self.model].draw(self.random) * self.sigma * MODELS[self.model].measurement
        drifted = self.slope * self.now if self.model == "drift" else 0.0
        burst = self.model == "bursts" and self.random.random() < _BURSTS
        slowed = math.log(1 - self.random.uniform(*_SLOWED)) if burst else 0.0
        return own + self.of_start + self.walked + drifted + slowed


@dataclass(frozen=True)
class Model:
    """Shares of the standard deviation that belong to the start and to the measurement."""

    words: str
    start: float = 0.0
    measurement: float = 1.0
    draw: Callable[[random.Random], float] = random.Random.gauss


def _heavy(source: random.Random) -> float:
    """Student's t with 3 degrees of freedom, scaled to a variance of 1."""
    chi = math.fsum(source.gauss() ** 2 for _ in range(3))
    return source.gauss() / math.sqrt(chi / 3) / math.sqrt(3)


_DRIFTED = 3 * 3600.0  # seconds in which drift comes to one standard deviation
_STEP = 5  # a standard deviation is so many steps of the walk, one step a start
_BURSTS, _SLOWED = 0.05, (0.05, 0.15)
_PLAIN = ("measurement", "mixed", "start")
MODELS = {
    "measurement": Model("each measurement has its own"),
    "mixed": Model("half the variance each", math.sqrt(0.5), math.sqrt(0.5)),
    "start": Model("all of it shared by the measurements of a start", 1.0, 0.0),
    "drift": Model("measurement, and a linear drift of one sigma in 3 hours"),
    "walk": Model("measurement, and a random walk by sigma/5 a start"),
    "bursts": Model("measurement, and every 20th is 5 to 15 % slow"),
    "heavy": Model("Student's t with 3 degrees of freedom for each measurement", draw=_heavy),
}


@dataclass(frozen=True)
class Ended:
    kind: str
    best: int
    repeats: int
    starts: int
    seconds: float  # of the virtual clock, the search included


def task(truths: Sequence[float], noise: Noise, most: int = MOST) -> Ended:
    """Search, then confirm, configurations whose true values are given, the baseline's first."""
    found = {number: _start(truth, noise, 1)[0] for number, truth in enumerate(truths)}
    searched = [score.Searched(n, value) for n, value in found.items() if n != BASELINE]
    chosen = score.contenders(searched, Objective.THROUGHPUT)
    arms = {n: score.Arm(n, searched=found[n]) for n in (*chosen, BASELINE)}
    said = (BASELINE, Objective.THROUGHPUT, most)
    starts = 0
    while (turn := score.next_repeat(list(arms.values()), *said)) is not None:
        value, at = _start(truths[turn], noise, score.LOOKS)
        arm = arms[turn]
        arms[turn] = replace(arm, values=(*arm.values, value), at=(*arm.at, at))
        starts += 1
    decision = score.decide(list(arms.values()), *said)
    return Ended(decision.kind, decision.best, decision.repeats, starts, noise.now)


def _start(truth: float, noise: Noise, looks: int) -> tuple[float, float]:
    """The mean of the measurements on one start, and when they ended."""
    noise.start()
    values = [truth * math.exp(noise.measure()) for _ in range(looks)]
    return math.fsum(values) / looks, noise.now


def report(noise: float, model: str, seed: int, tasks: int) -> dict[str, Any]:
    """A/A tasks and tasks with one better configuration, `tasks` of each.

    `noise`: relative standard deviation of a measurement. `model`: one of MODELS, or all.
    """
    began = time.perf_counter()
    names = list(MODELS) if model == "all" else [model]
    return {
        "noise": noise,
        "seed": seed,
        "tasks": tasks,
        "configurations": CONFIGURATIONS,
        "most_repeats": MOST,
        "looks": score.LOOKS,
        "rows": [_row(noise, name, seed, tasks) for name in names],
        "seconds": time.perf_counter() - began,
    }


def _row(noise: float, model: str, seed: int, tasks: int) -> dict[str, Any]:
    cases = [_case(noise, model, seed, tasks, difference) for difference in (0.0, *DIFFERENCES)]
    return {
        "model": model,
        "alike": cases[0],
        "different": cases[1:],
        "at_best": _limits(noise, model),
    }


def _case(noise: float, model: str, seed: int, tasks: int, difference: float) -> dict[str, Any]:
    """`right`: the one that is better won. `wrong`: another did, or any where all are alike."""
    ended: list[Ended] = []
    right = 0
    for number in range(tasks):
        source = random.Random(f"{seed} {model} {difference} {number}")
        truths = [1.0] * (CONFIGURATIONS + 1)
        better = source.randrange(1, len(truths))
        truths[better] += difference
        ended.append(task(truths, Noise(model, noise, source)))
        right += difference > 0 and (ended[-1].kind, ended[-1].best) == ("winner", better)
    kinds = Counter(one.kind for one in ended)
    return {
        "difference": difference,
        "right": right / tasks,
        "wrong": (kinds["winner"] - right) / tasks,
        "missed": 1 - right / tasks if difference else None,
        "tie": kinds["tie"] / tasks,
        "not_better": kinds["not_better"] / tasks,
        "repeats": math.fsum(one.repeats for one in ended) / tasks,
        "starts": math.fsum(one.starts for one in ended) / tasks,
        "hours": math.fsum(one.seconds for one in ended) / tasks / 3600,
        "by_repeats": dict(sorted(Counter(one.repeats for one in ended).items())),
    }


def _limits(noise: float, model: str) -> dict[str, float] | None:
    """How often a test of just two configurations, made once after all repeats and told the
    noise, finds each difference with the same chance of a false winner: no test of more
    configurations can do better. None where the noise is not normal and independent."""
    from scipy.special import ndtr, ndtri

    if model not in _PLAIN:
        return None
    found = MODELS[model]
    each = noise * math.sqrt(found.start**2 + found.measurement**2 / score.LOOKS)
    error = each * math.sqrt(2 / MOST)
    at = -float(ndtri(score.FALSE_WINNER))
    return {
        f"{difference:g}": float(ndtr(math.log1p(difference) / error - at)) if error else 1.0
        for difference in DIFFERENCES
    }


def lines(document: Mapping[str, Any]) -> list[str]:
    """A table for people, one row per noise model and difference."""
    said = document
    head = (
        f"{said['tasks']} tasks of each kind, {said['configurations']} configurations and a "
        f"baseline, noise {said['noise']:.1%} per measurement, at most {said['most_repeats']} "
        f"repeats of {said['looks']} measurements, seed {said['seed']}"
    )
    table = [
        head,
        f"{'noise model':<12} {'truth':>6} {'found':>7} {'missed':>7} {'false winner':>12} "
        f"{'tie':>7} {'not better':>10} {'repeats':>7} {'starts':>6} {'can be found':>12}",
    ]
    for row in said["rows"]:
        table += [_line(row, case) for case in (row["alike"], *row["different"])]
    names = [row["model"] for row in said["rows"]]
    table += [f"{name}: {MODELS[name].words}" for name in names]
    table.append(
        "can be found: by a test of two configurations alone, once, that knows the noise; "
        f"took {said['seconds']:.1f} s"
    )
    return table


def _line(row: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    difference = case["difference"]
    truth = f"+{difference:.0%}" if difference else "A/A"
    found = f"{case['right']:.1%}" if difference else "–"
    missed = f"{case['missed']:.1%}" if difference else "–"
    limits = row["at_best"] if difference else None
    best = f"{limits[f'{difference:g}']:.1%}" if limits else "–"
    return (
        f"{row['model']:<12} {truth:>6} {found:>7} {missed:>7} {case['wrong']:>12.1%} "
        f"{case['tie']:>7.1%} {case['not_better']:>10.1%} {case['repeats']:>7.1f} "
        f"{case['starts']:>6.1f} {best:>12}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--noise", type=float, default=0.03, help="relative, of one measurement")
    parser.add_argument(
        "--noise-model", default="measurement", choices=[*MODELS, "all"], metavar="NAME",
        help=f"{', '.join(MODELS)} or all",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=500, help="of each kind")
    parser.add_argument("--json", action="store_true", help="one JSON document and nothing else")
    asked = parser.parse_args()
    document = report(asked.noise, asked.noise_model, asked.seed, asked.tasks)
    print(json.dumps(document, indent=2) if asked.json else "\n".join(lines(document)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
