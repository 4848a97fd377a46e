"""What vLLM's log lines mean: the phases of a start, and the causes of a failure.

The simulated engine writes the same lines. Order matters: causes stand before consequences,
lines with numbers before lines without.
"""

from __future__ import annotations

import re

from core.engines.base import Signature
from core.engines.common_logs import ARGUMENTS, MACHINE, MODEL, OUT_OF_MEMORY, line
from core.values import FailureKind, Phase

# A progress bar may rewrite its line: the greedy start finds the last state on it.
PHASES: tuple[tuple[re.Pattern[str], Phase], ...] = (
    (line(r".*(?:\.safetensors|\.bin|Fetching \d+ files):\s+(?P<percent>\d+)%"), Phase.DOWNLOAD),
    (line(r".*(?:checkpoint shards|loading shards)[^:]*:\s+(?P<percent>\d+)%"), Phase.LOAD),
    (line(r"Starting to load model|Loading weights took"), Phase.LOAD),
    (line(r"Starting torch\.compile|Warming up model for the compilation"), Phase.COMPILE),
    (line(r"Dynamo bytecode transform time|Compiling a graph for"), Phase.COMPILE),
    (line(r".*Capturing CUDA graphs?[^:]*:\s+(?P<percent>\d+)%"), Phase.CAPTURE),
    (line(r"Graph capturing finished|init engine \(profile"), Phase.WARMUP),
    (line(r"Starting vLLM(?:-like)? (?:API )?server"), Phase.WARMUP),
)

_SERVING = line(r"Application startup complete")
_LOADED = line(r"Model loading took|Loading weights took")

_MEMORY = (
    Signature(
        FailureKind.OOM_LOAD,
        line(OUT_OF_MEMORY),
        "out of GPU memory under load: {wanted} were needed, {free} were free",
        "lower gpu-memory-utilization, which leaves too little beside the KV cache, or "
        "max-num-seqs or max-num-batched-tokens",
        after=_SERVING,
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        line(r"out of memory occurred when warming up (?P<what>\w+) with (?P<count>\d+) dummy"),
        "out of GPU memory while warming up the {what} with {count} requests",
        "lower max-num-seqs below {count}, or gpu-memory-utilization",
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
            r"To serve at least one request with the models?'s max seq len"
            r"|Cannot auto-fit max_model_len: not enough GPU memory"
        ),
        "the KV cache is too small for one request of the maximum length",
        "lower max-model-len, raise gpu-memory-utilization, or set kv-cache-dtype fp8",
    ),
)

_FLAGS = (
    Signature(
        FailureKind.PARALLELISM,
        line(
            r"World size \((?P<size>\d+)\) is larger than the number of available GPUs "
            r"\((?P<gpus>\d+)\)"
        ),
        "the parallelism needs {size} GPUs, there are {gpus}",
        "keep tp x pp within {gpus}",
    ),
    Signature(
        FailureKind.PARALLELISM,
        line(
            r"Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor "
            r"parallel size \((?P<tp>\d+)\)"
        ),
        "{heads} attention heads cannot be divided over {tp} GPUs",
        "use a tensor-parallel-size that divides {heads}",
    ),
    Signature(
        FailureKind.PARALLELISM,
        line(r"(?i)(?:pipeline|tensor|expert|data)[ -]parallel\w* (?:\w+ )*(?:is )?not supported"),
        "the model does not support this kind of parallelism",
        "remove that axis from parallel in the task",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"max_num_batched_tokens \((?P<tokens>\d+)\) (?:must be greater than or equal to|is "
            r"smaller than) (?P<other>\w+) \((?P<least>\d+)\)"
        ),
        "max-num-batched-tokens {tokens} is smaller than {other} {least}",
        "raise max-num-batched-tokens to at least {least}",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"User-specified max_model_len \((?P<length>\d+)\) is greater than the derived "
            r"max_model_len \([^=]*=(?P<most>[\d.]+)"
        ),
        "max-model-len {length} is more than the model's {most}",
        "lower max-model-len to {most} or less",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(r"Input should be (?P<rule>[^\[]+?) \[type=\w+, input_value=(?P<value>[^,]+)"),
        "a value is out of its limits: {value} should be {rule}",
        "the line above the evidence names the flag: correct it in the task",
    ),
)

_CONSEQUENCES = (
    Signature(
        FailureKind.BAD_VALUE,
        line(r"Value error, (?P<problem>[^\[]+?)(?: \[type=|$)"),
        "the engine refuses the configuration: {problem}",
        "change the parameters it names",
    ),
    Signature(
        FailureKind.ENGINE_DIED,
        line(r"EngineCore encountered a fatal error"),
        "the engine's core died",
        "read the traceback below this line",
    ),
    Signature(
        FailureKind.CRASH,
        line(r"Engine core initialization failed|EngineCore failed to start"),
        "the engine's core did not start",
        "read the traceback next to this line",
    ),
)

SIGNATURES: tuple[Signature, ...] = (
    *_MEMORY, *ARGUMENTS, *_FLAGS, *MODEL, *MACHINE, *_CONSEQUENCES,
)  # fmt: skip
