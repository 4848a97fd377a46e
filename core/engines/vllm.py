"""vLLM: `vllm serve MODEL --flag value …`."""

from __future__ import annotations

from core.engines.base import Engine
from core.engines.vllm_logs import PHASES, SIGNATURES
from core.task import Task


def _arguments(task: Task, host: str, port: int) -> tuple[str, ...]:
    words = [task.model, "--served-model-name", task.model]
    if task.tokenizer != task.model:
        words += ["--tokenizer", task.tokenizer]
    return (*words, "--host", host, "--port", str(port), "--seed", str(task.seed))


ENGINE = Engine(
    name="vllm",
    program=("vllm", "serve"),
    default_port=8000,
    arguments=_arguments,
    axes={
        "tp": "tensor-parallel-size",
        "pp": "pipeline-parallel-size",
        "dp": "data-parallel-size",
        "dcp": "decode-context-parallel-size",
        "kvcache": "kv-cache-dtype",
        "gemm": "quantization",
    },
    reserved=frozenset({"model", "served-model-name", "tokenizer", "host", "port", "seed"}),
    phases=PHASES,
    signatures=SIGNATURES,
    image="vllm/vllm-openai:v0.32.0",
    caches={"VLLM_CACHE_ROOT": "vllm", "TRITON_CACHE_DIR": "triton"},
    # Lets the prefix cache be emptied between measurements.
    environment={"VLLM_SERVER_DEV_MODE": "1"},
)
