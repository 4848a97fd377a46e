"""Which configurations are not worth a start: what a failure, or the model's size, says of them.

A pure function of the journal and of facts that do not change: a runner that comes up again
rules out what this one did. Conservative: in doubt a configuration is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from core.doctor import blame
from core.engines import registry
from core.engines.base import Engine
from core.runner.needs import at_least
from core.store.views import ExperimentView
from core.values import Configuration, ExperimentState, Failure, FailureKind

Covers = Callable[[Configuration], bool]
Fits = Callable[[Configuration], Failure | None]
"""What is known of a configuration without a start; None when it may well run."""

_OOM = frozenset({
    FailureKind.OOM_WEIGHTS, FailureKind.OOM_KV, FailureKind.OOM_COMPILE, FailureKind.OOM_LOAD,
})  # fmt: skip
_DIVIDING = frozenset({"tp", "pp", "dp", "ep", "dcp"})


@dataclass(frozen=True, slots=True)
class Doom:
    """Why some configurations are not started. `by`: the experiment that failed of it; None
    where it was known without one, and `reason` then has the figures of one of them.
    """

    kind: FailureKind
    reason: str
    by: int | None = None
    covers: Covers = field(default=lambda _: False, compare=False, repr=False)

    @property
    def key(self) -> tuple[int | None, str]:
        """The same for the same cause, also after a runner's restart."""
        return self.by, str(self.kind)


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is ruled out now. `fits` speaks first: what it says never changes."""

    dooms: tuple[Doom, ...] = ()
    fits: Fits | None = None

    def why(self, configuration: Configuration) -> Doom | None:
        """The first cause that covers it; None when it is worth a start."""
        if self.fits and (failure := self.fits(configuration)):
            return Doom(failure.kind, failure.message)
        return next((doom for doom in self.dooms if doom.covers(configuration)), None)

    def __call__(self, configuration: Configuration) -> bool:
        return self.why(configuration) is not None


def dooms(experiments: Sequence[ExperimentView]) -> tuple[Doom, ...]:
    """What the failures of a task's experiments rule out, in their order: each only for its
    own engine.
    """
    found = []
    for view in experiments:
        failure = view.failure
        if view.state is not ExperimentState.FAILED or failure is None or failure.transient:
            continue
        failed = view.configuration
        if covers := _covers(registry.find(view.engine), failure, failed):
            own = _same_engine(failed, covers)
            found.append(Doom(failure.kind, failure.message, view.number, own))
    return tuple(found)


def _same_engine(failed: Configuration, covers: Covers) -> Covers:
    return lambda other: other.engine == failed.engine and covers(other)


def _covers(engine: Engine, failure: Failure, failed: Configuration) -> Covers | None:
    """Which configurations share its fate; None when nothing else is known to."""
    if failure.kind is FailureKind.BAD_FLAG:
        return _with_flag(engine, failure, failed)
    if failure.kind is FailureKind.BAD_VALUE:
        return _with_value(failure, failed)
    if failure.kind is FailureKind.PARALLELISM:
        return _divided(engine, failure, failed)
    if failure.kind is FailureKind.IMAGE:
        return lambda _: True  # every one of the engine needs it
    if failure.kind in _OOM:
        return lambda other: at_least(engine, failure, failed, other)
    return None


def _with_flag(engine: Engine, failure: Failure, failed: Configuration) -> Covers | None:
    """Those whose command line has a word that the engine does not know."""
    wrong = blame.flag_words(failure) & _words(engine, failed)
    if not wrong:
        return None
    return lambda other: bool(wrong & _words(engine, other))


def _with_value(failure: Failure, failed: Configuration) -> Covers | None:
    """Those that give every flag which is named what the failed one gave it.

    One that only the default of another flag makes wrong is told by that flag's name, too.
    """
    given = failed.parameters
    if refused := blame.parsed(failure):
        wrong = frozenset(name for name in given if f"--{name}" in refused)
    else:
        wrong = frozenset(
            name for name in blame.named(failure, given) if blame.shows(failure, given[name])
        )
    if not wrong:
        return None

    @cache  # asked of every configuration of a space
    def counts(name: str) -> bool:
        return name in wrong or (not refused and bool(blame.named(failure, [name])))

    # What else is named has a part in it, though nobody knows which.
    return lambda other: all(
        _alike(failed, other, name) for name in {*wrong, *given, *other.parameters} if counts(name)
    )


def _divided(engine: Engine, failure: Failure, failed: Configuration) -> Covers | None:
    """Those that are divided alike: along the one axis it names, else along all of them.

    How the model is stored has its part in whether it can be divided.
    """
    given = failed.parameters
    sizes = {axis: flag for axis, flag in engine.axes.items() if flag in given}
    if not sizes.keys() & _DIVIDING:
        return None
    blamed = sizes.keys() & blame.axes(failure)
    alike = blamed if len(blamed) == 1 else engine.axes.keys()
    names = {engine.axes[axis] for axis in alike} | {engine.axes.get("gemm"), engine.shared_dp}
    return lambda other: all(_alike(failed, other, name) for name in names if name)


def _alike(one: Configuration, other: Configuration, name: str) -> bool:
    first, second = one.parameters.get(name), other.parameters.get(name)
    return first == second and isinstance(first, bool) == isinstance(second, bool)


def _words(engine: Engine, configuration: Configuration) -> frozenset[str]:
    return frozenset(w for w in engine.flag_words(configuration) if w.startswith("--"))
