"""What goes wrong in a start or under load, in the words vLLM uses."""

from __future__ import annotations

from core.engines.simserver.hardware import DEVICE, GIB


class StartError(Exception):
    """The engine cannot start. `lines` is what its log says; the last one names the cause.

    `in_core`: it happened in the engine core, whose lines carry a prefix.
    """

    def __init__(self, *lines: str, in_core: bool = False) -> None:
        super().__init__(lines[-1])
        self.lines = lines
        self.in_core = in_core


class EngineCrash(Exception):
    """The engine's core dies in a step. `str()` is the line that names the cause."""


class OutOfMemory(EngineCrash):
    """The simulated GPU has no room for an allocation. `str()` is vLLM's line."""


def invalid_field(config: str, field: str, problem: str, value: object) -> StartError:
    """A value outside its limits, as vLLM's configuration classes report it."""
    return StartError(
        f"pydantic_core._pydantic_core.ValidationError: 1 validation error for {config}",
        field,
        f"  {problem}, input_value={value}, input_type={type(value).__name__}]",
    )


def invalid_config(config: str, problem: str) -> StartError:
    """Values that contradict each other."""
    return StartError(
        f"pydantic_core._pydantic_core.ValidationError: 1 validation error for {config}",
        f"  Value error, {problem} [type=value_error, input_value=ArgsKwargs(()), "
        "input_type=ArgsKwargs]",
    )


def out_of_memory(wanted: float, free: float) -> OutOfMemory:
    """An allocation of `wanted` bytes where `free` are left."""
    return OutOfMemory(
        f"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {size(wanted)}. "
        f"GPU 0 has a total capacity of {size(DEVICE.memory)} of which {size(free)} is free."
    )


def size(count: float) -> str:
    """Bytes as torch prints them."""
    count = max(0.0, count)
    return f"{count / GIB:.2f} GiB" if count >= GIB else f"{count / (1 << 20):.2f} MiB"
