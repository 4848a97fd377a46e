"""What is said of a task's flags before anything starts."""

from __future__ import annotations

import dataclasses

import pytest

from core.doctor.flags import flag_checks
from core.doctor.report import Check, Verdict
from core.engines import registry
from core.engines.flags import Catalogue
from core.engines.flags.files import shipped
from core.engines.known import known
from core.space import build
from core.task import Choice, Fixed, Parameter, Range, Task
from core.values import Scalar


def held(engine: str, *, exact: bool = True) -> Catalogue:
    listed = shipped(engine)
    assert listed is not None
    return dataclasses.replace(listed, source="help" if exact else "shipped", exact=exact)


def checked(
    engine: str, parameters: dict[str, Parameter | Scalar | None], *, exact: bool = True, **more
) -> list[Check]:
    """What is wrong."""
    given = {
        name: value if isinstance(value, Parameter) else Fixed(value)
        for name, value in parameters.items()
    }
    task = Task("m", engine, parameters=given, **more)
    first, *rest = flag_checks(task, build(task, registry.find(engine)), held(engine, exact=exact))
    assert first.id == "flags"
    assert first.verdict is (Verdict.OK if exact else Verdict.WARNING)
    return rest


def one(checks: list[Check]) -> Check:
    assert len(checks) == 1, checks
    return checks[0]


@pytest.mark.parametrize(
    ("engine", "name", "meant"),
    [
        ("vllm", "max-num-seq", "max-num-seqs"),
        ("vllm", "max_num_sequences", "max-num-seqs"),
        ("vllm", "gpu-mem-utilization", "gpu-memory-utilization"),
        ("vllm", "enable-prefix-cache", "enable-prefix-caching"),
        ("vllm", "kv-cache-type", "kv-cache-dtype"),
        ("vllm", "mem-fraction-static", "gpu-memory-utilization"),
        ("vllm", "max-running-requests", "max-num-seqs"),
        ("vllm", "context-length", "max-model-len"),
        ("vllm", "tp", "tensor-parallel-size"),
        ("vllm", "--max-num-seqs", "max-num-seqs"),
        ("sglang", "gpu-memory-utilization", "mem-fraction-static"),
        ("sglang", "max-num-seqs", "max-running-requests"),
        ("sglang", "enforce-eager", "disable-cuda-graph"),
        ("sglang", "chunked-prefil-size", "chunked-prefill-size"),
        ("sglang", "cuda-graph-max-bs", "cuda-graph-max-bs-decode"),
    ],
)
def test_an_unknown_flag_is_refused_with_the_one_that_was_meant(engine: str, name: str, meant: str):
    found = one(checked(engine, {name: 8}))
    assert found.verdict is Verdict.FAILURE
    assert found.id == f"flag:{name.replace('_', '-')}"
    assert meant in found.advice.split("?")[0].replace(",", " ").split()


def test_a_flag_of_another_engine_is_said_to_be_one():
    assert "sglang" in one(checked("vllm", {"disable-radix-cache": True})).advice
    assert "opposite" in one(checked("vllm", {"disable-radix-cache": True})).advice
    assert "sglang" in one(checked("vllm", {"hicache-ratio": 2})).advice


@pytest.mark.parametrize(
    ("engine", "name", "value"),
    [
        ("vllm", "gpu-memory-utilization", 1.5),
        ("vllm", "gpu-memory-utilization", 0),
        ("vllm", "gpu-memory-utilization", "most"),
        ("vllm", "max-num-seqs", -1),
        ("vllm", "max-num-seqs", 64.0),
        ("vllm", "max-num-seqs", "1k"),
        ("vllm", "max-num-seqs", True),
        ("vllm", "max-num-seqs", False),
        ("vllm", "max-model-len", 0),
        ("vllm", "max-model-len", "8kk"),
        ("vllm", "kv-cache-dtype", "fp9"),
        ("vllm", "scheduling-policy", "fcsf"),
        ("vllm", "enforce-eager", "true"),
        ("vllm", "enforce-eager", 1),
        ("vllm", "headless", False),
        ("vllm", "no-enforce-eager", False),
        ("vllm", "speculative-config", "{method: ngram}"),
        ("vllm", "compilation-config.mode.x", None),
        ("sglang", "mem-fraction-static", 1.0),
        ("sglang", "tensor-parallel-size", 0),
        ("sglang", "kv-cache-dtype", "fp8"),
        ("sglang", "disable-radix-cache", "yes"),
    ],
)
def test_an_impossible_value_is_refused(engine: str, name: str, value: Scalar | None):
    found = checked(engine, {name: Choice((value,))})
    if value is None:
        assert found == []
    else:
        assert one(found).verdict is Verdict.FAILURE
        assert one(found).id == f"flag:{name}"
        assert one(found).advice


