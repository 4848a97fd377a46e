"""A Preset out as plain values and as YAML that reads back to an equal one."""

from __future__ import annotations

from typing import Any

from core.presets.model import SECTIONS, Part, Preset
from core.task.dump import section, yaml_text


def written(preset: Preset) -> str:
    """The preset as a file."""
    return yaml_text(document(preset), compact=True)


def document(preset: Preset) -> dict[str, Any]:
    """As values of a YAML or JSON file; what is empty is left out."""
    engines = {engine: values(part) for engine, part in preset.engines.items()}
    about = {"about": preset.about} if preset.about else {}
    return {"name": preset.name, **about, **values(preset.common), **engines}


def values(part: Part) -> dict[str, Any]:
    """The sections that are not empty."""
    return {name: section(name, given) for name in SECTIONS if (given := getattr(part, name))}
