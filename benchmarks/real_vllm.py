"""The product against `vllm bench sweep serve`, on a real vLLM and the same configurations.

    .venv/bin/python benchmarks/real_vllm.py --vllm .vllm/bin/vllm [--configurations 12] [--json]

One after the other: vLLM's own sweep over every configuration; a task of this program with
`strategy: auto` over the same space, loads, requests and token counts; then the winner of
each, started in turns. The model is a tiny one of random weights, made by the engine's own
Python, so all of it runs on a processor and needs no network: half an hour on two cores.
Exit status 1 when the program needed more than half of the sweep's time, or its winner is
slower by more than 5 % and by more than chance.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))

from benchmarks.real_contest import Contest, Winner  # noqa: E402
from benchmarks.real_product import tuned  # noqa: E402
from benchmarks.real_sweep import swept  # noqa: E402
from benchmarks.real_turns import Turns, in_turns  # noqa: E402

# How many requests are computed at once decides the throughput, how many tokens a step may
# have the wait for the first; two processors show both. The last one changes next to nothing.
SPACE: dict[str, tuple[Any, ...]] = {
    "max-num-seqs": (2, 8, 32),
    "max-num-batched-tokens": (64, 1024),
    "enable-prefix-caching": (True, False),
}
HALF = 0.5
WITHIN = 0.05


def main() -> int:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="real-vllm-") as name:
        document = _contest(asked, Path(name))
    print(json.dumps(document, indent=1) if asked.json else "\n".join(_lines(document)))
    return 0 if document["holds"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="real_vllm", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    named = os.environ.get("AUTOTUNER_TEST_VLLM")
    parser.add_argument("--vllm", type=Path, default=named, help="default: AUTOTUNER_TEST_VLLM")
    parser.add_argument("--configurations", type=int, default=12, help="at most, of the 12")
    parser.add_argument("--loads", type=_numbers, default=(4, 16), help="concurrencies: 4,16")
    parser.add_argument("--requests", type=int, default=64, help="of one measurement")
    parser.add_argument("--sweep-runs", type=int, default=1, help="of the sweep, at each load")
    parser.add_argument("--repeats", type=int, default=5, help="starts of each winner")
    parser.add_argument("--json", action="store_true", help="one JSON document and nothing else")
    asked = parser.parse_args()
    if asked.vllm is None or not os.access(asked.vllm, os.X_OK):
        parser.error("--vllm: name a vllm program")
    return asked


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(","))


def _contest(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    vllm = Path(asked.vllm).absolute()
    axes, points = points_of(asked.configurations)
    contest = Contest(folder, vllm, _model(vllm, folder), axes, points, asked.loads, asked.requests)
    _say(f"the sweep: {len(points)} configurations")
    began = time.monotonic()
    theirs = swept(contest, asked.sweep_runs)
    sweep = time.monotonic() - began
    _say(f"it took {sweep:.0f} s; now the program")
    began = time.monotonic()
    ours, tried = tuned(contest)
    product = time.monotonic() - began
    _say(f"it took {product:.0f} s; now both winners in turns")
    turns = None
    if ours.flags != theirs.flags:
        turns = asyncio.run(in_turns(contest, ours, theirs, asked.repeats))
    return _document(contest, (sweep, product), tried, (theirs, ours), turns)


def points_of(count: int) -> tuple[dict[str, tuple[Any, ...]], list[dict[str, Any]]]:
    """The axes, and all their points: of fewer than all, values of the last axes go first."""
    axes = dict(SPACE)
    for name in reversed(SPACE):
        while _size(axes) > count and len(axes[name]) > 1:
            axes[name] = axes[name][1:]
    return axes, [dict(zip(axes, one, strict=True)) for one in itertools.product(*axes.values())]


def _size(axes: dict[str, tuple[Any, ...]]) -> int:
    return math.prod(map(len, axes.values()))


def _model(vllm: Path, folder: Path) -> Path:
    made = folder / "model"
    maker = ROOT / "tests" / "real" / "tiny_model.py"
    subprocess.run([vllm.parent / "python", maker, made], check=True, capture_output=True)
    return made


def _document(
    contest: Contest,
    seconds: tuple[float, float],
    tried: int,
    winners: tuple[Winner, Winner],
    turns: Turns | None,
) -> dict[str, Any]:
    (sweep, product), (theirs, ours) = seconds, winners
    fast = product <= HALF * sweep
    good = turns is None or turns.high >= 0 or turns.middle >= -WITHIN
    return {
        "configurations": len(contest.points),
        "loads": contest.loads,
        "requests": contest.requests,
        "sweep": {"seconds": sweep, **theirs.document()},
        "product": {"seconds": product, "tried": tried, **ours.document()},
        "ratio": product / sweep,
        "turns": None if turns is None else turns.document(),
        "fast": fast,
        "good": good,
        "holds": fast and good,
    }


def _lines(found: dict[str, Any]) -> Sequence[str]:
    sweep, product, turns = found["sweep"], found["product"], found["turns"]
    said = "both chose the same configuration"
    if turns is not None:
        said = (
            f"the program's winner against the sweep's best: {turns['difference']:+.1%}"
            f" ({turns['interval'][0]:+.1%} to {turns['interval'][1]:+.1%},"
            f" {turns['repeats']} starts each)"
        )
    return (
        f"sweep    {sweep['seconds']:6.0f} s  {found['configurations']} configurations"
        f"  best {sweep['throughput']:.1f} tok/s at {sweep['load']}: {sweep['flags']}",
        f"program  {product['seconds']:6.0f} s  {product['tried']} configurations"
        f"  best {product['throughput']:.1f} tok/s at {product['load']}: {product['flags']}",
        f"ratio    {found['ratio']:.2f} of the sweep's time ({'' if found['fast'] else 'not '}"
        f"at most {HALF:g})",
        said,
    )


def _say(text: str) -> None:
    print(f"{text} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
