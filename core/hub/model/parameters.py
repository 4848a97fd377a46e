"""How many parameters a shape has, by what engines do with them.

Weights of matrices as in the models' own code: attention q, k, v, o; feed-forward gate, up,
down; router. Biases are left out and norms counted as two vectors a layer: together less than
0.5 % even of the smallest models.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.hub.model.layers import layer_kind
from core.hub.model.reading import Config, whole
from core.hub.model.shape import Shape


@dataclass(frozen=True, slots=True)
class Parts:
    """Numbers of parameters. Quantization changes `attention`, `dense` and `experts`.

    `dense` are feed-forward layers and shared experts; `embedding` and `head` stand at the ends
    (`head` 0 when it is the embedding); `other` are norms, routers, positions, other towers.
    """

    embedding: int
    head: int
    attention: int
    dense: int
    experts: int
    other: int

    @property
    def linear(self) -> int:
        return self.attention + self.dense + self.experts

    @property
    def total(self) -> int:
        return self.linear + self.embedding + self.head + self.other


def parts(config: Config, shape: Shape) -> Parts:
    """From the configuration of a language model."""
    table = shape.vocabulary * whole(config, "word_embed_proj_dim", default=shape.hidden)
    mixture = shape.experts
    matrices = (3 if shape.gated else 2) * shape.hidden
    dense = (shape.layers - (mixture.layers if mixture else 0)) * matrices
    dense *= mixture.dense if mixture else shape.inner
    experts = router = 0
    if mixture:
        dense += mixture.layers * matrices * mixture.shared
        experts = mixture.layers * matrices * mixture.inner * mixture.count
        router = mixture.layers * shape.hidden * mixture.count
    return Parts(
        embedding=table,
        head=0 if shape.tied else table,
        attention=sum(_attention(config, shape, index) for index in range(shape.layers)),
        dense=dense,
        experts=experts,
        other=router + (2 * shape.layers + 1) * shape.hidden + shape.positions * shape.hidden,
    )


def tower(config: Config) -> int:
    """Parameters of a vision or audio tower beside the language model, where its shape is told."""
    found = 0
    for name in ("vision_config", "audio_config"):
        if not isinstance(inner := config.get(name), dict):
            continue
        hidden = whole(inner, "hidden_size", "d_model", "embed_dim")
        layers = whole(inner, "num_hidden_layers", "encoder_layers", "depth")
        width = whole(inner, "intermediate_size", "encoder_ffn_dim", default=4 * hidden)
        found += layers * (4 * hidden * hidden + 2 * hidden * width)
    return found


def _attention(config: Config, shape: Shape, index: int) -> int:
    if layer_kind(config, index) == "linear_attention":
        return _linear_attention(config, shape)
    if latent := shape.latent:
        head = latent.nope + latent.rope
        query = latent.query * (shape.hidden + shape.heads * head)
        query = query or shape.hidden * shape.heads * head
        down = shape.hidden * (latent.kv + latent.rope)
        up = latent.kv * shape.heads * (latent.nope + latent.value)
        return query + down + up + shape.heads * latent.value * shape.hidden
    queries = shape.heads * shape.head_dim
    # A gate on the output, as wide as the queries.
    gate = queries if shape.family == "qwen3_next" else 0
    return shape.hidden * (2 * queries + gate + 2 * shape.kv_heads * shape.head_dim)


def _linear_attention(config: Config, shape: Shape) -> int:
    """A gated delta net: in (query, key, value, gate; two numbers a head), convolution, out."""
    heads = whole(config, "linear_num_value_heads")
    keys = whole(config, "linear_num_key_heads") * whole(config, "linear_key_head_dim")
    values = heads * whole(config, "linear_value_head_dim")
    kernel = whole(config, "linear_conv_kernel_dim")
    into = shape.hidden * (2 * keys + 2 * values + 2 * heads)
    return into + (2 * keys + values) * kernel + values * shape.hidden
