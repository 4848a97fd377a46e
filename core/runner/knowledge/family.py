"""Which models are of a kind: what tunes one of them is worth trying first on another."""

from __future__ import annotations

import re

_SPLIT = re.compile(r"[-_\s]+")
_ACTIVE = re.compile(r"a\d+(\.\d+)?b")  # parameters at work for one token
_OTHER = re.compile(
    r"\d+(\.\d+)?[bm]|\d+x\d+(\.\d+)?b|e\d+b"  # sizes
    r"|(nv|mx)?fp\d+|bf16|int\d+|w\d+a\d+(fp8)?|[48]bit|awq|gptq|gguf|exl\d|bnb|dynamic|static"
    r"|marlin|quant(ized)?(\.w\d+a\d+)?"
)
_ROLE = frozenset({"instruct", "chat", "base", "it", "hf", "pt", "sft", "dpo"})


def short(model: str) -> str:
    """A model's name without its owner or folder."""
    return model.rstrip("/").rpartition("/")[2]


def family(model: str) -> str:
    """Its name without size, number format and role; experts stay told: `qwen3`, `qwen3 moe`."""
    words = (word for word in _SPLIT.split(short(model).lower()) if word)
    kept = [word for word in words if word not in _ROLE and not _OTHER.fullmatch(word)]
    return " ".join("moe" if _ACTIVE.fullmatch(word) else word for word in kept) or short(model)
