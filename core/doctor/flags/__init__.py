"""The flags of a task, against those of the engine that will run."""

from core.doctor.flags.checks import flag_checks
from core.doctor.flags.reading import read_catalogue

__all__ = ["flag_checks", "read_catalogue"]
