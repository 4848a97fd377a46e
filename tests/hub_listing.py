"""A Hub's listing of models, for `tests.servers.serving`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers import Answer, Respond

MODELS: tuple[dict[str, Any], ...] = (
    {"id": "Qwen/Qwen3-8B", "downloads": 4_000_000, "gated": False,
     "pipeline_tag": "text-generation"},
    {"id": "Qwen/Qwen3-0.6B", "downloads": 9_000_000, "gated": False,
     "pipeline_tag": "text-generation"},
    {"id": "meta-llama/Llama-3.1-8B", "downloads": 700, "gated": "manual"},
    {"id": "odd/[red]\u001b[2Jname", "downloads": "many"},
)  # fmt: skip


def a_listing(models: Sequence[dict[str, Any]] = MODELS, token: str | None = None) -> Respond:
    """Answers as a Hub does: by name, most downloaded first; with `token`, only to it."""

    def respond(target: str, headers: dict[str, str]) -> Answer:
        parts = urlsplit(target)
        if parts.path != "/api/models":
            return 404, "{}"
        if token and headers.get("authorization") != f"Bearer {token}":
            return 401, json.dumps({"error": "Invalid credentials"})
        asked = parse_qs(parts.query)
        words = asked.get("search", [""])[0].lower()
        found = [one for one in models if words in str(one["id"]).lower()]
        if asked.get("sort") == ["downloads"]:
            found.sort(key=lambda one: -one["downloads"] if one["downloads"] != "many" else 0)
        return 200, json.dumps(found[: int(asked["limit"][0])])

    return respond
