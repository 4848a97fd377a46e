"""The task file: fields, units, limits, YAML in and out, errors with the place."""

from core.task.dump import dump
from core.task.errors import TaskError
from core.task.model import (
    Budget,
    Choice,
    DockerOptions,
    Fixed,
    Objective,
    Own,
    Parameter,
    Range,
    Slo,
    Task,
    Timeouts,
    Workload,
)
from core.task.reader import load, parse

__all__ = [
    "Budget",
    "Choice",
    "DockerOptions",
    "Fixed",
    "Objective",
    "Own",
    "Parameter",
    "Range",
    "Slo",
    "Task",
    "TaskError",
    "Timeouts",
    "Workload",
    "dump",
    "load",
    "parse",
]
