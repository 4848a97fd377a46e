"""A task as its runner sees it, and experiments as starts would have left them: rows and files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from core import score
from core.bench.looks import pooled
from core.engines.boxes import Host
from core.metrics import Request
from core.paths import Home
from core.runner.setup import Setup
from core.runner.trials import outcome
from core.search.choose import strategy
from core.settings import Settings
from core.space import space_of
from core.store.views import ExperimentView, MeasurementView, StartView
from core.task import parse
from core.values import ExperimentState, Failure, Purpose, StartReason

TASK = """
model: sim-8b
engine: simulated
parameters: {max-num-seqs: [4, 8, 16]}
objective: throughput
workload: {scenarios: ["D(40,11)"], requests: 40}
slo: {ttft_p95: 500ms}
"""


def setup(root: Path, text: str = TASK) -> Setup:
    task = parse(text, "t.yaml", root)
    space = space_of(task)
    host = Host(root, root, {}, None, driver=False)
    found = strategy(task, space)
    return Setup("t1", Home(root), task, space, found, Settings({}), host, "tokenizer")


def timeline(
    concurrency: int, ttft: float, tpot: float = 0.01, rounds: int = 8, begin: float = 1000.0,
    failed: int = 0,
) -> list[Request]:  # fmt: skip
    """Users in step on an engine of fixed latency; the last `failed` requests are 503s."""
    made = []
    last = ttft + 10 * tpot
    for turn in range(rounds):
        at = begin + turn * last
        made += [
            Request(at, at + ttft, at + last, 40, 11, None, None, turn == 0, 11)
            for _ in range(concurrency)
        ]
    bad = [dataclasses.replace(r, first_token=None, error=503, message="busy") for r in made]
    return made[: len(made) - failed] + bad[len(made) - failed :]


class Bench:
    """Writes what starts would have written of one experiment."""

    def __init__(self, setup: Setup, number: int = 1, seqs: int = 8) -> None:
        self.setup = setup
        self.view = ExperimentView(
            number,
            ExperimentState.BENCHMARKING,
            number == 0,
            {"max-num-seqs": seqs},
            started=1.0,
            engine="simulated",
        )

    def start(self, reason: StartReason = StartReason.SEARCH, state: str = "stopped") -> Bench:
        attempt = len(self.view.starts) + 1
        one = StartView(attempt, reason, state, 1.0 + attempt, 2.0 + attempt, 1.5 + attempt)
        self.view = dataclasses.replace(self.view, starts=(*self.view.starts, one))
        return self

    def measured(
        self, concurrency: int, ttft: float, *, turn: int = 1, purpose: Purpose = Purpose.SEARCH,
        scenario: str = "D(40,11)", failure: Failure | None = None, tpot: float = 0.01,
        failed: int = 0,
    ) -> Bench:  # fmt: skip
        """A measurement on the newest start, with its timeline; later looks hold the earlier."""
        attempt = self.view.starts[-1].attempt
        folders = [
            self.setup.start(self.view.number, attempt)
            / "measurements"
            / self.setup.measurement(scenario, concurrency, purpose, look)
            for look in range(1, turn + 1)
        ]
        folders[-1].mkdir(parents=True)
        at = 1000.0 + 100 * len(self.view.measurements)
        lines = [
            json.dumps(asdict(r))
            for r in timeline(concurrency, ttft, tpot, begin=at, failed=failed)
        ]
        (folders[-1] / "requests.jsonl").write_text("\n".join(lines))
        task = self.setup.task
        limits: Mapping[str, float] = {str(n): v for n, v in task.slo.per_request.items()}
        data = pooled(folders, scenario, concurrency, purpose, limits, turn, failure)
        gpus = self.setup.gpus(self.view.configuration)
        judged = score.judge(data, task.slo, task.objective, gpus)
        view = MeasurementView(attempt, judged.feasible, judged.breaches, data)
        measurements = (*self.view.measurements, view)
        self.view = dataclasses.replace(self.view, measurements=measurements)
        return self

    def scored(self) -> ExperimentView:
        """With the score that the search's measurements give."""
        found = outcome(self.setup, self.view)
        state = ExperimentState.SUCCEEDED if found.feasible else ExperimentState.INFEASIBLE
        self.view = dataclasses.replace(
            self.view, state=state, score=found.score, feasible=found.feasible, chosen=found.chosen
        )
        return self.view
