"""How many bytes a parameter takes: number formats and quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.hub.model.parameters import Parts
from core.hub.model.reading import Config, listed, whole

SIZES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I8": 1, "U8": 1, "BOOL": 1, "F4": 0.5,
}  # fmt: skip
"""Bytes of an element of a safetensors file."""

_DTYPES = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}
_PLAIN = {"F64", "F32", "F16", "BF16"}
_SCALE = 2  # bytes of a group's scale in awq, gptq and packed formats


@dataclass(frozen=True, slots=True)
class Quantization:
    """`method` as the engine names it; bytes that one parameter takes, with its scales."""

    method: str
    size: float
    attention: bool = True
    experts_only: bool = False
    kv_fp8: bool = False

    def bytes(self, parts: Parts, element: int) -> int:
        """Of all parts; what is not quantized takes `element` bytes."""
        small = parts.experts if self.experts_only else parts.dense + parts.experts
        if self.attention and not self.experts_only:
            small += parts.attention
        return round(small * self.size) + (parts.total - small) * element


def element_size(dtype: object) -> int | None:
    """Bytes of a number of that name; None for one that is not known (`auto`)."""
    return _DTYPES.get(str(dtype).removeprefix("torch."))


def model_element(config: Config) -> int:
    """Bytes of a number as engines compute with `dtype: auto`: float32 is halved there."""
    named = config.get("torch_dtype") or config.get("dtype")
    return min(2, element_size(named) or 2)


def loaded_bytes(tensors: Mapping[str, int], element: int, quantized: bool) -> int:
    """Bytes of stored tensors in GPU memory: plain numbers are cast to the model's format.

    In quantized weights the float32 tensors are scales and stay what they are.
    """
    total = 0.0
    for name, count in tensors.items():
        cast = name in (_PLAIN - {"F32"} if quantized else _PLAIN)
        total += count * (element if cast else SIZES.get(name, 2))
    return round(total)


def quantization_of(config: Config) -> Quantization | None:
    """How the stored weights are quantized; None when they are not."""
    given = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(given, Mapping):
        return None
    method = str(given.get("quant_method", given.get("quant_algo", "unknown"))).lower()
    names = ("ignore", "modules_to_not_convert")
    kept = [str(one) for name in names for one in listed(given, name)]
    return Quantization(
        method=method,
        size=_size(method, given),
        # A pattern for every layer's attention, not the names of single layers.
        attention=not any("attn" in one and ("*" in one or one.endswith("attn")) for one in kept),
        experts_only=method == "mxfp4",
        kv_fp8=_kv_fp8(given),
    )


def _kv_fp8(given: Config) -> bool:
    """Whether the weights bring scales of an fp8 KV cache, so that `auto` means fp8."""
    scheme = given.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        return whole(scheme, "num_bits") == 8
    return str(given.get("kv_cache_quant_algo", "")).upper() == "FP8"


def online(name: object) -> Quantization | None:
    """What an engine's `quantization` flag makes of plain weights at load; None: nothing known."""
    text = str(name).lower()
    if text.startswith(("fp8", "w8a8", "mxfp8", "int8", "experts_int8")):
        return Quantization(text, 1.0, experts_only=text.startswith("experts"))
    if text.startswith("bitsandbytes"):
        return Quantization(text, _BITSANDBYTES)
    return None


_BITSANDBYTES = 0.5 + 4 / 64  # a float32 for every 64 numbers


def _size(method: str, given: Config) -> float:
    """Bytes a parameter, from how the format stores it."""
    if method == "mxfp4":
        return 0.5 + 1 / 32  # an exponent of one byte for every 32 numbers
    if "bitsandbytes" in method:
        return 1.0 if given.get("load_in_8bit") else _BITSANDBYTES
    if method == "compressed-tensors":
        given = _group_of(given)
    bits, group = _bits(method, given), whole(given, "group_size", default=128)
    if bits == 8:
        block = listed(given, "weight_block_size", "block_structure")
        return 1 + (4 / (block[0] * block[1]) if len(block) == 2 else 0)
    if str(given.get("type")) == "float" or "nvfp4" in str(given.get("quant_algo", "")).lower():
        return bits / 8 + 1 / 16  # NVFP4: an fp8 scale for every 16 numbers
    symmetric = method == "compressed-tensors" and given.get("symmetric") is not False
    zeros = 0 if symmetric else bits / 8
    return bits / 8 + ((_SCALE + zeros) / group if group > 0 else 0)


def _group_of(given: Config) -> Config:
    """The weights' scheme of compressed-tensors: its first group's."""
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    return weights if isinstance(weights, Mapping) else {"num_bits": 8}


def _bits(method: str, given: Config) -> int:
    if bits := whole(given, "num_bits", "bits", "w_bit"):
        return bits
    text = f"{method} {given.get('quant_algo', '')}".lower()
    return 4 if any(word in text for word in ("awq", "gptq", "fp4", "w4", "int4")) else 8
