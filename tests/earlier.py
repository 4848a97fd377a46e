"""Tasks that were tuned before: their rows as a runner writes them, and their files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import score
from core.engines import registry
from core.metrics import Distribution, Measurement
from core.paths import Home
from core.runner.trials import judged_by
from core.store.journal import Journal, NewTask
from core.store.reader import MACHINE
from core.store.views import ExperimentView, MeasurementView
from core.task import Task, parse
from core.values import (
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    Phase,
    Scalar,
    StartReason,
)
from tests.samples import MEASURED

CRASHED = Failure(FailureKind.OOM_KV, "no room for one sequence")
OFFLINE = Failure(FailureKind.NETWORK, "no route", transient=True)

TEXT = """
name: {name}
model: {model}
engine: {engine}
parameters: {{max-num-seqs: [4, 8, 16]}}
objective: throughput
workload: {{scenarios: ["{scenario}"], requests: 40}}
slo: {{ttft_p95: {ttft}}}
"""
SCENARIO = "D(100,50)"


def text(
    name: str, model: str = "Qwen/Qwen3-8B", engine: str = "vllm", scenario: str = SCENARIO,
    ttft: str = "500ms",
) -> str:  # fmt: skip
    return TEXT.format(name=name, model=model, engine=engine, scenario=scenario, ttft=ttft)


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried: load → (output tokens/s, TTFT in s), or why nothing was measured."""

    flags: Mapping[str, Scalar]
    gave: Mapping[int, tuple[float, float]] | Failure
    scenario: str = SCENARIO


def measured(scenario: str, load: int, throughput: float, ttft: float) -> Measurement:
    """Four seconds long."""
    return dataclasses.replace(
        MEASURED, scenario=scenario, concurrency=load, throughput=throughput,
        ttft=Distribution(*(ttft,) * 5), started=100.0, ended=104.0,
    )  # fmt: skip


async def tuned(
    home: Home, journal: Journal, task_id: str, written: str, tried: Sequence[Tried],
    gpus: Sequence[str] = (),
) -> Task:  # fmt: skip
    """A task with its file and the experiments that came to an end, the first the baseline."""
    home.create()
    home.task(task_id).mkdir(parents=True, exist_ok=True)
    home.task_file(task_id).write_text(written, encoding="utf-8")
    task = parse(written, "task.yaml", home.root)
    simulated = registry.find(task.engine).simulated
    await journal.add_task(
        NewTask(
            task_id,
            task.name,
            task.engine,
            task.model,
            str(task.objective),
            "tok/s",
            simulated,
            len(tried),
            time.time(),
        )
    )
    await journal.event(MACHINE, task_id, gpus=list(gpus))
    for number, one in enumerate(tried):
        configuration = Configuration.of(task.engine, one.flags)
        await journal.add_experiment(
            task_id, number, configuration, baseline=number == 0, reason="tried",
            loads={one.scenario: 8} if number else {}, least=0.1 if number else 0.0,
        )  # fmt: skip
        await _ended(journal, task, task_id, number, one)
    return task


async def _ended(journal: Journal, task: Task, task_id: str, number: int, tried: Tried) -> None:
    """Fetched for long, then served or ended."""
    key = await journal.add_start(task_id, number, StartReason.SEARCH)
    await journal.phase(key, Phase.DOWNLOAD)
    await journal.phase(key, Phase.LOAD)
    if isinstance(tried.gave, Failure):
        await journal.end_start(key, "failed", tried.gave)
        await journal.set_experiment(
            task_id, number, ExperimentState.FAILED, failure=tried.gave, ended=time.time()
        )
        return
    await journal.set_start(key, ready=time.time() + 30)
    gpus, views = 1, []
    for load, (throughput, ttft) in tried.gave.items():
        data = measured(tried.scenario, load, throughput, ttft)
        judged = score.judge(data, task.slo, task.objective, gpus)
        await journal.add_measurement(key, data, feasible=judged.feasible, breaches=judged.breaches)
        views.append(MeasurementView(key.attempt, judged.feasible, judged.breaches, data))
    await journal.end_start(key, "stopped")
    view = ExperimentView(
        number, ExperimentState.BENCHMARKING, number == 0, dict(tried.flags),
        measurements=tuple(views), engine=task.engine,
    )  # fmt: skip
    found = judged_by(task, view)
    state = ExperimentState.SUCCEEDED if found.feasible else ExperimentState.INFEASIBLE
    await journal.set_experiment(
        task_id, number, state, score=found.score, feasible=found.feasible, chosen=found.chosen,
        ended=time.time(),
    )  # fmt: skip
