"""Writes an engine's log: python -m benchmarks.log_feed FILE LINES_PER_SECOND, until it is killed.

`fill` writes a long one at once.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

WORD = "preempted"
"""In one line of a thousand: something to filter for."""
_STEP = 0.01  # seconds
_TEXT = (
    "INFO 11-23 14:%02d:%02d [loggers.py:116] n=%08d Engine 000: prompt throughput: %d.2 tokens/s, "
    "running: %d reqs, waiting: 0 reqs"
)


def line(number: int) -> str:
    """As vLLM writes them, about 130 bytes; `n=` tells one from the other."""
    if number % 1000 == 999:
        return f"WARNING 11-23 14:00:00 [scheduler.py:9] n={number:08d} a request was {WORD}"
    if number % 50_000 == 49_999:
        return f"\x1b[31mERROR\x1b[0m 11-23 14:00:00 [core.py:7] n={number:08d} ValueError: no room"
    return _TEXT % (number // 60 % 60, number % 60, number, number % 9000, number % 256)


def fill(path: Path, lines: int) -> int:
    """Write so many lines; returns the bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for first in range(0, lines, 10_000):
            block = range(first, min(first + 10_000, lines))
            file.write("".join(f"{line(number)}\n" for number in block))
    return path.stat().st_size


def main() -> None:
    path, rate = Path(sys.argv[1]), float(sys.argv[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    begun, written = time.monotonic(), 0
    with path.open("a", encoding="utf-8", buffering=1 << 16) as file:
        while True:
            due = int((time.monotonic() - begun) * rate)
            file.write("".join(f"{line(number)}\n" for number in range(written, due)))
            file.flush()
            written = due
            time.sleep(_STEP)


if __name__ == "__main__":
    main()
