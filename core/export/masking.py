"""Results without secrets: a line of a log may quote what an engine was given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from core import settings
from core.paths import Home
from core.settings import Settings
from core.values import InputError, mask_urls, masked

T = TypeVar("T")

Hide = Callable[[str], str]
"""A text without the secrets of one task."""


def hider(home: Home, task: str) -> Hide:
    """What hides the secrets that a task was submitted with."""
    secrets = settings.secrets(_settings(home, task))
    return lambda text: masked(mask_urls(text), secrets)


def hidden(value: T, hide: Hide) -> T:
    """The same value with every text in it hidden: before anything is quoted or escaped, as
    that would make a secret another text.
    """
    found: Any = _hidden(value, hide)
    return found  # type: ignore[no-any-return]


def _hidden(value: Any, hide: Hide) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {name: _hidden(one, hide) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_hidden(one, hide) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **{n: _hidden(v, hide) for n, v in fields.items()})
    return value


def _settings(home: Home, task: str) -> Settings:
    try:
        return settings.read(home.settings(task))
    except InputError:
        return Settings({})  # gone with all that could have been secret
