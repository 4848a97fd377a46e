"""What child processes and containers get of the settings."""

from __future__ import annotations

from collections.abc import Mapping

from core.settings.values import PROXIES, Settings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# For containers, and for this program: a hook's command line may have a secret address in it.
_OURS = ("CONTAINER_", "AUTOTUNER_")
_INTO_CONTAINERS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE")


def host_environment(settings: Settings) -> dict[str, str]:
    """What processes on this machine get: benchmarks, downloads, engines without a container."""
    values = {n: v for n, v in settings.values.items() if not n.startswith(_OURS)}
    return _with_proxies(values, values)


def container_environment(settings: Settings) -> dict[str, str]:
    """What containers get: their own proxies under the ordinary names, and Hub access.

    Paths and proxies of the host mean nothing in a container.
    """
    values = {n: settings.values[n] for n in _INTO_CONTAINERS if n in settings.values}
    prefix = "CONTAINER_"
    own = {n.removeprefix(prefix): v for n, v in settings.values.items() if n.startswith(prefix)}
    proxies = {n: own[n] for n in (*PROXIES, "NO_PROXY") if n in own}
    return _with_proxies(values, proxies)


def _with_proxies(values: Mapping[str, str], proxies: Mapping[str, str]) -> dict[str, str]:
    """`values` with every proxy in both spellings, and NO_PROXY covering loopback."""
    found = dict(values)
    for name in PROXIES:
        given = {n: proxies[n] for n in (name, name.lower()) if n in proxies}
        # Two that disagree stay as they are: each program sees what it sees in the shell.
        for spelled in (name, name.lower()):
            if given:
                found[spelled] = given.get(spelled, next(iter(given.values())))
    listed = [
        host.strip() for n in ("NO_PROXY", "no_proxy") for host in proxies.get(n, "").split(",")
    ]
    merged = ",".join(dict.fromkeys(host for host in (*listed, *_LOOPBACK) if host))
    return {**found, "NO_PROXY": merged, "no_proxy": merged}


def is_offline(settings: Settings) -> bool:
    """Whether the Hub is switched off, in the words that huggingface_hub understands."""
    return settings.values.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def warnings(settings: Settings) -> tuple[str, ...]:
    """Settings that are passed on and will surprise, one line each, without their values."""
    found: list[str] = []
    values = settings.values
    if is_offline(settings):
        found.append(
            "HF_HUB_OFFLINE is set: nothing is downloaded, so model and tokenizer must already "
            "be in the cache; unset it to download"
        )
    for name in (*PROXIES, "NO_PROXY"):
        lower = name.lower()
        if name in values and lower in values and values[name] != values[lower]:
            found.append(f"{name} and {lower} disagree: programs differ in which they use")
    return tuple(found)
