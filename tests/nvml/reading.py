"""Reads GPUs in a process of its own: NVML once loaded stays loaded.

Each line of input is a question in JSON, each line of output its answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

from core.gpu import nvml as module
from core.gpu.free import until_free
from core.gpu.nvml import Nvml


def _look(nvml: Nvml, question: dict[str, Any]) -> object:
    mine = question.get("ours", {})
    gpus, note = nvml.snapshot(lambda pid: mine.get(str(pid)))
    return {"gpus": [dataclasses.asdict(gpu) for gpu in gpus], "note": note}


def _free(nvml: Nvml, question: dict[str, Any]) -> object:
    waiting = until_free(nvml, question["uuids"], question["limit"], question["before"])
    failure = asyncio.run(waiting)
    return failure and dataclasses.asdict(failure)


_ANSWERS: dict[str, Callable[[Nvml, dict[str, Any]], object]] = {
    "look": _look,
    "free": _free,
    "driver": lambda nvml, _: nvml.driver_version,
    "close": lambda nvml, _: nvml.close(),
}


def main() -> None:
    module._REOPEN = 0.0  # a lost GPU is looked for at once
    nvml = Nvml()
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(_ANSWERS[question["ask"]](nvml, question)), flush=True)


if __name__ == "__main__":
    main()
