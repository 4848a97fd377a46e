"""What vLLM's log lines mean: the phases of a start, and the causes of a failure.

The simulated engine writes the same lines. Order matters: causes stand before consequences,
lines with numbers before lines without.
"""

from __future__ import annotations

import re

from core.engines.base import Signature
from core.values import FailureKind, Phase


def _line(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


# A progress bar may rewrite its line: the greedy start finds the last state on it.
PHASES: tuple[tuple[re.Pattern[str], Phase], ...] = (
    (_line(r".*(?:\.safetensors|\.bin|Fetching \d+ files):\s+(?P<percent>\d+)%"), Phase.DOWNLOAD),
    (_line(r".*(?:checkpoint shards|loading shards)[^:]*:\s+(?P<percent>\d+)%"), Phase.LOAD),
    (_line(r"Starting to load model|Loading weights took"), Phase.LOAD),
    (_line(r"Starting torch\.compile|Warming up model for the compilation"), Phase.COMPILE),
    (_line(r"Dynamo bytecode transform time|Compiling a graph for"), Phase.COMPILE),
    (_line(r".*Capturing CUDA graphs?[^:]*:\s+(?P<percent>\d+)%"), Phase.CAPTURE),
    (_line(r"Graph capturing finished|init engine \(profile"), Phase.WARMUP),
    (_line(r"Starting vLLM(?:-like)? (?:API )?server"), Phase.WARMUP),
)

_OUT = (
    r"(?:CUDA|HIP|XPU) out of memory\. Tried to allocate (?P<wanted>[\d.]+ [KMGT]?i?B)"
    r"(?:.*?of which (?P<free>[\d.]+ [KMGT]?i?B) is free)?"
)
_SERVING = _line(r"Application startup complete")
_LOADED = _line(r"Model loading took|Loading weights took")
_USED = r"error while attempting to bind on address \('(?P<host>[^']*)', (?P<port>\d+)"

_MEMORY = (
    Signature(
        FailureKind.OOM_LOAD,
        _line(_OUT),
        "out of GPU memory under load: {wanted} were needed, {free} were free",
        "lower gpu-memory-utilization, which leaves too little beside the KV cache, or "
        "max-num-seqs or max-num-batched-tokens",
        after=_SERVING,
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        _line(r"out of memory occurred when warming up (?P<what>\w+) with (?P<count>\d+) dummy"),
        "out of GPU memory while warming up the {what} with {count} requests",
        "lower max-num-seqs below {count}, or gpu-memory-utilization",
    ),
    Signature(
        FailureKind.OOM_COMPILE,
        _line(_OUT),
        "out of GPU memory while compiling or capturing CUDA graphs: {wanted} were needed, "
        "{free} were free",
        "lower gpu-memory-utilization, max-num-seqs or max-num-batched-tokens, or set "
        "enforce-eager",
        after=_LOADED,
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        _line(_OUT),
        "the weights do not fit into the GPU's memory: {wanted} more were needed, {free} were free",
        "raise tensor-parallel-size, use quantization, or take a smaller model",
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        _line(r"Failed to load model - not enough GPU memory"),
        "the weights do not fit into the GPU's memory",
        "raise tensor-parallel-size, use quantization, or take a smaller model",
    ),
    Signature(
        FailureKind.OOM_WEIGHTS,
        _line(
            r"Free memory on device \S+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is "
            r"less than .*?\((?P<share>[\d.]+), (?P<wanted>[\d.]+) GiB\)"
        ),
        "gpu-memory-utilization {share} asks for {wanted} GiB, but only {free} of {total} GiB are "
        "free",
        "end what else uses the GPU, or lower gpu-memory-utilization below {free}/{total}",
    ),
    Signature(
        FailureKind.OOM_KV,
        _line(r"No available memory for the cache blocks"),
        "weights and activations leave no memory for the KV cache",
        "raise gpu-memory-utilization or tensor-parallel-size, or lower max-num-batched-tokens",
    ),
    Signature(
        FailureKind.OOM_KV,
        _line(
            r"To serve at least one request with the models?'s max seq len \((?P<length>\d+)\), "
            r"\((?P<needed>[\d.]+) GiB KV\s+cache is needed, which is larger than the available KV "
            r"cache memory \((?P<left>[\d.]+) GiB\)(?=.*maximum model length is (?P<fits>\d+))"
        ),
        "the KV cache has {left} GiB, one request of max-model-len {length} needs {needed} GiB",
        "lower max-model-len to {fits} or less, or raise gpu-memory-utilization",
    ),
    Signature(
        FailureKind.OOM_KV,
        _line(
            r"To serve at least one request with the models?'s max seq len"
            r"|Cannot auto-fit max_model_len: not enough GPU memory"
        ),
        "the KV cache is too small for one request of the maximum length",
        "lower max-model-len, raise gpu-memory-utilization, or set kv-cache-dtype fp8",
    ),
)

_FLAGS = (
    Signature(
        FailureKind.BAD_FLAG,
        _line(r"error: unrecognized arguments: (?P<flag>.+)"),
        "the engine does not know {flag}",
        "remove it from the task, or check its spelling against the engine's --help",
    ),
    Signature(
        FailureKind.BAD_FLAG,
        _line(r"error: ambiguous option: (?P<flag>\S+) could match (?P<names>.+)"),
        "{flag} could be several flags",
        "write one of {names} in full",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        _line(
            r"error: argument (?P<flag>[^:]+): invalid choice: (?P<value>.+?) "
            r"\(choose from (?P<choices>.+)\)"
        ),
        "{flag} cannot be {value}",
        "choose from {choices}",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        _line(r"error: argument (?P<flag>[^:]+): (?P<problem>.+)"),
        "{flag}: {problem}",
        "correct the value of {flag} in the task",
    ),
    Signature(
        FailureKind.PARALLELISM,
        _line(
            r"World size \((?P<size>\d+)\) is larger than the number of available GPUs "
            r"\((?P<gpus>\d+)\)"
        ),
        "the parallelism needs {size} GPUs, there are {gpus}",
        "keep tp x pp within {gpus}",
    ),
    Signature(
        FailureKind.PARALLELISM,
        _line(
            r"Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor "
            r"parallel size \((?P<tp>\d+)\)"
        ),
        "{heads} attention heads cannot be divided over {tp} GPUs",
        "use a tensor-parallel-size that divides {heads}",
    ),
    Signature(
        FailureKind.PARALLELISM,
        _line(r"(?i)(?:pipeline|tensor|expert|data)[ -]parallel\w* (?:\w+ )*(?:is )?not supported"),
        "the model does not support this kind of parallelism",
        "remove that axis from parallel in the task",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        _line(
            r"max_num_batched_tokens \((?P<tokens>\d+)\) (?:must be greater than or equal to|is "
            r"smaller than) (?P<other>\w+) \((?P<least>\d+)\)"
        ),
        "max-num-batched-tokens {tokens} is smaller than {other} {least}",
        "raise max-num-batched-tokens to at least {least}",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        _line(
            r"User-specified max_model_len \((?P<length>\d+)\) is greater than the derived "
            r"max_model_len \([^=]*=(?P<most>[\d.]+)"
        ),
        "max-model-len {length} is more than the model's {most}",
        "lower max-model-len to {most} or less",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        _line(r"Input should be (?P<rule>[^\[]+?) \[type=\w+, input_value=(?P<value>[^,]+)"),
        "a value is out of its limits: {value} should be {rule}",
        "the line above the evidence names the flag: correct it in the task",
    ),
)

_MODEL = (
    Signature(
        FailureKind.OFFLINE,
        _line(
            r"(?i)outgoing traffic has been disabled|OfflineModeIsEnabled|offline mode is enabled"
        ),
        "the model is not in the cache and the Hub is switched off (HF_HUB_OFFLINE)",
        "unset HF_HUB_OFFLINE, or name a local folder as the model",
    ),
    Signature(
        FailureKind.MODEL_GATED,
        _line(r"(?i)gated repo|GatedRepoError|Access to model (?P<model>\S+) is restricted"),
        "the model is gated",
        "accept its licence on the Hub and set HF_TOKEN",
    ),
    Signature(
        FailureKind.TOKENIZER,
        _line(r"Can't load tokenizer for '(?P<name>[^']+)'"),
        "the tokenizer {name} cannot be loaded",
        "set tokenizer in the task to a folder or repository that has one",
    ),
    Signature(
        FailureKind.TOKENIZER,
        _line(r"Tokenizer class \S+ .*(?:not found|not currently imported|does not exist)"),
        "the tokenizer's class is not known here",
        "set tokenizer in the task to one of the standard classes, or update the engine",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        _line(r"Repo id must be in the form .*?: '(?P<model>[^']*)'"),
        "there is no model folder {model}",
        "correct the path in the task, or write the model as owner/name",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        _line(r"(?P<model>\S+) is not a local folder (?:and is not|or) a valid"),
        "there is no model {model}, neither as a folder nor on the Hub",
        "check the name; a private model needs HF_TOKEN",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        _line(
            r"Repository Not Found for url|Invalid repository ID or local directory specified"
            r"|does not appear to have a file named|Cannot find any model weights"
        ),
        "the model or one of its files is missing",
        "check the model's name and that the folder has config.json and the weights",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        _line(r"Model architectures \[(?P<names>[^\]]+)\] (?:are not supported|failed)"),
        "the engine does not support the architecture {names}",
        "use a newer engine image, or another model",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        _line(
            r"not supported for the current GPU|only supported on GPUs with compute capability"
            r"|no kernel image is available|Failed to infer device type"
        ),
        "this machine's accelerator does not support what was asked for",
        "choose another dtype or quantization, or an image built for this accelerator",
    ),
)

_MACHINE = (
    Signature(
        FailureKind.PORT,
        _line(_USED + r".*address already in use"),
        "port {port} on {host} is taken",
        "end what listens on port {port}",
    ),
    Signature(
        FailureKind.PORT,
        _line(r"(?i)address already in use"),
        "the port is taken",
        "end what listens on it",
    ),
    Signature(
        FailureKind.SHM,
        _line(
            r"(?i)(?:/dev/shm|shared memory|</torch_).*(?:no space|cannot allocate|bus error)"
            r"|(?:no space|cannot allocate|bus error).*(?:/dev/shm|shared memory)"
            r"|error while creating shared memory segment"
        ),
        "shared memory (/dev/shm) is too small",
        "docker: set shm_size to 16g or ipc to host in the task",
    ),
    Signature(
        FailureKind.NCCL,
        _line(
            r"NCCL error|ncclSystemError|ncclUnhandledCudaError|ncclInternalError"
            r"|DistBackendError|Watchdog caught collective operation timeout"
        ),
        "the GPUs cannot talk to each other (NCCL)",
        "set NCCL_DEBUG=INFO in the task's environment and read the log; check shm_size and "
        "the links with nvidia-smi topo -m",
    ),
    Signature(
        FailureKind.PROXY,
        _line(r"ProxyError|Unable to connect to proxy|407 Proxy Authentication Required"),
        "the proxy refuses or cannot be reached",
        "check HTTP_PROXY and HTTPS_PROXY in .env; a container has its own pair",
    ),
    Signature(
        FailureKind.NETWORK,
        _line(
            r"We couldn't connect to '(?P<host>[^']+)'|Temporary failure in name resolution"
            r"|Name or service not known|Network is unreachable"
            r"|(?:MaxRetryError|ConnectTimeout|ConnectError|ConnectionError)\b.*huggingface"
        ),
        "the Hub cannot be reached",
        "check the network and the proxies in .env, or name a local folder as the model",
    ),
    Signature(
        FailureKind.DISK,
        _line(r"No space left on device|Disk quota exceeded"),
        "the disk is full",
        "free space, or set HF_HOME to a larger disk",
    ),
    Signature(
        FailureKind.PERMISSION,
        _line(r"(?:Permission denied: '|PermissionError at )(?P<path>[^'\s]+)"),
        "no permission for {path}",
        "give the user that runs the engine access to it",
    ),
)

_CONSEQUENCES = (
    Signature(
        FailureKind.BAD_VALUE,
        _line(r"Value error, (?P<problem>[^\[]+?)(?: \[type=|$)"),
        "the engine refuses the configuration: {problem}",
        "change the parameters it names",
    ),
    Signature(
        FailureKind.ENGINE_DIED,
        _line(r"EngineCore encountered a fatal error"),
        "the engine's core died",
        "read the traceback below this line",
    ),
    Signature(
        FailureKind.CRASH,
        _line(r"Engine core initialization failed|EngineCore failed to start"),
        "the engine's core did not start",
        "read the traceback next to this line",
    ),
)

SIGNATURES: tuple[Signature, ...] = (*_MEMORY, *_FLAGS, *_MODEL, *_MACHINE, *_CONSEQUENCES)
