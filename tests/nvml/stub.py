"""Machines with GPUs of our choice: the driver's library as a stub, and descriptions for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

GIB = 1 << 30


def build(folder: Path) -> Path:
    """Compile the stub as `libnvidia-ml.so.1` into `folder`, for LD_LIBRARY_PATH."""
    source = Path(__file__).with_name("stub.c")
    target = folder / "libnvidia-ml.so.1"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, "-o", str(target), str(source)], check=True, timeout=120)
    return target


def environment(library: Path, scenario: Path) -> dict[str, str]:
    """That of a process which is to see the GPUs that the file `scenario` describes."""
    return {
        **os.environ,
        "LD_LIBRARY_PATH": str(library.parent),
        "NVML_STUB": str(scenario),
    }


def describe(path: Path, *gpus: str, **machine: object) -> None:
    """Put these GPUs in the place of the ones described before, at once."""
    lines = [f"{word} {value}" for word, value in {"driver": "580.95.05", **machine}.items()]
    new = path.with_suffix(".new")
    new.write_text("\n".join([*lines, *gpus]) + "\n", encoding="utf-8")
    new.replace(path)


def gpu(index: int = 0, used: float = 18.0, *more: str, total: float = 79.6) -> str:
    """An H100 with `used` GiB of `total` in use."""
    return _entry("gpu", _board(index, used, total), *more)


def unified(*more: str) -> str:
    """A GPU that shares the machine's memory: it tells little."""
    told = {"uuid": "GPU-unified", "name": "NVIDIA GB10", "util": 12, "temp": 48}
    return _entry("gpu", told, *more)


def instance(index: int, used: float, *more: str) -> str:
    """A MIG instance; it belongs to the GPU before it."""
    name = "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
    memory = f"{int(used * GIB)} {int(9.8 * GIB)}"
    return _entry("slice", {"uuid": f"MIG-{index}", "name": name, "memory": memory}, *more)


def process(pid: int, held: float | None) -> str:
    """A process that holds that many GiB; None: the driver does not tell."""
    return f"process {pid} {-1 if held is None else int(held * GIB)}"


def _board(index: int, used: float, total: float) -> dict[str, object]:
    return {
        "uuid": f"GPU-{index:04d}",
        "name": "NVIDIA H100 80GB HBM3",
        "memory": f"{int(used * GIB)} {int(total * GIB)}",
        "util": 97,
        "power": "612500 700000",
        "temp": 71,
    }


def _entry(kind: str, told: Mapping[str, object], *more: str) -> str:
    return "\n".join([kind, *(f"{word} {value}" for word, value in told.items()), *more])
