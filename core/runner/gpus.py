"""GPUs for starts: free ones are chosen, leased, and waited for after a stop."""

from __future__ import annotations

import asyncio
import dataclasses

import psutil

from core.deploy.process import LABEL
from core.gpu import Gpu
from core.gpu.free import until_free, usable
from core.gpu.nvml import Nvml
from core.paths import Home
from core.store.journal import Journal, StartKey
from core.values import Failure


class Keeper:
    """The one who knows which GPU belongs to which start."""

    def __init__(self, home: Home, journal: Journal) -> None:
        self._home = home
        self._journal = journal
        self._nvml = Nvml()
        self._names: dict[str, str] = {}
        self._before: dict[str, int] = {}

    async def snapshot(self) -> tuple[tuple[Gpu, ...], str | None]:
        """All GPUs now, and why there are none. Who holds a leased GPU is ours."""
        gpus, note = await asyncio.to_thread(self._nvml.snapshot, self._ours)
        return tuple(self._claimed(gpu) for gpu in gpus), note

    async def take(self, key: StartKey, wanted: int, name: str) -> tuple[str, ...] | Failure:
        """UUIDs of free GPUs, leased to a start; none without a driver, or a Failure."""
        gpus, _ = await self.snapshot()
        if not wanted or not gpus:
            return ()
        choice = usable(gpus, wanted, await self._journal.leased())
        if choice.failure is not None:
            return choice.failure
        used = {gpu.uuid: gpu.memory_used for gpu in gpus}
        for uuid in choice.uuids:
            await self._journal.lease(key, f"gpu:{uuid}")
            self._names[uuid] = name
            self._before |= {uuid: level} if (level := used[uuid]) is not None else {}
        return choice.uuids

    def adopt(self, uuids: tuple[str, ...], name: str) -> None:
        """GPUs that a start of an earlier runner holds."""
        self._names |= dict.fromkeys(uuids, name)

    async def give_back(self, uuids: tuple[str, ...], limit: float) -> Failure | None:
        """Wait until the memory of these GPUs is free again; a Failure when it is not."""
        if not uuids:
            return None
        failure = await until_free(self._nvml, uuids, limit, self._before)
        for uuid in uuids:
            self._names.pop(uuid, None)
            self._before.pop(uuid, None)
        return failure

    def _ours(self, pid: int) -> str | None:
        try:
            label = psutil.Process(pid).environ().get(LABEL, "")
        except (psutil.Error, OSError):
            return None
        home, _, rest = label.partition("/")
        return rest.rstrip("/") if home == self._home.label else None

    def _claimed(self, gpu: Gpu) -> Gpu:
        """A container's processes cannot always be read; on a leased GPU they are its start's."""
        name = self._names.get(gpu.uuid)
        if name is None:
            return gpu
        owned = tuple(dataclasses.replace(one, ours=name) for one in gpu.processes)
        return dataclasses.replace(gpu, processes=owned)
