"""Starts the simulated engine, talks to it, stops it, and keeps its logs.

python -m tests.provoke.simulated
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.provoke.keeping import ROOT, keep
from tests.provoke.scene import ask, ended, free_port, healthy, running

_CASES = {"simulated-served": ("--max-num-seqs", "8"), "simulated-refused": ("--nothing", "1")}


def main() -> None:
    for name, flags in _CASES.items():
        folder = Path(tempfile.mkdtemp(prefix="provoke-"))
        port, log = free_port(), folder / "engine.log"
        words = ["core.engines.simserver", "--model", "sim-8b", "--port", str(port), *flags]
        given = {"PYTHONPATH": str(ROOT)}
        with running([sys.executable, "-m", *words], given, log) as pid:
            kind = "bad_flag"
            if healthy(port, pid, 60):
                kind = "healthy"
                body = {"model": "sim-8b", "prompt": "to be", "max_tokens": 20}
                ask(port, "POST", "/v1/completions", body)
                ask(port, "POST", "/v1/completions", {**body, "model": "other"})
                os.kill(pid, signal.SIGTERM)
            ended(pid, 20)
        source = "healthy" if kind == "healthy" else "vllm"
        told = shlex.join(["python", "-m", *words])
        keep(source, name, kind, "simulated", told, log.read_text(encoding="utf-8"))
        shutil.rmtree(folder)
        print(name, kind, flush=True)


if __name__ == "__main__":
    main()
