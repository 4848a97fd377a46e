"""`python -m benchmarks.chaos --runs 30`: kills everything, again and again, and counts the loss.

A small task is run once undisturbed, then N times while its runner, the runner's parent, the
console, the engine, the benchmark and the Docker daemon are killed at random moments, several
times a run. All figures but the first have to be 0. Docker runs need root and dockerd: they get
a daemon of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import chaos_counts as counts
from benchmarks.chaos_counts import Counts, Row
from benchmarks.chaos_kills import Killer, Person, each
from core.client import Client
from core.engines import registry
from core.paths import Home
from core.task import load
from tests.docker.machines import Machine, machine
from tests.docker_images import images
from tests.e2e import Program

TASK = """
name: chaos
model: sim-8b
engine: simulated
{deploy}
parameters: {{max-num-seqs: [4, 8, 12]}}
workload: {{scenarios: ["D(40,10)"], concurrency: [2, 4], requests: 20, max_duration: 3s}}
objective: throughput
budget: {{repeats: 0}}
"""
BOXED = "deploy: docker\nimage: {image}\ngpus: 0\ndocker: {{shm_size: 128m}}"

FEWEST, MOST = 3, 5
"""Kills of a run."""

WITHIN = 30.0
"""Seconds in which they happen; undisturbed the task takes a little longer."""

LIMIT = 300.0
"""Seconds until a task that has not ended is given up."""

LEAVING = 10.0
"""Seconds in which a runner has left."""

ENDED = {"completed", "failed", "cancelled", "paused"}
"""States in which nothing happens by itself any more."""


@dataclass(frozen=True)
class Ground:
    """Where the engines run: on a Docker daemon, or as processes."""

    machine: Machine | None
    image: str = ""

    @property
    def name(self) -> str:
        return "docker" if self.machine else "process"

    @property
    def task(self) -> str:
        return TASK.format(deploy=BOXED.format(image=self.image) if self.machine else "")


@dataclass(frozen=True)
class Reference:
    """What a run that nobody disturbed came to, and what it left in TMPDIR."""

    table: tuple[Row, ...]
    usual: frozenset[str]
    seconds: float


class Run:
    """One task in a home of its own, from its submission to its end."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
        self.kills: list[str] = []
        self._ground = ground
        self._home = Home(self.folder / "home")
        self._scratch = self.folder / "tmp"
        self._scratch.mkdir()
        self._program = Program(self._home.root, self.folder)
        self._person = Person(self._program)
        self._dice = random.Random(seed)
        self._killer = Killer(self._home, self._person, ground.machine, self._dice)
        self._seen: set[counts.Key] = set()
        self.seconds = 0.0

    def carry_out(self, *, chaos: bool) -> None:
        """Submit, kill, wait for the end, leave."""
        file = self.folder / "chaos.yaml"
        file.write_text(self._ground.task)
        began = time.monotonic()
        client = Client(self._home)
        task = load(file, registry.ENGINES)
        asyncio.run(client.submit(task, self.folder, self._program.environment))
        for moment in self._moments() if chaos else ():
            if self._watch(began + moment):
                break
            if killed := self._killer.strike(LIMIT):
                self.kills.append(f"{time.monotonic() - began:.1f} s {killed}")
        self._watch(began + LIMIT)
        self.seconds = time.monotonic() - began
        self._person.leave()

    def _moments(self) -> list[float]:
        number = self._dice.randint(FEWEST, MOST)
        return sorted(self._dice.uniform(0.5, WITHIN) for _ in range(number))

    def _watch(self, until: float) -> bool:
        """Look on until a moment, or until the task has ended: whether it has."""
        for _ in each(0.2, until):
            self._person.look()
            self._seen |= set(counts.measured(self._home))
            if counts.state(self._home) in ENDED:
                return True
        return False

    def reference(self) -> Reference:
        """Of a run without chaos."""
        document = self._program.show("chaos")
        self._program("runner", "stop")
        usual = frozenset(path.name for path in self._scratch.iterdir())
        return Reference(counts.table(document), usual, self.seconds)

    def count(self, reference: Reference) -> Counts:
        """Stop the runner, and look at what there is and what should be."""
        document = self._program.show("chaos")
        self._program("runner", "stop")
        now = counts.measured(self._home)
        wanted = {key for row in reference.table for key in row[3]}
        processes = self._left()
        containers = self._containers()
        files = counts.temporary(self._home, self._scratch, reference.usual)
        table = counts.table(document)
        notes = [f"{one.pid} {' '.join(one.cmdline())}" for one in processes]
        differs = [
            f"{mine} for {other}"
            for mine, other in zip(table, reference.table, strict=False)
            if mine != other
        ]
        state = document["task"]["state"]
        return Counts(
            completed=int(state == "completed"),
            lost=len((wanted | self._seen) - set(now)),
            twice=sum(number - 1 for number in now.values()),
            processes=len(processes),
            containers=len(containers),
            leases=len(counts.leases(self._home)),
            files=len(files),
            differs=int(table != reference.table),
            notes=(f"the task is {state}", *notes, *containers, *files, *differs),
        )

    def _left(self) -> list[psutil.Process]:
        """Processes that are still there a while after the runner was told to leave."""
        found: list[psutil.Process] = []
        for _ in each(0.2, time.monotonic() + LEAVING):
            found = [*self._program.processes(), *self._killer.runners()]
            if not found:
                break
        return found

    def _containers(self) -> list[str]:
        if self._ground.machine is None:
            return []
        daemon = self._ground.machine.daemon()
        return [one["Id"] for one in daemon.call(lambda client: client.containers(all=True))]

    def remove(self) -> None:
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def grounds(deploy: str) -> Iterator[list[Ground]]:
    """Where runs take place, in turn."""
    found = [] if deploy == "docker" else [Ground(None)]
    if deploy == "process":
        yield found
        return
    with machine() as own:
        # Client, runner and this program all mean this daemon.
        os.environ["DOCKER_HOST"] = own.socket
        with images.simulated() as image:
            yield [*found, Ground(own, image)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deploy", choices=("process", "docker", "both"), default="both")
    options = parser.parse_args()
    with grounds(options.deploy) as places:
        references = {}
        for ground in places:
            references[ground.name] = reference = undisturbed(ground)
            print(f"undisturbed, {ground.name}: {reference.seconds:.0f} s", flush=True)
        found = []
        for number in range(options.runs):
            ground = places[number % len(places)]
            found.append(disturbed(ground, options.seed + number, references[ground.name]))
    return told(found)


def undisturbed(ground: Ground) -> Reference:
    run = Run(ground, 0)
    run.carry_out(chaos=False)
    reference = run.reference()
    run.remove()
    return reference


def disturbed(ground: Ground, seed: int, reference: Reference) -> Counts:
    """One run with chaos, told in a line; its folder is kept when something is wrong."""
    run = Run(ground, seed)
    run.carry_out(chaos=True)
    found = run.count(reference)
    said = "ok " if found.clean else "BAD"
    print(
        f"{said} seed {seed} {ground.name} {run.seconds:.0f} s: {'; '.join(run.kills)}", flush=True
    )
    if found.clean:
        run.remove()
    else:
        print(
            "\n".join(["    " + note for note in (*found.notes, f"kept in {run.folder}")]),
            flush=True,
        )
    return found


def told(found: list[Counts]) -> int:
    """The totals; 0 when every run completed and nothing else happened."""
    sums = {name: sum(one.figures()[name] for one in found) for name in Counts().figures()}
    words = {
        "completed": f"runs of {len(found)} that completed",
        "lost": "measurements lost",
        "twice": "measurements counted twice",
        "processes": "processes left behind",
        "containers": "containers left behind",
        "leases": "leases left behind",
        "files": "temporary files left behind",
        "differs": "final tables that differ from an undisturbed run's",
    }
    print()
    for name, text in words.items():
        print(f"{sums[name]:>6}  {text}")
    print(json.dumps({"runs": len(found), **sums}))
    return 0 if all(one.clean for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
