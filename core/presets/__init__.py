"""Presets: named sets of flags to try, built in or stored, and their way into a task."""

from core.presets.expand import Expansion, expand, expanded
from core.presets.model import Part, Preset
from core.presets.shelf import Shelf

__all__ = ["Expansion", "Part", "Preset", "Shelf", "expand", "expanded"]
