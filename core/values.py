"""Values every room shares. All frozen; nothing here imports another room."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

Scalar = bool | int | float | str
"""A flag's value as written in a task file."""


class TaskState(StrEnum):
    """Where a task stands. `completed`, `failed` and `cancelled` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in {TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED}


class ExperimentState(StrEnum):
    """Where an experiment stands. `infeasible`: it ran and missed an SLO."""

    PENDING = "pending"
    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    BENCHMARKING = "benchmarking"
    SUCCEEDED = "succeeded"
    INFEASIBLE = "infeasible"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def measured(self) -> bool:
        """True when the experiment ended with a score."""
        return self in {ExperimentState.SUCCEEDED, ExperimentState.INFEASIBLE}

    @property
    def final(self) -> bool:
        return self.measured or self in {ExperimentState.FAILED, ExperimentState.CANCELLED}


class Objective(StrEnum):
    """What a task optimises. Latency objectives are lower-is-better and use p95."""

    THROUGHPUT = "throughput"
    THROUGHPUT_PER_GPU = "throughput_per_gpu"
    GOODPUT = "goodput"
    LATENCY = "latency"
    TTFT = "ttft"
    TPOT = "tpot"


class Phase(StrEnum):
    """What an experiment is doing between its states, in the order it happens."""

    PULL = "pull"
    DOWNLOAD = "download"
    LOAD = "load"
    COMPILE = "compile"
    CAPTURE = "capture"
    WARMUP = "warmup"
    READY = "ready"
    BENCHMARK = "benchmark"


class Purpose(StrEnum):
    """Why a measurement was made."""

    PROBE = "probe"
    SEARCH = "search"
    CONFIRM = "confirm"


class StartReason(StrEnum):
    """Why an engine was launched."""

    SEARCH = "search"
    CONFIRM = "confirm"
    RETRY = "retry"


class FailureKind(StrEnum):
    """Fixed identifiers of what can go wrong; part of the command-line contract."""

    OOM_WEIGHTS = "oom_weights"
    OOM_KV = "oom_kv"
    OOM_COMPILE = "oom_compile"
    OOM_LOAD = "oom_load"
    BAD_FLAG = "bad_flag"
    BAD_VALUE = "bad_value"
    PARALLELISM = "parallelism"
    UNSUPPORTED = "unsupported"
    MODEL_MISSING = "model_missing"
    MODEL_GATED = "model_gated"
    TOKENIZER = "tokenizer"
    OFFLINE = "offline"
    NETWORK = "network"
    PROXY = "proxy"
    PERMISSION = "permission"
    DISK = "disk"
    PORT = "port"
    IMAGE = "image"
    DOCKER = "docker"
    NCCL = "nccl"
    SHM = "shm"
    START_TIMEOUT = "start_timeout"
    HANG = "hang"
    CRASH = "crash"
    ENGINE_DIED = "engine_died"
    BENCH_ERRORS = "bench_errors"
    ZERO_TOKENS = "zero_tokens"
    CONFIG = "config"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something ended badly: kind, one sentence, the evidence, what to do next.

    `log` names the file (`engine.log`) and `line` its 1-based line, `text` that line.
    `transient`: the configuration has no part in it, and the same may go well in a moment.
    """

    kind: FailureKind
    message: str
    advice: str = ""
    log: str | None = None
    line: int | None = None
    text: str | None = None
    transient: bool = False


class AutotunerError(Exception):
    """An error a person can act on. `str()` is one line: what, where, what to do."""


class InputError(AutotunerError):
    """Bad input: exit status 2."""


