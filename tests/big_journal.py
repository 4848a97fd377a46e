"""A journal of a plausible task with thousands of experiments, written in bulk."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from core.metrics import Distribution, Measurement
from core.paths import Home
from core.store.connection import connect
from core.store.rows import failure_text, measurement_columns
from core.values import (
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    Phase,
    Purpose,
    Scalar,
    StartReason,
    TaskState,
)

_SEQS = tuple(range(16, 528, 16))
_BATCHED = tuple(range(1024, 17408, 1024))
_MEMORY = tuple(round(0.80 + step / 100, 2) for step in range(16))
_KV = ("auto", "fp8")
_TP = (1, 2, 4)
_LARGEST = len(_SEQS) * len(_BATCHED) * len(_MEMORY) * len(_KV) * len(_TP) * 2
_STRIDE = 7919  # a prime: neighbours differ in everything, and none comes twice
_LOADS = (16, 32, 64, 128, 256, 512)
_SECONDS = 300.0  # an experiment takes five minutes

OOM = Failure(
    FailureKind.OOM_KV, "9.3 GB for one sequence, 6.1 free", "lower max-model-len",
    "engine.log", 212, "ValueError: To serve at least one request …",
)  # fmt: skip
CRASH = Failure(
    FailureKind.CRASH, "the engine ended with status 139", "", "engine.log", 88, "Segfault"
)

_FILE = """\
name: {name}
model: Qwen/Qwen3-8B
engine: {engine}
gpus: 4
parameters:
  max-num-seqs: {{low: 16, high: 512, step: 16}}
  max-num-batched-tokens: {{low: 1024, high: 16384, step: 1024}}
  gpu-memory-utilization: {{low: 0.80, high: 0.95, step: 0.01}}
  enable-prefix-caching: [true, false]
  max-model-len: 8192
quantization: {{kvcache: [auto, fp8]}}
parallel: {{tp: [1, 2, 4]}}
objective: throughput_per_gpu
slo: {{ttft_p95: 500ms, tpot_p95: 30ms}}
budget: {{experiments: {experiments}, duration: 4h}}
"""


@dataclass(frozen=True, slots=True)
class _Plan:
    """One task's rows: where they go and from when on."""

    task: str
    engine: str
    measurements: int
    begun: float
    seed: int


def fill(
    home: Home, experiments: int, measurements: int = 3, *, running: bool = False,
    name: str = "big", task: str = "b1600000", engine: str = "vllm", seed: int = 7,
    now: float | None = None,
) -> str:  # fmt: skip
    """Write a task with so many experiments (the baseline included); returns its id.

    About one in twelve failed and one in six missed its SLO. `running`: the task is at work
    and the last experiment benchmarks; otherwise everything has ended. `now` is the time up to
    which it worked, epoch seconds. Works inside and outside an event loop. ValueError for more
    experiments than there are configurations (98,304) or measurements than loads (6).
    """
    if not 0 <= experiments <= _LARGEST or not 0 <= measurements <= len(_LOADS):
        raise ValueError(f"at most {_LARGEST} experiments of {len(_LOADS)} measurements")
    now = time.time() if now is None else now
    plan = _Plan(task, engine, measurements, now - experiments * _SECONDS, seed)
    home.create()
    _migrate(home)
    with closing(sqlite3.connect(home.database, isolation_level=None)) as db:
        # A test's journal need not outlive a power cut.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        _add_task(db, plan, name, experiments)
        last = experiments - 1 if running else experiments
        tables = _Tables()
        for number in range(experiments):
            tables.add(plan, number, finished=number < last)
        tables.write(db)
        _settle(db, plan, running=running, now=now)
        db.execute("COMMIT")
    folder = home.task(task)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = _FILE.format(name=name, engine=engine, experiments=max(1, experiments))
    home.task_file(task).write_text(text, encoding="utf-8")
    home.settings(task).touch(mode=0o600)
    return task


def add_finished(home: Home, task: str, measurements: int = 3, seed: int = 7) -> int:
    """Append one finished experiment as a runner would, in one transaction; its number."""
    with closing(sqlite3.connect(home.database, isolation_level=None, timeout=30)) as db:
        db.execute("BEGIN IMMEDIATE")
        query = "SELECT COALESCE(MAX(number) + 1, 0) FROM experiments WHERE task = ?"
        number = int(db.execute(query, (task,)).fetchone()[0])
        engine = str(db.execute("SELECT engine FROM tasks WHERE id = ?", (task,)).fetchone()[0])
        tables = _Tables()
        plan = _Plan(task, engine, measurements, time.time() - (number + 1) * _SECONDS, seed)
        tables.add(plan, number, finished=True)
        tables.write(db)
        _settle(db, plan, running=True, now=time.time())
        db.execute("COMMIT")
    return number


