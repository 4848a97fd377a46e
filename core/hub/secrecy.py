"""Keeps tokens and passwords out of what a download prints."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import TextIO

from core.values import looks_secret, mask_urls, masked, url_credentials


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """Values that must not be shown: of secret-looking names, and passwords in URLs."""
    found: set[str] = set()
    for name, value in environment.items():
        if looks_secret(name):
            found.add(value)
        pairs = list(url_credentials(value))
        if name.upper().endswith("_PROXY") and "@" in value:  # may be written without a scheme
            pairs.append(value.rpartition("@")[0].rpartition("//")[2])
        found.update(part for pair in pairs for part in (pair, pair.partition(":")[2]))
    return found - {""}


class GuardedStream(io.TextIOBase):
    """Passes text on without `secrets`, which may grow."""

    def __init__(self, stream: TextIO, secrets: set[str]) -> None:
        self._stream = stream
        self._secrets = secrets

    def write(self, text: str) -> int:
        self._stream.write(masked(mask_urls(text), self._secrets))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def guard_errors(secrets: set[str]) -> None:
    """From now on `sys.stderr` shows none of `secrets`."""
    sys.stderr = GuardedStream(sys.stderr, secrets)
