"""The yardstick's own words: what it prints, what it says is wrong, how it is started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measured_table import failed, lines
from benchmarks.send_times import METRICS, Look
from core.metrics import LATENCIES, Measurement
from core.values import Purpose
from tests.simserver import ROOT

FIGURE = {"client": 101.0, "server": 100.0, "bias": 0.01, "spread": 0.004, "holds": True}


def document(**wrong: str) -> dict[str, Any]:
    """Two cases; `wrong` names a figure of a case (`held` or `above`) that is out of bounds."""
    cases = []
    for name, held in (("held", True), ("above", False)):
        metrics = {metric: dict(FIGURE) for metric in METRICS}
        if name in wrong:
            metrics[wrong[name]]["holds"] = False
        model = {key: {"model": 0.5, "bias": -0.02} for key in ("throughput", *LATENCIES)}
        lag = {"client_lag": 0.012, "client_bound": not held}
        cases.append({"name": name, "held": held, "metrics": metrics, "model": model, **lag})
    death = {
        "kept": {"throughput": dict(FIGURE)},
        "kept_requests": 16,
        "status": 1,
        "client_says": "64 of 64 requests failed",
        "engine_says": "the engine's core died",
        "holds": "death" not in wrong,
    }
    return {"noise": 0.03, "seed": 1, "repeats": 3, "cases": cases, "death": death}


def test_what_is_out_of_bounds_is_named() -> None:
    assert failed(document()) == []
    assert failed(document(held="tpot_p95")) == ["held: tpot_p95"]
    # Above sixteen users a latency may hold the client's lag, a throughput may not.
    assert failed(document(above="ttft_p95")) == []
    assert failed(document(above="throughput")) == ["above: throughput"]
    assert failed(document(death="")) == ["death under load"]


def test_every_figure_is_printed_with_its_range_and_its_mark() -> None:
    text = "\n".join(lines(document(held="ttft_p50")))
    assert text.count("+1.00 ±0.20") == 2 * len(METRICS) + 1
    assert text.count("±0.20 !") == 1
    assert "12 ms client-bound" in text
    assert "500 ms -2.0" in text
    assert "64 of 64 requests failed" in text
    assert "the engine's core died" in text


@pytest.mark.parametrize(
    ("name", "client", "holds"),
    [
        ("throughput", 100.9, True),
        ("throughput", 98.9, False),
        ("ttft_p95", 0.519, True),  # 20 ms
        ("ttft_p95", 0.521, False),
        ("e2e_p50", 4.07, True),  # 2 %
        ("e2e_p50", 4.09, False),
        ("tpot_p50", 0.0407, True),
        ("tpot_p50", 0.0409, False),  # 20 ms do not count here
    ],
)
def test_what_is_allowed(name: str, client: float, holds: bool) -> None:
    true = {"throughput": 100.0, "ttft_p95": 0.5, "e2e_p50": 4.0, "tpot_p50": 0.04}
    nothing = Measurement("D(1,1)", 1, Purpose.SEARCH, 0, 0, 0.0, 0, 0, 0.0, None, None)
    found = Look(nothing, {**true, name: client}, true, {})
    assert found.holds(name) is holds
    assert found.off(name) == pytest.approx(client / true[name] - 1)


@pytest.mark.parametrize(
    "words", [("benchmarks/measurement.py",), ("-m", "benchmarks.measurement")]
)
def test_it_starts_by_path_and_by_name(words: tuple[str, ...]) -> None:
    asked = ("--parts", "confirm", "--tasks", "3", "--json")
    done = subprocess.run(
        [sys.executable, *words, *asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert list(json.loads(done.stdout)) == ["confirm"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--parts", "metrics,speed"), "no such part: speed"),
        (("--parts", "confirm", "--noise-model", "calm"), "choose from all, measurement"),
    ],
)
def test_a_slip_is_named_before_anything_is_measured(
    words: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    program = [sys.executable, str(ROOT / "benchmarks" / "measurement.py"), *words]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert says in done.stderr
