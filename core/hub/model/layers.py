"""Which layers keep a KV cache, and for how many tokens of a sequence.

The specs that vLLM makes of the same configurations (vllm/v1/kv_cache_interface.py) are the
truth that the tests hold these rules against.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from core.hub.model.reading import Config, listed, whole
from core.hub.model.shape import Shape

_ATTENTION = frozenset({"full_attention", "attention", "hybrid", "global_attention"})
_WINDOWED = frozenset({"sliding_attention", "chunked_attention", "local_attention"})


@dataclass(frozen=True, slots=True)
class KVLayers:
    """Layers that are alike. `width` is elements per token and head, key and value together.

    `window`: only so many tokens of a sequence are kept. `latent`: one vector for all heads, so
    that every GPU of a tensor-parallel group keeps the whole of it.
    """

    layers: int
    heads: int
    width: int
    window: int | None = None
    latent: bool = False

    def elements(self, tp: int) -> int:
        """Per token and layer on one GPU: heads are divided, and copied when there are fewer."""
        return self.width if self.latent else self.width * max(1, self.heads // tp)


def kv_layers(config: Config, shape: Shape) -> tuple[KVLayers, ...]:
    """Groups of layers, those that keep every token first."""
    windows = Counter(
        window for index in range(shape.layers) for window in _kept(config, shape, index)
    )
    groups = sorted(windows.items(), key=lambda one: (one[0] is not None, one[0] or 0))
    return tuple(_group(shape, count, window) for window, count in groups)


def _group(shape: Shape, count: int, window: int | None) -> KVLayers:
    if shape.latent:
        return KVLayers(count, 1, shape.latent.kv + shape.latent.rope, window, latent=True)
    return KVLayers(count, shape.kv_heads, 2 * shape.head_dim, window)


def _kept(config: Config, shape: Shape, index: int) -> list[int | None]:
    """The window of layer `index` (None: all tokens), or nothing when it has no KV cache."""
    kind = layer_kind(config, index)
    if kind is not None and kind not in _ATTENTION | _WINDOWED:
        return []
    window = _window(config, shape.family)
    if window is None or kind in _ATTENTION:
        return [None]
    return [window if kind in _WINDOWED or _slides(config, shape.family, index) else None]


def layer_kind(config: Config, index: int) -> str | None:
    """What the configuration calls the layer; None when it names none."""
    kinds = listed(config, "layer_types", "layers_block_type")
    if index < len(kinds):
        return str(kinds[index])
    if isinstance(pattern := config.get("hybrid_override_pattern"), str):
        return "attention" if pattern[index : index + 1] == "*" else "other"
    if chosen := listed(config, "attn_layer_indices", "full_attn_idxs"):
        return "attention" if index in chosen else "mamba"
    for every, offset in (
        (whole(config, "attn_layer_period"), whole(config, "attn_layer_offset")),
        (interval := whole(config, "full_attention_interval"), interval - 1),
    ):
        if every > 0:
            return "attention" if index % every == offset else "linear_attention"
    return None


def _window(config: Config, family: str) -> int | None:
    """Tokens that a windowed layer keeps, where the model has such layers at all."""
    if chunk := whole(config, "attention_chunk_size"):
        return chunk
    # Qwen's configurations name a window that is off unless they switch it on.
    used = config.get("use_sliding_window", not family.startswith("qwen"))
    return (whole(config, "sliding_window") or None) if used is True else None


def _slides(config: Config, family: str, index: int) -> bool:
    """Whether layer `index` is a windowed one, where no list says it."""
    if marks := listed(config, "no_rope_layers"):
        return bool(marks[index]) if index < len(marks) else True
    if family.startswith("llama4"):
        return (index + 1) % 4 != 0
    if family == "gemma2" or family == "gpt_oss":
        return index % 2 == 0
    if family.startswith("qwen"):
        return index >= whole(config, "max_window_layers")
    pattern = config.get("sliding_window_pattern", config.get("_sliding_window_pattern"))
    if isinstance(pattern, str) and re.fullmatch("[LG]+", pattern):
        return pattern[index % len(pattern)] == "L"
    usual = {"gemma3": 6, "gemma3_text": 6, "cohere2": 4}.get(family, 0)
    every = pattern if isinstance(pattern, int) and not isinstance(pattern, bool) else usual
    return every == 0 or (index + 1) % every != 0
