"""`vllm bench sweep serve` over every configuration and load."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from benchmarks.real_contest import ENVIRONMENT, FIXED, INPUT, OUTPUT, Contest, Winner, free_port

LOAD = "max_concurrency"
_NAME = "sweep"


def swept(contest: Contest, runs: int) -> Winner:
    """Its best, where each of `runs` measurements of a configuration and load counts alike."""
    folder, port = contest.folder, free_port()
    serve, loads = folder / "serve.json", folder / "loads.json"
    serve.write_text(json.dumps(contest.points), encoding="utf-8")
    loads.write_text(json.dumps([{LOAD: load} for load in contest.loads]), encoding="utf-8")
    words = [
        *(contest.vllm, "bench", "sweep", "serve"),
        *("--serve-cmd", shlex.join(_serve(contest, port))),
        *("--bench-cmd", shlex.join(_bench(contest, port))),
        *("--serve-params", serve, "--bench-params", loads, "--num-runs", runs),
        *("-o", folder, "-e", _NAME),
    ]
    log = folder / "sweep.log"
    with log.open("wb") as output:
        subprocess.run(
            list(map(str, words)), env={**os.environ, **ENVIRONMENT}, cwd=folder, stdout=output,
            stderr=output, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    # Its table of all results needs pandas, which vLLM does not bring, and is made last: what
    # counts is whether every result is there.
    found = measured(contest)
    if len(found) != len(contest.points) * len(contest.loads):
        raise SystemExit(f"the sweep measured {len(found)} points only:\n{log.read_text()[-2000:]}")
    place, load = max(found, key=lambda one: fmean(found[one]))
    return Winner(contest.points[place], load, fmean(found[place, load]))


def _serve(contest: Contest, port: int) -> list[str]:
    """As the program starts it, so that both have the same engine."""
    model = str(contest.model)
    fixed = [
        word for name, value in FIXED.items()
        for word in ((f"--{name}",) if value is True else (f"--{name}", str(value)))
    ]  # fmt: skip
    return [
        *(str(contest.vllm), "serve", model, "--served-model-name", model),
        *("--host", "127.0.0.1", "--port", str(port), "--seed", "0", *fixed),
    ]


def _bench(contest: Contest, port: int) -> list[str]:
    """The same requests as genai-bench's `D(INPUT,OUTPUT)`: chats, and no early end."""
    return [
        *(str(contest.vllm), "bench", "serve", "--model", str(contest.model)),
        *("--backend", "openai-chat", "--endpoint", "/v1/chat/completions"),
        *("--host", "127.0.0.1", "--port", str(port), "--num-prompts", str(contest.requests)),
        *("--dataset-name", "random", "--random-input-len", str(INPUT)),
        *("--random-output-len", str(OUTPUT), "--ignore-eos", "--disable-tqdm"),
    ]


def measured(contest: Contest) -> Mapping[tuple[int, int], list[float]]:
    """Output tokens/s by configuration and load."""
    found: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for file in sorted((contest.folder / _NAME).glob("*/run=*.json")):
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if told["completed"] != contest.requests:
            raise SystemExit(f"the sweep lost requests: {told['completed']} of {contest.requests}")
        place = next(
            number for number, point in enumerate(contest.points)
            if all(told[name] == value for name, value in point.items())
        )  # fmt: skip
        found[place, int(told[LOAD])].append(float(told["output_throughput"]))
    return found
