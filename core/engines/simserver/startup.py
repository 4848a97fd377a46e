"""The start, line by line: load, compile, capture, warm-up, with vLLM's words and failures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from core.engines.simserver.errors import StartError, out_of_memory
from core.engines.simserver.flags import Options
from core.engines.simserver.hardware import DEVICE, GIB, Model
from core.engines.simserver.log import CORE, SERVER
from core.engines.simserver.memory import MemoryPlan, check_cache, check_free, graph_sizes

_LOAD_BANDWIDTH = 1.5 * GIB
_SHARD = 5e9
_GRAPH_SECONDS = 0.35
_COMPILE_LAYER_SECONDS = 0.7


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log, `after` simulated seconds. Without a `process` it stands alone."""

    after: float
    text: str
    process: str = ""
    place: str = ""


def start_lines(options: Options, model: Model, plan: MemoryPlan) -> Iterator[Line]:
    """What the log says until the engine serves. Raises StartError where a start would end."""
    yield _core(
        1.0,
        "core.py:133",
        f"Initializing a V1 LLM engine with config: model="
        f"'{options.model}', max_seq_len={options.max_model_len}, "
        f"tensor_parallel_size={options.tensor_parallel_size}, seed={options.seed}",
    )
    check_free(options, plan)
    yield from _load(options, plan)
    compiled = 0.0
    if not options.enforce_eager:
        compiled = model.layers * _COMPILE_LAYER_SECONDS
        yield from _compile(compiled)
    yield from _cache(options, plan)
    graphs = 0.0
    if not options.enforce_eager:
        graphs = len(graph_sizes(options.max_num_seqs)) * _GRAPH_SECONDS
        yield from _capture(options, plan, graphs)
    yield from _warm_up(options, compiled + graphs + 3.0, compiled)


def _load(options: Options, plan: MemoryPlan) -> Iterator[Line]:
    seconds = plan.weights / _LOAD_BANDWIDTH
    shards = max(1, math.ceil(plan.weights * options.tensor_parallel_size / _SHARD))
    yield _core(0.5, "gpu_model_runner.py:5040", f"Starting to load model {options.model}...")
    for done in range(shards + 1):
        share = done / shards
        if plan.weights * share > DEVICE.memory - DEVICE.context:
            raise _weights_do_not_fit(plan, done, shards)
        passed = f"{_clock(seconds * share)}<{_clock(seconds * (1 - share))}"
        pace = f"{seconds / shards:5.2f}s/it" if done else "?it/s"
        yield Line(
            seconds / shards if done else 0.0,
            f"Loading safetensors checkpoint shards: {share:4.0%} Completed | "
            f"{done}/{shards} [{passed}, {pace}]",
        )
    yield _core(0.1, "default_loader.py:501", f"Loading weights took {seconds:.2f} seconds")
    yield _core(
        0.1,
        "gpu_model_runner.py:5150",
        f"Model loading took {plan.weights / GIB:.2f} GiB memory and {seconds + 0.6:.6f} seconds",
    )


def _weights_do_not_fit(plan: MemoryPlan, done: int, shards: int) -> StartError:
    loaded = plan.weights * (done - 1) / shards
    free = DEVICE.memory - DEVICE.context - loaded
    return StartError(
        "Failed to load model - not enough GPU memory. Try lowering --gpu-memory-utilization to "
        "free memory for weights, increasing --tensor-parallel-size, or using --quantization.",
        "Traceback (most recent call last):",
        str(out_of_memory(plan.weights / shards, free)),
        in_core=True,
    )


def _compile(seconds: float) -> Iterator[Line]:
    dynamo = seconds * 0.3
    yield _core(0.2, "monitor.py:40", "Starting torch.compile")
    yield _core(dynamo, "backends.py:1167", f"Dynamo bytecode transform time: {dynamo:.2f} s")
    yield _core(
        seconds - dynamo,
        "backends.py:399",
        f"Compiling a graph for compile range (1, 2048) takes {seconds - dynamo:.2f} s",
    )
    yield _core(0.1, "monitor.py:62", f"torch.compile takes {seconds:.2f} s in total")


def _cache(options: Options, plan: MemoryPlan) -> Iterator[Line]:
    available = f"Available KV cache memory: {plan.kv / GIB:.2f} GiB"
    yield _core(1.5, "gpu_worker.py:760", available)
    check_cache(options, plan)
    fits = plan.kv_tokens / options.max_model_len
    yield _core(
        0.1,
        "kv_cache_utils.py:2326",
        f"GPU KV cache size: {plan.kv_tokens:,} tokens, Maximum concurrency for "
        f"{options.max_model_len:,} tokens per request: {fits:.2f}x",
    )


def _capture(options: Options, plan: MemoryPlan, seconds: float) -> Iterator[Line]:
    count = len(graph_sizes(options.max_num_seqs))
    room = DEVICE.memory - plan.granted
    for done in range(count + 1):
        share = done / count
        if plan.graphs * share > room:
            raise StartError(
                "EngineCore failed to start.",
                "Traceback (most recent call last):",
                "  in capture_model",
                str(out_of_memory(plan.graphs / count, room - plan.graphs * (done - 1) / count)),
                in_core=True,
            )
        passed = f"{_clock(seconds * share)}<{_clock(seconds * (1 - share))}"
        yield Line(
            seconds / count if done else 0.0,
            f"Capturing CUDA graphs (decode, FULL): {share:4.0%}|{'█' * round(10 * share):<10}| "
            f"{done}/{count} [{passed}, {count / seconds:.2f}it/s]",
        )
    yield _core(
        0.1,
        "gpu_model_runner.py:6582",
        f"Graph capturing finished in {seconds:.0f} secs, took {plan.graphs / GIB:.2f} GiB",
    )


def _warm_up(options: Options, took: float, compiled: float) -> Iterator[Line]:
    yield _core(
        2.0,
        "core.py:396",
        f"init engine (profile, create kv cache, warmup model) took {took:.2f} s "
        f"(compilation: {compiled:.2f} s)",
    )
    yield Line(
        0.5,
        f"Starting vLLM-like server on http://{options.host}:{options.port}",
        SERVER,
        "launcher.py:37",
    )


def _core(after: float, place: str, text: str) -> Line:
    return Line(after, text, CORE, place)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60:02d}:{whole % 60:02d}"
