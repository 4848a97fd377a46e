"""What an engine is to the rest of the program: one frozen value per engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.task import Task
from core.values import Configuration, FailureKind, Phase, Scalar


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """What a log line says about the start: the phase it is in, and how far (0..1)."""

    phase: Phase
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A log line that proves a failure. Earlier signatures win over later ones.

    `message` and `advice` are formatted with the pattern's named groups. With `after`, only
    lines below one that matches it count: the same words mean something else while starting
    and while serving.
    """

    kind: FailureKind
    pattern: re.Pattern[str]
    message: str
    advice: str
    after: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """An inference engine: how it is started, watched and read.

    `program` is what stands before the flags when the task names no `command:` of its own;
    `arguments` gives the flags that every start needs, for a task and a port; `reserved`
    flags are set by us. `axes` maps parallelism and quantization axes (`tp`, `kvcache`, …)
    to flag names. `environment` is set while measuring and is no part of a printed command.
    `cache_reset` is POSTed to between measurements. `tokenizer` names what the benchmark
    loads for a task; it may make one in the given cache folder.
    """

    name: str
    program: tuple[str, ...]
    default_port: int
    arguments: Callable[[Task, int], tuple[str, ...]]
    axes: Mapping[str, str]
    reserved: frozenset[str]
    phases: tuple[tuple[re.Pattern[str], Phase], ...] = ()
    signatures: tuple[Signature, ...] = ()
    health: str = "/health"
    cache_reset: str = "/reset_prefix_cache"
    image: str | None = None
    simulated: bool = False
    genai_backend: str = "vllm"
    gpu_axes: tuple[str, ...] = ("tp", "pp", "dp")
    environment: Mapping[str, str] = field(default_factory=dict)
    tokenizer: Callable[[Task, Path], str] = lambda task, _cache: task.tokenizer

    def flag_words(self, configuration: Configuration) -> tuple[str, ...]:
        """The configuration as command-line words: `true` is a bare flag, `false` `--no-x`."""
        words: list[str] = []
        for name, value in configuration.flags:
            words += _spell(name, value)
        return tuple(words)

    def gpus(self, configuration: Configuration) -> int:
        """How many GPUs the parallelism of this configuration takes (at least 1)."""
        count = 1
        for axis in self.gpu_axes:
            size: Any = configuration.parameters.get(self.axes.get(axis, ""), 1)
            count *= size if isinstance(size, int) and not isinstance(size, bool) else 1
        return count

    def phase(self, line: str) -> PhaseMark | None:
        """The phase a log line announces; a named group `percent` or `done`/`total` is progress."""
        for pattern, phase in self.phases:
            if match := pattern.search(line):
                return PhaseMark(phase, _progress(match.groupdict()))
        return None


def _spell(name: str, value: Scalar) -> tuple[str, ...]:
    if value is True:
        return (f"--{name}",)
    if value is False:
        return (f"--no-{name}",)
    return (f"--{name}", str(value))


def _progress(groups: Mapping[str, str | None]) -> float | None:
    if percent := groups.get("percent"):
        return min(1.0, float(percent) / 100)
    done, total = groups.get("done"), groups.get("total")
    if done and total and float(total) > 0:
        return min(1.0, float(done) / float(total))
    return None
