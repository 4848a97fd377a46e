"""A journal to show: three kinds of task, every kind of row; and a source that serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from core.metrics import Distribution, Measurement
from core.store.views import (
    CommandView,
    ExperimentView,
    LiveView,
    MeasurementView,
    Overview,
    PhaseView,
    Point,
    ResultPage,
    ResultQuery,
    ResultRow,
    RunnerView,
    StartView,
    TaskDetail,
    TaskView,
    VerdictView,
)
from core.values import (
    AutotunerError,
    ExperimentState,
    Failure,
    FailureKind,
    Phase,
    Purpose,
    Scalar,
    StartReason,
    TaskState,
)
from tui.asking import Checked, Environment, Found, Variable

NOW = 1_800_000_000.0


def distribution(p95: float) -> Distribution:
    return Distribution(p95 * 0.7, p95 * 0.65, p95 * 0.9, p95, p95 * 1.2)


def measured(load: int, throughput: float, ttft: float, breaches: tuple[str, ...] = ()):
    data = Measurement(
        scenario="D(1000,200)",
        concurrency=load,
        purpose=Purpose.SEARCH,
        requests=4 * load,
        errors=0,
        error_rate=0.0,
        input_tokens=4000 * load,
        output_tokens=800 * load,
        duration=31.0,
        throughput=throughput,
        total_throughput=throughput * 6,
        ttft=distribution(ttft),
        tpot=distribution(0.0271 + load / 50_000),
        e2e=distribution(4.2 + load / 100),
    )
    return MeasurementView(1, not breaches, breaches, data)


def start(*phases: PhaseView, state: str = "stopped") -> StartView:
    return StartView(
        1, StartReason.SEARCH, state, NOW - 300, NOW - 200, NOW - 250, 4182, None, phases
    )


def done(number: int, seqs: int, batched: int, score: float, ttft: float, *breaches: str):
    state = ExperimentState.INFEASIBLE if breaches else ExperimentState.SUCCEEDED
    return ExperimentView(
        number,
        state,
        baseline=False,
        parameters={
            "max-num-seqs": seqs,
            "max-num-batched-tokens": batched,
            "kv-cache-dtype": "fp8",
        },
        score=score,
        feasible=not breaches,
        reason="grid",
        started=NOW - 300,
        ended=NOW - 200,
        starts=(start(),),
        measurements=(measured(32, score * 0.8, ttft * 0.7), measured(64, score, ttft, breaches)),
        chosen=1,
        engine="vllm",
    )


OOM = Failure(
    FailureKind.OOM_KV,
    "the engine needed 9.3 GB for one 8192-token sequence, 6.1 GB were free",
    "lower max-model-len to 5300, or kv-cache-dtype fp8, or raise gpu-memory-utilization",
    "engine.log",
    212,
    "ValueError: To serve at least one request with the model's max seq len [/tmp/x] [red]",
)


def failed(number: int) -> ExperimentView:
    flags: dict[str, Scalar] = {
        "max-num-seqs": 1024,
        "max-num-batched-tokens": 8192,
        "kv-cache-dtype": "auto",
    }
    run = StartView(1, StartReason.SEARCH, "failed", NOW - 200, NOW - 190, failure=OOM)
    return ExperimentView(
        number, ExperimentState.FAILED, False, flags, failure=OOM, starts=(run,),
        started=NOW - 200, ruled_out=6, engine="vllm",
    )  # fmt: skip


def running(number: int) -> ExperimentView:
    phases = (
        PhaseView(Phase.LOAD, NOW - 53.2, NOW - 12),
        PhaseView(Phase.COMPILE, NOW - 12, None, 0.68),
    )
    flags: dict[str, Scalar] = {
        "max-num-seqs": 384,
        "max-num-batched-tokens": 4096,
        "kv-cache-dtype": "fp8",
    }
    run = StartView(
        1, StartReason.SEARCH, "running", NOW - 54, phases=phases,
        expected={Phase.LOAD: 40.0, Phase.COMPILE: 95.0},
    )  # fmt: skip
    return ExperimentView(
        number, ExperimentState.STARTING, False, flags, starts=(run,), engine="vllm"
    )


def baseline() -> ExperimentView:
    return replace(done(0, 0, 0, 857.6, 0.471), parameters={}, baseline=True)


EXPERIMENTS = (
    baseline(),
    done(1, 64, 2048, 912.4, 0.402),
    done(2, 64, 4096, 934.9, 0.398),
    done(3, 128, 4096, 1051.7, 0.388),
    failed(4),
    done(5, 256, 4096, 1184.2, 0.412),
    done(6, 512, 8192, 1201.4, 0.691, "ttft_p95 0.691 s > 0.5 s"),
    replace(
        done(7, 128, 2048, 1002.3, 0.391), measurements=(measured(64, 1002.3, 0.391),), chosen=0
    ),
    running(8),
)

CHAT = TaskView(
    "a1b2c3d4", "qwen3-8b-chat", TaskState.RUNNING, "vllm", "Qwen/Qwen3-8B",
    "throughput_per_gpu", "tok/s/GPU", False, NOW - 9000, NOW - 8900, None, 8, 30, 5, 1184.2, 857.6,
    VerdictView("unconfirmed", 0.381), None, NOW + 7200, "max-num-seqs above 256 not tried yet",
    NOW + 6600,
)  # fmt: skip
RAG = TaskView(
    "b2c3d4e5", "qwen3-8b-rag", TaskState.QUEUED, "vllm", "Qwen/Qwen3-8B",
    "throughput_per_gpu", "tok/s/GPU", False, NOW - 100, planned=20,
)  # fmt: skip
DEMO = TaskView(
    "c3d4e5f6", "demo", TaskState.COMPLETED, "simulated", "demo-8b",
    "throughput_per_gpu", "tok/s/GPU", True, NOW - 90000, NOW - 89000, NOW - 88000, 12, 12, 7,
    312.7, 257.6, VerdictView("winner", 0.214, (0.19, 0.231), 3),
)  # fmt: skip
BROKEN = TaskView(
    "d4e5f6a7", "[red]captain[/tmp/x]", TaskState.FAILED, "vllm", "models/[/tmp/x]",
    "throughput_per_gpu", "tok/s/GPU", False, NOW - 95000, NOW - 94000, NOW - 93000, 1, 10,
    failure=replace(OOM, kind=FailureKind.OOM_WEIGHTS, message="13.2 GB [/red] did not fit"),
)  # fmt: skip

DETAIL = TaskDetail(CHAT, EXPERIMENTS)
TASKS = (RAG, CHAT, DEMO, BROKEN)


_BUSY = {ExperimentState.PREPARING, ExperimentState.STARTING, ExperimentState.READY,
         ExperimentState.BENCHMARKING}  # fmt: skip


def _started(view: ExperimentView) -> bool:
    """Started again to confirm it, which leaves its state as it was."""
    last = view.starts[-1] if view.starts else None
    return bool(last and last.reason is StartReason.CONFIRM and last.state == "running")


def overview_of(detail: TaskDetail, revision: int = 1) -> Overview:
    views = detail.experiments
    flags = dict.fromkeys(name for view in views if not view.baseline for name in view.parameters)
    steps: list[tuple[float, float]] = []
    for view in views:
        if not (view.feasible and view.score and view.ended):
            continue
        if not steps or view.score > steps[-1][1]:
            steps.append((view.ended + 60 * view.number, view.score))
    return Overview(
        detail.task,
        busy=next((view for view in views if view.state in _BUSY or _started(view)), None),
        best=next((view for view in views if view.number == detail.task.best), None),
        flags=tuple(
            name for name in flags
            if len({repr(v.parameters.get(name)) for v in views if not v.baseline}) > 1
        ),
        steps=tuple(steps),
        experiments=len(views),
        revision=revision,
    )  # fmt: skip


def chosen(view: ExperimentView) -> MeasurementView | None:
    return None if view.chosen is None else view.measurements[view.chosen]


def row(view: ExperimentView) -> ResultRow:
    plain = ("number", "engine", "state", "baseline", "parameters", "score", "feasible",
             "failure", "reason", "started", "ended")  # fmt: skip
    return ResultRow(**{name: getattr(view, name) for name in plain}, measured=chosen(view))


_COMPARES: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def value_of(one: ResultRow, name: str) -> Any:
    """What a query means by a column's name or a flag's."""
    if hasattr(one, name):
        return getattr(one, name)
    if name in one.parameters or one.measured is None:
        return one.parameters.get(name)
    metric, _, statistic = name.partition("_")
    data = one.measured.data
    spread = getattr(data, metric, None)
    return getattr(data, name, None) if spread is None else getattr(spread, statistic, None)


def matching(detail: TaskDetail, query: ResultQuery) -> list[ResultRow]:
    """Enough of a query for the tests of screens: words, conditions, sorting by anything."""
    rows = [row(view) for view in detail.experiments]
    for word in query.words:
        rows = [one for one in rows if word.lower() in repr(one).lower()]
    for condition in query.conditions:
        meets, wanted = _COMPARES[condition.operator], condition.value
        found = [(one, value_of(one, condition.field)) for one in rows]
        rows = [one for one, value in found if value is not None and meets(value, wanted)]
    known = [one for one in rows if value_of(one, query.sort) is not None]
    known.sort(key=lambda one: value_of(one, query.sort), reverse=query.descending)
    return [*known, *(one for one in rows if value_of(one, query.sort) is None)]


def point(view: ExperimentView) -> Point:
    found = chosen(view)
    plain = ("number", "engine", "state", "baseline", "parameters", "score", "feasible", "ended")
    fields = {name: getattr(view, name) for name in plain}
    if found is None:
        return Point(**fields)
    data = found.data
    return Point(
        **fields, throughput=data.throughput, per_gpu=data.throughput, ttft_p95=data.ttft.p95,
        tpot_p95=data.tpot.p95, e2e_p95=data.e2e.p95, concurrency=data.concurrency,
    )  # fmt: skip


ENGINE_HAS = Environment(
    "engine", "container autotuner-a1b2c3d4-8-1-9f2c", True,
    (
        Variable("HTTPS_PROXY", "missing", None, "http://•••@proxy.example.com:3128"),
        Variable("HF_HOME", "different", "/root/.cache [/tmp/x] [red]", "/autotuner/hub"),
        Variable("HF_TOKEN", "different", "•••", "•••"),
        Variable("NO_PROXY", "same", ".example.com,localhost,127.0.0.1,::1",
                 ".example.com,localhost,127.0.0.1,::1"),
        Variable("PATH", "extra", "/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/bin:/bin", None),
    ),
)  # fmt: skip
BENCHMARK_HAS = Environment(
    "benchmark", "the manifest of start 1", False,
    (Variable("ENABLE_UI", "same", "false", "false"),), "it runs no more",
)  # fmt: skip

COMMAND = "vllm serve Qwen/Qwen3-8B --port 8000 --max-model-len 8192 --seed 7"
WARNED = Checked(
    24, 25, (("max_num_batched_tokens >= max_num_seqs", 6),), 22_500.0, COMMAND,
    (
        Found("ok", "home", "/home/me/.local/state/autotuner is writable, 412 GB free"),
        Found("ok", "flags", "12 flags, as vllm 0.32.0 prints them itself"),
        Found("warning", "settings", "HF_HUB_OFFLINE is set: nothing is downloaded",
              "unset HF_HUB_OFFLINE to download"),
        Found("unknown", "hub-in-container", "the image is not here yet: nothing to ask with"),
        Found("ok", "memory", "weights 15.3 GB and 9 KV blocks of 16 tokens fit GPU 0"),
    ),
)  # fmt: skip
REFUSED = replace(
    WARNED,
    checks=(
        *WARNED.checks[:-1],
        Found("failure", "flag:max-num-seq", "--max-num-seq: vllm 0.32.0 has no such flag [red]",
              "write max-num-seqs"),
        Found("failure", "memory", "weights of 13.2 GB leave 9.1 GB of GPU 0: 3.4 GB too little "
              "for one sequence of 8192 tokens", "lower max-model-len to 5300"),
    ),
)  # fmt: skip


class FakeSource:
    """Serves what a test puts in, and notes what it is asked."""

    def __init__(self, *details: TaskDetail, tasks: tuple[TaskView, ...] = TASKS) -> None:
        self.views = tasks
        self.details = {detail.task.id: detail for detail in details}
        self.alive = RunnerView(True, 77, NOW - 11_520, "0.1.0")
        self.seen = LiveView()
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.submitted: list[str] = []
        self.exported: list[tuple[str, str]] = []
        self.files: dict[str, str] = {}
        self.read: list[tuple[ResultQuery, int, int]] = []
        self.open: tuple[CommandView, ...] = ()
        self.revision = 1
        self.refusal: str | None = None
        self.broken: Exception | None = None
        self.has = ENGINE_HAS
        self.looked: list[tuple[str, int, bool]] = []
        self.checks: Checked | AutotunerError = WARNED
        self.checked: list[tuple[str, str | None]] = []
        self.woken = 0
        self.beats = 0

    async def changed(self) -> bool:
        if self.broken:
            raise self.broken
        return True

    async def mark(self) -> object:
        return object()  # a test may have changed anything

    async def tasks(self) -> tuple[TaskView, ...]:
        return self.views

    def _detail(self, task: str) -> TaskDetail | None:
        view = next((view for view in self.views if view.id == task), None)
        return self.details.get(task, TaskDetail(view) if view else None)

    async def overview(self, task: str) -> Overview | None:
        detail = self._detail(task)
        return overview_of(detail, self.revision) if detail else None

    async def results(self, task: str, query: ResultQuery, offset: int, limit: int) -> ResultPage:
        self.read.append((query, offset, limit))
        detail = self._detail(task)
        rows = matching(detail, query) if detail else []
        total = len(detail.experiments) if detail else 0
        return ResultPage(tuple(rows[offset : offset + limit]), offset, len(rows), total)

    async def place(self, task: str, query: ResultQuery, number: int) -> int | None:
        detail = self._detail(task)
        numbers = [row.number for row in matching(detail, query)] if detail else []
        return numbers.index(number) if number in numbers else None

    async def experiment(self, task: str, number: int) -> ExperimentView | None:
        detail = self._detail(task)
        found = detail.experiments if detail else ()
        return next((view for view in found if view.number == number), None)

    async def points(self, task: str) -> tuple[Point, ...]:
        detail = self._detail(task)
        return tuple(point(view) for view in detail.experiments) if detail else ()

    async def file(self, task: str) -> str:
        return self.files.get(task, "model: Qwen/Qwen3-8B\nengine: vllm\n")

    async def command(self, task: str, number: int) -> str:
        return f"vllm serve Qwen/Qwen3-8B --number {number}"

    async def environment(self, task: str, number: int, *, benchmark: bool) -> Environment:
        self.looked.append((task, number, benchmark))
        return BENCHMARK_HAS if benchmark else self.has

    async def check(self, text: str, task: str | None = None) -> Checked:
        self.checked.append((text, task))
        if isinstance(self.checks, AutotunerError):
            raise self.checks
        return self.checks

    async def export(self, task: str, kind: str) -> str:
        if self.refusal:
            raise AutotunerError(self.refusal)
        self.exported.append((task, kind))
        return f"/exports/{task}.{kind}"

    async def commands(self) -> tuple[CommandView, ...]:
        return self.open

    async def runner(self) -> RunnerView:
        return self.alive

    async def live(self) -> LiveView:
        return self.seen

    async def ensure_runner(self) -> None:
        self.woken += 1

    async def ask(self, verb: str, arguments: Mapping[str, object]) -> str:
        if self.refusal:
            raise AutotunerError(self.refusal)
        self.asked.append((verb, dict(arguments)))
        return f"{verb} done"

    async def submit(self, text: str) -> str:
        if self.refusal:
            raise AutotunerError(self.refusal)
        self.submitted.append(text)
        return self.views[0].id

    async def heartbeat(self) -> None:
        self.beats += 1

    async def close(self) -> None:
        pass
