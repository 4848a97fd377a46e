"""Tasks of one experiment, slow enough to be met at any phase, and their submission."""

from __future__ import annotations

from tests import afterwards
from tests.e2e import Program

SLOW = 0.15
"""Seconds of a simulated second: the start takes six."""

TASK = """
name: {name}
model: sim-8b
engine: simulated
parameters: {{start-scale: {scale}}}
workload: {{scenarios: ["D(40,10)"], concurrency: {levels}, requests: {requests}, max_duration: 9s}}
objective: throughput
budget: {{experiments: 1, repeats: 0}}
{more}
"""


def submit(
    program: Program, name: str, scale: float = 0.02, levels: str = "[1]", requests: int = 4,
    more: str = "",
) -> str:  # fmt: skip
    """Has the task queued, and nobody stays to watch it; its id."""
    file = program.cwd / f"{name}.yaml"
    text = TASK.format(name=name, scale=scale, levels=levels, requests=requests, more=more)
    file.write_text(text)
    return submit_file(program, str(file), name)


def submit_file(program: Program, file: str, name: str, **environment: str) -> str:
    client = program.start_unchecked(file, **environment)
    found = afterwards.soon(lambda: afterwards.task_id(program.home, name))
    client.kill()
    client.wait()
    return found


def phase(program: Program) -> str:
    """The phase that the newest start is in."""
    query = "SELECT phase FROM phases WHERE ended IS NULL ORDER BY started, rowid"
    found = afterwards.rows(program.home, query)
    return str(found[-1][0]) if found else ""
