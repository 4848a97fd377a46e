"""What the NVIDIA driver says of its GPUs, through NVML. Nothing here ever changes a GPU."""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import psutil

from core.gpu.values import Gpu, GpuProcess

with warnings.catch_warnings():
    # The bindings come from nvidia-ml-py; a package of the module's name warns at its import.
    warnings.filterwarnings("ignore", "The pynvml package is deprecated", FutureWarning)
    import pynvml

Ours = Callable[[int], str | None]
"""Names the experiment that a process belongs to (`demo #8`); None: it is not ours."""

_REOPEN = 10.0  # seconds between looks whether a lost GPU is back: opening NVML can be slow
_GONE = (
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_GPU_IS_LOST,
    pynvml.NVML_ERROR_RESET_REQUIRED,
)
_NOTES = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: (
        "no NVIDIA driver on this machine (libnvidia-ml.so.1 was not found)"
    ),
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: (
        "the NVIDIA driver is installed but not loaded: load it, or restart the machine"
    ),
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
        "the NVIDIA driver and its library are of different versions, as after an update: "
        "restart the machine"
    ),
    pynvml.NVML_ERROR_NO_PERMISSION: (
        "no permission to ask the NVIDIA driver: this user cannot open /dev/nvidiactl"
    ),
}


def has_driver() -> bool:
    """Whether GPUs of this machine can be asked for at all."""
    nvml = Nvml()
    try:
        return nvml.driver_version is not None
    finally:
        nvml.close()


class Nvml:
    """NVML, opened when first needed and again after the driver was reset.

    Calls may come from any thread; they take turns.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._open = False
        self._opened = 0.0
        self._known: dict[int, tuple[str, str]] = {}

    @property
    def driver_version(self) -> str | None:
        """For example `580.95.05`; None without a driver."""
        with self._turn:
            try:
                self._ensure_open()
                return str(pynvml.nvmlSystemGetDriverVersion())
            except pynvml.NVMLError:
                self._shut()
                return None

    def snapshot(self, ours: Ours) -> tuple[tuple[Gpu, ...], str | None]:
        """All GPUs in the driver's order, and one line on why there are none or some are missing.

        A GPU in MIG mode is shown as its instances. What a GPU does not tell is None.
        """
        with self._turn:
            try:
                try:
                    return self._read(ours)
                except pynvml.NVMLError:  # the driver was reset: everything is to be opened anew
                    self._shut()
                    return self._read(ours)
            except pynvml.NVMLError as error:
                self._shut()
                return (), _NOTES.get(error.value, f"the NVIDIA driver does not answer: {error}")

    def close(self) -> None:
        with self._turn:
            self._shut()

    def _ensure_open(self) -> None:
        if not self._open:
            pynvml.nvmlInit()
            self._open, self._opened = True, time.monotonic()

    def _shut(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()

    def _read(self, ours: Ours) -> tuple[tuple[Gpu, ...], str | None]:
        self._ensure_open()
        gpus: list[Gpu] = []
        notes: list[str] = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                rows = self._device(index, ours)
            except pynvml.NVMLError_NoPermission:
                notes.append(f"GPU {index} is not open to this user")
                continue
            gpus += rows
            if not rows:
                notes.append(f"GPU {index} is in MIG mode and has no MIG instance")
        if any(gpu.lost for gpu in gpus) and time.monotonic() - self._opened >= _REOPEN:
            self._shut()  # one that was reset is seen by the next opening only
        if not gpus and not notes:
            notes.append("the NVIDIA driver shows no GPU")
        return tuple(gpus), "; ".join(notes) or None

    def _device(self, index: int, ours: Ours) -> list[Gpu]:
        """The row of one GPU, or the rows of its MIG instances."""
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            self._known[index] = (
                str(pynvml.nvmlDeviceGetUUID(handle)),
                str(pynvml.nvmlDeviceGetName(handle)),
            )
            if _in_mig_mode(handle):
                return _instances(index, handle, ours)
            return [_gpu(index, handle, ours)]
        except (pynvml.NVMLError_Uninitialized, pynvml.NVMLError_NoPermission):
            raise
        except pynvml.NVMLError:
            uuid, name = self._known.get(index, ("", "unknown GPU"))
            return [Gpu(index, uuid, name, lost=True)]


def _value(*calls: Callable[[], Any]) -> Any:
    """What the first of `calls` gives that this GPU and driver support; None: none of them."""
    for call in calls:
        try:
            return call()
        except pynvml.NVMLError as error:
            if error.value in _GONE:
                raise
    return None


def _in_mig_mode(handle: Any) -> bool:
    mode = _value(lambda: pynvml.nvmlDeviceGetMigMode(handle))
    return mode is not None and mode[0] == pynvml.NVML_DEVICE_MIG_ENABLE


def _instances(index: int, board: Any, ours: Ours) -> list[Gpu]:
    found: list[Gpu] = []
    for place in range(_value(lambda: pynvml.nvmlDeviceGetMaxMigDeviceCount(board)) or 0):
        try:
            handle = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(board, place)
        except pynvml.NVMLError_NotFound:  # places between instances are empty
            continue
        found.append(_gpu(index, handle, ours, board))
    return found


def _gpu(index: int, handle: Any, ours: Ours, board: Any = None) -> Gpu:
    """One row. Of a MIG instance the temperature is its board's; its power nobody measures."""
    memory = _value(
        lambda: pynvml.nvmlDeviceGetMemoryInfo(handle, pynvml.nvmlMemory_v2),
        lambda: pynvml.nvmlDeviceGetMemoryInfo(handle),
    )
    rates = _value(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle))
    power = _value(lambda: pynvml.nvmlDeviceGetPowerUsage(handle))
    limit = _value(lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle))
    return Gpu(
        index,
        str(pynvml.nvmlDeviceGetUUID(handle)),
        str(pynvml.nvmlDeviceGetName(handle)),
        memory_used=memory.used if memory else None,
        memory_total=memory.total if memory else None,
        utilisation=rates.gpu / 100 if rates else None,
        power=None if power is None else power / 1000,
        power_limit=None if limit is None else limit / 1000,
        temperature=_temperature(handle if board is None else board),
        processes=_processes(handle, ours),
    )


def _temperature(handle: Any) -> float | None:
    sensor = pynvml.NVML_TEMPERATURE_GPU
    found = _value(
        lambda: pynvml.nvmlDeviceGetTemperatureV(handle, sensor),
        lambda: pynvml.nvmlDeviceGetTemperature(handle, sensor),  # drivers before 560
    )
    return None if found is None else float(found)


def _processes(handle: Any, ours: Ours) -> tuple[GpuProcess, ...]:
    """Those that compute; what only draws a desktop holds no GPU."""
    found = _value(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle)) or ()
    return tuple(
        GpuProcess(one.pid, _name(one.pid), one.usedGpuMemory, ours(one.pid)) for one in found
    )


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except (psutil.Error, OSError):
        return "unknown"  # it ended, or runs where this process cannot see it
