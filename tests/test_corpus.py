"""Every log of the corpus means what its entry says."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.cli.main import run
from core.values import FailureKind

CORPUS = Path(__file__).parent / "corpus"
KINDS = {*FailureKind, "healthy"}
ENGINES = {"vllm", "sglang", "simulated", "genai-bench", "docker"}


@dataclass(frozen=True)
class Entry:
    """One log; `line` is part of the text of the line that proves it, where that is told."""

    log: Path
    kind: str
    engine: str
    provenance: str
    line: str = ""


def entries() -> list[Entry]:
    found = []
    for index in sorted(CORPUS.glob("*.yaml")):
        for name, entry in (yaml.safe_load(index.read_text()) or {}).items():
            found.append(Entry(CORPUS / index.stem / name, **entry))
    return found


ENTRIES = entries()


@cache
def told(log: Path) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert run(["diagnose", str(log), "--json"], lambda *_: 1) == 0
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_every_log_has_an_entry_and_a_provenance() -> None:
    logs = {path for path in CORPUS.glob("*/*") if path.is_file()}
    assert logs == {entry.log for entry in ENTRIES}
    for entry in ENTRIES:
        how, _, what = entry.provenance.partition(": ")
        assert how in {"provoked", "wording"}, entry
        assert what, entry
        assert entry.kind in KINDS, entry
        assert entry.engine in ENGINES, entry


def test_the_corpus_is_large_enough() -> None:
    assert sum(entry.kind != "healthy" for entry in ENTRIES) >= 60
    assert sum(entry.kind == "healthy" for entry in ENTRIES) >= 20


def test_the_kinds_are_told() -> None:
    confusion: Counter[tuple[str, str]] = Counter()
    wrong = []
    for entry in ENTRIES:
        found = told(entry.log)
        confusion[entry.kind, found["kind"]] += 1
        if found["kind"] != entry.kind or entry.line not in (found["text"] or ""):
            wrong.append(f"{entry.log.relative_to(CORPUS)}: {entry.kind}, told {found}")
    for (kind, called), count in sorted(confusion.items()):
        print(f"{kind:<14} {called:<14} {count:>3}{'' if kind == called else '  wrong'}")
    print(*wrong, sep="\n")

    assert not [one for one in confusion if "healthy" in one and one[0] != one[1]]
    assert len(wrong) <= 0.05 * len(ENTRIES)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "genai-bench", "docker"])
def test_whose_log_it_is_is_told(engine: str) -> None:
    own = [entry for entry in ENTRIES if entry.engine == engine]
    assert own
    other = [e.log.name for e in own if told(e.log)["engine"] not in {engine, None}]
    assert len(other) <= 0.1 * len(own), other
