"""A runner that can be killed: `python bench_runner.py TOKENIZER FOLDER`.

It prints its launcher's pid, `ready` when that listens, and measures each plan that a line of
stdin holds: it prints the measurement's pid when it has begun, and then its failure and how many
requests it counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from core.bench.genai import Bench, Plan


async def main(tokenizer: str, folder: Path) -> None:
    async with Bench(dict(os.environ), tokenizer, folder / "runner.log", folder) as bench:
        await bench.prepare()
        print(bench.pid, flush=True)
        await bench.ready()
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            plan = Plan.from_json(json.loads(line))
            result = await bench.measure(plan, lambda pid, _: print(pid, flush=True))
            failure = result.failure and asdict(result.failure)
            print(json.dumps({"failure": failure, "requests": result.requests}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
