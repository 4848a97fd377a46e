"""The space of a task: concrete configurations out of parameters, axes and rules."""

from core.space.build import build
from core.space.space import Space

__all__ = ["Space", "build"]
