"""Leases on a machine with GPUs: a stub of the driver's library under the real bindings."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.paths import Home
from tests.e2e import Program, until
from tests.nvml import stub


class Machine:
    """A program whose runner sees the GPUs that are described here."""

    def __init__(self, program: Program, library: Path, scenario: Path) -> None:
        self.program = program
        self.scenario = scenario
        self.environment = {"LD_LIBRARY_PATH": str(library.parent), "NVML_STUB": str(scenario)}

    def has(self, *gpus: str) -> None:
        stub.describe(self.scenario, *gpus)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("driver")
    program = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    made = Machine(program, stub.build(folder), folder / "scenario")
    yield made
    program.close()


def test_a_gpu_that_somebody_else_uses_is_left_alone(machine: Machine):
    machine.has(stub.gpu(0, 18.0, stub.process(os.getpid(), 17.5)), stub.gpu(1, 0.2))
    file = machine.program.write("leased", seqs="[4]", levels="[1]", more="gpus: 2\n")
    running = machine.program.start("run", file, **machine.environment)
    seen: set[str] = set()

    def collect() -> bool:
        for process in machine.program.processes():
            try:
                if "simserver" in " ".join(process.cmdline()):
                    seen.add(process.environ().get("CUDA_VISIBLE_DEVICES", ""))
            except psutil.Error:
                continue
        return running.poll() is not None

    until(collect, 120)
    assert running.returncode == 0
    assert seen == {"GPU-0001"}
    with sqlite3.connect(Home(machine.program.home).database) as db:
        assert db.execute("SELECT COUNT(*) FROM leases").fetchone() == (0,)


def test_when_none_is_free_the_owner_is_named(machine: Machine):
    machine.has(stub.gpu(0, 18.0, stub.process(os.getpid(), 17.5)))
    file = machine.program.write("refused", seqs="[4]", levels="[1]", more="gpus: 1\n")
    done = machine.program("run", file, **machine.environment)
    assert done.returncode == 1
    failure = machine.program.show("refused")["experiments"][0]["failure"]
    assert failure["kind"] == "config"
    assert f"pid {os.getpid()}" in failure["message"]
    assert failure["advice"]


def test_a_simulated_engine_asks_for_none_by_itself(machine: Machine):
    machine.has(stub.gpu(0, 18.0, stub.process(os.getpid(), 17.5)))
    file = machine.program.write(
        "without", seqs="[4]", levels="[1]", more="budget: {experiments: 1}\n"
    )
    done = machine.program("run", file, **machine.environment)
    assert done.returncode == 0, done.stdout
