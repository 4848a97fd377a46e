"""The space of a task: concrete configurations out of parameters, axes and rules."""

from core.space.build import build
from core.space.several import Several, space_of
from core.space.space import Space

Spaces = Space | Several

__all__ = ["Several", "Space", "Spaces", "build", "space_of"]
