"""A home whose runners die one after the other, each at a write of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core.client import Client
from core.paths import Home
from core.store.lock import runner_status
from tests import afterwards
from tests.e2e import Program

ROOT = Path(__file__).parents[1]
TASK = """
name: doomed
model: sim-8b
engine: simulated
parameters: {{max-num-seqs: {seqs}}}
workload: {{scenarios: ["D(10,4)"], concurrency: [1, 2], requests: 4, max_duration: 2s}}
objective: throughput
strategy: grid
budget: {{experiments: {experiments}, repeats: {repeats}}}
"""
LEVELS = [("search", "D(10,4)", 1, 1), ("search", "D(10,4)", 2, 1)]


@dataclass(frozen=True)
class Death:
    """`write` is the last of `written`, what the runner wrote of its last experiment."""

    number: int
    write: str
    before: bool
    written: tuple[str, ...]
    measured: int
    launched: bool


class Doomed:
    def __init__(self, folder: Path, experiments: int, repeats: int = 0) -> None:
        folder.mkdir()
        self.program = Program(folder / "home", folder)
        self.home = self.program.home
        self._note = folder / "note"
        self._file = folder / "task.yaml"
        seqs = list(range(4, 4 + max(1, experiments - 1)))
        self._file.write_text(TASK.format(seqs=seqs, experiments=experiments, repeats=repeats))

    def submit(self, runner: subprocess.Popen[bytes]) -> None:
        """By a person who does not stay; the runner that is coming up takes the task, or the one
        that the person starts when it is dead already.
        """
        lock = Home(self.home).lock
        afterwards.soon(lambda: runner_status(lock).alive or runner.poll() is not None, 30)
        client = self.program.start("run", str(self._file))
        afterwards.soon(lambda: self.state, 60)
        client.kill()
        client.wait()

    def runner(
        self, where: str, write: str = "", *, before: bool = False
    ) -> subprocess.Popen[bytes]:
        """One that dies, and that nobody starts again."""
        self._note.write_text("")
        self.home.mkdir(exist_ok=True)
        given = {"DYING_NOTE": str(self._note), "PYTHONPATH": str(ROOT)}
        given |= {"DYING_BEFORE": "1"} if before else {}
        with (self.home / "runner.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.dying_runner", where, write],
                env={**self.program.environment, **given}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def state(self) -> str:
        return afterwards.task_state(self.home, "doomed")

    @property
    def over(self) -> bool:
        return self.state in {"completed", "failed", "cancelled", "paused"}

    def experiment(self, number: int) -> tuple[str, str | None] | None:
        """Its state and its failure."""
        query = "SELECT state, failure FROM experiments WHERE number = ?"
        found = afterwards.rows(self.home, query, number)
        return (str(found[0][0]), found[0][1]) if found else None

    def outlives(self, runner: subprocess.Popen[bytes], number: int) -> bool:
        """Waits for its death; true when the experiment ended without such a write."""
        afterwards.soon(
            lambda: runner.poll() is not None or self.over or self.experiment(number + 1), 120
        )
        if runner.poll() == -9:
            return False
        assert runner.poll() is None, self.log()
        runner.kill()
        runner.wait()
        return True

    def finish(self) -> None:
        """By runners that do not die."""
        asyncio.run(Client(Home(self.home)).ensure_runner())
        afterwards.soon(lambda: self.over, 120)
        assert self.state == "completed", self.log()

    def death(self, number: int, *, before: bool) -> Death:
        written = self.written
        query = "SELECT 1 FROM starts WHERE number = ? AND pid IS NOT NULL"
        launched = bool(afterwards.rows(self.home, query, number))
        done = sum(key[0] == number for key in afterwards.measured(self.home))
        return Death(number, written[-1], before, written, done, launched)

    @property
    def written(self) -> tuple[str, ...]:
        return tuple(self._note.read_text().splitlines())

    def check(self, number: int, death: Death | None) -> None:
        """The experiment is what it would have been, and its engine was started once."""
        assert self.experiment(number) == ("succeeded", None), (death, self.log())
        keys = [key for key in afterwards.measured(self.home) if key[0] == number]
        assert keys == [(number, *level) for level in LEVELS], death
        # One whose engine was stopped by the runner that died is known as interrupted.
        begun = [(attempt, state) for attempt, _, state in afterwards.starts(self.home, number)]
        assert begun in ([(1, "stopped")], [(1, "interrupted")]), (death, begun)

    def close(self) -> None:
        """Nothing is left once the task is over and its runner has gone."""
        if self.state and (not self.over or self.state == "paused"):
            done = self.program("cancel", "doomed")
            assert done.returncode == 0, done.stderr
        assert self.program("runner", "stop").returncode == 0
        afterwards.nothing_left(self.home)

    def log(self) -> str:
        return (self.home / "runner.log").read_text()[-3000:]
