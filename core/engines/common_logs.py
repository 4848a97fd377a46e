"""What log lines mean that any engine of Python, PyTorch and the Hub can write.

Order matters: lines with numbers before lines without.
"""

from __future__ import annotations

import re

from core.engines.base import Signature
from core.engines.gpu_logs import FAULTS, UNSUPPORTED
from core.engines.hub_logs import MODEL as HUB
from core.values import FailureKind


def line(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_USED = r"error while attempting to bind on address \('(?P<host>[^']*)', (?P<port>\d+)"

# The Hub itself refuses no connection: what does is a proxy that is not there.
_NO_PROXY_THERE = Signature(
    FailureKind.PROXY,
    line(r"Connection refused\W.*(?:HEAD|GET|url:?) https://(?:huggingface\.co|hf\.co|cdn-lfs)"),
    "nothing listens where the proxy should be",
    "check HTTPS_PROXY in .env; a loopback proxy of the host is not there inside a container",
)

ARGUMENTS = (
    Signature(
        FailureKind.BAD_FLAG,
        line(r"error: unrecognized arguments: (?P<flag>.+)"),
        "the engine does not know {flag}",
        "remove it from the task, or check its spelling against the engine's --help",
    ),
    Signature(
        FailureKind.BAD_FLAG,
        line(r"error: ambiguous option: (?P<flag>\S+) could match (?P<names>.+)"),
        "{flag} could be several flags",
        "write one of {names} in full",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(
            r"error: argument (?P<flag>[^:]+): invalid choice: (?P<value>.+?) "
            r"\(choose from (?P<choices>.+)\)"
        ),
        "{flag} cannot be {value}",
        "choose from {choices}",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(r"error: the following arguments are required: (?P<flag>.+)"),
        "{flag} is missing",
        "give it in the task",
    ),
    Signature(
        FailureKind.BAD_VALUE,
        line(r"error: argument (?P<flag>[^:]+): (?P<problem>.+)"),
        "{flag}: {problem}",
        "correct the value of {flag} in the task",
    ),
)

# A file of JSON names itself only by who was reading it.
_READS_TOKENIZER = line(r"/token(?:ization|izer)\w*(?:/\w+)?\.py\", line|, in \w*get_tokenizer\b")

_CONFIG_FILE = (
    Signature(
        FailureKind.TOKENIZER,
        line(
            r"\bJSONDecodeError: |Exception: (?:expected|EOF|invalid|unknown|missing|data did)"
            r"|not a string|expected str, bytes or os\.PathLike object, not NoneType"
        ),
        "the tokenizer's files are damaged or not all there",
        "fetch the model's tokenizer files again, or set tokenizer in the task",
        after=_READS_TOKENIZER,
    ),
    Signature(
        FailureKind.CONFIG,
        line(
            r"config file at '(?P<file>[^']+)' is not a valid JSON"
            r"|[Ff]ailed to load config .*(?:JSON|json)|\bJSONDecodeError: (?P<problem>.+)"
        ),
        "a configuration file of the model is damaged",
        "fetch the model's config.json again",
    ),
    Signature(
        FailureKind.CONFIG,
        line(
            r"contains custom code which must be executed|[Pp]lease pass the argument "
            r"`?trust_remote_code=True|set `?--trust-remote-code"
        ),
        "the model brings code of its own, which the engine may not run",
        "set trust-remote-code: true in the task, if you trust it",
    ),
    Signature(
        FailureKind.CONFIG,
        line(
            r"Attempted to load weight \(|size mismatch for \S+: copying a param"
            r"|There is no module or parameter named"
        ),
        "the weights do not have the shapes that config.json tells of",
        "fetch config.json and the weights again, from one revision",
    ),
)

_WEIGHTS = Signature(
    FailureKind.MODEL_MISSING,
    line(
        r"SafetensorError|Error while deserializing header|PytorchStreamReader failed"
        r"|Weight files referenced in index but missing|invalid load key"
        r"|weights were not initialized from checkpoint|does not contain the full model"
        r"|No such file or directory: \"?'?\S+\.(?:safetensors|bin|pt|gguf)"
    ),
    "a weights file is missing, incomplete or damaged",
    "fetch the model again; compare the sizes of its files with those on the Hub",
)

_ARCHITECTURE = (
    Signature(
        FailureKind.UNSUPPORTED,
        line(
            r"Model architectures? \[?(?P<names>[^\]]+?)\]? (?:are|is) not supported"
            r"|Model architectures \[(?P<failed>[^\]]+)\] failed"
        ),
        "the engine does not support the architecture {names}",
        "use a newer engine image, or another model",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        line(
            r"has model type `(?P<type>[^`]+)` but Transformers does not recognize|has no \w+ "
            r"implementation and the Transformers implementation|KeyError: '\w+ForCausalLM'"
            r"|Cannot find model module|no SGlang implementation"
        ),
        "the engine does not know this kind of model",
        "use a newer engine image, or another model",
    ),
)

MODEL = (_NO_PROXY_THERE, *HUB, *_CONFIG_FILE, _WEIGHTS, *_ARCHITECTURE, *UNSUPPORTED)

MACHINE = (
    Signature(
        FailureKind.PORT,
        line(_USED + r".*address already in use"),
        "port {port} on {host} is taken",
        "end what listens on port {port}",
    ),
    Signature(
        FailureKind.PORT,
        line(r"(?i)address already in use|could not bind on any address"),
        "the port is taken",
        "end what listens on it",
    ),
    Signature(
        FailureKind.SHM,
        line(
            r"(?i)(?:/dev/shm|shared memory|</torch_).*(?:no space|cannot allocate|bus error)"
            r"|(?:no space|cannot allocate|bus error).*(?:/dev/shm|shared memory)"
            r"|error while creating shared memory segment|unable to (?:mmap|open shared memory)"
            r"|unable to allocate shared memory|insufficient shared memory"
        ),
        "shared memory (/dev/shm) is too small",
        "docker: set shm_size to 16g or ipc to host in the task",
    ),
    *FAULTS,
    Signature(
        FailureKind.NCCL,
        line(
            r"[NR]CCL error|nccl(?:System|UnhandledCuda|Internal|Remote|Invalid(?:Usage|Argument))"
            r"\w*|DistBackendError|Watchdog caught collective operation timeout"
            r"|Duplicate GPU detected|custom_all_reduce\.cuh|Gloo connectFullMesh failed"
            r"|NCCL communicator was aborted"
            r"|DistStoreError|DistNetworkError|Timed out (?:after \d+ seconds )?waiting for clients"
        ),
        "the GPUs cannot talk to each other (NCCL)",
        "set NCCL_DEBUG=INFO in the task's environment and read the log; check shm_size and "
        "the links with nvidia-smi topo -m",
    ),
    Signature(
        FailureKind.PROXY,
        line(r"ProxyError|Unable to connect to proxy|407 Proxy Authentication Required"),
        "the proxy refuses or cannot be reached",
        "check HTTP_PROXY and HTTPS_PROXY in .env; a container has its own pair",
    ),
    Signature(
        FailureKind.NETWORK,
        line(
            r"We couldn't connect to '(?P<host>[^']+)'|Temporary failure in name resolution"
            r"|Name or service not known|Network is unreachable|No route to host"
            r"|(?:MaxRetryError|Connect(?:ion)?(?:Timeout|Error)|ReadTimeout)\b.*(?:huggingface|hf)"
            r"|thrown while requesting (?:HEAD|GET) http|CAS service error(?!.*No space left)"
            r"|(?:huggingface\.co|hf\.co)\b.*(?:Connection reset by peer|[Tt]imed out)"
        ),
        "the Hub cannot be reached",
        "check the network and the proxies in .env, or name a local folder as the model",
    ),
    Signature(
        FailureKind.DISK,
        line(r"No space left on device|Disk quota exceeded"),
        "the disk is full",
        "free space, or set HF_HOME to a larger disk",
    ),
    Signature(
        FailureKind.PERMISSION,
        line(
            r"(?:(?:Permission denied|Read-only file system): '|PermissionError at )"
            r"(?P<path>[^'\s]+)"
        ),
        "no permission for {path}",
        "give the user that runs the engine access to it",
    ),
    Signature(
        FailureKind.PERMISSION,
        line(r"(?:\bPermission denied|Read-only file system)(?: \(os error \d+\))?$"),
        "a file or folder may not be written or read",
        "give the user that runs the engine access to it",
    ),
)
