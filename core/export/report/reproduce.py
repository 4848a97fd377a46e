"""How to get these figures again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from core.export.evidence import Evidence
from core.export.markdown import block, line, table

# What a manifest has that says nothing about another run.
_OWN = frozenset({
    "task", "experiment", "attempt", "started", "argv", "environment", "container_environment",
    "benchmark_environment", "pid", "pid_started", "container", "container_name",
})  # fmt: skip


def reproduce(found: Evidence) -> Iterator[str]:
    """The task's file, the versions, the commands."""
    yield "## How to reproduce it"
    if not found.file:
        yield "The task's file is gone."
    else:
        yield "Write this as `task.yaml`:"
        yield block(found.file, "yaml")
        yield "Look at the plan, run it, print this report:"
        name = shlex.quote(found.detail.task.name)
        yield block(
            "autotuner-tui check task.yaml\n"
            "autotuner-tui run task.yaml\n"
            f"autotuner-tui export {name} --format md",
            "sh",
        )
    if versions := list(_versions(found.manifest)):
        yield line(f"What #{found.manifest.get('experiment', '?')} was measured with:")
        yield table(("what", "version"), versions, "ll")


def _versions(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in manifest.items():
        if name not in _OWN and value is not None:
            yield name.replace("_", " "), value if isinstance(value, str) else json.dumps(value)
