"""The program over the same space: a task with `strategy: auto`, run as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks.real_contest import ENVIRONMENT, FIXED, INPUT, OUTPUT, Contest, Winner

NAME = "contest"
_PROGRAM = [sys.executable, "-P", "-m", "tui.main"]


def tuned(contest: Contest) -> tuple[Winner, int]:
    """Its best, and how many configurations it started. The runner is stopped afterwards."""
    file = task_file(contest)
    try:
        done = _program(contest, "run", str(file), "--json")
        if done.returncode:
            raise SystemExit(f"the program failed: {done.stderr[-2000:]}")
        return _best(contest, json.loads(done.stdout))
    finally:
        _program(contest, "runner", "stop")


def task_file(contest: Contest) -> Path:
    """The middle configuration is the user's own, so that the space is that of the sweep."""
    task = {
        "name": NAME,
        "model": str(contest.model),
        "engine": "vllm",
        "deploy": "process",
        "command": [str(contest.vllm), "serve"],
        "gpus": 0,
        "environment": ENVIRONMENT,
        "parameters": {**FIXED, **{name: list(one) for name, one in contest.axes.items()}},
        "baseline": {**FIXED, **contest.points[len(contest.points) // 2]},
        "workload": {
            "scenarios": [f"D({INPUT},{OUTPUT})"],
            "concurrency": list(contest.loads),
            "requests": contest.requests,
        },
        "objective": "throughput",
        "strategy": "auto",
        "prior": False,
        # The sweep does not start its best again either; here that is done by `in_turns`.
        "budget": {"experiments": len(contest.points), "repeats": 0},
    }
    file = contest.folder / "contest.yaml"
    file.write_text(yaml.safe_dump(task), encoding="utf-8")
    return file


def _best(contest: Contest, document: dict[str, Any]) -> tuple[Winner, int]:
    experiments, best = document["experiments"], document["task"]["best"]
    chosen = experiments[best]
    tried = [{**FIXED, **one["parameters"]} for one in experiments]
    if strange := [one for one in tried if one not in [{**FIXED, **p} for p in contest.points]]:
        raise SystemExit(f"the program tried what is not of the space: {strange[0]}")
    flags = {name: tried[best][name] for name in contest.axes}
    measured = [m for m in chosen["measurements"] if m["failure"] is None]
    top = max(measured, key=lambda one: float(one["throughput"]))
    return Winner(flags, int(top["concurrency"]), float(top["throughput"])), len(experiments)


def _program(contest: Contest, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUTOTUNER_HOME": str(contest.folder / "home")}
    return subprocess.run(
        [*_PROGRAM, *arguments], env=environment, cwd=contest.folder, capture_output=True,
        text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
