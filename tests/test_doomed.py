"""What a failure rules out, and what it must not: from the words that the engines really write."""

from __future__ import annotations

import dataclasses

import pytest

from core.engines.base import Engine
from core.engines.sglang import ENGINE as SGLANG
from core.engines.vllm import ENGINE as VLLM
from core.runner.doomed import Doomed, dooms
from core.store.views import ExperimentView
from core.values import Configuration, ExperimentState, Failure, FailureKind, Scalar

Flags = dict[str, Scalar]


def proved(kind: FailureKind, line: str) -> Failure:
    return Failure(kind, "what it means", "what to do", "engine.log", 7, line)


UNKNOWN = proved(
    FailureKind.BAD_FLAG,
    "vllm: error: unrecognized arguments: --enable_frobnication --old-switch 3",
)
AMBIGUOUS = proved(
    FailureKind.BAD_FLAG,
    "vllm: error: ambiguous option: --max could match --max-num-seqs, --max-model-len",
)
CHOICE = proved(
    FailureKind.BAD_VALUE,
    "api_server.py: error: argument --kv-cache-dtype: invalid choice: 'fp9' "
    "(choose from 'auto', 'fp8')",
)
BATCH = proved(
    FailureKind.BAD_VALUE,
    "ValueError: max_num_batched_tokens (16) must be greater than or equal to max_num_seqs (64)",
)
LENGTH = proved(
    FailureKind.BAD_VALUE,
    "ValueError: User-specified max_model_len (90000) is greater than the derived max_model_len "
    "(max_position_embeddings=4096 or model_max_length=None in model's config.json)",
)
HEADS = proved(
    FailureKind.PARALLELISM,
    "ValueError: Total number of attention heads (28) must be divisible by tensor parallel size "
    "(8)",
)
CACHE = proved(
    FailureKind.OOM_KV, "ValueError: No available memory for the cache blocks. Try increasing it."
)
TORCH = proved(
    FailureKind.OOM_WEIGHTS,
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
    "capacity of 23.99 GiB of which 1.00 GiB is free.",
)
SIZED = dataclasses.replace(TORCH, kind=FailureKind.OOM_KV)
GRAPHS = dataclasses.replace(TORCH, kind=FailureKind.OOM_COMPILE)
SERVING = dataclasses.replace(TORCH, kind=FailureKind.OOM_LOAD)
FULL = proved(
    FailureKind.OOM_LOAD, "RuntimeError: Decode out of memory. Try to lower your batch size."
)
TAKEN = proved(
    FailureKind.OOM_WEIGHTS,
    "ValueError: Free memory on device cuda:0 (20.10/23.99 GiB) on startup is less than desired "
    "GPU memory utilization (0.95, 22.79 GiB). Decrease GPU memory utilization.",
)
POOL = proved(
    FailureKind.OOM_KV,
    "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. "
    "Current value: mem_fraction_static=0.7",
)


def failed(engine: Engine, flags: Flags, failure: Failure) -> ExperimentView:
    given = Configuration.of(engine.name, flags).parameters
    return ExperimentView(
        3, ExperimentState.FAILED, False, given, failure=failure, engine=engine.name
    )


def shares(engine: Engine, failure: Failure, flags: Flags, other: Flags) -> bool:
    """Whether a configuration has the fate of one that ended with this failure."""
    found = Doomed(dooms([failed(engine, flags, failure)])).why(
        Configuration.of(engine.name, other)
    )
    assert found is None or found.by == 3
    return found is not None


