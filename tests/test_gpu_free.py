"""Which GPUs a start may have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.gpu import Gpu, GpuProcess
from core.gpu.free import usable
from core.values import FailureKind

GIB = 1 << 30


def gpu(index: int, *processes: GpuProcess) -> Gpu:
    return Gpu(index, f"GPU-{index}", "NVIDIA H100 80GB HBM3", processes=processes)


FOREIGN = GpuProcess(4182, "python", int(17.9 * GIB))


def test_the_first_free_ones_in_order():
    assert usable([gpu(0), gpu(1, FOREIGN), gpu(2), gpu(3)], 2, ()).uuids == ("GPU-0", "GPU-2")


def test_none_wanted_is_no_failure():
    choice = usable([], 0, ())
    assert (choice.uuids, choice.failure) == ((), None)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (gpu(1, FOREIGN), "GPU 1 is used by pid 4182 python, 17.9 GiB"),
        (gpu(1, replace(FOREIGN, memory=None)), "GPU 1 is used by pid 4182 python"),
        (
            gpu(1, FOREIGN, GpuProcess(7, "sglang", GIB)),
            "GPU 1 is used by pid 4182 python, 17.9 GiB and pid 7 sglang, 1.0 GiB",
        ),
        (
            gpu(1, replace(FOREIGN, ours="demo #8")),
            "GPU 1 is used by pid 4182 python of demo #8, 17.9 GiB",
        ),
        (
            replace(gpu(1), memory_used=25 * GIB),
            "GPU 1 has 25.0 GiB in use by a process that cannot be seen from here",
        ),
        (replace(gpu(1), lost=True), "GPU 1 is lost: reset it, or restart the machine"),
        (replace(gpu(1), uuid="held"), "GPU 1 is held by another experiment"),
    ],
)
def test_who_holds_the_others_is_named(held, said):
    failure = usable([gpu(0), held], 2, {"gpu:held", "port:30000"}).failure
    assert failure is not None
    assert failure.kind is FailureKind.CONFIG
    assert failure.message == f"2 GPUs wanted, 1 free: {said}"
    assert "`gpus:`" in failure.advice


def test_a_process_without_memory_holds_nothing():
    assert usable([gpu(0, replace(FOREIGN, memory=0))], 1, ()).uuids == ("GPU-0",)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "4 GPUs wanted, none on this"), (1, "4 GPUs wanted, 1 GPU on this")]
)
def test_too_few_are_counted(count, said):
    failure = usable([gpu(index) for index in range(count)], 4, ()).failure
    assert failure is not None
    assert failure.message == f"{said} machine"


MEMORY = st.one_of(st.none(), st.integers(0, 2**40))
PROCESS = st.builds(GpuProcess, st.integers(1, 99), st.just("python"), MEMORY)
GPUS = st.lists(st.tuples(st.booleans(), st.booleans(), st.lists(PROCESS, max_size=2)), max_size=6)


@given(GPUS, st.integers(0, 7))
def test_never_one_that_is_held_and_never_fewer_than_wanted(drawn, wanted):
    gpus = [
        replace(gpu(index, *processes), lost=lost)
        for index, (lost, _, processes) in enumerate(drawn)
    ]
    leased = {f"gpu:GPU-{index}" for index, (_, taken, _) in enumerate(drawn) if taken}
    free = [
        one.uuid
        for one in gpus
        if not one.lost
        and f"gpu:{one.uuid}" not in leased
        and all(process.memory == 0 for process in one.processes)
    ]
    choice = usable(gpus, wanted, leased)
    if len(free) >= wanted:
        assert (choice.uuids, choice.failure) == (tuple(free[:wanted]), None)
    else:
        assert choice.uuids == ()
        assert choice.failure is not None
