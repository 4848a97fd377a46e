"""Tasks whose configurations are all alike, through the whole program: each has to end in a tie.

    .venv/bin/python -m benchmarks.alike [--tasks 10] [--noise 0.03] [--start-noise 0]

Every task has a baseline and two configurations of the simulated engine that differ by a flag
without effect at the load that is measured; the real benchmark client measures them, and they
are confirmed as any task is. About two minutes a task; prints each verdict as it comes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-P", "-m", "tui.main"]
TASK = """
name: alike
model: sim-8b
engine: simulated
parameters: {{max-num-seqs: [40, 41], noise: {noise}, start-noise: {start_noise}}}
workload: {{scenarios: ["D(40,10)"], concurrency: [4], requests: 16, max_duration: 1s}}
objective: throughput
seed: {seed}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="alike", description=__doc__)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--noise", type=float, default=0.03, help="relative, of an engine's step")
    parser.add_argument("--start-noise", type=float, default=0.0, help="relative, of a start")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alike-") as folder:
        kinds = [_verdict(Path(folder), seed, asked) for seed in range(asked.tasks)]
        _program(Path(folder), "runner", "stop")
    ties = kinds.count("tie")
    print(f"{ties} of {len(kinds)} ended in a tie")
    return 0 if ties == len(kinds) else 1


def _verdict(folder: Path, seed: int, asked: argparse.Namespace) -> str:
    file = folder / "task.yaml"
    text = TASK.format(noise=asked.noise, start_noise=asked.start_noise, seed=seed)
    file.write_text(text, encoding="utf-8")
    done = _program(folder, "run", str(file), "--json")
    if done.returncode:
        raise SystemExit(f"task {seed}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)["task"]["verdict"]
    low, high = found["interval"] or (0.0, 0.0)
    print(
        f"task {seed}: {found['kind']} {found['delta'] or 0:+.2%}"
        f" ({low:+.2%} to {high:+.2%}, {found['repeats']} repeats)",
        flush=True,
    )
    return str(found["kind"])


def _program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUTOTUNER_HOME": str(folder / "home")}
    return subprocess.run(
        [*PROGRAM, *arguments], env=environment, cwd=folder, capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
