"""vLLM: `vllm serve MODEL --flag value …`."""

from __future__ import annotations

import re

from core.engines.base import Engine
from core.engines.rules import VLLM as RULES
from core.engines.vllm_logs import PHASES, SIGNATURES
from core.task import Task


def _arguments(task: Task, host: str, port: int) -> tuple[str, ...]:
    words = [task.model, "--served-model-name", task.model]
    if task.tokenizer != task.model:
        words += ["--tokenizer", task.tokenizer]
    return (*words, "--host", host, "--port", str(port), "--seed", str(task.seed))


# The letters before the pid and the place behind the time are of its own log format.
SPEAKS = re.compile(
    r"\bvllm\b|vLLM|\b(?:INFO|WARNING|ERROR|DEBUG) \d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \["
)
READY = re.compile(r"Application startup complete")

# What enters `VllmConfig.compute_hash` of 0.32, by the flag that sets it: every field of the
# configuration's parts but those that they name as ignored. An eager start compiles nothing.
COMPILES = frozenset({
    "additional-config", "all2all-backend", "async-scheduling", "attention-backend",
    "attention-config", "block-size",
    "compilation-config", "cpu-offload-gb", "cudagraph-capture-sizes", "data-parallel-size",
    "dcp-comm-backend", "decode-context-parallel-size", "disable-sliding-window", "dtype",
    "enable-dbo", "enable-eplb", "enable-expert-parallel", "enable-lora", "enforce-eager",
    "kernel-config", "kv-cache-dtype", "linear-backend", "lora-dtype", "max-cudagraph-capture-size",
    "max-logprobs", "max-lora-rank", "max-loras", "max-model-len", "max-num-batched-tokens",
    "max-num-seqs", "moe-backend", "optimization-level", "performance-mode",
    "pipeline-parallel-size", "prefill-context-parallel-size", "quantization",
    "speculative-config", "tensor-parallel-size",
})  # fmt: skip

ENGINE = Engine(
    name="vllm",
    program=("vllm", "serve"),
    default_port=8000,
    arguments=_arguments,
    axes={
        "tp": "tensor-parallel-size",
        "pp": "pipeline-parallel-size",
        "dp": "data-parallel-size",
        "ep": "enable-expert-parallel",
        "dcp": "decode-context-parallel-size",
        "kvcache": "kv-cache-dtype",
        "gemm": "quantization",
        "attention": "attention-backend",
    },
    formats={
        "kvcache": {"bf16": "bfloat16", "fp16": "float16"},
        "attention": {"flashinfer": "FLASHINFER", "triton": "TRITON_ATTN"},
    },
    switches=frozenset({"ep"}),
    rules=RULES,
    reserved=frozenset({"model", "served-model-name", "tokenizer", "host", "port", "seed"}),
    phases=PHASES,
    signatures=SIGNATURES,
    speaks=SPEAKS,
    ready=READY,
    image="vllm/vllm-openai:v0.32.0",
    # FlashInfer, DeepGEMM and TileLang keep their kernels below HOME; Inductor's own default is
    # a folder in /tmp. Without a container all of them use those of the user, with the version
    # of vLLM, PyTorch or the kernel in each key: nothing has to be set.
    caches={
        "VLLM_CACHE_ROOT": "vllm",
        "TRITON_CACHE_DIR": "triton",
        "TORCHINDUCTOR_CACHE_DIR": "inductor",
    },
    compiles=COMPILES,
    # Lets the prefix cache be emptied between measurements.
    environment={"VLLM_SERVER_DEV_MODE": "1"},
)
