"""Which files of a repository an engine loads: the rest is not worth its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_WEIGHTS = {".safetensors": 0, ".bin": 1, ".pt": 2, ".pth": 2}
"""Endings of weights and their rank: engines take the best kind that is there."""

_OTHER_PROGRAMS = frozenset(
    ".gguf .ggml .onnx .onnx_data .h5 .msgpack .ot .tflite .ckpt .nemo .engine .mlmodel".split()
)
_MEDIA = frozenset(".png .jpg .jpeg .gif .webp .svg .mp4 .mov .webm .wav .mp3 .pdf".split())
_FOLDERS = frozenset(
    "original onnx openvino coreml gguf flax tf tensorflow tensorrt runs figures assets".split()
)
_TRAINING = re.compile(
    r"(training_args|optimizer|scheduler|scaler|rng_state.*|openvino_model)\.(bin|pt|pth)"
)
_CHECKPOINT = re.compile(r"(checkpoint-|global_step)\d+")


def wanted(names: Iterable[str]) -> list[str]:
    """The files to fetch, sorted: what is small, and of weights the one kind that is loaded.

    In each folder safetensors go before .bin and those before .pt. A `consolidated*.safetensors`
    next to sharded weights stays: vLLM loads that one, SGLang the shards.
    """
    useful = [path for path in map(PurePosixPath, sorted(names)) if _useful(path)]
    best: dict[PurePosixPath, int] = {}
    for path in useful:
        if path.suffix in _WEIGHTS:
            rank = _WEIGHTS[path.suffix]
            best[path.parent] = min(best.get(path.parent, rank), rank)
    kept = (path for path in useful if _WEIGHTS.get(path.suffix) in {None, best.get(path.parent)})
    return [str(path) for path in kept]


def weights(names: Iterable[str]) -> list[str]:
    """Those of `names` that hold weights."""
    return [name for name in names if PurePosixPath(name).suffix in _WEIGHTS]


def _useful(path: PurePosixPath) -> bool:
    if path.name.startswith(".") or path.suffix.lower() in _OTHER_PROGRAMS | _MEDIA:
        return False
    if _TRAINING.fullmatch(path.name):
        return False
    return not any(part in _FOLDERS or _CHECKPOINT.match(part) for part in path.parts[:-1])
