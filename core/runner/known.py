"""What the model's size and this machine's GPUs say of a configuration, without a start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path

from core import settings
from core.doctor.disk import hub_cache
from core.doctor.memory import fitting
from core.gpu import Gpu
from core.hub.cache import whole_snapshot
from core.hub.facts import ModelFacts, read_folder
from core.runner.doomed import Fits
from core.runner.setup import Setup
from core.space.facts import Facts

Look = Callable[[], Awaitable[tuple[tuple[Gpu, ...], str | None]]]
"""All GPUs now, and why there are none."""

_REMEMBERED = 1 << 17  # as many configurations as a space can list


class Known:
    """Nothing until the model is on this machine; from then on the same for every question."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._model: ModelFacts | None = None
        self._fits: Fits | None = None

    async def fits(self, setup: Setup) -> Fits | None:
        """None while nothing is known of the model."""
        if self._fits is None and (model := await self._read(setup)):
            gpus, _ = await self._look()
            self._fits = lru_cache(_REMEMBERED)(fitting(setup.task, model, gpus))
        return self._fits

    async def facts(self, setup: Setup) -> Facts | None:
        """What rules may name. None while the model is not here and any engine needs it."""
        model = await self._read(setup)
        if model is None and _loads_weights(setup):
            return None
        gpus, _ = await self._look()
        return Facts.of(setup.task, model, gpus)

    async def _read(self, setup: Setup) -> ModelFacts | None:
        if self._model is None and _loads_weights(setup):
            self._model = await asyncio.to_thread(_facts, setup)
        return self._model


def _loads_weights(setup: Setup) -> bool:
    return any(part.engine.loads_weights for part in setup.space.parts)


def model_folder(setup: Setup) -> Path | None:
    """The model on this machine: a local folder, or what lies whole in the Hub's cache."""
    model = Path(setup.task.model)
    if model.is_absolute():
        return model if model.is_dir() else None
    cache = hub_cache(settings.host_environment(setup.settings))
    return whole_snapshot(cache / f"models--{setup.task.model.replace('/', '--')}")


def _facts(setup: Setup) -> ModelFacts | None:
    folder = model_folder(setup)
    return read_folder(folder) if folder else None