def flags_of(number: int) -> dict[str, Scalar]:
    """The flags of experiment `number`; those of the baseline are none but its length."""
    if number == 0:
        return {"max-model-len": 8192}
    rest = number * _STRIDE % _LARGEST
    found: dict[str, Scalar] = {"max-model-len": 8192}
    axes: tuple[tuple[str, tuple[Scalar, ...]], ...] = (
        ("max-num-seqs", _SEQS),
        ("max-num-batched-tokens", _BATCHED),
        ("gpu-memory-utilization", _MEMORY),
        ("kv-cache-dtype", _KV),
        ("tensor-parallel-size", _TP),
        ("enable-prefix-caching", (True, False)),
    )
    for flag, values in axes:
        rest, place = divmod(rest, len(values))
        found[flag] = values[place]
    return found


class _Tables:
    """Rows by table, to be inserted at once."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Mapping[str, object]]] = {
            name: [] for name in ("experiments", "starts", "phases", "measurements", "events")
        }

    def add(self, plan: _Plan, number: int, *, finished: bool) -> None:
        """Everything of one experiment, which takes its five minutes."""
        draw = random.Random(f"{plan.seed}/{number}")
        begun = plan.begun + number * _SECONDS
        flags = flags_of(number)
        failure = _failure(draw) if number and finished else None
        found = [] if failure else _measured(draw, flags, plan.measurements, begun)
        if not finished:
            found = found[:-1]
        self._experiment(plan, number, flags, failure, found, begun, finished=finished)
        self._start(plan, number, failure, begun, finished=finished)
        for data, breaches in found:
            row = dict(measurement_columns(data)) | {"task": plan.task, "number": number}
            row |= {"attempt": 1, "feasible": not breaches, "breaches": json.dumps(breaches)}
            self._rows["measurements"].append(row)
            self._event(plan, number, "measurement", data.ended, concurrency=data.concurrency)
        if finished:
            state = self._rows["experiments"][-1]["state"]
            self._event(plan, number, f"experiment.{state}", begun + _SECONDS - 2)

    def _experiment(
        self, plan: _Plan, number: int, flags: dict[str, Scalar], failure: Failure | None,
        found: list[tuple[Measurement, tuple[str, ...]]], begun: float, *, finished: bool,
    ) -> None:  # fmt: skip
        configuration = Configuration.of(plan.engine, flags)
        gpus = flags.get("tensor-parallel-size", 1)
        assert isinstance(gpus, int)
        scores = [(not missed, (data.throughput or 0.0) / gpus) for data, missed in found]
        chosen = scores.index(max(scores)) if scores and finished else None
        state = ExperimentState.FAILED if failure else ExperimentState.BENCHMARKING
        if chosen is not None:
            met = scores[chosen][0]
            state = ExperimentState.SUCCEEDED if met else ExperimentState.INFEASIBLE
        self._rows["experiments"].append({
            "task": plan.task, "number": number, "key": configuration.key,
            "engine": plan.engine, "parameters": json.dumps(configuration.parameters),
            "baseline": number == 0, "state": state,
            "reason": "the baseline" if number == 0 else f"tried because of #{number - 1}",
            "score": None if chosen is None else scores[chosen][1],
            "feasible": None if chosen is None else scores[chosen][0],
            "chosen": chosen, "failure": failure_text(failure), "started": begun + 1,
            "ended": begun + _SECONDS - 2 if finished else None,
        })  # fmt: skip
        self._event(plan, number, "experiment.pending", begun)

    def _start(
        self, plan: _Plan, number: int, failure: Failure | None, begun: float, *, finished: bool
    ) -> None:
        state = "failed" if failure else "stopped" if finished else "running"
        key = {"task": plan.task, "number": number, "attempt": 1}
        times = {"started": begun + 1, "ready": None if failure else begun + 60}
        self._rows["starts"].append(
            key | times | {"reason": StartReason.SEARCH, "state": state, "pid": 4182,
                           "ended": begun + _SECONDS - 3 if finished else None,
                           "failure": failure_text(failure)}
        )  # fmt: skip
        self._event(plan, number, "start.running", begun + 1)
        last = Phase.COMPILE if failure else Phase.BENCHMARK
        for step, phase in enumerate((Phase.LOAD, Phase.COMPILE, Phase.BENCHMARK)):
            ended = None if phase is last and not finished else begun + 30 * (step + 1)
            row = {"phase": phase, "started": begun + 30 * step + 1, "ended": ended}
            self._rows["phases"].append(key | row | {"progress": None if ended else 0.68})
            self._event(plan, number, "start.phase", begun + 30 * step + 1, phase=phase)
            if phase is last:
                break

    def _event(
        self, plan: _Plan, number: int | None, kind: str, at: float, **detail: object
    ) -> None:
        self._rows["events"].append(
            {"at": at, "kind": kind, "task": plan.task, "number": number,
             "detail": json.dumps(detail)}
        )  # fmt: skip

    def write(self, db: sqlite3.Connection) -> None:
        for table, rows in self._rows.items():
            if rows:
                _insert(db, table, rows)


def _insert(db: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, object]]) -> None:
    rows = list(rows)
    names = list(rows[0])
    marks = ", ".join("?" * len(names))
    db.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",
        ([row[name] for name in names] for row in rows),
    )


def _failure(draw: random.Random) -> Failure | None:
    chance = draw.random()
    return OOM if chance < 0.06 else CRASH if chance < 0.08 else None


def _measured(
    draw: random.Random, flags: Mapping[str, Scalar], count: int, begun: float
) -> list[tuple[Measurement, tuple[str, ...]]]:
    """Rising loads: throughput saturates, latencies grow; some miss the limits."""
    seqs = flags.get("max-num-seqs", 64)
    assert isinstance(seqs, int)
    peak = draw.gauss(1.0, 0.08) * 2600.0 * seqs / (seqs + 120)
    slow = draw.choice((0.6, 0.8, 1.0, 1.0, 1.2, 3.5))
    found = []
    for place, load in enumerate(_LOADS[:count]):
        ttft, tpot = slow * (0.12 + load / 900), slow * (0.014 + load / 30_000)
        throughput = peak * load / (load + 60)
        limits = (("ttft_p95", ttft, 0.5), ("tpot_p95", tpot, 0.03))
        missed = tuple(f"{name} {v:.3g} s > {most:g} s" for name, v, most in limits if v > most)
        errors = draw.choice((0, 0, 0, 1))
        found.append((
            Measurement(
                scenario="D(1000,200)", concurrency=load, purpose=Purpose.SEARCH,
                requests=4 * load, errors=errors, error_rate=errors / (4 * load),
                input_tokens=4000 * load, output_tokens=800 * load, duration=31.0 + place,
                throughput=throughput, total_throughput=throughput * 6,
                ttft=_spread(ttft), tpot=_spread(tpot), e2e=_spread(ttft + 200 * tpot),
                attainment=0.99 if not missed else 0.8, client_lag=0.001,
                started=begun + 60 + 40 * place, ended=begun + 95 + 40 * place,
            ),
            missed,
        ))  # fmt: skip
    return found


def _spread(p95: float) -> Distribution:
    return Distribution(p95 * 0.7, p95 * 0.65, p95 * 0.9, p95, p95 * 1.2)


def _add_task(db: sqlite3.Connection, plan: _Plan, name: str, experiments: int) -> None:
    row = {
        "id": plan.task, "name": name, "state": TaskState.RUNNING, "engine": plan.engine,
        "model": "Qwen/Qwen3-8B", "objective": "throughput_per_gpu", "unit": "tok/s/GPU",
        "simulated": plan.engine == "simulated", "planned": experiments,
        "submitted": plan.begun - 5, "started": plan.begun,
    }  # fmt: skip
    _insert(db, "tasks", [row])
    for kind in ("task.queued", "task.running"):
        event = {"at": plan.begun, "kind": kind, "task": plan.task, "detail": "{}"}
        _insert(db, "events", [event])


def _settle(db: sqlite3.Connection, plan: _Plan, *, running: bool, now: float) -> None:
    """The task's best, and its end."""
    db.execute(
        "UPDATE tasks SET best = (SELECT number FROM experiments WHERE task = tasks.id"
        " AND feasible ORDER BY score DESC, number LIMIT 1) WHERE id = ?",
        (plan.task,),
    )
    if not running:
        db.execute("UPDATE tasks SET state = 'completed', ended = ? WHERE id = ?", (now, plan.task))
        event = {"at": now, "kind": "task.completed", "task": plan.task, "detail": "{}"}
        _insert(db, "events", [event])


def _migrate(home: Home) -> None:
    """Make the tables; in a thread of its own, for a test may have an event loop already."""

    async def opened() -> None:
        async with connect(home.database, owner=True):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(opened())).result()
