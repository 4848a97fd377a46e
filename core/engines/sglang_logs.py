"""What SGLang's log lines mean: the phases of a start, and the causes of a failure.

Order matters: causes stand before consequences, lines with numbers before lines without.
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
    (line(r"Load weight begin"), Phase.LOAD),
    (line(r".*Compiling num tokens[^:]*:\s+(?P<percent>\d+)%"), Phase.COMPILE),
    (line(r"DeepGEMM JIT (?:Pre-Compile session|Compiling)"), Phase.COMPILE),
    (line(r".*Capturing [^:]*:\s+(?P<percent>\d+)%"), Phase.CAPTURE),
    (line(r"(?i)\bcapture (?:\w+ )*graph begin"), Phase.CAPTURE),
    (line(r"max_total_num_tokens=\d+, .*context_len="), Phase.WARMUP),
)

_SERVING = line(r"The server is fired up and ready to roll")
_LOADED = line(r"Load weight end")

_MEMORY = (
    Signature(
        FailureKind.OOM_LOAD,
        line(OUT_OF_MEMORY),
        "out of GPU memory under load: {wanted} were needed, {free} were free",
        "lower mem-fraction-static, which leaves too little beside the KV cache, or "
        "chunked-prefill-size",
        after=_SERVING,
    ),
    Signature(
        FailureKind.OOM_LOAD,
        line(r"(?P<what>Prefill|Decode) out of memory\. Try to lower your batch size"),
        "the KV cache was full under load ({what})",
        "lower max-running-requests, or raise mem-fraction-static",
    ),
    Signature(
        FailureKind.OOM_LOAD,
        line(r"alloc_req_slots runs out of memory"),
        "more requests ran than there are slots for",
        "lower max-running-requests",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(
            r"Not enough memory\. Please try to increase --mem-fraction-static\. "
            r"Current value: mem_fraction_static=(?P<share>[\d.]+)"
        ),
        "mem-fraction-static {share} leaves no memory for the KV cache beside the weights",
        "raise mem-fraction-static above {share}, or tp-size",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(
            r"leave no GPU memory for the KV cache under --mem-fraction-static=(?P<share>[\d.]+)\. "
            r"Raise --mem-fraction-static above (?P<least>[\d.]+\d)"
        ),
        "mem-fraction-static {share} leaves no memory for the KV cache beside the weights",
        "raise mem-fraction-static above {least}, or tp-size",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(r"Not enough memory\. Please try to increase --mem-fraction-static"),
        "the weights leave no memory for the KV cache",
        "raise mem-fraction-static or tp-size",
    ),
    Signature(
        FailureKind.OOM_KV,
        line(
            r"leaves no room for the full KV pool"
            r"|Not enough GPU memory for hybrid \(mamba/linear-attention\) state cache"
            r"|state cache is too small to serve any requests"
        ),
        "too little memory for the model's caches",
        "lower max-running-requests, or raise mem-fraction-static",
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        line(OUT_OF_MEMORY),
        "out of GPU memory after loading, in a cache, a warm-up or a CUDA graph: {wanted} were "
        "needed, {free} were free",
        "lower mem-fraction-static or chunked-prefill-size, or capture CUDA graphs for smaller "
        "batches",
        after=_LOADED,
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(OUT_OF_MEMORY),
        "the weights do not fit into the GPU's memory: {wanted} more were needed, {free} were free",
        "raise tp-size, use quantization, or take a smaller model",
    ),
    Signature(
        FailureKind.OOM_LOAD,
        line(r"CUDA error: out of memory"),
        "out of GPU memory under load",
        "lower mem-fraction-static or chunked-prefill-size",
        after=_SERVING,
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        line(r"CUDA error: out of memory"),
        "out of GPU memory while starting",
        "lower mem-fraction-static, or end what else uses the GPU",
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(r"RuntimeError: The memory capacity is unbalanced"),
        "one of the GPUs has less free memory than the others",
        "end what else uses it",
    ),
)

_FLAGS = (
    Signature(
        FailureKind.PARALLELISM,
        line(r"CUDA error: invalid device ordinal"),
        "the parallelism needs more GPUs than there are",
        "keep tp x pp x dp within the GPUs of this machine",
    ),
    Signature(
        FailureKind.PARALLELISM,
        line(r"AssertionError: (?P<size>\d+) is not divisible by (?P<parts>\d+)"),
        "a layer of {size} cannot be divided over {parts} GPUs",
        "use a tp-size that divides {size}",
    ),
    Signature(
        FailureKind.PARALLELISM,
        # The assertion has no words of its own: the traceback shows its source line.
        line(r"assert (?:self\.)?(?:total_num_(?:kv_)?heads|\w*tp_size) % "),
        "the model's attention heads cannot be divided over that many GPUs",
        "use a tp-size that divides the number of attention heads, and a dp-size that divides it",
    ),
    Signature(
        FailureKind.PARALLELISM,
        line(r"AssertionError: (?P<problem>.*\b(?:tp|pp|dp|ep|cp)_size\b.*)"),
        "these parallelism sizes do not go together: {problem}",
        "change the sizes it names",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"Error: Warning: User-specified context_length \((?P<length>\d+)\) is greater than "
            r"the derived context_length \((?P<most>\d+)\)"
        ),
        "context-length {length} is more than the model's {most}",
        "lower context-length to {most} or less",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        line(r"Error: (?P<problem>.* requires SM(?:>=)?\d+[^.]*)"),
        "this GPU does not support what was asked for: {problem}",
        "choose another attention-backend or dtype",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        line(r"No accelerator \(.*\) (?:or platform plugin )?is available"),
        "SGLang sees no accelerator",
        "check the driver with nvidia-smi; in a container, that it got GPUs",
    ),
    Signature(
        FailureKind.CONFIG,
        line(r"No module named '?sglang\b"),
        "SGLang is not installed for this Python",
        "name the program with `command:` in the task, such as "
        "[/opt/sglang/bin/python, -m, sglang.launch_server]",
    ),
    Signature(
        FailureKind.PORT,
        line(r"\w+ at (?P<port>\d+) is not available"),
        "port {port} is taken",
        "end what listens on port {port}",
    ),
)

_CONSEQUENCES = (
    Signature(
        FailureKind.BAD_VALUE,
        line(r"(?:ValueError|AssertionError): (?P<problem>.*--[a-z][\w-]+.*)"),
        "the engine refuses the configuration: {problem}",
        "change the parameters it names",
    ),
    Signature(
        FailureKind.HANG,
        # A soft watchdog only warns.
        line(r"(?i)watchdog timeout \(self\.watchdog_timeout=(?P<limit>[\d.]+)(?!.*soft=True)"),
        "the scheduler stood still for {limit} s",
        "read the stacks above this line; a larger watchdog-timeout gives it longer",
    ),
    Signature(
        FailureKind.CRASH,
        line(r"scheduler died during initialization \(exit code: (?P<code>-?\d+)\)"),
        "the scheduler ended while starting, with exit code {code}",
        "-9: the machine's memory ran out, as dmesg tells; otherwise read the lines above",
    ),
    Signature(
        FailureKind.ENGINE_DIED,
        line(
            r"Scheduler hit an exception|Subprocess \S+ \(pid=\d+\) crashed"
            r"|Received sigquit from a child process"
        ),
        "the scheduler died",
        "read the traceback next to this line",
        after=_SERVING,
    ),
    Signature(
        FailureKind.CRASH,
        line(
            r"Scheduler hit an exception|Subprocess \S+ \(pid=\d+\) crashed"
            r"|Received sigquit from a child process|scheduler is dead|Initialization failed"
        ),
        "the engine did not start",
        "read the traceback next to this line",
    ),
)

SIGNATURES: tuple[Signature, ...] = (
    *_MEMORY, *ARGUMENTS, *_FLAGS, *MODEL, *MACHINE, *_CONSEQUENCES,
)  # fmt: skip
