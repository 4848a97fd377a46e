"""GPUs through the real NVML bindings, on a library that a test describes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.nvml.stub import GIB, build, describe, environment, gpu, instance, process, unified

LOST, UNKNOWN, NO_PERMISSION, NOT_LOADED, MISMATCH = 15, 999, 4, 9, 18


class Machine:
    """A machine whose GPUs are what `has` said last, asked in a process of its own."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._scenario = folder / "gpus.txt"
        self.has()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nvml.reading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(library, self._scenario),
        )

    def has(self, *gpus: str, **machine: object) -> None:
        describe(self._scenario, *gpus, **machine)

    def ask(self, question: str, **more: object) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"ask": question, **more}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def look(self, **ours: str) -> tuple[list[dict[str, Any]], str | None]:
        """`ours` names experiments by `pidN`."""
        found = self.ask("look", ours={pid.removeprefix("pid"): name for pid, name in ours.items()})
        return found["gpus"], found["note"]

    def end(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="module")
def shared(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    found = Machine(library, tmp_path_factory.mktemp("machine"))
    yield found
    found.end()


@pytest.fixture
def machine(shared: Machine) -> Machine:
    shared.has()
    shared.ask("close")
    return shared


@pytest.mark.parametrize("count", [1, 8, 16])
def test_every_gpu_with_all_its_figures(machine, count):
    machine.has(*(gpu(index, 18 + index) for index in range(count)))
    gpus, note = machine.look()
    assert note is None
    assert [one["index"] for one in gpus] == list(range(count))
    assert gpus[-1] == {
        "index": count - 1,
        "uuid": f"GPU-{count - 1:04d}",
        "name": "NVIDIA H100 80GB HBM3",
        "memory_used": (17 + count) * GIB,
        "memory_total": int(79.6 * GIB),
        "utilisation": 0.97,
        "power": 612.5,
        "power_limit": 700.0,
        "temperature": 71.0,
        "processes": [],
        "lost": False,
    }
    assert machine.ask("driver") == "580.95.05"


def test_no_gpu(machine):
    assert machine.look() == ([], "the NVIDIA driver shows no GPU")


def test_processes_have_a_name_and_an_owner(machine):
    here, gone = os.getpid(), 2**22 + 1  # no process can have the second number
    machine.has(gpu(0, 60, process(here, 40.5), process(gone, None)))
    [one], _ = machine.look(**{f"pid{here}": "demo #8"})
    mine, foreign = one["processes"]
    assert (mine["pid"], mine["memory"], mine["ours"]) == (here, int(40.5 * GIB), "demo #8")
    assert mine["name"].startswith("py")
    assert foreign == {"pid": gone, "name": "unknown", "memory": None, "ours": None}


def test_what_unified_memory_does_not_tell_is_none(machine):
    machine.has(unified(process(4182, 3)))
    [one], note = machine.look()
    assert note is None
    assert one["name"] == "NVIDIA GB10"
    assert (one["utilisation"], one["temperature"]) == (0.12, 48)
    names = ("memory_used", "memory_total", "power", "power_limit")
    assert [one[name] for name in names] == [None] * 4
    assert one["processes"][0]["memory"] == 3 * GIB


@pytest.mark.parametrize("word", ["memory", "util", "power", "temp", "process", "mig"])
def test_one_value_that_fails_takes_no_other_with_it(machine, word):
    machine.has(gpu(0, 18, process(4182, 3), f"fail {word} {UNKNOWN}"))
    [one], note = machine.look()
    told = {
        "memory": one["memory_used"] and one["memory_total"],
        "util": one["utilisation"],
        "power": one["power"] and one["power_limit"],
        "temp": one["temperature"],
        "process": one["processes"] or None,
    }
    assert [name for name, value in told.items() if value is None] == [word] * (word != "mig")
    assert note is None
    assert not one["lost"]


def test_older_drivers_are_asked_the_older_way(machine):
    machine.has(gpu(0, 18), old="")
    [one], _ = machine.look()
    assert (one["memory_used"], one["temperature"]) == (18 * GIB, 71.0)


@pytest.mark.parametrize("word", ["handle", "memory", "util", "uuid"])
@pytest.mark.parametrize("code", [LOST, 16])
def test_a_lost_gpu_keeps_its_row_and_comes_back(machine, word, code):
    machine.has(gpu(0), gpu(1), gpu(2))
    before, _ = machine.look()
    machine.has(gpu(0), gpu(1, 18, f"fail {word} {code}"), gpu(2))
    gpus, note = machine.look()
    assert [one["lost"] for one in gpus] == [False, True, False]
    assert [one["uuid"] for one in gpus] == ["GPU-0000", "GPU-0001", "GPU-0002"]
    assert gpus[1]["name"] == "NVIDIA H100 80GB HBM3"
    assert gpus[1]["memory_used"] is None
    assert note is None
    machine.has(gpu(0), gpu(1), gpu(2), session=7)
    assert machine.look() == (before, None)


def test_a_gpu_lost_from_the_start_has_a_row(library, tmp_path):
    machine = Machine(library, tmp_path)
    machine.has(gpu(0, 18, f"fail handle {UNKNOWN}"))
    [one], _ = machine.look()
    machine.end()
    assert (one["lost"], one["uuid"], one["name"]) == (True, "", "unknown GPU")


def test_mig_instances_are_rows_of_their_own(machine):
    first = [gpu(0, 11, "mig 1"), instance(0, 8.5, process(4182, 8)), instance(1, 0.1)]
    machine.has(*first, gpu(1, 18))
    gpus, note = machine.look()
    assert note is None
    assert [(one["index"], one["uuid"]) for one in gpus] == [
        (0, "MIG-0"),
        (0, "MIG-1"),
        (1, "GPU-0001"),
    ]
    assert gpus[0]["memory_used"] == int(8.5 * GIB)
    assert gpus[0]["processes"][0]["pid"] == 4182
    assert gpus[0]["temperature"] == 71.0
    assert (gpus[0]["power"], gpus[0]["utilisation"]) == (None, None)


def test_mig_mode_without_an_instance_is_said(machine):
    machine.has(gpu(0, 11, "mig 1"), gpu(1))
    gpus, note = machine.look()
    assert [one["index"] for one in gpus] == [1]
    assert note == "GPU 0 is in MIG mode and has no MIG instance"


def test_a_gpu_of_others_is_said_and_the_rest_shown(machine):
    machine.has(gpu(0, 18, f"fail handle {NO_PERMISSION}"), gpu(1))
    gpus, note = machine.look()
    assert [one["index"] for one in gpus] == [1]
    assert note == "GPU 0 is not open to this user"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (NOT_LOADED, "not loaded"),
        (MISMATCH, "different versions"),
        (NO_PERMISSION, "/dev/nvidiactl"),
        (UNKNOWN, "the NVIDIA driver does not answer: Unknown Error"),
        (77, "the NVIDIA driver does not answer: an error of the stub"),
    ],
)
def test_a_driver_that_does_not_open_says_why_and_is_asked_again(machine, code, said):
    machine.has(gpu(), init=code)
    gpus, note = machine.look()
    assert gpus == []
    assert said in note
    assert machine.ask("driver") is None
    machine.has(gpu())
    assert len(machine.look()[0]) == 1


