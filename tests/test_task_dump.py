"""A task written as YAML reads back to the same task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.task import (
    Budget,
    Choice,
    DockerOptions,
    Fixed,
    Objective,
    Range,
    Slo,
    Task,
    Timeouts,
    Workload,
    dump,
    parse,
)

ODD = ["on", "null", "1e3", "1:30", "0x1F", "~", "- a", "a: b", "#", "${A}", "é✓", "a\nb\n", "'"]
TEXTS = st.sampled_from(ODD) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12
).filter(lambda text: bool(text.strip()))
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True).filter(
    lambda word: not word.startswith("no-") and not word.endswith(("token", "key", "pass", "auth"))
)
SCALARS = (
    st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
DURATIONS = st.floats(1e-6, 1e7) | st.sampled_from([0.5, 1.5, 60.0, 90.0, 3600.0, 14400.0])


def distinct(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Values that differ on a command line."""

    def spelling(value: Any) -> tuple[bool, str]:
        return isinstance(value, bool) or value is None, str(value)

    return st.lists(values, min_size=1, max_size=4, unique_by=spelling).map(tuple)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    number = st.integers(1, 10**6) if draw(st.booleans()) else st.floats(1e-3, 1e6)
    low, high = sorted((draw(number), draw(number)))
    integer = isinstance(low, int)
    match draw(st.sampled_from(["plain", "log", "points", "step"])):
        case "log":
            return Range(low, high, log=True, integer=integer)
        case "points":
            return Range(low, high, points=draw(st.integers(2, 50)), integer=integer)
        case "step":
            return Range(low, high, step=max(1, high - low), integer=integer)
    return Range(low, high, integer=integer)


def mappings(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(WORDS, values, max_size=3)


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "ttft_p95": DURATIONS,
        "e2e_mean": DURATIONS,
        "error_rate": st.floats(0, 1),
        "attainment": st.floats(0, 1),
        "throughput_min": st.floats(1e-3, 1e9),
    },
)
TASKS = st.builds(
    Task,
    model=st.sampled_from(["Qwen/Qwen3-8B", "sim-8b", "/"]),
    engine=st.sampled_from(["vllm", "sglang", "simulated"]),
    name=TEXTS.map(str.strip).filter(lambda name: name.isprintable() and "/" not in name),
    tokenizer=st.sampled_from(["", "other/tokenizer"]),
    image=st.none() | TEXTS,
    command=st.lists(WORDS, max_size=3).map(tuple),
    mounts=st.sampled_from([(), ("/a:/b:ro",)]),
    docker=st.builds(DockerOptions, st.sampled_from([None, "16g", "64"]), st.none() | WORDS),
    gpus=st.none() | st.integers(0, 8),
    baseline=mappings(SCALARS | st.none()),
    parameters=mappings(
        st.builds(Fixed, SCALARS | st.none())
        | st.builds(Choice, distinct(SCALARS | st.none()))
        | ranges()
    ),
    quantization=mappings(distinct(SCALARS)),
    parallel=mappings(distinct(st.integers(1, 64)).map(lambda sizes: tuple(sorted(sizes)))),
    rules=st.lists(TEXTS, max_size=2).map(tuple),
    workload=st.builds(
        Workload,
        st.sampled_from([("D(1,2)",), ("E(5)",), ("U(1,2)/(3,4)", "dataset")]),
        st.just("auto") | st.sets(st.integers(1, 500), min_size=1).map(lambda s: tuple(sorted(s))),
        st.integers(1, 1000),
        DURATIONS,
        early_stop=st.booleans(),
    )
    | st.builds(
        Workload,
        st.just(("D(1,2)", "D(3,4)")),
        weights=st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)),
    ),
    objective=st.sampled_from(Objective),
    slo=st.builds(Slo, LIMITS),
    strategy=st.sampled_from(["auto", "grid", "ofat", "random", "tpe"]),
    budget=st.builds(
        Budget,
        st.integers(1, 1000),
        st.none() | DURATIONS,
        st.none() | st.floats(0.01, 1e6),
        st.integers(0, 100),
    ),
    timeouts=st.builds(Timeouts, DURATIONS, DURATIONS, DURATIONS, DURATIONS, DURATIONS),
    environment=st.dictionaries(
        st.from_regex(r"[A-Z_]{1,8}[0-9]", fullmatch=True), TEXTS, max_size=3
    ),
    seed=st.integers(0, 2**31 - 1),
    prior=st.booleans(),
)


@given(TASKS)
def test_round_trip(task: Task) -> None:
    again = parse(dump(task), "task.yaml", Path("/"))
    assert again == task
    # Equality cannot tell True from 1: the types must survive too.
    for name in ("baseline", "parameters", "quantization"):
        assert repr(getattr(again, name)) == repr(getattr(task, name))


def test_only_what_differs_from_the_default_is_written() -> None:
    assert dump(Task(model="a/b", engine="vllm")) == "name: b\nmodel: a/b\nengine: vllm\n"