@dataclass(frozen=True, order=True)
class Configuration:
    """One point of the space: an engine and the flags it is given.

    `flags` holds (name without dashes in front, value), sorted by name; a flag that is
    not passed is absent.
    """

    engine: str
    flags: tuple[tuple[str, Scalar], ...] = ()

    @classmethod
    def of(cls, engine: str, flags: Mapping[str, Scalar | None]) -> Configuration:
        """Canonical form: `_` and `-` are the same, null is not passed, order is lost."""
        named = {name.replace("_", "-"): value for name, value in flags.items()}
        return cls(engine, tuple(sorted((n, v) for n, v in named.items() if v is not None)))

    @property
    def parameters(self) -> dict[str, Scalar]:
        return dict(self.flags)

    @cached_property
    def key(self) -> str:
        """A short stable identity: equal for equal command lines, so 8 and "8" are the same."""
        words = [[n, v if isinstance(v, bool) else str(v)] for n, v in self.flags]
        text = json.dumps([self.engine, words])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Container:
    """How a LaunchSpec runs in Docker.

    `entrypoint` empty: the image's own. `port` is published on 127.0.0.1 under the same
    number, unless `network` is `host`. `mounts` are written as Docker does
    (`source:target[:ro]`). `devices` are GPU UUIDs or indices; empty: none.
    """

    image: str
    port: int
    entrypoint: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    shm_size: str | None = None
    ipc: str | None = None
    network: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """Everything needed to start one engine; what `check` and `export` print.

    `argv` is the whole command line of a process, and what follows the entrypoint in a
    container. `environment` is what is added for this engine; a value may hold `${NAME}`
    references to settings, so that neither the value nor a printed command has a secret in it.
    """

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    gpus: int = 0
    container: Container | None = None

    def shell(self) -> str:
        """The command as a person pastes it into a POSIX shell."""
        if self.container is not None:
            return " ".join([*_docker_words(self.container, self.environment), *self._words()])
        given = [f"{name}={_quoted(value)}" for name, value in self.environment]
        return " ".join([*given, *self._words()])

    def _words(self) -> list[str]:
        return [shlex.quote(word) for word in self.argv]


def _docker_words(box: Container, environment: tuple[tuple[str, str], ...]) -> list[str]:
    """`docker run …` up to the image, and the rest of the entrypoint behind it."""
    words = ["docker run --rm"]
    if box.devices:
        words.append(f"--gpus '\"device={','.join(box.devices)}\"'")
    if box.network != "host":
        words.append(f"-p 127.0.0.1:{box.port}:{box.port}")
    options = (
        ("network", box.network),
        ("ipc", box.ipc),
        ("shm-size", box.shm_size),
        ("user", box.user),
        ("entrypoint", box.entrypoint[0] if box.entrypoint else None),
    )
    words += [f"--{name} {shlex.quote(value)}" for name, value in options if value]
    words += [f"-v {shlex.quote(mount)}" for mount in box.mounts]
    # A variable that is its own setting is taken from the shell: its value is not printed.
    words += [
        f"-e {name}" if value == f"${{{name}}}" else f"-e {name}={_quoted(value)}"
        for name, value in environment
    ]
    return [*words, shlex.quote(box.image), *(shlex.quote(word) for word in box.entrypoint[1:])]


def _quoted(value: str) -> str:
    """Quoted for a shell, with `${NAME}` left for the shell to fill in."""
    if "${" not in value:
        return shlex.quote(value)
    parts = re.split(r"(\$\{\w+\})", value)
    plain = (re.sub(r'([\\"`$])', r"\\\1", part) for part in parts[::2])
    references = [*parts[1::2], ""]
    return '"' + "".join(p + r for p, r in zip(plain, references, strict=True)) + '"'


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the append-only history. `at` is UTC epoch seconds."""

    at: float
    kind: str
    task: str | None = None
    experiment: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


def one_line(text: str, limit: int = 240) -> str:
    """Collapse whitespace and control characters so that `text` fits on one line."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def masked(text: str, secrets: Iterable[str]) -> str:
    """Replace each secret value in `text`; short values are left, they would hit words."""
    for secret in sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True):
        text = text.replace(secret, "•••")
    return text


_SECRET_PARTS = ("SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY")
_SECRET_ENDS = ("KEY", "PASS", "AUTH", "AUTHORIZATION")
_URL_USER = re.compile(r"(?<=://)[^/?#\s]+(?=@)")


def looks_secret(name: str) -> bool:
    """Whether a variable or flag of this name holds a secret: HF_TOKEN, api-key, DB_PASSWORD."""
    words = [word for word in re.split(r"[^A-Z0-9]+", name.upper()) if not word.isdigit()]
    joined = "".join(words)
    if any(part in joined for part in _SECRET_PARTS):
        return True
    # `max-num-batched-tokens`, `tokenizer` and `ssl-keyfile` are no secrets: only the end counts.
    return bool(words) and (words[-1].endswith("TOKEN") or words[-1] in _SECRET_ENDS)


def url_credentials(text: str) -> tuple[str, ...]:
    """The `user:password` parts of the URLs in `text`."""
    return tuple(_URL_USER.findall(text))


def mask_urls(text: str) -> str:
    """`text` with the credentials of its URLs hidden: `http://•••@host:port`."""
    return _URL_USER.sub("•••", text)


def size_text(count: int) -> str:
    """Bytes as a person reads them, in powers of 1000 as disks and the Hub count: `15.3 GB`."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
