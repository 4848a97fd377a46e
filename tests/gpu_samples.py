"""GPUs to show: none, one, eight, sixteen, unified memory, lost, MIG instances."""

from __future__ import annotations

import math
from dataclasses import replace

from core.gpu import Gpu, GpuProcess
from core.store.views import LiveView
from tests.tui_sample import NOW
from tui.history import History

GIB = 1 << 30
NO_DRIVER = "no NVIDIA driver on this machine (libnvidia-ml.so.1 was not found)"


def busy(index: int, ours: str = "qwen3-8b-chat #8") -> Gpu:
    """An H100 at work for an experiment."""
    used, total = int((61.2 + index / 10) * GIB), int(79.6 * GIB)
    engine = GpuProcess(5100 + index, "VLLM::Worker_TP", used - GIB, ours)
    identity = f"GPU-5f1c0a9e-7d3b-4c55-9a41-0000000000{index:02d}"
    name = "NVIDIA H100 80GB HBM3"
    return Gpu(index, identity, name, used, total, 0.97, 612.4, 700.0, 71.0, (engine,))


def foreign(index: int) -> Gpu:
    stranger = GpuProcess(3718204, "python3.11", int(17.9 * GIB))
    return replace(
        busy(index),
        memory_used=int(18.4 * GIB),
        utilisation=0.04,
        power=98.2,
        temperature=38.0,
        processes=(stranger,),
    )


def idle(index: int) -> Gpu:
    return replace(
        busy(index),
        memory_used=int(0.6 * GIB),
        utilisation=0.0,
        power=71.0,
        temperature=31.0,
        processes=(),
    )


def lost(index: int) -> Gpu:
    return Gpu(index, busy(index).uuid, busy(index).name, lost=True)


UNIFIED = Gpu(
    0, "GPU-unified", "NVIDIA GB10", utilisation=0.12, temperature=48.0,
    processes=(GpuProcess(812, "VLLM::EngineCore", 3 * GIB, "demo #0"),),
)  # fmt: skip

MIG = tuple(
    Gpu(
        0, f"MIG-{place}", "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        int((0.1 + place) * GIB), int(4.8 * GIB), temperature=52.0,
    )
    for place in range(3)
)  # fmt: skip

EIGHT = (*(busy(i) for i in range(4)), foreign(4), idle(5), lost(6), idle(7))
SIXTEEN = (*(busy(i) for i in range(8)), foreign(8), *(idle(i) for i in range(9, 16)))

MACHINES: dict[str, LiveView] = {
    "0": LiveView(NOW, gpu_note=NO_DRIVER),
    "1": LiveView(NOW, (busy(0),)),
    "8": LiveView(NOW, EIGHT),
    "16": LiveView(NOW, SIXTEEN),
    "unified": LiveView(NOW, (UNIFIED,)),
    "lost": LiveView(NOW, (busy(0), lost(1))),
    "mig": LiveView(NOW, MIG, "GPU 1 is in MIG mode and has no MIG instance"),
}


def history(live: LiveView) -> History:
    """Two minutes of `live`, a look each second: loading, then work."""
    found = History()
    for age in range(119, -1, -1):
        level = (math.sin(age / 9) + 1) / 4 if age > 70 else 1.0
        seen = tuple(
            replace(gpu, utilisation=gpu.utilisation and gpu.utilisation * level)
            for gpu in live.gpus
        )
        found = found.grown(replace(live, at=live.at - age, gpus=seen))
    return found
