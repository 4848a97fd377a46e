"""What fits on a GPU, what certainly does not, and what the checks say of both."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from core.doctor.memory import cannot_fit, indivisible, memory_checks
from core.doctor.memory_use import fraction, use
from core.doctor.report import Check, Verdict
from core.engines import registry
from core.gpu.values import Gpu
from core.hub.facts import ModelFacts, facts_of
from core.space import build
from core.task import parse
from core.values import Configuration, Failure, FailureKind

FOLDER = Path(__file__).parent / "architectures"
GIB = 1 << 30
CARD = 24564 << 20  # what a card of "24 GB" has
LARGE = 80 * GIB


def facts(name: str, **changes: Any) -> ModelFacts:
    config = json.loads((FOLDER / f"{name}.json").read_text())["config"]
    found = facts_of(config | changes, None, None)
    assert found is not None
    return found


def ruled_out(
    name: str | ModelFacts, flags: dict[str, Any], gpu: int, engine: str = "vllm"
) -> Failure | None:
    known = facts(name) if isinstance(name, str) else name
    return cannot_fit(known, registry.find(engine), Configuration.of(engine, flags), gpu)


def checks(
    name: str | None, parameters: str, *, more: str = "", engine: str = "vllm", **gpu: Any
) -> dict[str, Check]:
    """The checks by id, with two GPUs as `gpu` says (24 GB when nothing is said)."""
    text = f"name: t\nmodel: a/b\nengine: {engine}\nparameters: {parameters}\n{more}"
    task = parse(text, "t.yaml", Path("/"))
    space = build(task, registry.find(engine))
    about = {"memory_used": 300 << 20, "memory_total": CARD} | gpu
    count = about.pop("count", 2)
    gpus = [Gpu(index, f"GPU-{index}", "card", **about) for index in range(count)]
    found = memory_checks(task, space, facts(name) if name else None, gpus)
    assert len({check.id for check in found}) == len(found)
    return {check.id: check for check in found}


def test_weights_that_are_larger_than_the_gpu():
    found = ruled_out("llama-3.1-70b", {}, LARGE)
    assert found is not None
    assert found.kind is FailureKind.OOM_WEIGHTS
    # 70.55 B parameters of two bytes on 85.9 GB.
    assert "by 55.2 GB" in found.message
    assert "tensor-parallel-size" in found.advice
    assert ruled_out("llama-3.1-70b", {"tensor-parallel-size": 2}, LARGE) is None
    assert ruled_out("llama-3.1-70b", {"pipeline-parallel-size": 2}, LARGE) is None
    assert ruled_out("llama-3.1-70b", {"data-parallel-size": 2}, LARGE) is not None


def test_experts_may_be_spread_over_data_parallelism():
    flags = {"tensor-parallel-size": 4, "data-parallel-size": 4}
    assert ruled_out("deepseek-v3", flags, LARGE) is None
    assert ruled_out("deepseek-v3", {"tensor-parallel-size": 4}, LARGE) is not None


def test_weights_that_leave_nothing_of_the_engines_share():
    found = ruled_out("llama-3.1-8b", {"gpu-memory-utilization": 0.5}, CARD)
    assert found is not None
    assert found.kind is FailureKind.OOM_KV
    assert "by 3.2 GB" in found.message
    assert "gpu-memory-utilization" in found.advice
    assert ruled_out("llama-3.1-8b", {"gpu-memory-utilization": 0.7}, CARD) is None
    # 12 B in 16 bits: smaller than the card, and larger than nine tenths of it.
    found = ruled_out("mistral-nemo-12b", {}, CARD)
    assert found is not None
    assert found.kind is FailureKind.OOM_KV


def test_quantization_at_load_makes_it_fit():
    assert ruled_out("mistral-nemo-12b", {"quantization": "fp8"}, CARD) is None
    assert ruled_out("mistral-nemo-12b", {"dtype": "float32"}, 40 * GIB) is not None


def test_a_length_that_was_asked_for_and_does_not_fit():
    found = ruled_out("mistral-nemo-12b-fp8", {"max-model-len": 131072}, CARD)
    assert found is not None
    assert found.kind is FailureKind.OOM_KV
    # 131072 tokens of 163840 bytes.
    assert "21.5 GB" in found.message
    assert "lower max-model-len to " in found.advice
    shorter = int(found.advice.split("to ")[1].split()[0])
    assert ruled_out("mistral-nemo-12b-fp8", {"max-model-len": shorter}, CARD) is None
    assert ruled_out("mistral-nemo-12b-fp8", {"max-model-len": shorter + 1}, CARD) is not None
    halved = {"max-model-len": 131072 // 2, "kv-cache-dtype": "fp8"}
    assert ruled_out("mistral-nemo-12b-fp8", halved, CARD) is None
    assert ruled_out("mistral-nemo-12b-fp8", {"max-model-len": 131072 // 2}, CARD) is not None


def test_a_window_makes_long_requests_fit():
    """Of 32768 tokens only 4096 are kept: half a GB, not four."""
    flags = {"max-model-len": 32768, "gpu-memory-utilization": 0.65}
    assert ruled_out("mistral-7b-v0.1", flags, CARD) is None
    without = facts("mistral-7b-v0.1", sliding_window=None)
    assert ruled_out(without, flags, CARD) is not None


def test_only_what_is_certain_is_ruled_out():
    assert ruled_out("llama-3.1-70b", {"cpu-offload-gb": 100}, LARGE) is None
    assert ruled_out("llama-3.1-70b", {"quantization": "torchao"}, LARGE) is None
    assert ruled_out(facts("llama-3.1-70b", model_type="brand_new"), {}, LARGE) is None
    assert ruled_out("llama-3.1-70b", {}, LARGE, "simulated") is None
    # The length of the model's own configuration may be less with its tokenizer.
    assert ruled_out("mistral-nemo-12b-fp8", {}, CARD) is None


def test_sglang_starts_with_any_length_and_chooses_its_share():
    assert ruled_out("mistral-nemo-12b-fp8", {"context-length": 131072}, CARD, "sglang") is None
    assert ruled_out("mistral-nemo-12b", {}, CARD, "sglang") is None
    found = ruled_out("mistral-nemo-12b-fp8", {"mem-fraction-static": 0.4}, CARD, "sglang")
    assert found is not None
    assert found.kind is FailureKind.OOM_KV
    assert "raise mem-fraction-static" in found.advice


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_what_is_ruled_out_has_no_room_in_the_estimate(path: Path):
    """The lower bounds never contradict the estimate, on any card and with any share."""
    known, engine = facts(path.stem), registry.find("vllm")
    outcomes = set()
    for gib, part, tp in itertools.product((8, 24, 80, 180), (0.3, 0.6, 0.95), (1, 8)):
        flags = {"gpu-memory-utilization": part, "max-model-len": 1024, "tensor-parallel-size": tp}
        one = Configuration.of("vllm", flags)
        failed = cannot_fit(known, engine, one, gib * GIB)
        outcomes.add(failed is not None)
        if failed:
            assert use(known, engine, one, gib * GIB).requests == 0
    assert True in outcomes or known.weights < 8 * GIB or known.source == "guess"


def test_the_share_that_sglang_chooses():
    """24 GiB less 512 MiB, 2048 tokens of 1.5, 24 requests of 2 and 128 for one GPU."""
    engine, one = registry.find("sglang"), Configuration.of("sglang", {})
    reserved = 512 + 2048 * 1.5 + 24 * 2 + 128
    assert fraction(engine, one, 24 * GIB) == pytest.approx(1 - reserved / (24 * 1024))
    given = Configuration.of("sglang", {"mem-fraction-static": 0.7})
    assert fraction(engine, given, 24 * GIB) == 0.7


@pytest.mark.parametrize(
    ("name", "flags", "engine"),
    [
        ("llama-3.1-8b", {"tensor-parallel-size": 3}, "vllm"),
        ("qwen2.5-7b", {"tensor-parallel-size": 8}, "vllm"),  # 28 heads
        ("falcon-7b", {"tensor-parallel-size": 2}, "vllm"),  # 71 heads
        ("gpt2", {"pipeline-parallel-size": 16}, "vllm"),  # 12 layers
        ("llama-3.1-8b", {"tp-size": 12}, "sglang"),
    ],
)
def test_parallelism_that_does_not_divide(name: str, flags: dict[str, Any], engine: str):
    known, kind = facts(name), registry.find(engine)
    found = indivisible(known, kind, Configuration.of(engine, flags))
    assert found is not None
    assert found.kind is FailureKind.PARALLELISM
    assert next(iter(flags)) in found.message


def test_parallelism_that_divides():
    vllm, sglang = registry.find("vllm"), registry.find("sglang")
    for name, tp in (("llama-3.1-8b", 16), ("qwen2.5-7b", 7), ("deepseek-v3", 128)):
        flags = Configuration.of("vllm", {"tensor-parallel-size": tp})
        # Qwen2.5 7B has 28 heads and 4 of keys and values: 7 GPUs cannot share 4.
        assert (indivisible(facts(name), vllm, flags) is None) == (name != "qwen2.5-7b")
    # Attention is divided over tp / dp GPUs there: 28 heads over 4.
    flags = Configuration.of("sglang", {"tp-size": 8, "dp-size": 2, "enable-dp-attention": True})
    assert indivisible(facts("qwen2.5-7b"), sglang, flags) is None


def test_twelve_billion_in_fp8_on_a_card_of_24_gb():
    """The weights take half of it, and still its start fails on small allocations."""
    found = checks("mistral-nemo-12b-fp8", "{max-model-len: 8192, gpu-memory-utilization: 0.9}")
    assert found["memory"].verdict is Verdict.WARNING
    assert "weights 13.6 GB" in found["memory"].evidence
    assert "Triton's autotuning" in found["memory"].evidence
    assert "set gpu-memory-utilization to 0.8" in found["memory"].advice
    calm = checks("mistral-nemo-12b-fp8", "{max-model-len: 8192, gpu-memory-utilization: 0.85}")
    assert calm["memory"].verdict is Verdict.OK
    small = checks("llama-3.2-1b", "{gpu-memory-utilization: 0.9, max-model-len: 8192}")
    assert small["memory"].verdict is Verdict.OK


def test_the_model_s_own_length_does_not_fit():
    found = checks("mistral-nemo-12b-fp8", "{}")["memory"]
    assert found.verdict is Verdict.WARNING
    assert "131072 tokens does not fit" in found.evidence
    assert found.advice.startswith("set max-model-len to ")


def test_a_baseline_that_cannot_fit_is_a_failure():
    found = checks("llama-3.1-70b", "{}", memory_total=LARGE)["memory"]
    assert found.verdict is Verdict.FAILURE
    assert "by 55.2 GB" in found.evidence


def test_how_much_of_the_grid_is_ruled_out():
    found = checks("llama-3.1-8b", "{gpu-memory-utilization: [0.9, 0.4, 0.5], max-model-len: 4096}")
    assert found["memory"].verdict is Verdict.OK
    assert found["memory-grid"].verdict is Verdict.WARNING
    assert found["memory-grid"].evidence.startswith("2 of 3 configurations cannot fit")
    assert "the worst by 5.8 GB" in found["memory-grid"].evidence


def test_parallelism_of_the_grid():
    more = "parallel: {tp: [1, 3]}\n"
    found = checks("llama-3.1-8b", "{max-model-len: 4096}", more=more, count=4)
    assert found["parallelism"].verdict is Verdict.WARNING
    assert "tensor-parallel-size 3" in found["parallelism"].evidence
    found = checks("llama-3.1-8b", "{}", more="parallel: {tp: [3]}\n", count=4)
    assert found["parallelism"].verdict is Verdict.FAILURE


def test_gpus_that_are_full_now():
    found = checks("llama-3.1-8b", "{max-model-len: 4096}", memory_used=10 * GIB)
    assert found["memory-free"].verdict is Verdict.WARNING
    assert "GPU 0 has 15.0 GB free" in found["memory-free"].evidence
    assert "memory-free" not in checks("llama-3.1-8b", "{max-model-len: 4096}")


def test_without_a_gpu_the_estimate_is_said():
    found = checks("llama-3.1-8b", "{}", count=0)["memory"]
    assert found.verdict is Verdict.OK
    assert "8.03 B parameters" in found.evidence
    assert "16.1 GB" in found.evidence


def test_without_facts_nothing_is_known():
    assert checks(None, "{}")["memory"].verdict is Verdict.UNKNOWN
    assert checks("llama-3.1-8b", "{}", engine="simulated") == {}
