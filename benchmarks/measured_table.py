"""What `measured.report` found, as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.send_times import METRICS
from core.metrics import LATENCIES

_NAME, _CELL = 13, 13


def lines(document: Mapping[str, Any]) -> list[str]:
    """Two tables, the death under load, and against what the figures are held."""
    return [
        f"client against the engine's own send times, {document['repeats']} measurements each, "
        f"noise {document['noise']:.0%}",
        "bias and range in % of the engine's figure; ! is more than is allowed",
        *_against_server(document),
        "",
        "client against the engine's model without noise: bias of the means in %",
        *_against_model(document),
        "",
        *_death(document["death"]),
        "",
        "Held against the send times, up to 16 users: throughput 1 %, TTFT (from 1 s) and E2E 2 % "
        "or 20 ms,",
        "TPOT (from 30 ms) 2 %. Above 16 users the client's own lag is part of the latencies.",
    ]


def failed(document: Mapping[str, Any]) -> list[str]:
    """The figures that had to be right and are not, as `case: metric`."""
    wrong = [
        f"{case['name']}: {name}"
        for case in document["cases"]
        for name, found in case["metrics"].items()
        if not found["holds"] and (case["held"] or name == "throughput")
    ]
    return wrong if document["death"]["holds"] else [*wrong, "death under load"]


def _against_server(document: Mapping[str, Any]) -> list[str]:
    head = "".join(f"{name.replace('_', ' '):>{_CELL}}" for name in METRICS)
    rows = [f"{'':{_NAME}}{head}{'client lag':>{_CELL}}"]
    for case in document["cases"]:
        cells = "".join(f"{_off(case['metrics'][name]):>{_CELL}}" for name in METRICS)
        lag = f"{case['client_lag'] * 1000:.0f} ms"
        bound = " client-bound" if case["client_bound"] else ""
        rows.append(f"{case['name']:{_NAME}}{cells}{lag:>{_CELL}}{bound}")
    return rows


def _off(found: Mapping[str, Any]) -> str:
    mark = "" if found["holds"] else " !"
    return f"{found['bias'] * 100:+.2f} ±{found['spread'] * 50:.2f}{mark}"


def _against_model(document: Mapping[str, Any]) -> list[str]:
    names = ("throughput", *LATENCIES)
    head = "".join(f"{name:>{_CELL + 8}}" for name in names)
    rows = [f"{'':{_NAME}}{head}"]
    for case in document["cases"]:
        cells = "".join(f"{_model(name, case['model'][name]):>{_CELL + 8}}" for name in names)
        rows.append(f"{case['name']:{_NAME}}{cells}")
    return rows


def _model(name: str, found: Mapping[str, float]) -> str:
    true = found["model"]
    shown = f"{true:.0f} tok/s" if name == "throughput" else f"{true * 1000:.0f} ms"
    return f"{shown} {found['bias'] * 100:+.1f}"


def _death(found: Mapping[str, Any]) -> list[str]:
    kept = found["kept"]["throughput"]
    return [
        "an engine that crashes with more than 8 running requests",
        f"  4 users are kept: {found['kept_requests']} requests, {kept['client']:.1f} tok/s, "
        f"{_off(kept)} %",
        f"  16 users: {found['client_says'] or 'NO FAILURE WAS SEEN'}",
        f"  the engine's log: {found['engine_says'] or 'NOTHING RECOGNISED'}",
    ]
