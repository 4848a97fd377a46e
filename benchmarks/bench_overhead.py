"""What a measurement costs beside its requests: medians, in milliseconds.

`before`: from asking for a measurement to its first request. `after`: from the end of the
last request to the metrics in hand. Against the fixed-latency server of the tests, with the
real genai-bench: `python benchmarks/bench_overhead.py [MEASUREMENTS]`. Exit status 1 when a
median is not under half a second.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.bench.genai import Bench, Plan  # noqa: E402
from core.values import Purpose  # noqa: E402
from tests.bench_site import make_tokenizer  # noqa: E402

LIMIT = 0.5


async def overheads(url: str, folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Seconds before and after, of `count` measurements with one launcher."""
    tokenizer = make_tokenizer(folder / "tokenizer")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before, after = [], []
    async with Bench(environment, tokenizer, folder / "launcher.log", folder) as bench:
        await bench.ready()
        for number in range(count):
            plan = Plan(
                url=f"{url}/ok",
                model="fixed",
                backend="vllm",
                scenario="D(20,20)",
                concurrency=8,
                requests=64,
                max_duration=60.0,
                limit=60.0,
                folder=folder / str(number),
                log=folder / "benchmark.log",
                purpose=Purpose.PROBE,
                seed=number,
            )
            asked = time.time()
            measured = await bench.measure(plan)
            after.append(time.time() - measured.ended)
            before.append(measured.started - asked)
    return before, after


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    server = [sys.executable, str(ROOT / "tests" / "bench_server.py")]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(server, stdout=subprocess.PIPE) as process,
    ):
        try:
            assert process.stdout
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            before, after = asyncio.run(overheads(url, Path(folder), count))
        finally:
            process.kill()
    for name, seconds in (("before", before), ("after", after)):
        print(f"{name}: median {median(seconds) * 1000:.0f} ms, worst {max(seconds) * 1000:.0f} ms")
    return int(median(before) >= LIMIT or median(after) >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