@pytest.mark.parametrize(
    ("failure", "flags", "other", "doomed"),
    [
        (UNKNOWN, {"enable-frobnication": True}, {"enable-frobnication": True, "x": 1}, True),
        (UNKNOWN, {"enable-frobnication": True}, {"enable-frobnication": False}, False),
        (UNKNOWN, {"enable-frobnication": True}, {"x": 1}, False),
        (UNKNOWN, {"old-switch": 3, "x": 1}, {"old-switch": 9}, True),
        (UNKNOWN, {"x": 1}, {"x": 1, "y": 2}, False),  # it names none of its parameters
        # It names what it could have been; those are known.
        (AMBIGUOUS, {"max": 8, "max-num-seqs": 1}, {"max-num-seqs": 1}, False),
        (AMBIGUOUS, {"max": 8, "max-num-seqs": 1}, {"max": 9}, True),
        (CHOICE, {"kv-cache-dtype": "fp9", "x": 1}, {"kv-cache-dtype": "fp9", "x": 2}, True),
        (CHOICE, {"kv-cache-dtype": "fp9", "x": 1}, {"kv-cache-dtype": "auto", "x": 1}, False),
        (
            BATCH,
            {"max-num-batched-tokens": 16, "max-num-seqs": 64, "x": 1},
            {"max-num-batched-tokens": 16, "max-num-seqs": 64, "x": 2},
            True,
        ),
        (
            BATCH,
            {"max-num-batched-tokens": 16, "max-num-seqs": 64},
            {"max-num-batched-tokens": 16, "max-num-seqs": 8},
            False,
        ),
        # The engine's default of 64 had its part in it: another number of sequences may do.
        (
            BATCH,
            {"max-num-batched-tokens": 16},
            {"max-num-batched-tokens": 16, "max-num-seqs": 8},
            False,
        ),
        (
            BATCH,
            {"max-num-batched-tokens": 16, "max-num-seqs": 99},
            {"max-num-batched-tokens": 16},
            False,
        ),
        (BATCH, {"max-num-batched-tokens": 16}, {"max-num-batched-tokens": 16, "x": 1}, True),
        (LENGTH, {"max-model-len": 90000}, {"max-model-len": 90000, "x": 1}, True),
        (LENGTH, {"max-model-len": 90000}, {"max-model-len": 4096}, False),
        # What stands there is not what this experiment passed.
        (LENGTH, {"max-model-len": 70000}, {"max-model-len": 70000, "x": 1}, False),
        (HEADS, {"tensor-parallel-size": 8}, {"tensor-parallel-size": 8, "x": 1}, True),
        (HEADS, {"tensor-parallel-size": 8}, {"tensor-parallel-size": 4, "x": 1}, False),
        (
            HEADS,
            {"tensor-parallel-size": 8},
            {"tensor-parallel-size": 8, "pipeline-parallel-size": 2},
            True,
        ),
        (HEADS, {"max-num-seqs": 8}, {"max-num-seqs": 9}, False),
    ],
)
def test_a_named_flag_or_axis_is_what_others_share(
    failure: Failure, flags: Flags, other: Flags, *, doomed: bool
) -> None:
    assert shares(VLLM, failure, flags, other) is doomed


SMALL: Flags = {"max-num-seqs": 64, "gpu-memory-utilization": 0.8, "tensor-parallel-size": 2}


@pytest.mark.parametrize(
    ("failure", "change", "doomed"),
    [
        # The cache: a smaller share, more in it, fewer GPUs.
        (CACHE, {"gpu-memory-utilization": 0.7}, True),
        (CACHE, {"gpu-memory-utilization": 0.9}, False),
        (CACHE, {"max-num-seqs": 128}, True),
        (CACHE, {"max-num-seqs": 32}, False),
        (CACHE, {"tensor-parallel-size": 1}, True),
        (CACHE, {"tensor-parallel-size": 4}, False),
        (CACHE, {"max-model-len": 4096}, False),
        (CACHE, {"kv-cache-dtype": "fp8"}, False),
        (CACHE, {"quantization": "fp8"}, False),
        (CACHE, {"some-flag": True}, False),
        # The cache was planned larger than what is there: only a larger share is as bad.
        (SIZED, {"gpu-memory-utilization": 0.9}, True),
        (SIZED, {"gpu-memory-utilization": 0.7}, False),
        (SIZED, {"max-num-seqs": 128}, False),
        (SIZED, {"tensor-parallel-size": 1}, False),
        # Graphs: a larger share, more of them; what fewer GPUs change is not known.
        (GRAPHS, {"gpu-memory-utilization": 0.9}, True),
        (GRAPHS, {"gpu-memory-utilization": 0.7}, False),
        (GRAPHS, {"max-num-seqs": 128}, True),
        (GRAPHS, {"max-num-batched-tokens": 8192}, False),
        (GRAPHS, {"tensor-parallel-size": 1}, False),
        (GRAPHS, {"enforce-eager": True}, False),
        # Weights: only how they are divided and stored.
        (TORCH, {"max-num-seqs": 8, "gpu-memory-utilization": 0.7}, True),
        (TORCH, {"max-num-seqs": 8, "gpu-memory-utilization": 0.95}, True),
        (TORCH, {"tensor-parallel-size": 1}, True),
        (TORCH, {"tensor-parallel-size": 4}, False),
        (TORCH, {"quantization": "fp8"}, False),
        (TORCH, {"cpu-offload-gb": 8}, False),
        # More than is free was asked for, before anything was loaded.
        (TAKEN, {"gpu-memory-utilization": 0.9, "max-num-seqs": 8}, True),
        (TAKEN, {"gpu-memory-utilization": 0.7, "max-num-seqs": 8}, False),
    ],
)
def test_vllm_short_of_memory(failure: Failure, change: Flags, *, doomed: bool) -> None:
    assert shares(VLLM, failure, SMALL, {**SMALL, **change}) is doomed


