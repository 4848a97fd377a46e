"""Asks the Hub about one model, in a process that has a task's settings and nothing else.

Its answer is one JSON document on stdout: the revision, how many files of how many bytes are
needed and missing, config.json, the parameters by number format; or the failure. No secret is
ever in it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, get_session, hf_hub_url
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
)

from core.hub.cache import Repository, whole_snapshot
from core.hub.secrecy import secrets_of
from core.hub.transfer import explain, listed, stored_token
from core.values import FailureKind, masked


def ask(model: str, limit: float) -> dict[str, Any]:
    """What the Hub says, or the cache where the Hub is switched off or cannot be reached."""
    root = Path(constants.HF_HUB_CACHE)
    folder = root / repo_folder_name(repo_id=model, repo_type="model")
    cached = whole_snapshot(folder)
    found: dict[str, Any] = {"root": str(root), "cached": str(cached) if cached else None}
    constants.HF_HUB_ETAG_TIMEOUT = constants.HF_HUB_DOWNLOAD_TIMEOUT = max(1, int(limit))
    if constants.HF_HUB_OFFLINE:
        return found | {"offline": True}
    try:
        return found | _remote(model, root, folder, limit)
    except Exception as error:  # every library below has exceptions of its own
        failure = explain(error, model)
        return found | {
            "failure": [failure.kind, failure.message, failure.advice],
            # A proxy that refuses stops the runner's download, whatever the cache has.
            "unreachable": failure.kind == FailureKind.NETWORK,
        }


def _remote(model: str, root: Path, folder: Path, limit: float) -> dict[str, Any]:
    revision, files = listed(model)
    repository = Repository(root, folder, revision)
    told = HfApi().model_info(model, timeout=limit)
    tensors = getattr(told.safetensors, "parameters", None)
    return {
        "revision": revision,
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "missing": repository.missing(files),
        "config": _config(model, revision, limit),
        "tensors": dict(tensors) if tensors else None,
        "gated": bool(told.gated),
    }


def _config(model: str, revision: str, limit: float) -> object:
    """Also the proof that a gated model may be read: its listing is open to everyone."""
    url = hf_hub_url(model, "config.json", revision=revision)
    answer = get_session().get(
        url, headers=build_hf_headers(), timeout=limit, follow_redirects=True
    )
    if answer.status_code == 404:
        return None
    if answer.status_code in {401, 403}:
        hf_raise_for_status(answer)
    return answer.json() if answer.status_code == 200 else None


if __name__ == "__main__":
    secrets = {*secrets_of(os.environ), *stored_token()}
    print(masked(json.dumps(ask(sys.argv[1], float(sys.argv[2]))), secrets))
