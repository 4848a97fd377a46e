"""How far this product's numbers can be trusted: the yardstick of its measuring.

    .venv/bin/python benchmarks/measurement.py [--parts metrics,load,confirm] [--noise 0.03]

`metrics`: the real benchmark client against a simulated engine that says when it sent every
token (about seven minutes). `load`: the search for the best load on curves whose best is known.
`confirm`: how often repeats name a winner that is none, or miss one that is, on a virtual
clock. All of it goes through the code that a task run uses; nothing needs a GPU or a network.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))

PARTS = ("metrics", "load", "confirm")
Part = tuple[dict[str, Any], list[str]]
"""A document, and its lines for people."""


def main() -> int:
    asked = _arguments()
    run: dict[str, Callable[[argparse.Namespace], Part]] = {
        "metrics": _metrics,
        "load": _load,
        "confirm": _confirm,
    }
    documents = {}
    for name in asked.parts:
        documents[name], lines = run[name](asked)
        if not asked.json:
            print(f"== {name}\n")
            print("\n".join(lines), end="\n\n", flush=True)
    if asked.json:
        print(json.dumps(documents, indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="measurement", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", type=_parts, default=PARTS, help=f"any of {','.join(PARTS)}")
    parser.add_argument(
        "--noise",
        type=float,
        default=0.03,
        help="relative, of a measurement (in `metrics`: a step)",
    )
    parser.add_argument(
        "--noise-model",
        default="measurement",
        metavar="NAME",
        help="confirm: where the noise comes from; all: one row for each",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--tasks", "--seeds", type=int, default=500, help="confirm: tasks of each kind"
    )
    parser.add_argument("--curves", type=int, default=40, help="load: curves of each family")
    parser.add_argument("--json", action="store_true", help="one JSON document and nothing else")
    asked = parser.parse_args()
    if "confirm" in asked.parts:
        models = ("all", *importlib.import_module("benchmarks.confirm_rates").MODELS)
        if asked.noise_model not in models:
            parser.error(f"--noise-model: choose from {', '.join(models)}")
    return asked


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {' '.join(sorted(unknown))}")
    return names


# Each part is imported when it is asked for: the others' imports take seconds.
def _metrics(asked: argparse.Namespace) -> Part:
    document = importlib.import_module("benchmarks.measured").report(asked.seed, asked.noise)
    table = importlib.import_module("benchmarks.measured_table")
    wrong = table.failed(document)
    verdict = f"out of bounds: {', '.join(wrong)}" if wrong else "all within bounds"
    return {**document, "failed": wrong}, [*table.lines(document), verdict]


def _load(asked: argparse.Namespace) -> Part:
    curves = importlib.import_module("benchmarks.load_curves")
    document = curves.report(asked.seed, asked.curves, asked.noise)
    held = "Held against the best feasible load of a full 14-point ladder on the true curve."
    return document, [*curves.lines(document), held]


def _confirm(asked: argparse.Namespace) -> Part:
    rates = importlib.import_module("benchmarks.confirm_rates")
    document = rates.report(asked.noise, asked.noise_model, asked.seed, asked.tasks)
    held = "Held against the differences that were put in: none (A/A), 3 % and 5 %."
    return document, [*rates.lines(document), held]


if __name__ == "__main__":
    sys.exit(main())