def test_a_reset_driver_is_opened_again(machine):
    machine.has(gpu(), session=1)
    assert len(machine.look()[0]) == 1
    machine.has(gpu(), gpu(1), session=2)
    gpus, note = machine.look()
    assert [one["lost"] for one in gpus] == [False, False]
    assert note is None
    machine.has(gpu(), session=3, init=NOT_LOADED)
    assert machine.look()[0] == []
    machine.has(gpu(), session=3)
    assert len(machine.look()[0]) == 1


def test_no_driver_is_no_error_and_no_warning():
    code = (
        "from core.gpu.nvml import Nvml; nvml = Nvml();"
        "print(nvml.snapshot(lambda pid: None), nvml.driver_version); nvml.close()"
    )
    bare = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    done = subprocess.run(
        [sys.executable, "-W", "always::FutureWarning", "-c", code],
        capture_output=True,
        text=True,
        env=bare,
        timeout=120,
        check=True,
    )
    note = "no NVIDIA driver on this machine (libnvidia-ml.so.1 was not found)"
    assert done.stdout.strip() == f"((), {note!r}) None"
    assert done.stderr == ""


def test_freeing_waits_for_the_processes_that_were_there(machine):
    machine.has(gpu(0, 60, process(4182, 40)), gpu(1, 70, process(5, 60)))
    later = threading.Timer(
        0.6, machine.has, (gpu(0, 30, process(77, 29.5)), gpu(1, 70, process(5, 60)))
    )
    later.start()
    begun = time.monotonic()
    assert machine.ask("free", uuids=["GPU-0000"], limit=60, before={"GPU-0000": 0}) is None
    assert 0.3 < time.monotonic() - begun < 50
    later.join()


def test_freeing_ends_at_its_limit_and_says_who_holds_what(machine):
    machine.has(gpu(0, 60, process(2**22 + 1, 17.9)), gpu(1, 9))
    failure = machine.ask(
        "free", uuids=["GPU-0000", "GPU-0001"], limit=0.4, before={"GPU-0001": GIB}
    )
    assert failure["kind"] == "hang"
    assert failure["message"] == (
        "not free 0.4 s after the stop (timeouts.stop): GPU 0 is used by pid 4194305 unknown, "
        "17.9 GiB; GPU 1 has 8.0 GiB more in use than before the start"
    )


@pytest.mark.parametrize("used", [0.4, 1.4])
def test_near_the_level_before_is_free(machine, used):
    machine.has(gpu(0, used))
    assert machine.ask("free", uuids=["GPU-0000"], limit=0, before={"GPU-0000": GIB}) is None


def test_a_gpu_that_is_lost_or_gone_is_not_waited_for(machine):
    machine.has(gpu(0, 60, process(4182, 40), f"fail util {LOST}"))
    assert machine.ask("free", uuids=["GPU-0000", "GPU-0009"], limit=0, before={}) is None
