"""A task whose console is on a terminal that nobody reads, and that hangs up at last."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

from tests import afterwards
from tests.afterwards import rows, soon, task_state
from tests.e2e import PROGRAM, Program
from tests.slow_task import submit_file
from tests.terminal import Tty

NAME = "neglected"
TASK = """
name: neglected
model: sim-8b
engine: simulated
parameters: {{max-num-seqs: {seqs}}}
workload: {{scenarios: ["D(40,10)"], concurrency: [2, 4], requests: 20, max_duration: 5s}}
objective: throughput
strategy: grid
budget: {{repeats: 0}}
"""
_TIMES = """
SELECT at FROM events
UNION SELECT started FROM phases UNION SELECT ended FROM phases
UNION SELECT started FROM measurements UNION SELECT ended FROM measurements
"""


@dataclass(frozen=True)
class Ran:
    """`gap`: the longest time in which nothing is in the journal. All in seconds."""

    seconds: float
    gap: float


def run(folder: Path, configurations: int, unread: float, limit: float = 300.0) -> Ran:
    """A task of so many configurations and the baseline, to its end.

    Its console is read for `unread` = 0, else it is not from the task's first measurement on,
    and its terminal hangs up so many seconds later. A console is not asked to write anything:
    it draws what happens, and more than an unread terminal takes.
    """
    program = Program(folder / "home", folder)
    file = folder / "task.yaml"
    file.write_text(TASK.format(seqs=list(range(4, 4 + configurations))))
    environ = {**program.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Tty(PROGRAM, environ, folder, (120, 40)) as tty:
        tty.shows("runner")
        submit_file(program, str(file), NAME)
        tty.shows(NAME)
        soon(lambda: afterwards.measured(program.home), 60)
        if unread:
            tty.stall()
            tty.press("2")  # a screen that changes all the time
            time.sleep(unread)
            tty.hang_up()
            tty.ended()
        soon(lambda: task_state(program.home, NAME) == "completed", limit)
    program("runner", "stop")
    afterwards.nothing_left(program.home)
    return Ran(*_times(program))


def _times(program: Program) -> tuple[float, float]:
    (began, ended) = rows(program.home, "SELECT started, ended FROM tasks")[0]
    found = sorted(at for (at,) in rows(program.home, _TIMES) if at and began <= at <= ended)
    return ended - began, max(b - a for a, b in itertools.pairwise(found))
