"""The GPUs as the driver shows them."""

from __future__ import annotations

from collections.abc import Sequence

from core.deploy.process import labelled
from core.doctor.report import Check, failure, ok, warning
from core.gpu import Gpu
from core.gpu.nvml import Nvml
from core.paths import Home

_GIB = 1 << 30


def gpu_checks(home: Home) -> list[Check]:
    """`gpus`, and one check more for what is wrong with each of them."""
    gpus, note, version = seen(home)
    if not gpus:
        return [_none(note or "the driver shows no GPU")]
    lines = "; ".join(_said(gpu) for gpu in gpus)
    found = ok("gpus", f"driver {version}, {len(gpus)}: {lines}")
    if note:
        found = warning("gpus", f"{found.evidence}; {note}", "the others can be used")
    return [found, *(check for gpu in gpus if (check := _trouble(gpu)))]


def seen(home: Home) -> tuple[Sequence[Gpu], str | None, str | None]:
    """The GPUs now, what the driver could not tell, and its version."""
    own = {process.pid for process in labelled(f"{home.label}/")}
    nvml = Nvml()
    gpus, note = nvml.snapshot(lambda pid: home.label if pid in own else None)
    version = nvml.driver_version
    nvml.close()
    return gpus, note, version


def _none(note: str) -> Check:
    if note.startswith("no NVIDIA driver"):
        return ok("gpus", f"{note}: engines run on the CPU")
    return warning("gpus", note, "until it is put right, engines run on the CPU only")


def _said(gpu: Gpu) -> str:
    if gpu.lost:
        return f"{gpu.index} {gpu.name} lost"
    if gpu.memory_total is None or gpu.memory_used is None:
        return f"{gpu.index} {gpu.name}"
    used, total = gpu.memory_used / _GIB, gpu.memory_total / _GIB
    return f"{gpu.index} {gpu.name} {used:.1f}/{total:.0f} GiB"


def _trouble(gpu: Gpu) -> Check | None:
    name = f"gpu{gpu.index}"
    if gpu.lost:
        said = f"{gpu.uuid} fell off the bus"
        return failure(name, said, "see `dmesg | grep -i xid`; it comes back with a reboot")
    users = ", ".join(f"{one.name} (pid {one.pid})" for one in gpu.processes if one.ours is None)
    if not users:
        return None
    return warning(name, f"in use by {users}", "a GPU with another's process is not used")
