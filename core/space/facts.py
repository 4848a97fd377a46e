"""What rules and conditions may name beside parameters: the machine's GPUs and the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from core.gpu.values import Gpu
from core.hub.facts import ModelFacts
from core.task import Task
from core.values import Scalar

_GB = 1e9


@dataclass(frozen=True, slots=True)
class Facts:
    """None: not known, and whatever names it does not apply.

    `gpus` is how many the task may use, `gpu_memory` GB (of 10^9 bytes) of the smallest.
    `heads`, `kv_heads` and `layers` are counts (1 key-value head where attention is latent),
    `context` tokens of the longest sequence the model was made for, `experts` 0 for a dense
    model, `quantized` the method its weights are stored with, or false.
    """

    gpus: int | None = None
    gpu_memory: float | None = None
    heads: int | None = None
    kv_heads: int | None = None
    layers: int | None = None
    context: int | None = None
    experts: int | None = None
    quantized: str | bool | None = None

    @classmethod
    def of(cls, task: Task, model: ModelFacts | None, gpus: Sequence[Gpu]) -> Self:
        """Of what could be read of the model, and the GPUs of this machine."""
        memory = [gpu.memory_total for gpu in gpus if gpu.memory_total]
        usable = len(gpus) or None if task.gpus is None else task.gpus
        found = cls(
            gpus=usable,
            gpu_memory=round(min(memory) / _GB, 1) if memory and task.gpus != 0 else None,
        )
        return found if model is None else found._with(model)

    def _with(self, model: ModelFacts) -> Self:
        shape = model.shape
        return dataclasses.replace(
            self,
            heads=shape.heads,
            kv_heads=1 if shape.latent else shape.kv_heads,
            layers=shape.layers,
            context=None if shape.stretched else shape.context or None,
            experts=shape.experts.count if shape.experts else 0,
            quantized=model.quantization.method if model.quantization else False,
        )

    @property
    def values(self) -> Mapping[str, Scalar | None]:
        """By the name that a rule uses."""
        return {name: getattr(self, name) for name in FACTS}


FACTS = tuple(field.name for field in dataclasses.fields(Facts))
"""The names that rules may use, whether or not they are known."""

UNKNOWN = Facts()
