"""A preset's YAML in, a Preset out, or one TaskError with every problem and its place."""

from __future__ import annotations

import re
from pathlib import Path

from core.engines import registry
from core.presets.merge import part_of
from core.presets.model import SECTIONS, Part, Preset
from core.space import build
from core.task import Task, TaskError
from core.task import parameters as flags
from core.task.errors import RefusedError
from core.task.fields import Section, gather, items, text
from core.task.reader import content
from core.task.sections import environment
from core.task.tree import Node, read_tree
from core.values import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONGEST_ABOUT = 200
_EMPTY = "the file is empty; a preset has sections such as parameters"


def load(path: Path, name: str | None = None) -> Preset:
    """The preset in a file: `name`, or the one written in it, or that of the file."""
    return parse(content(path, "preset"), str(path), path.stem, name)


def parse(written: str, source: str, default: str, name: str | None = None) -> Preset:
    """The preset in a text: `name`, or the one written in it, or `default`.

    What each engine's sections give is held against that engine.
    """
    try:
        preset = _preset(read_tree(written, _EMPTY), default, name)
    except RefusedError as refused:
        raise TaskError([one.show(source) for one in sorted(refused.problems)]) from None
    _usable(preset, source)
    return preset


def check_name(name: str) -> str:
    """The name itself; InputError when a preset cannot be called that."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"presets: '{name[:70]}' is no name; use at most 64 letters, digits, '.', '_' and '-'"
        )
    return name


def _preset(node: Node, default: str, name: str | None) -> Preset:
    section = Section(node, ("name", "about", *SECTIONS, *registry.ENGINES))
    written = section.take("name", text, default)
    preset = Preset(
        name=check_name(name or written),
        about=section.take("about", _about, ""),
        common=_part(section),
        engines={
            engine: section.take(engine, _engine, Part())
            for engine in registry.ENGINES
            if section.has(engine)
        },
    )
    section.close()
    if not any((preset.common, *preset.engines.values())):
        raise node.refuse("it gives nothing; write parameters, quantization or parallel")
    return preset


def _engine(node: Node) -> Part:
    section = Section(node, SECTIONS)
    part = _part(section)
    section.close()
    return part


def _part(section: Section) -> Part:
    return Part(
        parameters=section.take("parameters", lambda one: flags.flags(one, flags.parameter), {}),
        quantization=section.take("quantization", flags.quantization, {}),
        parallel=section.take("parallel", flags.parallel, {}),
        rules=section.take("rules", lambda one: tuple(gather(items(one), text)), ()),
        environment=section.take("environment", environment, {}),
    )


def _about(node: Node) -> str:
    about = text(node).strip()
    if len(about) > _LONGEST_ABOUT or not about.isprintable():
        raise node.refuse(f"expected one line of at most {_LONGEST_ABOUT} characters")
    return about


def _usable(preset: Preset, source: str) -> None:
    """TaskError for what no task could use: reserved flags, axes there are not, wrong rules.

    What is for any engine has to be right for one of them.
    """
    engines = tuple(preset.engines or registry.ENGINES)
    problems = [f"{source}: {name}: {said}" for name in engines if (said := _wrong(preset, name))]
    if problems and (preset.engines or len(problems) == len(engines)):
        raise TaskError(problems)


def _wrong(preset: Preset, engine: str) -> str:
    """Why a task of this engine cannot use it; "" when it can."""
    part = part_of(preset, engine)
    sections = {name: getattr(part, name) for name in SECTIONS}
    try:
        build(Task(model="any", engine=engine, **sections), registry.find(engine))
    except InputError as error:
        return str(error)
    return ""
