"""Predictions of aiconfigurator, made in an environment of its own: only its Python runs this.

Input, one JSON document: `model` (a Hub id or a folder), `system`, `scenarios` ([input, output]
tokens), `loads` (concurrencies) and `points`, as core/runner/knowledge/points.py has them.
Output, one JSON document: `version`, and `results`: for each point, scenario and load
{"ttft": s, "tpot": s, "throughput": output tokens/s}, "oom", or null where there is no data; or
`refused` and, for one backend or the other, why nothing can be told.
"""

from __future__ import annotations

import functools
import importlib
import json
import logging
import os
import sys
from importlib import metadata
from typing import Any

_PACKAGE = "aiconfigurator"
_STEP = 8192  # tokens: what both engines take for one step on a large GPU unless told otherwise


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What is written out."""
    try:
        api = importlib.import_module(f"{_PACKAGE}.cli.api")
        data = importlib.import_module(f"{_PACKAGE}.sdk.perf_database")
        version = metadata.version(_PACKAGE)
        experts = bool(api.check_is_moe(asked["model"]))
    except Exception as error:  # an import, a download: whatever it is, a person reads why
        return {"refused": _line(error)}
    versions = {
        backend: data.get_latest_database_version(system=asked["system"], backend=backend)
        for backend in sorted({point["backend"] for point in asked["points"]})
    }
    if not any(versions.values()):
        return {"refused": f"no data of {', '.join(versions)} on {asked['system']}"}
    predictor = _Predictor(api.cli_estimate, asked["model"], asked["system"], versions, experts)

    def row(point: dict[str, Any], lengths: list[int]) -> list[Any]:
        given, out = lengths
        return [predictor.at(point, given, out, load) for load in asked["loads"]]

    results = [[row(point, lengths) for lengths in asked["scenarios"]] for point in asked["points"]]
    return {"version": version, "results": results}


class _Predictor:
    """Asks for each batch once: points often differ in what does not matter at a load."""

    def __init__(
        self, estimate: Any, model: str, system: str, versions: dict[str, str | None], experts: bool
    ) -> None:
        self._estimate = functools.lru_cache(maxsize=None)(estimate)
        self._of = (model, system)
        self._versions = versions
        self._experts = experts

    def at(
        self, point: dict[str, Any], given: int, out: int, load: int
    ) -> dict[str, float] | str | None:
        """One point at one load.

        More requests than may run at once wait: load = rate x time in the system (Little's law).
        """
        if self._versions[point["backend"]] is None:
            return None
        running = min(load, point["seqs"] or load)
        groups = point["dp"] * point["pp"]
        each = -(-running // groups)  # a batch is that of one rank and stage
        found = self._batch(point, given, out, each)
        if found is None or isinstance(found, str):
            return found
        ttft, tpot, most = found
        throughput = most * running / (each * groups)
        waiting = (load - running) * out / throughput
        return {"ttft": ttft + waiting, "tpot": tpot, "throughput": throughput}

    def _batch(
        self, point: dict[str, Any], given: int, out: int, each: int
    ) -> tuple[float, float, float] | str | None:
        """TTFT and TPOT in seconds and tokens/s of all ranks together."""
        try:
            found = self._estimate(
                *self._of, batch_size=each, isl=given, osl=out,
                backend_name=point["backend"], backend_version=self._versions[point["backend"]],
                ctx_tokens=point["context"] or _STEP,
                tp_size=point["tp"], pp_size=point["pp"], attention_dp_size=point["dp"],
                kvcache_quant_mode=point["kv"], gemm_quant_mode=point["gemm"],
                **(_spread(point) if self._experts else {}),
            )  # fmt: skip
            times = float(found.ttft) / 1000, float(found.tpot) / 1000
            throughput = float(found.tokens_per_second)
        except Exception as error:  # each configuration for itself
            return "oom" if "OOM" in str(error) else None
        return (*times, throughput) if throughput > 0 else None


def _spread(point: dict[str, Any]) -> dict[str, Any]:
    """How experts lie on the GPUs of one stage."""
    tensor = max(1, point["tp"] * point["dp"] // point["ep"])
    return {
        "moe_tp_size": tensor, "moe_ep_size": point["ep"], "moe_quant_mode": point["gemm"]
    }  # fmt: skip


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def main() -> None:
    # The library prints and logs as it likes: only the answer goes to stdout.
    logging.disable(logging.CRITICAL)
    out = os.dup(1)
    os.dup2(2, 1)
    told = answer(json.load(sys.stdin))
    with os.fdopen(out, "w") as file:
        json.dump(told, file)


if __name__ == "__main__":
    main()
