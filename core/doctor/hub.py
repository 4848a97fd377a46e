"""Whether the Hub answers under the very settings that tasks get, and what it says of the token."""

from __future__ import annotations

import subprocess
from typing import Any

from core.doctor import asked
from core.doctor.report import Check, failure, ok, unknown, warning
from core.settings import Settings, host_environment, is_offline

_LOCAL = "a model in a local folder needs no Hub"


def hub_checks(resolved: Settings, limit: float) -> list[Check]:
    """`hub`: can it be reached? `token`: is it valid, and whose? Within `limit` seconds."""
    if is_offline(resolved):
        said = "HF_HUB_OFFLINE is set: the Hub is not asked, nothing is downloaded"
        return [warning("hub", said, "unset it, or have model and tokenizer in the cache")]
    try:
        found = _asked(resolved, limit)
    except subprocess.TimeoutExpired:
        return [
            unknown("hub", f"no answer within {limit:.0f} s", "is the network or a proxy slow?")
        ]
    except (OSError, ValueError) as error:
        return [unknown("hub", f"could not be asked: {error}")]
    reached = _hub(found)
    return [reached, _token(found)]


def _asked(resolved: Settings, limit: float) -> dict[str, Any]:
    # Certificates, proxies and the Hub's address are read from the environment by the library
    # that downloads: only a process with that environment sees what a download will see.
    given = host_environment(resolved)
    seconds = str(limit * 0.6)
    return asked.answer("core.doctor.hub_probe", seconds, environment=given, limit=limit)


def _hub(found: dict[str, Any]) -> Check:
    through = f" through {found['proxy']}" if found["proxy"] else ""
    place = f"{found['endpoint']}{through}"
    if error := found.get("error"):
        said = f"{place}: {error}"
        if "407" in error:
            return failure("hub", said, "the proxy wants a user and password: http://user:pw@host")
        if found["proxy"]:
            return warning("hub", said, f"is the proxy right, and does it run? {_LOCAL}")
        return warning("hub", said, f"set HTTPS_PROXY or HF_ENDPOINT if there is one; {_LOCAL}")
    status = found["status"]
    if status == 407:
        return failure("hub", f"{place}: 407", "the proxy wants a user and password")
    if status >= 500:
        return warning("hub", f"{place}: status {status}", f"try again later; {_LOCAL}")
    if not found["json"]:
        said = f"{place}: status {status}, and no answer of a Hub"
        return warning("hub", said, "a login page or a proxy answers in its place; see HF_ENDPOINT")
    return ok("hub", f"{place} answers")


def _token(found: dict[str, Any]) -> Check:
    if not found["token"]:
        return ok("token", "none: gated and private models are not available")
    if found.get("status") == 200 and found["json"]:
        return ok("token", f"valid, of {found['name'] or 'somebody'}")
    if found.get("status") == 401 and found["json"]:
        advice = "make a new one at the Hub (settings, access tokens), or unset HF_TOKEN"
        return failure("token", "the Hub refuses it: even public models fail with it", advice)
    return unknown("token", "there is one; whether it is valid was not answered")
