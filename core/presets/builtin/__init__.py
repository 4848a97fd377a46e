"""The presets that come with this program, a file each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources


@cache
def texts() -> Mapping[str, str]:
    """Name to YAML, in the order of the alphabet."""
    files = (one for one in resources.files(__name__).iterdir() if one.name.endswith(".yaml"))
    return {
        one.name.removesuffix(".yaml"): one.read_text(encoding="utf-8")
        for one in sorted(files, key=lambda file: file.name)
    }
