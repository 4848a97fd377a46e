"""What vLLM's log lines mean: the phases of a start, and the causes of a failure.

The simulated engine writes the same lines. Order matters: causes stand before consequences,
lines with numbers before lines without.
"""

from __future__ import annotations

import re

from core.engines.base import BAR, Signature
from core.engines.common_logs import ARGUMENTS, MACHINE, MODEL, line
from core.engines.vllm_memory import HOST, MEMORY, SERVING
from core.values import FailureKind, Phase

# A progress bar may rewrite its line: the greedy start finds the last state on it.
PHASES: tuple[tuple[re.Pattern[str], Phase], ...] = (
    (line(r".*(?:\.safetensors|\.bin|Fetching \d+ files):\s+" + BAR), Phase.DOWNLOAD),
    (line(r".*(?:checkpoint shards|loading shards)[^:]*:\s+" + BAR), Phase.LOAD),
    (line(r"Starting to load model|Loading weights took"), Phase.LOAD),
    (line(r"Starting torch\.compile|Warming up model for the compilation"), Phase.COMPILE),
    (line(r"Dynamo bytecode transform time|Compiling a graph for"), Phase.COMPILE),
    (line(r".*Capturing CUDA graphs?[^:]*:\s+" + BAR), Phase.CAPTURE),
    (line(r"Graph capturing finished|init engine \(profile"), Phase.WARMUP),
    (line(r"Starting vLLM(?:-like)? (?:API )?server"), Phase.WARMUP),
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
        FailureKind.PARALLELISM,
        line(
            r"(?P<problem>\w[^.]{0,100}\b(?:must be|is not|not) (?:evenly )?divisible by [^.\[]*"
            r"(?:tensor|pipeline|data|expert|context|parallel|\b[tpde]p\w*|min_thread|block_n"
            r"|block_k|world|group)[^.\[]*)"
        ),
        "the model cannot be divided like this: {problem}",
        "change the parallelism so that it divides, or the quantization",
    ),
    Signature(
        FailureKind.PARALLELISM,
        line(r"AssertionError: (?P<size>\d+) is not divisible by (?P<parts>\d+)"),
        "a layer of {size} cannot be divided over {parts} GPUs",
        "use a tensor-parallel-size that divides {size}",
    ),
    Signature(
        FailureKind.PARALLELISM,
        line(
            r"invalid device ordinal|Error setting \w+VISIBLE_DEVICES: local range"
            r"|Error computing (?:device indices|assigned_physical_gpu_ids)"
            r"|number of required \w+ exceeds the total number|Not enough resources to allocate"
            r"|cannot be larger than the number of available GPUs|decrease DP/TP/PP"
            r"|Current node has no GPU available|placement group .*(?:cannot|can't|timed out|fail)"
            r"|(?:tensor|pipeline)_parallel_size.*(?:greater|larger|more) than"
        ),
        "the parallelism needs more GPUs, or NUMA nodes, than there are",
        "keep tp x pp x dp within the GPUs of this machine",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"(?P<problem>[Uu]nknown quantization method:? \S+|Quantization method specified in "
            r"the model config \S+ does not match the quantization method specified in the "
            r"`quantization` argument \S+|Cannot find the config file for \w+|Unknown dtype:? \S+)"
        ),
        "this quantization or dtype is not the model's: {problem}",
        "leave quantization out: the engine reads it from the model's config.json",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(r"Too large swap space\. (?P<problem>.+)"),
        "swap-space is too large: {problem}",
        "lower swap-space",
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
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"^\s+(?P<problem>Unexpected keyword argument|Extra inputs are not permitted"
            r"|Field required|Invalid JSON: .+?|Object has no attribute .+?) \[type="
        ),
        "a value has a form that the engine refuses: {problem}",
        "the line above the evidence names the key: correct it in the task",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(r"supplied chat template .*(?:path-like|doesn't exist)"),
        "there is no such chat template",
        "correct the path of chat-template in the task",
    ),
)

