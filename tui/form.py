"""The fields of a task file that have a place in the form, and what each is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.engines.known import ENGINES
from core.task.model import METRICS, STATISTICS, Budget, Objective, Workload
from core.task.units import write_seconds

_LOAD = Workload()


class Kind(StrEnum):
    """How a field's text and its value in the file go together."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    SWITCH = "switch"
    WORDS = "words"
    LIST = "list"
    SCENARIOS = "scenarios"


@dataclass(frozen=True, slots=True)
class Entry:
    """One field. `path` is its place in the file, `default` what an empty one means, `about`
    what it is, in one sentence. `deploy`: only shown for this kind of deployment.
    """

    path: str
    label: str
    about: str
    default: str = ""
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()
    deploy: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A section of names and values, one row each. `example` stands in an empty row."""

    section: str
    label: str
    example: str
    about: str


@dataclass(frozen=True, slots=True)
class Group:
    """What stands together; an empty line sets it apart from what is above."""

    parts: tuple[Entry | Table, ...]


GROUPS = (
    Group((
        Entry("model", "model", "a Hub id like Qwen/Qwen3-8B, or a folder: /data/models/qwen; "
              "three letters search the Hub"),
        Entry("engine", "engine", "the inference engine that is tuned", kind=Kind.CHOICE,
              choices=ENGINES),
        Entry("deploy", "deploy", "process: the engine is installed on this machine; docker: in "
              "a container", "process", Kind.CHOICE, ("process", "docker")),
        Entry("image", "image", "the container image; empty: the one this program was tested with",
              "the engine's own", deploy="docker"),
        Entry("command", "command", "what stands before the engine's flags, such as "
              "/opt/vllm/bin/vllm serve", "the engine's own", Kind.WORDS, deploy="process"),
        Entry("gpus", "gpus", "how many GPUs the task may use; 0: none, on the CPU",
              "as the parallelism needs", Kind.NUMBER),
        Entry("name", "name", "what the task is called in lists and files", "after the model"),
    )),
    Group((
        Entry("presets", "presets", "named sets of flags, such as throughput or latency; what "
              "stands below goes before theirs", "none", Kind.LIST),
        Table("parameters", "parameters", "a flag", "64, 128, 256 · 32..512 log · "
              "0.80..0.95 step 0.05 · one value is fixed"),
    )),
    Group((
        Table("parallel", "parallel", "tp", "sizes to try, like tp 1, 2: GPUs "
              "that share each layer"),
        Table("quantization", "formats", "kvcache",
              "number formats to try: kvcache for the KV cache, gemm for the weights"),
    )),
    Group((
        Entry("workload.scenarios", "scenarios", "tokens in and out: D(1000,200) fixed, "
              "N(480,240)/(300,150) mean and spread, U(…) uniform", _LOAD.scenarios[0],
              Kind.SCENARIOS),
        Entry("workload.concurrency", "concurrency", "requests at once: auto finds the load the "
              "SLO allows; or a list like 1, 8, 32", str(_LOAD.concurrency), Kind.LIST),
        Entry("workload.requests", "requests", "requests of one measurement, at least four for "
              "each at once", str(_LOAD.requests), Kind.NUMBER),
        Entry("workload.max_duration", "max duration", "the longest one measurement may take, "
              "such as 90s or 2m", write_seconds(_LOAD.max_duration)),
        Entry("workload.early_stop", "early stop", "on: a list of concurrencies ends after two "
              "levels in a row that break a limit", "off", Kind.SWITCH, ("off", "on")),
    )),
    Group((
        Entry("objective", "objective", "what the best configuration has most of; latencies: "
              "least, at p95", Objective.THROUGHPUT_PER_GPU, Kind.CHOICE, tuple(Objective)),
        Table("slo", "SLO", "ttft_p95", "a limit with its unit: ttft_p95 500ms · error_rate 1% · "
              "attainment 99%"),
    )),
    Group((
        Entry("budget.experiments", "experiments", "how many configurations are tried, the "
              "baseline and failures among them", str(Budget().experiments), Kind.NUMBER),
        Entry("budget.duration", "stop after", "when the task ends at the latest, such as 4h",
              "no limit"),
        Entry("budget.gpu_hours", "GPU-hours", "GPUs times hours of every start, such as 8; what "
              "they are spent on ends with them", "no limit", Kind.NUMBER),
        Entry("budget.repeats", "repeats", "how often a configuration may be started again to "
              "confirm it; 0: never, nothing is then confirmed", str(Budget().repeats),
              Kind.NUMBER),
        Entry("strategy", "strategy", "auto learns most from each; grid tries all, evenly spread; "
              "ofat varies one flag at a time", "auto", Kind.CHOICE,
              ("auto", "grid", "ofat", "random", "tpe")),
    )),
)  # fmt: skip

ENTRIES = {part.path: part for group in GROUPS for part in group.parts if isinstance(part, Entry)}
TABLES = {part.section: part for group in GROUPS for part in group.parts if isinstance(part, Table)}

AXES = {
    "tp": "tensor parallel: GPUs that share each layer",
    "pp": "pipeline parallel: groups of layers on different GPUs",
    "dp": "data parallel: whole copies of the model",
    "ep": "expert parallel: each GPU has some of the experts",
    "dcp": "decode context parallel",
}
FORMATS = {
    "kvcache": "the KV cache: auto, fp8",
    "gemm": "the weights: fp8, awq, …",
    "attention": "the attention kernels: flashinfer, triton",
}
_NAMES = {"ttft": "time to the first token", "tpot": "time per token after it", "e2e": "whole time"}
LIMITS = {
    **{f"{m}_{s}": f"{_NAMES[m]}, {s}: 500ms, 2s"
       for s in ("p95", "p99", "p90", "p50", "mean") for m in METRICS if s in STATISTICS},
    "error_rate": "failed requests: 1% unless given",
    "throughput_min": "tokens/s of the whole server",
    "attainment": "share of requests that meet every limit: 99%",
}  # fmt: skip
