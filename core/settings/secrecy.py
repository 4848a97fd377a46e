"""What must not be shown, and how it is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from core.settings.values import Settings
from core.values import looks_secret, mask_urls, masked, url_credentials

_HIDDEN = "•••"
_SHORTEST = 4  # shorter ones would be found in ordinary words
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def secrets(settings: Settings) -> frozenset[str]:
    """Values that must not be shown: of secret-looking names, and credentials in URLs."""
    return frozenset(_secrets(settings.values))


def _secrets(values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if looks_secret(name) and value:
            yield value
        for pair in (*url_credentials(value), *_proxy_credentials(name, value)):
            yield pair
            if password := pair.partition(":")[2]:
                yield password


def _proxy_credentials(name: str, value: str) -> tuple[str, ...]:
    # A proxy may be written without a scheme, or with a raw '/' in its password.
    if not name.upper().endswith("_PROXY") or name.upper().endswith("NO_PROXY"):
        return ()
    before = value.rpartition("@")[0]
    return (_SCHEME.sub("", before),) if before else ()


def mask(text: str, settings: Settings) -> str:
    """`text` without the secrets of `settings`."""
    return masked(mask_urls(text), secrets(settings))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for programs that need no secret: no variable that is one or has one."""
    hidden = {value for value in _secrets(environment) if len(value) >= _SHORTEST}
    return {
        name: value
        for name, value in environment.items()
        if not looks_secret(name) and not any(secret in value for secret in hidden)
    }


def masked_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment as it may be shown: `•••` for a secret, `http://•••@host` for a proxy."""
    hidden = frozenset(_secrets(environment))
    return {name: _masked_value(name, value, hidden) for name, value in environment.items()}


def _masked_value(name: str, value: str, hidden: frozenset[str]) -> str:
    if looks_secret(name):
        return _HIDDEN if value else ""
    for credentials in _proxy_credentials(name, value):
        value = value.replace(f"{credentials}@", f"{_HIDDEN}@", 1)
    return masked(mask_urls(value), hidden)
