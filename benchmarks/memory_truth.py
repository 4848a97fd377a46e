"""`python benchmarks/memory_truth.py [NAME…]`: estimates of memory beside what engines' code says.

Needs an environment with vLLM and transformers; `.vllm` unless VLLM_PYTHON names its python.
Prints a line per architecture: parameters, bytes of the weights and of the KV cache per token,
estimated ÷ measured (-: this machine's vLLM has no such model), and where the file is out of date.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from core.hub.facts import facts_of

_HERE = Path(__file__).resolve().parent
_ARCHITECTURES = _HERE.parent / "tests" / "architectures"
_PYTHON = _HERE.parent / ".vllm" / "bin" / "python"


def measured(paths: list[Path]) -> list[dict[str, Any]]:
    """One document an architecture, from the environment that has vLLM."""
    python = os.environ.get("VLLM_PYTHON", str(_PYTHON))
    script = str(_HERE / "memory_measured.py")
    done = subprocess.run(
        [python, "-P", script, *map(str, paths)], check=True, stdout=subprocess.PIPE, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def truth(document: dict[str, Any]) -> dict[str, Any]:
    """The document as the file of an architecture keeps it."""
    kept: dict[str, Any] = {"parameters": document["created"]}
    if served := document.get("served"):
        kept["bytes"] = None if document.get("unquantized") else served["bytes"]
        kept |= {"kv": _windows(served), "kv_fp8": _windows(document["served_fp8_kv"])}
    return kept


def _windows(served: dict[str, Any]) -> list[list[int | None]]:
    """[window, bytes of a token in all layers with it], layers that keep everything first."""
    found: Counter[int | None] = Counter()
    for kind, window, each, layers in served["kv"]:
        if kind != "MambaSpec":
            found[window] += int(each * layers)
    return [[w, found[w]] for w in sorted(found, key=lambda one: (one is not None, one or 0))]


def row(path: Path, document: dict[str, Any]) -> str:
    """One line of the table."""
    written = json.loads(path.read_text())
    facts = facts_of(written["config"], None, None)
    if facts is None or "created" not in document:
        return f"{path.stem:26} {document['errors']}"
    now = truth(document)
    groups = now.get("kv") or []
    ratios = (
        (facts.parameters, now["parameters"]),
        (facts.weights, now.get("bytes")),
        (facts.kv_bytes(facts.element), sum(size for _, size in groups)),
    )
    cells = [f"{ours / theirs:10.4f}" if theirs else f"{'-':>10}" for ours, theirs in ratios]
    old = {name: value for name, value in written["truth"].items() if now.get(name) != value}
    return f"{path.stem:26}{''.join(cells)}{f'  file says {old}' if old else ''}"


def main(names: list[str]) -> None:
    paths = [one for one in sorted(_ARCHITECTURES.glob("*.json")) if not names or one.stem in names]
    print(f"{'architecture':26}{'parameters':>10}{'weights':>10}{'KV/token':>10}")
    for path, document in zip(paths, measured(paths), strict=True):
        print(row(path, document))


if __name__ == "__main__":
    main(sys.argv[1:])
