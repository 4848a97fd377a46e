"""What SGLang's log lines mean: the phases of a start, and the causes of a failure.

Order matters: causes stand before consequences, lines with numbers before lines without.
"""

from __future__ import annotations

import re

from core.engines.base import BAR, Signature
from core.engines.common_logs import ARGUMENTS, MACHINE, MODEL, line
from core.engines.gpu_logs import NO_MEMORY, OUT_OF_MEMORY
from core.values import FailureKind, Phase

# A progress bar may rewrite its line: the greedy start finds the last state on it.
PHASES: tuple[tuple[re.Pattern[str], Phase], ...] = (
    (line(r".*(?:\.safetensors|\.bin|Fetching \d+ files):\s+" + BAR), Phase.DOWNLOAD),
    (line(r".*(?:checkpoint shards|loading shards)[^:]*:\s+" + BAR), Phase.LOAD),
    (line(r"Load weight begin"), Phase.LOAD),
    (line(r".*Compiling num tokens[^:]*:\s+" + BAR), Phase.COMPILE),
    (line(r"DeepGEMM JIT (?:Pre-Compile session|Compiling)"), Phase.COMPILE),
    (line(r".*Capturing [^:]*:\s+" + BAR), Phase.CAPTURE),
    (line(r"(?i)\bcapture (?:\w+ )*graph begin"), Phase.CAPTURE),
    (line(r"max_total_num_tokens=\d+, .*context_len="), Phase.WARMUP),
)

SPEAKS = line(
    r"(?i)\bsglang\b|server_args=ServerArgs\("
    r"|^\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d(?:\.\d+)?(?: (?:TP|DP|PP|EP)\d+)*\] "
)
READY = line(r"The server is fired up and ready to roll")
_LOADED = line(r"Load weight end")
_POOL = line(
    r"Memory pool end|KV Cache is allocated|max_total_num_tokens=\d|[Cc]apture .*graph begin"
)

# What tells how much was missing stands first.
_OUT = (
    (OUT_OF_MEMORY, ": {wanted} were needed, {free} were free"),
    (NO_MEMORY, ""),
)

