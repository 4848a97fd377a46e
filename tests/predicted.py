"""A stand-in for the Python of an environment with aiconfigurator: the same calls, simple answers.

One GPU gives a request 100 tokens/s, shared by tp; a batch of more than 64 does not fit.
"""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

_PACKAGE = """
import json, pathlib
from types import SimpleNamespace

print("a library that prints as it likes")

def check_is_moe(model):
    if model == "some/unknown":
        raise RuntimeError("no such model\\nand a second line")
    return "MoE" in model

def cli_estimate(model, system, *, batch_size, tp_size, **given):
    asked = {"system": system, "batch": batch_size, "tp": tp_size, **given}
    with (pathlib.Path(__file__).parent / "calls").open("a") as file:
        print(json.dumps(asked), file=file)
    if given["kvcache_quant_mode"] == "int8":
        raise ValueError("perf database error: data missing")
    if batch_size > 64 or model == "some/large":
        raise RuntimeError("OOM: the model does not fit")
    ranks = given["attention_dp_size"] * given["pp_size"]
    each = 100 * tp_size / (1 + batch_size / 16)
    first, throughput = 50.0 * batch_size / tp_size, each * batch_size * ranks
    return SimpleNamespace(ttft=first, tpot=1000 / each, tokens_per_second=throughput)
"""
_DATA = """
def get_latest_database_version(*, system, backend):
    return "0.24.0" if system == "h100_sxm" and backend == "vllm" else None
"""


def standin(folder: Path, first: str = "") -> str:
    """The path of the interpreter; `first` is run by it before our script."""
    package = folder / "aiconfigurator"
    for part, text in (("cli/api.py", _PACKAGE), ("sdk/perf_database.py", _DATA)):
        path = package / part
        path.parent.mkdir(parents=True)
        path.write_text(text)
    told = folder / "aiconfigurator-0.12.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: aiconfigurator\nVersion: 0.12.0\n")
    python = folder / "python"
    python.write_text(
        f"#!{sys.executable}\nimport os, runpy, sys, time\nassert sys.argv[1] == '-I', sys.argv\n"
        f"sys.path.insert(0, {str(folder)!r})\n{first}\n"
        "if sys.argv[2] == '-c':\n    exec(sys.argv[3])\n"
        "else:\n    runpy.run_path(sys.argv[2], run_name='__main__')\n"
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return str(python)


def calls(folder: Path) -> list[dict[str, Any]]:
    """What was asked of the package, in order."""
    path = folder / "aiconfigurator" / "cli" / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()]
