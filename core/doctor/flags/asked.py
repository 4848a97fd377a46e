"""What is asked for its help, and what its answer depends on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.engines.flags.help import ENVIRONMENT, WORDS
from core.values import AutotunerError, Container

Progress = Callable[[str], None]
"""Gets a line that says what is waited for."""

FORMAT = 1
"""Of what is kept: another one is read anew."""

# Flags depend on these: on the platform that is asked for, on plug-ins, on other sources.
_TELLING = ("VLLM_", "SGLANG_", "SGL_", "PYTHONPATH")
_EVERY = 5.0


class Unasked(AutotunerError):
    """The engine could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A program with its environment, or in a `box` of its own: there `argv` is what follows the
    entrypoint. `name` is for people. `version` is empty where it is not known.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    key: str
    version: str = ""
    box: Container | None = None


def key_of(environment: Mapping[str, str], *parts: object) -> str:
    """A short name for all that an answer depends on."""
    given = {n: v for n, v in environment.items() if n.startswith(_TELLING)}
    text = json.dumps([FORMAT, sorted(given.items()), *parts], default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def help_words(engine: str) -> tuple[tuple[str, ...], ...]:
    """What to try behind the program, one after the other: old versions have only the last."""
    plain = ("--help",)
    return tuple(dict.fromkeys((WORDS.get(engine, plain), plain)))


def asking(environment: Mapping[str, str]) -> dict[str, str]:
    """With what makes a help easy to read."""
    return {**environment, **ENVIRONMENT}


class Waiting:
    """Says what is waited for, at once and then every few seconds."""

    def __init__(self, name: str, limit: float, progress: Progress) -> None:
        self._name, self._limit, self._progress = name, limit, progress
        self._begun = time.monotonic()
        self._next = 0.0

    @property
    def left(self) -> float:
        """Seconds, not below 0."""
        return max(0.0, self._limit - (time.monotonic() - self._begun))

    def __call__(self) -> None:
        passed = time.monotonic() - self._begun
        if passed >= self._next:
            self._next = passed + _EVERY
            self._progress(
                f"asking {self._name} for its flags: {passed:.0f} s of {self._limit:.0f} s"
            )


def last_line(text: str) -> str:
    """The last one that says something, without control characters; empty when none does."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(c for c in lines[-1] if c.isprintable())[:300] if lines else ""
