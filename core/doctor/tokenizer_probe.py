"""Loads one tokenizer as the benchmark does, in a process that has the benchmark's environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import repo_folder_name

from core.hub.secrecy import secrets_of
from core.hub.transfer import explain, stored_token
from core.values import masked, one_line

_OF_TOKENIZERS = re.compile(r"token|vocab|merges|tekken|spm|\.model$")


def load(name: str, limit: float) -> dict[str, Any]:
    """Its class and the number of its words, or the error of the library."""
    try:
        refusal = None if _is_cached(name) else _refusal(name, limit)
    except HFValidationError:
        refusal = "it is neither a folder of this machine nor a name on the Hub"
    if refusal:
        return {"error": refusal}
    with contextlib.redirect_stdout(sys.stderr):
        from transformers import AutoTokenizer

        try:
            # With the token when there is one: the benchmark does the same.
            made = AutoTokenizer.from_pretrained(name, token=os.environ.get("HF_TOKEN"))
        except Exception as error:  # tokenizers bring exceptions, and code, of their own
            return {"error": one_line(f"{type(error).__name__}: {error}", 300)}
    return {"class": type(made).__name__, "words": len(made)}


def _is_cached(name: str) -> bool:
    """Whether any file of a tokenizer is on this machine under this name."""
    if Path(name).exists():
        return True
    folder = repo_folder_name(repo_id=name, repo_type="model")
    files = Path(constants.HF_HUB_CACHE, folder, "snapshots").glob("*/*")
    return any(_OF_TOKENIZERS.search(file.name) for file in files)


def _refusal(name: str, limit: float) -> str | None:
    """Why the Hub will not give it: transformers tries each file again and again to find out."""
    if constants.HF_HUB_OFFLINE:
        return "no file of a tokenizer is in its cache"
    try:
        HfApi().model_info(name, timeout=limit)
    except Exception as error:  # every library below has exceptions of its own
        return explain(error, name).message
    return None


if __name__ == "__main__":
    secrets = {*secrets_of(os.environ), *stored_token()}
    print(masked(json.dumps(load(sys.argv[1], float(sys.argv[2]))), secrets))