_MEMORY = (
    *(
        Signature(
            FailureKind.OOM_LOAD,
            line(words),
            "out of GPU memory under load" + how,
            "lower mem-fraction-static, which leaves too little beside the KV cache, or "
            "chunked-prefill-size",
            after=READY,
        )
        for words, how in _OUT
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
            r"leaves no room for the full\s+KV pool|SWA pool \(\d+ tokens\) cannot hold even one"
            r"|Not enough GPU memory for hybrid \(mamba/linear-attention\) state cache"
            r"|state cache is too small to serve any requests"
        ),
        "too little memory for the model's caches",
        "lower max-running-requests, or raise mem-fraction-static",
    ),
    *(
        Signature(
            FailureKind.OOM_COMPILE,
            line(r"Capture (?:\w+ )*graph failed: .*" + words),
            "out of GPU memory while capturing CUDA graphs" + how,
            "lower mem-fraction-static, or capture graphs for smaller batches (cuda-graph-max-bs)",
        )
        for words, how in _OUT
    ),
    *(
        Signature(
            FailureKind.OOM_COMPILE,
            line(words),
            "out of GPU memory after the KV cache, in a warm-up or a CUDA graph" + how,
            "lower mem-fraction-static or chunked-prefill-size, or capture CUDA graphs for "
            "smaller batches",
            after=_POOL,
        )
        for words, how in _OUT
    ),
    *(
        Signature(
            FailureKind.OOM_KV,
            line(words),
            "the KV cache that mem-fraction-static asks for does not fit" + how,
            "lower mem-fraction-static, or end what else uses the GPU",
            after=_LOADED,
        )
        for words, how in _OUT
    ),
    *(
        Signature(
            FailureKind.OOM_WEIGHTS,
            line(words),
            "the weights do not fit into the GPU's memory" + how,
            "raise tp-size, use quantization, take a smaller model, or end what else uses the GPU",
        )
        for words, how in _OUT
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        line(r"(?:Runtime|Value)Error: The memory capacity is unbalanced"),
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
            r"Error: .*context_length \((?P<length>\d+)\) is greater than the derived "
            r"context_length \((?P<most>\d+)\)"
        ),
        "context-length {length} is more than the model's {most}",
        "lower context-length to {most} or less",
    ),
    Signature(
        FailureKind.PARALLELISM,
        line(
            r"Error: (?P<problem>.*(?:\d+ is not divisible by weight quantization|\bTP is not "
            r"supported|(?:heads|experts|hidden_size|intermediate_size)\b.* divisible).*)"
        ),
        "the model cannot be divided like that: {problem}",
        "use another tp-size or ep-size",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"Quantization method specified in the model config \((?P<has>[^)]+)\) does not match "
            r"the quantization\s+method specified in the `quantization` argument "
            r"\((?P<asked>[^)]+)\)"
        ),
        "the weights are quantized as {has}, not as {asked}",
        "leave quantization out, or set it to {has}",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(r"Error: (?P<problem>(?:Unknown|Invalid|Unsupported|Unrecognized) [\w -]+: ?\S+.*)"),
        "a value is none that the engine knows: {problem}",
        "correct it in the task",
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
        line(
            r"(?P<package>[\w-]+) (?:is installed with version (?P<has>\S+), which is less than "
            r"the minimum|with) (?:minimum )?required version (?P<least>\S+?)\.? "
        ),
        "SGLang needs {package} {least} or newer, which is not installed",
        "install it, or use SGLang's image of this version",
    ),
    Signature(
        FailureKind.CONFIG,
        line(
            r"ImportError: (?P<problem>.*(?:undefined symbol|cannot open shared object|sgl_kernel"
            r"|version `\w+' not found).*)|No module named '?(?P<package>sgl_kernel|flashinfer)\b"
        ),
        "a library of kernels does not fit this installation",
        "install sgl-kernel and flashinfer for this torch and CUDA, or use SGLang's image",
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
        line(r"\w+ at (?P<port>\d+) is not available|ort (?P<other>\d+) is already in use\."),
        "a port is taken: {port}",
        "end what listens on it",
    ),
    Signature(
        FailureKind.PORT,
        line(r"Error: Port is already in use"),
        "one of the ports beside the server's is taken",
        "end what listens there, or name others with dist-init-addr and nccl-port",
    ),
)

_CONSEQUENCES = (
    Signature(
        FailureKind.BAD_VALUE,
        line(r"(?:Value|Assertion|Runtime)Error: (?P<problem>.*--[a-z][\w-]+.*)"),
        "the engine refuses the configuration: {problem}",
        "change the parameters it names",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"(?:Value|Assertion)Error: (?P<problem>.*\b(?:must be|should be|cannot be used"
            r"|(?:is|are) not compatible|(?:is|are) only supported|only supports?"
            r"|(?:is|are) not supported (?:with|for|when))\b.*)"
        ),
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
        line(r"(?:TP )?rank \d+ could finish the model loading, but there are other ranks"),
        "one of the GPUs' processes did not finish loading the model",
        "read what that rank said; see dmesg for a process that the kernel ended",
        wrapper=True,
    ),
    Signature(
        FailureKind.CRASH,
        line(r"scheduler died during initialization \(exit code: (?P<code>-?\d+)\)"),
        "the scheduler ended while starting, with exit code {code}",
        "-9: the machine's memory ran out, as dmesg tells; otherwise read the lines above",
        wrapper=True,
    ),
    Signature(
        FailureKind.ENGINE_DIED,
        line(
            r"Scheduler hit an exception|Subprocess \S+ \(pid=\d+\) crashed"
            r"|Received sigquit from a child process"
        ),
        "the scheduler died",
        "read the traceback next to this line",
        after=READY,
        wrapper=True,
    ),
    Signature(
        FailureKind.CRASH,
        line(
            r"Scheduler hit an exception|Subprocess \S+ \(pid=\d+\) crashed"
            r"|Received sigquit from a child process|scheduler is dead|Initialization failed"
            r"|Capture (?:\w+ )*graph failed|Child process unexpectedly failed"
        ),
        "the engine did not start",
        "read the lines above this one",
        wrapper=True,
    ),
)

SIGNATURES: tuple[Signature, ...] = (
    *_MEMORY, *ARGUMENTS, *_FLAGS, *MODEL, *MACHINE, *_CONSEQUENCES,
)  # fmt: skip
