"""What is known of a model without loading it: its size, its shape, what it keeps per token."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.hub.model.layers import KVLayers, kv_layers
from core.hub.model.parameters import Parts, parts, tower
from core.hub.model.reading import text_part
from core.hub.model.shape import Shape, shape_of
from core.hub.model.storage import (
    Quantization,
    element_size,
    loaded_bytes,
    model_element,
    online,
    quantization_of,
)

_LARGEST_HEADER = 100_000_000  # bytes; the format's own limit


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Parameters by what they are for, bytes in memory, and the shape of the language model.

    `weights` are bytes as an engine loads them by default; `element` bytes of a number that is
    not quantized. `source` says what the size was taken from: the stored `tensors`, the sizes of
    the `files`, formulas over the `config`, or rough ones: of another family, or with a vision
    tower (`guess`).
    """

    architecture: str
    parameters: int
    weights: int
    element: int
    parts: Parts
    shape: Shape
    kv: tuple[KVLayers, ...]
    source: Literal["tensors", "files", "config", "guess"]
    quantization: Quantization | None = None

    @property
    def context(self) -> int:
        """Tokens of the longest sequence that the model was made for; 0: not told."""
        return self.shape.context

    def weights_as(self, dtype: object = "auto", quantization: object = None) -> int:
        """Bytes of all weights with an engine's `dtype` and `quantization` flags."""
        size = element_size(dtype) or self.element
        plain = self.parts.total - self.parts.linear
        if self.quantization is not None:
            return self.weights + plain * (size - self.element)
        if (made := online(quantization)) is not None:
            return made.bytes(self.parts, size)
        return self.weights * size // self.element

    def kv_bytes(self, element: float, tp: int = 1, pp: int = 1) -> int:
        """Bytes that one token takes on one GPU, in all layers, within every window."""
        return math.ceil(sum(_group_bytes(one, element, tp, pp) for one in self.kv))

    def sequence_bytes(self, tokens: int, element: float, tp: int = 1, pp: int = 1) -> int:
        """Bytes that a sequence of `tokens` takes on one GPU; a window keeps no more than it has.

        A lower bound: engines add the tokens of the step at work, and whole blocks.
        """
        return math.ceil(
            sum(
                min(tokens, one.window or tokens) * _group_bytes(one, element, tp, pp)
                for one in self.kv
            )
        )


def _group_bytes(group: KVLayers, element: float, tp: int, pp: int) -> float:
    return math.ceil(group.layers / pp) * group.elements(tp) * element


def facts_of(
    config: Mapping[str, Any], tensors: Mapping[str, int] | None, size: int | None
) -> ModelFacts | None:
    """From config.json, the Hub's count of parameters by number format, and the bytes of weights.

    None when this is no transformer that generates text. The more exact source wins.
    """
    text = text_part(config)
    shape = shape_of(text)
    if shape is None:
        return None
    quantization = quantization_of(config) or quantization_of(text)
    element = model_element(text)
    counted = parts(text, shape)
    beside = tower(config)  # known only roughly
    counted = dataclasses.replace(counted, other=counted.other + beside)
    weights = quantization.bytes(counted, element) if quantization else counted.total * element
    source: Literal["tensors", "files", "config", "guess"] = (
        "config" if shape.known and not beside else "guess"
    )
    if tensors:
        stored = loaded_bytes(tensors, element, quantization is not None)
        weights = min(stored, weights) if _has_unloaded(text, shape) else stored
        source = "tensors"
    elif size and source == "guess":
        weights, source = size, "files"
    if source in {"tensors", "files"} and quantization is None:
        # What the formulas did not see is neither attention nor feed-forward: it stays plain.
        more = max(0, weights // element - counted.total)
        counted = dataclasses.replace(counted, other=counted.other + more)
    exact = source == "tensors" and quantization is None
    names = config.get("architectures")
    return ModelFacts(
        architecture=str(names[0]) if isinstance(names, list) and names else shape.family,
        parameters=weights // element if exact else counted.total,
        weights=weights,
        element=element,
        parts=counted,
        shape=shape,
        kv=kv_layers(text, shape),
        source=source,
        quantization=quantization,
    )


def _has_unloaded(config: Mapping[str, Any], shape: Shape) -> bool:
    """Whether the files hold layers that only speculative decoding loads."""
    return shape.known and bool(config.get("num_nextn_predict_layers"))


def read_folder(folder: Path) -> ModelFacts | None:
    """From a local directory or a snapshot in the cache; None without a usable config.json.

    Of safetensors only the headers are read.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
        tensors = _tensors(folder)
        files = [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]
        size = sum(path.stat().st_size for path in files)
    except (OSError, ValueError):
        return None
    return facts_of(config, tensors or None, size or None) if isinstance(config, dict) else None


def _tensors(folder: Path) -> dict[str, int]:
    """Elements by number format, of all safetensors files; each tensor counts once."""
    found: dict[str, tuple[str, int]] = {}
    files = sorted(folder.glob("*.safetensors"))
    # Mistral's own format beside the shards holds the same weights once more.
    shards = [path for path in files if not path.name.startswith("consolidated")]
    for path in shards or files:
        for name, tensor in header(path).items():
            if name != "__metadata__":
                found[name] = (str(tensor["dtype"]), math.prod(tensor["shape"]))
    counts: Counter[str] = Counter()
    for dtype, count in found.values():
        counts[dtype] += count
    return dict(counts)


def header(path: Path) -> dict[str, Any]:
    """The table at the head of a safetensors file: eight bytes of length, then JSON.

    ValueError when this is no such file; OSError when it cannot be read.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= _LARGEST_HEADER:
            raise ValueError(f"{path}: not a safetensors file")
        table = json.loads(file.read(length))
    if not isinstance(table, dict):
        raise ValueError(f"{path}: not a safetensors file")
    return table
