"""The settings themselves, and what a task takes from where it is submitted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from core.settings.files import dotenv
from core.values import InputError

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
AICONFIGURATOR = "AUTOTUNER_AICONFIGURATOR"
"""The Python of an environment that has aiconfigurator."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

# What a task takes from the environment it is submitted in. Everything else stays out, so
# that a child does not depend on the shell that happened to be open.
# fmt: off
_NAMES = frozenset((
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "DOCKER_HOST", "AUTOTUNER_HOOK", AICONFIGURATOR,
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "NO_PROXY", "no_proxy", "CONTAINER_NO_PROXY",
    *(spelled for name in PROXIES for spelled in (name, name.lower(), f"CONTAINER_{name}")),
))
_PREFIXES = (
    "HF_", "HUGGING_FACE_", "TRANSFORMERS_", "LC_", "XDG_",
    "VLLM_", "SGLANG_", "SGL_", "CUDA_", "NVIDIA_", "NCCL_", "TORCH_", "TORCHINDUCTOR_",
    "PYTORCH_", "TRITON_", "FLASHINFER_", "OMP_", "MKL_", "KMP_", "RAY_",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Settings:
    """Resolved variables by name. Not shown by `repr`, because some are secret."""

    values: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))


def resolve(cwd: Path, environ: Mapping[str, str], references: Iterable[str] = ()) -> Settings:
    """All of `.env` in `cwd`, overridden and completed by what a task needs of `environ`.

    `references` names further variables that the task asks for as `${NAME}`. InputError
    when there is an `.env` that cannot be used.
    """
    values = dotenv(cwd / ".env")
    wanted = {*values, *references}
    for name, value in environ.items():
        asked = name in wanted or name in _NAMES or name.startswith(_PREFIXES)
        if asked and _NAME.fullmatch(name):
            values[name] = value
    return Settings(values)


def references(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names that a task's environment refers to as `${NAME}`."""
    return tuple(name for value in environment.values() for name in _REFERENCE.findall(value))


def expand(environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """A task's environment with every `${NAME}` filled in; InputError when one is not set."""

    def value(name: str, match: re.Match[str]) -> str:
        if match[1] not in settings.values:
            raise InputError(
                f"environment.{name}: {match[1]} is not set; "
                f"export {match[1]} or write it into .env"
            )
        return settings.values[match[1]]

    return {
        name: _REFERENCE.sub(lambda match, name=name: value(name, match), text)  # type: ignore[misc]
        for name, text in environment.items()
    }
