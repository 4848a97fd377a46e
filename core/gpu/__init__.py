"""GPUs as NVML shows them: snapshots, who uses them, which are free."""

from core.gpu.values import Gpu, GpuProcess

__all__ = ["Gpu", "GpuProcess"]