_DIED = (
    r"EngineCore encountered an issue|EngineDeadError|Engine loop has died"
    r"|Engine core proc \S+ died unexpectedly|Worker proc \S+ died unexpectedly"
    r"|Background loop has errored|Engine background task failed|MQLLMEngine is (?:dead|already)"
    r"|AsyncLLM output_handler failed|died unexpectedly, shutting down"
)

_CONSEQUENCES = (
    Signature(
        FailureKind.UNSUPPORTED,
        line(
            r"NotImplementedError: (?P<problem>.+)"
            r"|(?:ValueError|RuntimeError|AssertionError|Value error)[:,] .*\b(?:is|are) "
            r"(?:currently )?not (?:yet )?supported\b.*"
        ),
        "the engine cannot do what was asked for",
        "the line says what: leave it out, or take another version of the engine",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(r"Value error, (?P<problem>[^\[]+?)(?: \[type=|$)"),
        "the engine refuses the configuration: {problem}",
        "change the parameters it names",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"^(?:.*\] |\w*)?(?:ValueError|AssertionError|NotImplementedError): "
            r"(?P<problem>.*(?:--[a-z][\w-]+|`[a-z]+_[a-z_]+`|\b[a-z]+(?:_[a-z]+)+ ?[=(]).*)"
        ),
        "the engine refuses the configuration: {problem}",
        "change the parameters it names",
    ),
    Signature(
        FailureKind.CONFIG,
        line(r"Cannot re-initialize CUDA in forked subprocess"),
        "the workers were forked after CUDA had been used",
        "set VLLM_WORKER_MULTIPROC_METHOD=spawn in the task's environment",
    ),
    Signature(
        FailureKind.CONFIG,
        line(
            r"No module named '?vllm\b|vllm: (?:command )?not found"
            r"|(?:ModuleNotFound|Import)Error: (?P<problem>.*(?:undefined symbol|[Pp]lease install|"
            r"No module named|cannot import name).*)"
        ),
        "the engine's installation is incomplete",
        "install what the line names, or use the engine's own image",
    ),
    Signature(
        FailureKind.CRASH,
        line(r"Too many open files|can't start new thread|pthread_create failed"),
        "the engine may not open as many files or threads as it needs",
        "raise ulimit -n and ulimit -u; docker: ulimits, pids_limit",
    ),
    Signature(
        FailureKind.HANG,
        line(
            r"RPC call to (?P<what>\w+) timed out|TimeoutError: (?:RPC|Engine).*tim(?:e|ed) ?out"
            r"|AsyncEngineDeadError: .*timed out|Engine iteration timed out"
        ),
        "the workers stood still ({what})",
        "read the log above this line; with several GPUs check NCCL and the links",
    ),
    Signature(
        FailureKind.START_TIMEOUT,
        line(
            r"Did not receive response from front-end process|Timed out waiting for engine core"
            r"|did(?: not|n't) start (?:up )?(?:with)?in (?:time|\d+)"
        ),
        "a part of the engine did not start in its time",
        "raise VLLM_ENGINE_READY_TIMEOUT_S, and read the log above for what it waited on",
    ),
    Signature(
        FailureKind.ENGINE_DIED,
        line(r"EngineCore encountered a fatal error"),
        "the engine's core died",
        "read the traceback below this line",
        wrapper=True,
    ),
    Signature(
        FailureKind.ENGINE_DIED,
        line(_DIED),
        "the engine's core died under load",
        "read the lines above: without a traceback it was killed (dmesg tells of the memory)",
        after=SERVING,
        wrapper=True,
    ),
    Signature(
        FailureKind.CRASH,
        line(
            _DIED + r"|Engine core initialization failed|EngineCore failed to start"
            r"|Engine process failed to start|WorkerProc (?:initialization )?failed"
        ),
        "the engine's core did not start",
        "read the traceback next to this line; without one it was killed (dmesg tells of the "
        "memory)",
        wrapper=True,
    ),
)

SIGNATURES: tuple[Signature, ...] = (
    *MEMORY, *ARGUMENTS, *_FLAGS, *MODEL, *MACHINE, *HOST, *_CONSEQUENCES,
)  # fmt: skip
