"""`python -P -m core.hub.search TEXT LIMIT`: models of the Hub whose names have these words.

Its answer is one JSON document on stdout: `models`, or `error` with a message and advice. It
runs with a task's settings as its environment, because huggingface_hub reads the Hub's
address, proxies and certificates from there when it is imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.hub.secrecy import guard_errors, secrets_of
from core.values import masked, one_line

COUNT = 20


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the Hub. `downloads` of the last month; `pipeline` is what it is made for."""

    id: str
    downloads: int | None = None
    gated: bool = False
    pipeline: str | None = None

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> HubModel:
        """From the Hub's listing. `gated` is false there, or says who lets people in."""
        downloads, pipeline = entry.get("downloads"), entry.get("pipeline_tag")
        return cls(
            one_line(str(entry["id"]), 200),
            downloads if isinstance(downloads, int) else None,
            bool(entry.get("gated")),
            one_line(pipeline, 60) if isinstance(pipeline, str) else None,
        )


def search(text: str, limit: float, count: int = COUNT) -> tuple[HubModel, ...]:
    """Models by downloads, most first; each step of the exchange may take `limit` seconds.

    Raises what `core.hub.transfer.explain` understands. HfApi.list_models asks the same, but
    tries again and again where nobody answers, which is too long for a person who types.
    """
    from huggingface_hub import constants, get_session, get_token
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    token = get_token()
    answer = get_session().get(
        f"{constants.ENDPOINT}/api/models",
        params={
            "search": text,
            "sort": "downloads",
            "limit": str(count),
            "expand": ["downloads", "gated", "pipeline_tag"],
        },
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=limit,
    )
    hf_raise_for_status(answer)
    entries = answer.json()
    if not isinstance(entries, list):
        raise ValueError(f"{constants.ENDPOINT} gave no list of models")
    known = (entry for entry in entries if isinstance(entry, dict) and entry.get("id"))
    return tuple(HubModel.read(entry) for entry in known)[:count]


def main(text: str, limit: float) -> dict[str, Any]:
    """The document."""
    secrets = secrets_of(os.environ)
    guard_errors(secrets)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what libraries print is no answer
            return {"models": [dataclasses.asdict(one) for one in search(text, limit)]}
    except Exception as error:  # every library below has exceptions of its own
        from core.hub.transfer import explain

        failure = explain(error, text)
        said = {"message": failure.message, "advice": failure.advice}
        return {"error": {name: masked(value, secrets) for name, value in said.items()}}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], float(sys.argv[2]))))
