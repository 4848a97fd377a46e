"""The limits of a task's SLO, from its file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tui.source import Source


async def limits_of(source: Source, task: str) -> dict[str, float]:
    """By name, as in `Slo`. AutotunerError or OSError where the file cannot be read."""
    return await asyncio.to_thread(_slo, await source.file(task))


def _slo(text: str) -> dict[str, float]:
    from core.task import parse  # not needed for the console's first paint

    return dict(parse(text, "task.yaml", Path.cwd()).slo.limits)
