"""Values of a config.json: the same thing has several names, and some are missing or null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]


def text_part(config: Config) -> dict[str, Any]:
    """The part that describes the language model; what it leaves out stands around it."""
    for name in ("text_config", "llm_config", "language_config", "thinker_config"):
        if isinstance(inner := config.get(name), Mapping):
            outer = {key: value for key, value in config.items() if key != name}
            return outer | text_part(inner)
    return dict(config)


def whole(config: Config, *names: str, default: int = 0) -> int:
    """The first of `names` that is a whole number; of a list of them, its largest."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, list) and value and all(isinstance(one, int) for one in value):
            return int(max(value))
    return default


def listed(config: Config, *names: str) -> list[Any]:
    """The first of `names` that is a list."""
    return next((config[name] for name in names if isinstance(config.get(name), list)), [])
