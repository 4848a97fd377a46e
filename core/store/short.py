"""Short names of flags; imports nothing, for whoever shows or reads them."""

from __future__ import annotations

from collections.abc import Mapping

SHORT: Mapping[str, str] = {
    "attention-backend": "attention",
    "block-size": "block",
    "chunked-prefill-size": "chunk",
    "context-length": "ctx",
    "data-parallel-size": "dp",
    "decode-context-parallel-size": "dcp",
    "dp-size": "dp",
    "enable-chunked-prefill": "chunked",
    "enable-prefix-caching": "prefix",
    "ep-size": "ep",
    "gpu-memory-utilization": "gpu-mem",
    "kv-cache-dtype": "kv",
    "max-model-len": "ctx",
    "max-num-batched-tokens": "batched",
    "max-num-seqs": "seqs",
    "max-running-requests": "running",
    "mem-fraction-static": "mem",
    "pipeline-parallel-size": "pp",
    "pp-size": "pp",
    "quantization": "quant",
    "tensor-parallel-size": "tp",
    "tp-size": "tp",
}
"""A flag's short name, for narrow columns and for filters."""
