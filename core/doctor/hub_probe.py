"""Asks the Hub one question, in a process that has a task's settings and nothing else.

Its answer is one JSON document on stdout. The token itself is never in it.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, get_session, get_token


def ask(limit: float) -> dict[str, Any]:
    """With a token: whose it is. Without: for any model. `limit` (seconds) ends each step."""
    endpoint = constants.ENDPOINT
    found: dict[str, Any] = {"endpoint": endpoint, "proxy": _proxy(endpoint)}
    token = get_token()
    found["token"] = token is not None
    question = "whoami-v2" if token else "models?limit=1"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = get_session().get(f"{endpoint}/api/{question}", headers=headers, timeout=limit)
    except Exception as error:  # every library below has exceptions of its own
        return found | {"error": f"{type(error).__name__}: {error}"}
    return found | {"status": answer.status_code, **_body(answer.text)}


def _body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {"json": False}
    return {"json": True, "name": body.get("name") if isinstance(body, dict) else None}


def _proxy(endpoint: str) -> str | None:
    """The proxy that these settings choose for an address; None: a direct connection."""
    parts = urlsplit(endpoint)
    proxies = urllib.request.getproxies()
    if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


if __name__ == "__main__":
    print(json.dumps(ask(float(sys.argv[1]))))
