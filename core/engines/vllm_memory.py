"""How vLLM says that memory is short: of the GPU in each phase, of the KV cache, of the machine.

Wording: vLLM 0.4 to 0.32. Order matters: the phase that came last stands first.
"""

from __future__ import annotations

from core.engines.base import Signature
from core.engines.common_logs import line
from core.engines.gpu_logs import HOST_MEMORY, NO_MEMORY, OUT_OF_MEMORY
from core.values import FailureKind

# Frames of tracebacks tell the phase where the lines that end one were not kept.
SERVING = line(
    r"Application startup complete"
    r"|, in (?:run_busy_loop|_process_engine_step|run_engine_loop|engine_step|step_async)\b"
)
_CACHE = line(
    r", in (?:initialize_kv_cache\w*|_?allocate_kv_cache\w*|_allocate_kv_cache\w*"
    r"|initialize_from_config|initialize_cache)\b"
)
_LOADED = line(
    r"(?i:model loading took|loading (?:model )?weights took)"
    r"|, in (?:determine_\w+|profile_run|_dummy\w*run|capture\w*|compile_or_warm_up_model"
    r"|_initialize_kv_caches|warmup\w*)\b"
)

MEMORY = (
    Signature(
        FailureKind.OOM_LOAD,
        line(OUT_OF_MEMORY),
        "out of GPU memory under load: {wanted} were needed, {free} were free",
        "lower gpu-memory-utilization, which leaves too little beside the KV cache, or "
        "max-num-seqs or max-num-batched-tokens",
        after=SERVING,
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        line(r"out of memory occurred when warming up (?P<what>\w+) with (?P<count>\d+) dummy"),
        "out of GPU memory while warming up the {what} with {count} requests",
        "lower max-num-seqs below {count}, or gpu-memory-utilization",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(OUT_OF_MEMORY),
        "the KV cache cannot be allocated: {wanted} were needed, {free} were free",
        "lower gpu-memory-utilization: more of the GPU is in use than was measured",
        after=_CACHE,
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        line(OUT_OF_MEMORY),
        "out of GPU memory while compiling or capturing CUDA graphs: {wanted} were needed, "
        "{free} were free",
        "lower gpu-memory-utilization, max-num-seqs or max-num-batched-tokens, or set "
        "enforce-eager",
        after=_LOADED,
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(OUT_OF_MEMORY),
        "the weights do not fit into the GPU's memory: {wanted} more were needed, {free} were free",
        "raise tensor-parallel-size, use quantization, or take a smaller model",
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(r"Failed to load model - not enough GPU memory"),
        "the weights do not fit into the GPU's memory",
        "raise tensor-parallel-size, use quantization, or take a smaller model",
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(
            r"Free memory on device \S+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is "
            r"less than .*?\((?P<share>[\d.]+), (?P<wanted>[\d.]+) GiB\)"
        ),
        "gpu-memory-utilization {share} asks for {wanted} GiB, but only {free} of {total} GiB are "
        "free",
        "end what else uses the GPU, or lower gpu-memory-utilization below {free}/{total}",
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(
            r"Externally held weights on device \S+ .*exceed the desired"
            r"|Free memory on device .* on startup is less than"
            r"|Error in memory profiling\. Initial free memory (?P<free>[\d.]+)"
        ),
        "something else on the GPU takes the memory that the engine is to have",
        "end what else uses the GPU, or lower gpu-memory-utilization",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(r"No available memory for the cache blocks"),
        "weights and activations leave no memory for the KV cache",
        "raise gpu-memory-utilization or tensor-parallel-size, or lower max-num-batched-tokens",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(
            r"To serve at least one request with the models?'s max seq len \((?P<length>\d+)\), "
            r"\((?P<needed>[\d.]+) GiB KV\s+cache is needed, which is larger than the available KV "
            r"cache memory \((?P<left>[\d.]+) GiB\)(?=.*maximum model length is (?P<fits>\d+))"
        ),
        "the KV cache has {left} GiB, one request of max-model-len {length} needs {needed} GiB",
        "lower max-model-len to {fits} or less, or raise gpu-memory-utilization",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(
            r"model's max seq len \((?P<length>\d+)\) is larger than the maximum number of tokens "
            r"that can be stored in KV cache \((?P<fits>\d+)\)"
        ),
        "the KV cache holds {fits} tokens, one request of max-model-len has {length}",
        "lower max-model-len to {fits} or less, or raise gpu-memory-utilization",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(
            r"max_num_seqs \((?P<seqs>\d+)\) exceeds available Mamba cache blocks "
            r"\((?P<fits>\d+)\)"
        ),
        "the state cache holds {fits} requests, max-num-seqs is {seqs}",
        "lower max-num-seqs to {fits} or less, or raise gpu-memory-utilization",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(
            r"To serve at least one request with the models?'s max seq len"
            r"|Cannot auto-fit max_model_len: not enough GPU memory"
        ),
        "the KV cache is too small for one request of the maximum length",
        "lower max-model-len, raise gpu-memory-utilization, or set kv-cache-dtype fp8",
    ),
    Signature(
        FailureKind.OOM_LOAD,
        line(NO_MEMORY),
        "out of GPU memory under load",
        "lower gpu-memory-utilization, max-num-seqs or max-num-batched-tokens",
        after=SERVING,
    ),
    Signature(
        FailureKind.OOM_KV,
        line(NO_MEMORY),
        "the KV cache cannot be allocated",
        "lower gpu-memory-utilization: more of the GPU is in use than was measured",
        after=_CACHE,
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        line(NO_MEMORY),
        "out of GPU memory while compiling or capturing CUDA graphs",
        "lower gpu-memory-utilization, max-num-seqs or max-num-batched-tokens, or set "
        "enforce-eager",
        after=_LOADED,
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(NO_MEMORY),
        "the weights do not fit into the GPU's memory",
        "end what else uses the GPU, raise tensor-parallel-size, or take a smaller model",
    ),
)

HOST = (
    Signature(
        FailureKind.OOM_LOAD,
        line(HOST_MEMORY),
        "the machine's own memory ran out under load",
        "give the machine or the container more memory; lower max-num-seqs",
        after=SERVING,
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(HOST_MEMORY),
        "the machine's own memory, not the GPU's, is too small for this start",
        "give the machine or the container more memory, or raise its limit (ulimit -v)",
    ),
)
