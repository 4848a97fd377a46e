"""What an engine is to the rest of the program: one frozen value per engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.engines.rules import EngineRule
from core.task import Task
from core.values import Configuration, FailureKind, Phase, Scalar

BAR = (
    r"(?P<percent>\d+)%(?:[^|]*\|(?:[^|]*\|)? *"
    r"(?P<done>[\d.]+[kMGT]?)B?/(?P<total>[\d.]+[kMGT]?)B?)?"
)
"""A progress bar as tqdm draws it, `75%|███ | 3/4 [..]`, with or without its counts."""

PARALLEL = ("tp", "pp", "dp", "ep", "dcp")
"""Axes of parallelism: counts, of which 1 is every engine's default."""

_DEFAULTS = frozenset({"auto", "none"})  # of the other axes: what every engine does by itself
_NOTHING = re.compile(r"(?!)")

_COUNTED = {Phase.DOWNLOAD: " files", Phase.LOAD: " shards", Phase.CAPTURE: " graphs"}


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """What a log line says about the start: the phase it is in, and how far: 0..1, and in
    words such as `3 of 4 shards`.
    """

    phase: Phase
    progress: float | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A log line that proves a failure. Earlier signatures win over later ones.

    `message` and `advice` are formatted with the pattern's named groups. With `after`, only
    lines below one that matches it count: the same words mean something else while starting
    and while serving. A `wrapper` tells only that something ended: the exception that it
    wraps, where the log has one, is the better evidence.
    """

    kind: FailureKind
    pattern: re.Pattern[str]
    message: str
    advice: str
    after: re.Pattern[str] | None = None
    wrapper: bool = False


@dataclass(frozen=True, slots=True)
class Engine:
    """An inference engine: how it is started, watched and read.

    `program` is what stands before the flags when the task names no `command:` of its own;
    `arguments` gives the flags that every start needs, for a task and the host and port that
    the engine listens on; `reserved` flags are set by us. `spell_false` gives the words of a
    flag that is `false`; none: the flag is left out. `axes` maps parallelism and quantization
    axes (`tp`, `kvcache`, …) to flag names; `shared_dp` names the flag with which data
    parallelism divides the GPUs of `tp` and takes none of its own. `formats` has, by axis, the
    engine's own word for a common one; the flag of an axis in `switches` takes no size: any above
    1 turns it on. `rules` are what it refuses of flags together.
    In a container `image_program` stands before the flags (nothing where the image's own
    entrypoint is the server), and `caches` maps variables to folders that outlive a start: those
    of what does not keep its files below HOME, which is such a folder itself. `compiles` are
    the flags whose values decide what is compiled: a start that shares them with an earlier one
    finds everything in those folders.
    `environment` is set while measuring and is no part of a printed command.
    `speaks` matches lines that only this engine writes, `ready` the one after which it serves.
    `cache_reset` is POSTed to between measurements. `tokenizer` names what the benchmark
    loads for a task; it may make one in the given cache folder.
    """

    name: str
    program: tuple[str, ...]
    default_port: int
    arguments: Callable[[Task, str, int], tuple[str, ...]]
    axes: Mapping[str, str]
    reserved: frozenset[str]
    phases: tuple[tuple[re.Pattern[str], Phase], ...] = ()
    signatures: tuple[Signature, ...] = ()
    speaks: re.Pattern[str] = _NOTHING
    ready: re.Pattern[str] = _NOTHING
    health: str = "/health"
    cache_reset: str = "/reset_prefix_cache"
    image: str | None = None
    image_program: tuple[str, ...] = ()
    caches: Mapping[str, str] = field(default_factory=dict)
    compiles: frozenset[str] = frozenset()
    loads_weights: bool = True
    simulated: bool = False
    genai_backend: str = "vllm"
    gpu_axes: tuple[str, ...] = ("tp", "pp", "dp")
    shared_dp: str | None = None
    formats: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    switches: frozenset[str] = frozenset()
    rules: tuple[EngineRule, ...] = ()
    spell_false: Callable[[str], tuple[str, ...]] = lambda name: (f"--no-{name}",)
    environment: Mapping[str, str] = field(default_factory=dict)
    tokenizer: Callable[[Task, Path], str] = lambda task, _cache: task.tokenizer

    def configuration(self, flags: Mapping[str, Scalar | None]) -> Configuration:
        """Canonical: a `false` that is spelled with no words is a flag that is not passed."""
        passed = {n: v for n, v in flags.items() if v is not False or self.spell_false(n)}
        return Configuration.of(self.name, passed)

    def passed(self, axis: str, value: Scalar | None) -> Scalar | None:
        """What the flag of an axis is given for what a task says; None: it is not passed."""
        if value is None or isinstance(value, bool):
            return value
        if axis in PARALLEL:
            return None if value == 1 else True if axis in self.switches else value
        word = str(value).lower()
        return None if word in _DEFAULTS else self.formats.get(axis, {}).get(word, value)

    def flag_words(self, configuration: Configuration) -> tuple[str, ...]:
        """The configuration as command-line words: `true` is a bare flag."""
        words: list[str] = []
        for name, value in configuration.flags:
            words += self.spell_false(name) if value is False else _spell(name, value)
        return tuple(words)

    def gpus(self, configuration: Configuration) -> int:
        """How many GPUs the parallelism of this configuration takes (at least 1)."""
        count, given = 1, configuration.parameters
        for axis in self.gpu_axes:
            if axis == "dp" and given.get(self.shared_dp or "") is True:
                continue
            size: Any = given.get(self.axes.get(axis, ""), 1)
            count *= size if isinstance(size, int) and not isinstance(size, bool) else 1
        return count

    def wanted_gpus(self, task: Task, configuration: Configuration) -> int:
        """How many GPUs a start asks for: none when the task says so, or nothing would use them."""
        if task.gpus == 0 or (task.gpus is None and self.simulated):
            return 0
        return self.gpus(configuration)

    def phase(self, line: str) -> PhaseMark | None:
        """The phase a log line announces; the groups of BAR are its progress."""
        for pattern, phase in self.phases:
            if match := pattern.search(line):
                groups = match.groupdict()
                return PhaseMark(phase, _progress(groups), _counted(phase, groups))
        return None


def _spell(name: str, value: Scalar) -> tuple[str, ...]:
    return (f"--{name}",) if value is True else (f"--{name}", str(value))


def _progress(groups: Mapping[str, str | None]) -> float | None:
    if percent := groups.get("percent"):
        return min(1.0, float(percent) / 100)
    return None


def _counted(phase: Phase, groups: Mapping[str, str | None]) -> str | None:
    """What a bar counts, in words; a letter behind its number says that it counts bytes."""
    done, total = groups.get("done"), groups.get("total")
    if not done or not total:
        return None
    if total[-1].isalpha():
        return f"{done}B of {total}B"
    return f"{done} of {total}{_COUNTED.get(phase, '')}"
