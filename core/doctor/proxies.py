"""The proxies that this machine's processes get, and those that containers get."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from core import settings
from core.doctor.report import Check, failure, ok, warning
from core.settings import Settings

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_SCHEMES = ("http", "https", "socks5", "socks5h")


def host_proxies(resolved: Settings) -> Check:
    """Proxies of downloads, benchmarks and engines without a container."""
    values = resolved.values
    names = [s for name in (*_NAMES, "NO_PROXY") for s in (name, name.lower()) if values.get(s)]
    said = _said(names, values) or "none set: connections are direct"
    if bad := _malformed(names, values):
        return failure("proxies", said, f"{bad}: expected http://host:port or socks5://host:port")
    disagree = [text for text in settings.warnings(resolved) if "disagree" in text]
    if disagree:
        return warning("proxies", f"{said}; {'; '.join(disagree)}", "set both to the same")
    return ok("proxies", said)


def container_proxies(resolved: Settings, network: str | None = None) -> Check:
    """Proxies that engines in containers get, under the names without CONTAINER_.

    `network` is the Docker network they are in; in `host` loopback is this machine's.
    """
    values, check = resolved.values, "container-proxies"
    names = [f"CONTAINER_{n}" for n in (*_NAMES, "NO_PROXY") if values.get(f"CONTAINER_{n}")]
    said = _said(names, values)
    proxies = [name for name in names if not name.endswith("NO_PROXY")]
    if bad := _malformed(proxies, values):
        return failure(check, said, f"{bad}: expected http://host:port or socks5://host:port")
    here = [name for name in proxies if _loopback(values[name])]
    if here and network != "host":
        advice = (
            "127.0.0.1 inside a bridge network is the container itself: give an address of this "
            "machine that containers reach, or use `docker: {network: host}` in the task"
        )
        return warning(check, f"{said}; {', '.join(here)} is on loopback", advice)
    if proxies:
        return ok(check, said)
    if any(values.get(spelled) for name in _NAMES for spelled in (name, name.lower())):
        return warning(
            check,
            "none set, although this machine uses a proxy",
            "set CONTAINER_HTTPS_PROXY if engines in containers need the network",
        )
    return ok(check, said or "none set: containers connect directly")


def _said(names: list[str], values: Mapping[str, str]) -> str:
    shown = settings.masked_environment({name: values[name] for name in names})
    return ", ".join(f"{name}={shown[name]}" for name in names)


def _malformed(names: list[str], values: Mapping[str, str]) -> str:
    """The first variable that is no address of a proxy."""
    for name in names:
        if name.upper().endswith("NO_PROXY"):
            continue
        scheme, separator, _ = values[name].partition("://")
        if (separator and scheme.lower() not in _SCHEMES) or not _host(values[name]):
            return name
    return ""


def _host(proxy: str) -> str:
    """The host of a proxy, which may be written without a scheme; empty when there is none."""
    # A password may hold any character, so the last @ ends it.
    after = proxy.rpartition("@")[2].rpartition("://")[2]
    try:
        parts = urlsplit(f"//{after}")
        return ((parts.port is None or parts.port > 0) and parts.hostname) or ""
    except ValueError:
        return ""


def _loopback(proxy: str) -> bool:
    host = _host(proxy)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