@pytest.mark.parametrize(
    ("engine", "name", "value"),
    [
        ("vllm", "max-model-len", "8k"),
        ("vllm", "max-model-len", "auto"),
        ("vllm", "max-model-len", -1),
        ("vllm", "max_num_batched_tokens", "25.6k"),
        ("vllm", "enforce-eager", False),
        ("vllm", "no-enable-prefix-caching", True),
        ("vllm", "speculative-config", '{"method": "ngram", "num_speculative_tokens": 3}'),
        ("vllm", "compilation-config.mode", 3),
        ("vllm", "cpu-offload-gb", 1.5),
        ("vllm", "quantization", "None"),
        ("vllm", "quantization", "fp8"),
        ("vllm", "attention-backend", "flashinfer"),
        ("sglang", "chunked-prefill-size", -1),
        ("sglang", "disable-radix-cache", False),
        ("sglang", "tensor-parallel-size", 2),
        ("sglang", "max-prefill-tokens", "16k"),
    ],
)
def test_what_the_engine_takes_is_not_remarked_on(engine: str, name: str, value: Scalar):
    assert checked(engine, {name: Choice((value, None))}) == []


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_the_values_that_the_form_proposes_are_taken(engine: str):
    # Some are of older versions only.
    proposed: dict[str, Parameter | Scalar | None] = {
        flag.name: Choice(flag.usual)
        for flag in known(engine)
        if flag.usual and held(engine).find(flag.name)
    }
    assert len(proposed) > 20
    assert checked(engine, proposed) == []


def test_both_ends_of_a_range_the_baseline_and_the_axes_are_looked_at():
    ends = Range(0.5, 1.5, integer=False)
    assert "1.5" in one(checked("vllm", {"gpu-memory-utilization": ends})).evidence
    halves = Range(1, 8, integer=False)
    assert one(checked("vllm", {"max-num-seqs": halves})).verdict is Verdict.FAILURE
    assert one(checked("vllm", {}, baseline={"max-num-seqs": 0})).id == "flag:max-num-seqs"
    assert one(checked("vllm", {}, baseline={"max-seqs": None})).id == "flag:max-seqs"
    assert one(checked("vllm", {}, quantization={"kvcache": ("auto", "fp7")})).id.endswith("dtype")
    assert one(checked("sglang", {}, parallel={"tp": (0, 2)})).id == "flag:tp-size"
    assert checked("vllm", {}, parallel={"tp": (1, 2)}) == []


def test_several_wrong_values_of_a_flag_are_one_finding():
    found = one(checked("vllm", {"max-num-seqs": Choice((-1, "many", 8))}))
    assert "-1" in found.evidence
    assert "many" in found.evidence


def test_what_may_be_right_is_a_warning():
    assert one(checked("vllm", {"max-seqs": 8}, exact=False)).verdict is Verdict.WARNING
    assert one(checked("vllm", {"model-impl": "own"})).verdict is Verdict.WARNING
    assert one(checked("vllm", {"max-cudagraph-capture-size": 0})).verdict is Verdict.WARNING
    assert "fp8" in one(checked("vllm", {"quantization": "fp9"})).advice
    assert one(checked("vllm", {"attention-backend": "flashinfr"})).verdict is Verdict.WARNING
    stays_on = one(checked("sglang", {"dllm-fdfo": False}, baseline={"dllm-fdfo": False}))
    assert (stays_on.verdict, stays_on.advice) == (Verdict.WARNING, "write no-dllm-fdfo: true")


def test_it_says_what_the_flags_were_held_against():
    task = Task("m", "vllm")
    space = build(task, registry.find("vllm"))
    read = flag_checks(task, space, held("vllm"))[0]
    assert "its own --help" in read.evidence
    listed = dataclasses.replace(held("vllm", exact=False), reason="vllm is not there")
    assert "vllm is not there" in flag_checks(task, space, listed)[0].evidence
    same = dataclasses.replace(listed, exact=True)
    assert flag_checks(task, space, same)[0].verdict is Verdict.OK
    nothing = Catalogue("vllm", "", "shipped", (), "it hangs", exact=False)
    assert [c.verdict for c in flag_checks(task, space, nothing)] == [Verdict.UNKNOWN]
