"""The simulated engine: for the demo, for trying out task files, and for tests."""

from __future__ import annotations

import re
import sys

from core.engines.base import Engine
from core.engines.simtokenizer import tokenizer
from core.engines.vllm import READY
from core.engines.vllm_logs import PHASES, SIGNATURES
from core.task import Task

_SPEAKS = re.compile(r"vLLM-like|core[./]engines[./]simserver|\bsimulated engine\b")


def _arguments(task: Task, host: str, port: int) -> tuple[str, ...]:
    return (
        *("--model", task.model, "--served-model-name", task.model),
        *("--host", host, "--port", str(port), "--seed", str(task.seed)),
    )


ENGINE = Engine(
    name="simulated",
    # -P: a folder named `core` where the engine is started must not be imported instead.
    program=(sys.executable, "-P", "-m", "core.engines.simserver"),
    default_port=8000,
    arguments=_arguments,
    axes={
        "tp": "tensor-parallel-size",
        "kvcache": "kv-cache-dtype",
        "gemm": "quantization",
    },
    reserved=frozenset({"model", "served-model-name", "host", "port", "seed"}),
    phases=PHASES,
    signatures=SIGNATURES,
    speaks=_SPEAKS,
    ready=READY,
    simulated=True,
    loads_weights=False,
    tokenizer=tokenizer,
)
