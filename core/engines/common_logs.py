"""What log lines mean that any engine of Python, PyTorch and the Hub can write.

Order matters: lines with numbers before lines without.
"""

from __future__ import annotations

import re

from core.engines.base import Signature
from core.values import FailureKind


def line(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


OUT_OF_MEMORY = (
    r"(?:CUDA|HIP|XPU) out of memory\. Tried to allocate (?P<wanted>[\d.]+ [KMGT]?i?B)"
    r"(?:.*?of which (?P<free>[\d.]+ [KMGT]?i?B) is free)?"
)
_USED = r"error while attempting to bind on address \('(?P<host>[^']*)', (?P<port>\d+)"

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
        line(r"error: argument (?P<flag>[^:]+): (?P<problem>.+)"),
        "{flag}: {problem}",
        "correct the value of {flag} in the task",
    ),
)

MODEL = (
    Signature(
        FailureKind.OFFLINE,
        line(
            r"(?i)outgoing traffic has been disabled|OfflineModeIsEnabled|offline mode is enabled"
        ),
        "the model is not in the cache and the Hub is switched off (HF_HUB_OFFLINE)",
        "unset HF_HUB_OFFLINE, or name a local folder as the model",
    ),
    Signature(
        FailureKind.MODEL_GATED,
        line(r"(?i)gated repo|GatedRepoError|Access to model (?P<model>\S+) is restricted"),
        "the model is gated",
        "accept its licence on the Hub and set HF_TOKEN",
    ),
    Signature(
        FailureKind.TOKENIZER,
        line(r"Can't load tokenizer for '(?P<name>[^']+)'"),
        "the tokenizer {name} cannot be loaded",
        "set tokenizer in the task to a folder or repository that has one",
    ),
    Signature(
        FailureKind.TOKENIZER,
        line(r"Tokenizer class \S+ .*(?:not found|not currently imported|does not exist)"),
        "the tokenizer's class is not known here",
        "set tokenizer in the task to one of the standard classes, or update the engine",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        line(r"Repo id must be in the form .*?: '(?P<model>[^']*)'"),
        "there is no model folder {model}",
        "correct the path in the task, or write the model as owner/name",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        line(r"(?P<model>\S+) is not a local folder (?:and is not|or) a valid"),
        "there is no model {model}, neither as a folder nor on the Hub",
        "check the name; a private model needs HF_TOKEN",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        line(
            r"Repository Not Found for url|Invalid repository ID or local directory specified"
            r"|does not appear to have a file named|Cannot find any model weights"
        ),
        "the model or one of its files is missing",
        "check the model's name and that the folder has config.json and the weights",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        line(r"Model architectures \[(?P<names>[^\]]+)\] (?:are not supported|failed)"),
        "the engine does not support the architecture {names}",
        "use a newer engine image, or another model",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        line(
            r"not supported for the current GPU|only supported on GPUs with compute capability"
            r"|no kernel image is available|Failed to infer device type"
        ),
        "this machine's accelerator does not support what was asked for",
        "choose another dtype or quantization, or an image built for this accelerator",
    ),
)

MACHINE = (
    Signature(
        FailureKind.PORT,
        line(_USED + r".*address already in use"),
        "port {port} on {host} is taken",
        "end what listens on port {port}",
    ),
    Signature(
        FailureKind.PORT,
        line(r"(?i)address already in use"),
        "the port is taken",
        "end what listens on it",
    ),
    Signature(
        FailureKind.SHM,
        line(
            r"(?i)(?:/dev/shm|shared memory|</torch_).*(?:no space|cannot allocate|bus error)"
            r"|(?:no space|cannot allocate|bus error).*(?:/dev/shm|shared memory)"
            r"|error while creating shared memory segment"
        ),
        "shared memory (/dev/shm) is too small",
        "docker: set shm_size to 16g or ipc to host in the task",
    ),
    Signature(
        FailureKind.NCCL,
        line(
            r"NCCL error|ncclSystemError|ncclUnhandledCudaError|ncclInternalError"
            r"|DistBackendError|Watchdog caught collective operation timeout"
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
            r"|Name or service not known|Network is unreachable"
            r"|(?:MaxRetryError|ConnectTimeout|ConnectError|ConnectionError)\b.*huggingface"
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
        line(r"(?:Permission denied: '|PermissionError at )(?P<path>[^'\s]+)"),
        "no permission for {path}",
        "give the user that runs the engine access to it",
    ),
)
