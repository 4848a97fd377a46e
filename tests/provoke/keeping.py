"""Where a provoked log goes: `tests/corpus/SOURCE/NAME.log`, and its entry in `SOURCE.yaml`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus"
_MOST = 200_000
"""Bytes of a log that are kept: half of its head, half of its end."""


def keep(source: str, name: str, kind: str, engine: str, command: str, text: str) -> None:
    """Write the log in neutral words, and where it comes from."""
    folder = CORPUS / source
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.log").write_text(_trimmed(neutral(text)), encoding="utf-8")
    index = CORPUS / f"{source}.yaml"
    entries = yaml.safe_load(index.read_text(encoding="utf-8")) if index.exists() else {}
    entry = {"kind": kind, "engine": engine, "provenance": f"provoked: {neutral(command)}"}
    entries = dict(sorted({**(entries or {}), f"{name}.log": entry}.items()))
    index.write_text(yaml.safe_dump(entries, sort_keys=False, width=100), encoding="utf-8")


def neutral(text: str, *more: tuple[str, str]) -> str:
    """The text without this machine's folders."""
    pairs = (
        *more,
        (str(ROOT / ".vllm"), "/opt/vllm"),
        (str(ROOT / ".venv"), "/opt/autotuner"),
        (str(ROOT), "/opt/autotuner/src"),
        (str(Path(sys.base_prefix)), "/usr"),
        (str(Path.home()), "/home/user"),
    )
    for ours, theirs in pairs:
        text = text.replace(ours, theirs)
    return re.sub(r"/tmp/provoke[\w-]*/", "/", text)


def _trimmed(text: str) -> str:
    if len(text) <= _MOST:
        return text
    half = _MOST // 2
    return text[:half].rpartition("\n")[0] + "\n" + text[-half:].partition("\n")[2]
