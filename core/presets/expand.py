"""Presets into the task that names them: once, when it is read for a check or submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.paths import Home
from core.presets.merge import over, part_of, together
from core.presets.model import SECTIONS, Part
from core.presets.several import several
from core.presets.shelf import Shelf
from core.task import Task


@dataclass(frozen=True, slots=True)
class Expansion:
    """The task with everything written out, and what of that its presets gave each engine."""

    task: Task
    gained: dict[str, Part] = field(default_factory=dict)


async def expanded(task: Task, home: Home) -> Expansion:
    """`expand` with the presets there are now; the journal is not read for a task without."""
    return expand(task, await Shelf.of(home)) if task.presets else Expansion(task)


def expand(task: Task, shelf: Shelf) -> Expansion:
    """Presets in their order, later over earlier, and the task's own sections over all.

    Their names move from `presets` to `expanded`: a preset that changes later changes no task
    that was submitted. InputError for a preset that is unknown, cannot be read or is not for
    an engine of the task.
    """
    if not task.presets:
        return Expansion(task)
    presets = [shelf.find(name) for name in task.presets]
    wholes, gained = dict[str, Part](), dict[str, Part]()
    for engine in task.engines:
        view = task.of(engine)
        own = Part(**{name: getattr(view, name) for name in SECTIONS})
        given = together((part_of(preset, engine) for preset in presets), engine)
        wholes[engine] = over(given, own, engine)
        gained[engine] = _gained(wholes[engine], own)
    names = (*task.expanded, *(one for one in task.presets if one not in task.expanded))
    return Expansion(replace(task, presets=(), expanded=names, **_sections(task, wholes)), gained)


def _sections(task: Task, wholes: Mapping[str, Part]) -> dict[str, Any]:
    """The fields of the task that change."""
    if len(wholes) > 1:
        return several(task, wholes)
    whole = wholes[task.engine]
    return {name: getattr(whole, name) for name in SECTIONS}


def _gained(whole: Part, own: Part) -> Part:
    return Part(
        parameters=_more(whole.parameters, own.parameters),
        quantization=_more(whole.quantization, own.quantization),
        parallel=_more(whole.parallel, own.parallel),
        rules=tuple(rule for rule in whole.rules if rule not in own.rules),
        environment=_more(whole.environment, own.environment),
    )


def _more(whole: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in whole.items() if name not in own}
