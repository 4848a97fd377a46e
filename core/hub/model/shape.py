"""The shape of a transformer, whatever its family calls its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.hub.model.reading import Config, listed, whole

# Families whose feed-forward part has two matrices, not three (gate, up, down).
_UNGATED = frozenset(
    "gpt2 gptj gpt_neo gpt_neox gpt_bigcode opt falcon phi starcoder2 bloom mpt nemotron "
    "arcee codegen".split()
)
# Families that share embedding and output matrix when their configuration does not say.
_TIED = frozenset(
    "gemma gemma2 gemma3 gemma3_text gpt2 opt falcon bloom gpt_bigcode starcoder2 cohere cohere2 "
    "mpt".split()
)
# Families whose parameters these formulas count within 2 % of what transformers creates; any
# other is a guess.
_KNOWN = frozenset(
    "arcee bloom codegen cohere cohere2 deepseek_v2 deepseek_v3 deepseek_v32 diffllama ernie4_5 "
    "ernie4_5_moe exaone4 exaone_moe falcon flex_olmo gemma gemma2 gemma3 gemma3_text glm glm4 "
    "glm4_moe glm_moe_dsa gpt2 gpt_bigcode gpt_neo gpt_neox gpt_oss gptj granite granitemoe "
    "granitemoeshared helium kimi_k2 llama llama4 llama4_text minimax_m2 ministral3 mistral "
    "mixtral mpt olmo olmo2 olmo3 olmoe opt phi phi3 phimoe qwen2 qwen2_moe qwen3 qwen3_5_moe_text "
    "qwen3_5_text qwen3_moe qwen3_next seed_oss smollm3 solar_open stablelm starcoder2 "
    "vaultgemma youtu".split()
)
# Kinds of rotary positions whose factor is in the context that a config.json names already.
_INCLUDED = ("llama3", "longrope", "su")


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention: ranks of the compressed query (0: not) and key-value, and the
    elements of a head with and without position, and of its value.
    """

    query: int
    kv: int
    rope: int
    nope: int
    value: int


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture: `inner` is the width of one expert, `shared` that of those every token takes,
    `layers` how many layers have it; the others are dense with width `dense`.
    """

    count: int
    active: int
    inner: int
    shared: int
    layers: int
    dense: int


@dataclass(frozen=True, slots=True)
class Shape:
    """Counts and widths in elements. `positions` is the size of a learned position table.

    `stretched`: rotary positions are scaled, and it depends on the engine how far `context` is.
    """

    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocabulary: int
    context: int
    tied: bool
    gated: bool
    positions: int = 0
    latent: Latent | None = None
    experts: Experts | None = None
    known: bool = True
    stretched: bool = False


def shape_of(config: Config) -> Shape | None:
    """From the part of a config.json that describes the language model; None: no transformer."""
    family = str(config.get("model_type", ""))
    layers = whole(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers")
    hidden = whole(config, "hidden_size", "n_embd", "d_model")
    heads = whole(config, "num_attention_heads", "n_head", "n_heads", "num_heads")
    if layers < 1 or hidden < 1 or heads < 1:
        return None
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
    context = whole(config, *names, "model_max_length")
    inner = whole(
        config, "intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", default=4 * hidden
    )
    tied = config.get("tie_word_embeddings")
    return Shape(
        family=family,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=_kv_heads(config, heads),
        head_dim=whole(config, "head_dim", default=hidden // heads),
        inner=inner,
        vocabulary=whole(config, "vocab_size"),
        context=context,
        tied=tied if isinstance(tied, bool) else family in _TIED,
        gated=family not in _UNGATED,
        positions=_positions(family, context),
        latent=_latent(config),
        experts=_experts(config, family, layers, inner),
        known=family in _KNOWN,
        stretched=_stretched(config),
    )


def _stretched(config: Config) -> bool:
    """Whether positions have a factor that `context` may not include: of all layers, or by kind."""
    given = config.get("rope_scaling") or config.get("rope_parameters")
    if not isinstance(given, Mapping):
        return False
    parts = [given, *(one for one in given.values() if isinstance(one, Mapping))]
    return any(
        one.get("factor") not in (None, 1)
        and one.get("rope_type", one.get("type")) not in _INCLUDED
        for one in parts
    )


def _kv_heads(config: Config, heads: int) -> int:
    if config.get("multi_query") is True and config.get("new_decoder_architecture") is not True:
        return whole(config, "multi_query_group_num", default=1)
    names = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
    return whole(config, *names, default=heads)


def _positions(family: str, context: int) -> int:
    if family == "opt":
        return context + 2  # its table begins with two rows that no token uses
    return context if family in {"gpt2", "gpt_bigcode", "gpt_neo"} else 0


def _latent(config: Config) -> Latent | None:
    rank = whole(config, "kv_lora_rank")
    if not rank:
        return None
    return Latent(
        whole(config, "q_lora_rank"),
        rank,
        whole(config, "qk_rope_head_dim"),
        whole(config, "qk_nope_head_dim"),
        whole(config, "v_head_dim"),
    )


def _experts(config: Config, family: str, layers: int, inner: int) -> Experts | None:
    count = whole(config, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    if count < 2:
        return None
    each = whole(config, "moe_intermediate_size", "expert_ffn_hidden_size", default=inner)
    shared_count = whole(config, "n_shared_experts", "moe_num_shared_experts")
    shared = whole(config, "shared_expert_intermediate_size", default=shared_count * each)
    llama4 = family.startswith("llama4")
    return Experts(
        count,
        whole(config, "num_experts_per_tok", "moe_topk", "moe_k", default=1),
        each,
        inner if llama4 else shared,
        sum(_sparse(config, index) for index in range(layers)),
        whole(config, "intermediate_size_mlp", default=inner) if llama4 else inner,
    )


def _sparse(config: Config, index: int) -> bool:
    """Whether layer `index` has experts."""
    if index < whole(config, "first_k_dense_replace", "moe_layer_start_index"):
        return False
    if index in listed(config, "mlp_only_layers"):
        return False
    if chosen := listed(config, "moe_layers"):
        return index in chosen
    names = ("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval")
    every = max(1, whole(config, *names, default=1))
    return (index + 1) % every == 0
