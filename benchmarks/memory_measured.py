"""`.vllm/bin/python -P benchmarks/memory_measured.py FILE…`: what the engines' own code says.

For each architecture of tests/architectures: the parameters that transformers creates on the
meta device, the bytes and the KV cache that vLLM's own model and KV cache specs have, with a KV
cache as the model computes and in fp8. One JSON document a line. No weight is ever allocated.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
from vllm import distributed
from vllm.config import get_layers_from_vllm_config, set_current_vllm_config
from vllm.distributed import parallel_state
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.model_executor.model_loader.utils import initialize_model


def created(folder: Path) -> int:
    """Parameters of the unquantized model as transformers makes it, shared ones once."""
    config = AutoConfig.from_pretrained(folder)
    vars(config).pop("quantization_config", None)
    with torch.device("meta"):
        try:
            model = AutoModelForCausalLM.from_config(config)
        except ValueError:  # text and images
            model = AutoModelForImageTextToText.from_config(config)
    return sum(one.numel() for one in model.parameters())


def served(folder: Path, **options: Any) -> dict[str, Any]:
    """vLLM's model on one rank: parameters, bytes, and its KV layers by kind.

    A kind is (spec, window in tokens or null, bytes per token of one layer, layers).
    """
    arguments = EngineArgs(
        model=str(folder), skip_tokenizer_init=True, enforce_eager=True, **options
    )
    config = arguments.create_engine_config()
    with set_current_vllm_config(config):
        _one_rank()
        torch.set_default_dtype(config.model_config.dtype)
        try:
            with torch.device("meta"):
                model = initialize_model(config)
        finally:
            torch.set_default_dtype(torch.float32)
        weights = list(model.parameters())
        kinds: dict[tuple[str, int | None, float], int] = {}
        for layer in get_layers_from_vllm_config(config, AttentionLayerBase).values():
            if spec := layer.get_kv_cache_spec(config):
                each = spec.page_size_bytes / max(1, spec.block_size)
                window = getattr(spec, "sliding_window", None)
                chunk = getattr(spec, "attention_chunk_size", None)
                kind = (type(spec).__name__, window or chunk, each)
                kinds[kind] = kinds.get(kind, 0) + 1
    return {
        "parameters": sum(one.numel() for one in weights),
        "bytes": sum(one.numel() * one.element_size() for one in weights),
        "kv": [[*kind, count] for kind, count in kinds.items()],
    }


def _one_rank() -> None:
    if not torch.distributed.is_initialized():
        with tempfile.NamedTemporaryFile() as meeting:
            distributed.init_distributed_environment(1, 0, f"file://{meeting.name}x", 0, "gloo")
    parallel_state.destroy_model_parallel()  # groups for experts are made only for such models
    distributed.initialize_model_parallel(1, 1)


def measured(path: Path) -> dict[str, Any]:
    """Everything about one architecture; what cannot be had is said under `errors`.

    Where this CPU has no kernel for the quantization, `served` is the unquantized model: its KV
    cache is the same, and `unquantized` says so.
    """
    found: dict[str, Any] = {"name": path.stem, "errors": {}}
    config = json.loads(path.read_text())["config"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        looks = {
            "created": lambda: created(folder),
            "served": lambda: served(folder),
            "served_fp8_kv": lambda: served(folder, kv_cache_dtype="fp8"),
        }
        for what, look in looks.items():
            (folder / "config.json").write_text(json.dumps(config))
            try:
                found[what] = look()
            except Exception as error:  # a kernel that this CPU lacks is a gap, not an end
                found["errors"][what] = f"{type(error).__name__}: {error}"[:300]
                if config.pop("quantization_config", None):
                    (folder / "config.json").write_text(json.dumps(config))
                    found |= {what: look(), "unquantized": True}
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        documents = [measured(Path(path)) for path in sys.argv[1:]]
    for document in documents:
        print(json.dumps(document))
