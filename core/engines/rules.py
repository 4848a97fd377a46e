"""What each engine refuses of flags that are each right by themselves, with the reason.

Out of the engines' own sources: vLLM 0.32 (vllm/config: scheduler, model, parallel; attention
layer), SGLang 0.5.23 (srt/server_args, srt/configs/model_config, the expert layer). Only what
they refuse for certain: a rule that is wrong costs the best configuration. Heads and layers are
not here: what the model's size and shape rule out is `core.doctor.memory`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineRule:
    """In the language of a task's rules, over flags, axes and facts; it does not apply where one
    of them is not known. It is left out where the task sets a flag or a variable of `unless`.
    """

    text: str
    reason: str
    unless: frozenset[str] = frozenset()


# Methods that quantize plain weights at load: never right for weights that are stored in another.
_AT_LOAD = '["fp8", "mxfp8", "bitsandbytes"]'
_VLLM_AT_LOAD = (
    '["fp8", "mxfp8", "bitsandbytes", "experts_int8", "fp8_per_tensor", "fp8_per_block", '
    '"fp8_per_channel", "int8_per_channel_weight_only", "nvfp4_per_token", "online"]'
)
_STORED = '["awq", "gptq", "compressed-tensors"]'
_STORED_WHY = "weights that are stored quantized take no method that quantizes at load"
_OTHER_SHAPE = frozenset({"hf-overrides", "hf-config-path", "json-model-override-args"})

VLLM = (
    EngineRule(
        "max-num-batched-tokens >= max-num-seqs",
        "a step takes at least one token of every running request",
    ),
    EngineRule(
        "max-num-batched-tokens >= max-model-len or enable-chunked-prefill != false",
        "without chunked prefill a whole prompt goes into one step",
    ),
    EngineRule(
        "long-prefill-token-threshold <= max-model-len",
        "no prompt is longer than max-model-len",
    ),
    EngineRule(
        "max-model-len <= context",
        "the model was made for shorter sequences",
        _OTHER_SHAPE | {"VLLM_ALLOW_LONG_MAX_MODEL_LEN"},
    ),
    EngineRule(
        "dcp == 1 or tp % dcp == 0",
        "context parallelism divides the GPUs of tp",
        frozenset({"prefill-context-parallel-size"}),
    ),
    EngineRule(
        "dcp == 1 or dcp * kv_heads <= tp",
        "context parallelism uses GPUs that hold copies of a key-value head",
        _OTHER_SHAPE,
    ),
    EngineRule("ep == 1 or experts > 0", "a dense model has no experts", _OTHER_SHAPE),
    EngineRule(
        "ep == 1 or ep == tp * dp",
        "experts are spread over all GPUs of tp and dp, or not at all",
        frozenset({"prefill-context-parallel-size"}),
    ),
    EngineRule(
        f"quantized not in {_STORED} or gemm not in {_VLLM_AT_LOAD}", _STORED_WHY, _OTHER_SHAPE
    ),
    EngineRule(
        'quantized != "fp8" or kvcache != "fp8_e5m2"',
        "weights stored in fp8 take no KV cache in fp8_e5m2",
        _OTHER_SHAPE,
    ),
)

SGLANG = (
    EngineRule(
        "enable-dp-attention != true or tp % dp == 0",
        "attention's data parallelism divides the GPUs of tp",
    ),
    EngineRule("ep == 1 or tp % ep == 0", "expert parallelism divides the GPUs of tp"),
    EngineRule(
        "experts % ep == 0",
        "every GPU holds as many experts",
        _OTHER_SHAPE | {"ep-num-redundant-experts", "enable-eplb"},
    ),
    EngineRule(
        "chunked-prefill-size <= 0 or chunked-prefill-size % page-size == 0",
        "a chunk is made of whole pages",
    ),
    EngineRule(
        "context-length <= context",
        "the model was made for shorter sequences",
        _OTHER_SHAPE | {"SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN"},
    ),
    EngineRule(f"quantized not in {_STORED} or gemm not in {_AT_LOAD}", _STORED_WHY, _OTHER_SHAPE),
)