STATIC: Flags = {"mem-fraction-static": 0.7, "chunked-prefill-size": 4096}


@pytest.mark.parametrize(
    ("failure", "flags", "change", "doomed"),
    [
        (POOL, STATIC, {"mem-fraction-static": 0.6}, True),
        (POOL, STATIC, {"mem-fraction-static": 0.8}, False),
        (SIZED, STATIC, {"mem-fraction-static": 0.8}, True),
        (SIZED, STATIC, {"mem-fraction-static": 0.6}, False),
        (GRAPHS, STATIC, {"mem-fraction-static": 0.8}, True),
        (GRAPHS, STATIC, {"chunked-prefill-size": 8192}, True),
        # -1 switches it off, which is more and not less.
        (GRAPHS, STATIC, {"chunked-prefill-size": -1}, False),
        # Its own choice of a share leaves larger batches more room.
        (
            GRAPHS,
            {"chunked-prefill-size": 4096},
            {"chunked-prefill-size": 8192},
            False,
        ),
        (
            SERVING,
            STATIC,
            {"mem-fraction-static": 0.8},
            True,
        ),
        # Full slots want a larger share: nothing is said of one.
        (
            FULL,
            STATIC,
            {"mem-fraction-static": 0.8},
            False,
        ),
    ],
)
def test_sglang_short_of_memory(
    failure: Failure, flags: Flags, change: Flags, *, doomed: bool
) -> None:
    assert shares(SGLANG, failure, flags, {**flags, **change}) is doomed


def test_a_narrow_cache_that_is_too_large_rules_out_wider_ones() -> None:
    narrow: Flags = {"kv-cache-dtype": "fp8", "max-num-seqs": 64}
    assert shares(VLLM, CACHE, narrow, {"kv-cache-dtype": "auto", "max-num-seqs": 64})
    assert shares(VLLM, CACHE, narrow, {"max-num-seqs": 64})
    assert not shares(VLLM, CACHE, {"max-num-seqs": 64}, narrow)


@pytest.mark.parametrize(
    "failure",
    [
        Failure(FailureKind.NETWORK, "the Hub cannot be reached"),
        Failure(FailureKind.CRASH, "exit status 1", text="max_num_seqs 64"),
        Failure(FailureKind.START_TIMEOUT, "no progress"),
        Failure(FailureKind.OOM_KV, "no memory", text=CACHE.text, transient=True),
        Failure(FailureKind.OOM_WEIGHTS, "another process has the memory", text="unbalanced"),
    ],
)
def test_what_no_flag_did_rules_out_nothing(failure: Failure) -> None:
    assert (
        Doomed(dooms([failed(VLLM, SMALL, failure)])).why(
            Configuration.of("vllm", {**SMALL, "max-num-seqs": 128})
        )
        is None
    )


def test_only_what_failed_counts() -> None:
    """Not one that was skipped, or is tried again."""
    view = failed(VLLM, SMALL, CACHE)
    again = dataclasses.replace(view, state=ExperimentState.PENDING)
    assert len(dooms([view])) == 1
    assert dooms([again]) == ()


def test_what_is_known_without_a_start_speaks_first() -> None:
    view = failed(VLLM, SMALL, CACHE)
    known = Failure(FailureKind.OOM_WEIGHTS, "the weights need 30.1 GB: 6.1 GB too much")
    doomed = Doomed(dooms([view]), lambda _: known)
    found = doomed.why(Configuration.of("vllm", SMALL))
    assert found is not None
    assert (found.kind, found.reason, found.by) == (known.kind, known.message, None)


def test_a_failure_says_nothing_of_another_engine() -> None:
    flags: Flags = {"enable-frobnication": True}
    doomed = Doomed(dooms([failed(VLLM, flags, UNKNOWN)]))
    assert doomed(Configuration.of("vllm", flags))
    assert not doomed(Configuration.of("sglang", flags))


def test_without_its_image_nothing_of_an_engine_starts() -> None:
    doomed = Doomed(dooms([failed(VLLM, SMALL, Failure(FailureKind.IMAGE, "no such image"))]))
    assert doomed(Configuration.of("vllm", {"max-num-seqs": 9}))
    assert not doomed(Configuration.of("sglang", {"max-running-requests": 9}))
