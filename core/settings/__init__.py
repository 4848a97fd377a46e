"""Settings: what the environment and `.env` say, and what each child process gets of it.

A task carries its own settings: they are resolved where it is submitted and kept in a
file that only the user can read.
"""

from pathlib import Path

from core.settings import files
from core.settings.children import (
    container_environment,
    host_environment,
    is_offline,
    warnings,
)
from core.settings.secrecy import mask, masked_environment, secrets, without_secrets
from core.settings.values import Settings, expand, references, resolve

__all__ = [
    "Settings",
    "container_environment",
    "expand",
    "host_environment",
    "is_offline",
    "mask",
    "masked_environment",
    "read",
    "references",
    "resolve",
    "secrets",
    "warnings",
    "without_secrets",
    "write",
]


def write(settings: Settings, path: Path) -> None:
    """Write the settings to a file that only the user can read, whole or not at all."""
    files.write_private(settings.values, path)


def read(path: Path) -> Settings:
    """The settings that `write` wrote; InputError when they are gone or damaged."""
    return Settings(files.read_private(path))
