"""What a runner at work writes, without the work: python -m benchmarks.pretend_runner TASK.

Holds the home's lock, keeps `live` once a second, finishes an experiment every five.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict

from core import __version__
from core.gpu import Gpu
from core.paths import Home
from core.store.journal import Journal
from core.store.lock import RunnerLock
from tests.big_journal import add_finished

_GPU = Gpu(0, "GPU-0", "H100 80GB", 60 << 30, 80 << 30, 0.9, 610.0, 700.0, 71.0)


async def main(task: str) -> None:
    home = Home.find().create()
    second = 0
    with RunnerLock(home.lock, __version__):
        async with Journal.open(home.database) as journal:
            while True:
                second += 1
                gpu = asdict(_GPU) | {"utilisation": second % 10 / 10}
                await journal.live("gpus", {"items": [gpu], "note": None})
                await journal.live("containers", {"items": [], "note": None})
                if second % 5 == 0:
                    await asyncio.to_thread(add_finished, home, task)
                await asyncio.sleep(1.0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
