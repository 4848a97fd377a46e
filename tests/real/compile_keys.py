"""`python compile_keys.py MODEL`: vLLM's own key of what it compiles, for several flags, as JSON.

Runs in the engine's environment. `{"": key, "max-num-seqs": key, …}`, "" without any flag.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"

from vllm.engine.arg_utils import EngineArgs  # after the level of its log is set

CHANGES: dict[str, object] = {
    "max-num-seqs": 8, "max-num-batched-tokens": 512, "max-model-len": 512, "block-size": 64,
    "dtype": "float32", "kv-cache-dtype": "fp8_e5m2", "enforce-eager": True,
    "tensor-parallel-size": 2, "pipeline-parallel-size": 2, "data-parallel-size": 2,
    "async-scheduling": False, "compilation-config": {"mode": 0}, "optimization-level": 0,
    "performance-mode": "throughput", "cpu-offload-gb": 1, "attention-backend": "TRITON_ATTN",
    "enable-prefix-caching": False, "enable-chunked-prefill": False,
    "gpu-memory-utilization": 0.5, "scheduling-policy": "priority", "stream-interval": 4,
    "num-gpu-blocks-override": 100, "load-format": "dummy", "seed": 5,
}  # fmt: skip


def key(model: str, **changed: object) -> str:
    given = {"model": model, "max_model_len": 1024, **changed}
    return str(EngineArgs(**given).create_engine_config().compute_hash())


def main() -> None:
    model = sys.argv[1]
    keys = {flag: key(model, **{flag.replace("-", "_"): to}) for flag, to in CHANGES.items()}
    print(json.dumps({"": key(model)} | keys))


if __name__ == "__main__":
    main()
