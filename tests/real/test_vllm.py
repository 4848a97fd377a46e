"""The whole road on a real vLLM: tuned, journaled, counted, exported, started again."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.afterwards import rows
from tests.real.conftest import VLLM_ENVIRONMENT, Desk, Tuned

pytestmark = pytest.mark.real

START_SECONDS = 300
STOP_SECONDS = 60
TOLERANCE = 0.01


def test_the_task_ends_well_and_names_the_command_of_its_best(tuned: Tuned) -> None:
    assert tuned.run.returncode == 0, tuned.run.stdout + tuned.run.stderr
    assert tuned.command in tuned.run.stdout


def test_every_configuration_was_measured_at_both_loads(tuned: Tuned) -> None:
    experiments = tuned.document["experiments"]
    assert tuned.document["task"]["state"] == "completed"
    assert [e["state"] for e in experiments] == ["succeeded"] * 5
    assert [e["baseline"] for e in experiments] == [True, False, False, False, False]
    assert {_point(e) for e in experiments[1:]} == set(product((4, 16), (True, False)))
    for experiment in experiments:
        assert [m["concurrency"] for m in experiment["measurements"]] == [1, 8]
        assert all(_plausible(m) for m in experiment["measurements"])


def test_killed_runners_cost_no_start_and_no_measurement(tuned: Tuned) -> None:
    experiments = tuned.document["experiments"]
    starts = [[(s["attempt"], s["state"]) for s in e["starts"]] for e in experiments]
    assert starts == [[(1, "stopped")]] * 5
    adopted = "SELECT number FROM events WHERE kind = 'start.adopted' ORDER BY id"
    assert rows(tuned.desk.home, adopted) == [(1,), (2,)]


def test_the_timelines_agree_with_the_engines_own_counters(tuned: Tuned) -> None:
    starts = tuned.starts()
    assert len(starts) == 5
    for number, folder in starts.items():
        counted = _engine_tokens(folder / "metrics.prom")
        seen = _timeline_tokens(folder)
        assert seen["input_tokens"] == pytest.approx(counted["prompt"], rel=TOLERANCE), number
        assert seen["output_tokens"] == pytest.approx(counted["generation"], rel=TOLERANCE), number


def test_nothing_of_the_engine_is_left_running(tuned: Tuned) -> None:
    assert tuned.run.returncode == 0
    assert not _processes_serving(tuned.desk.model)


def test_every_start_had_the_flags_of_its_configuration_and_no_others(tuned: Tuned) -> None:
    plain = _without_configuration(tuned.words(0))
    for experiment in tuned.document["experiments"][1:]:
        words = tuned.words(experiment["number"])
        size, caching = _point(experiment)
        assert words[words.index("--max-num-seqs") + 1] == str(size)
        assert ("--enable-prefix-caching" in words) is caching
        assert ("--no-enable-prefix-caching" in words) is not caching
        assert _without_configuration(words) == plain


def test_check_prints_the_command_that_the_baseline_was_started_with(tuned: Tuned) -> None:
    planned = tuned.plan()["baseline"]
    environment, words = _split(planned)
    assert environment == VLLM_ENVIRONMENT
    assert _without_port(words) == _without_port(tuned.words(0))
    assert planned in tuned.desk.program("check", str(tuned.file)).stdout


def test_export_prints_the_command_of_the_best_in_the_same_form(tuned: Tuned) -> None:
    best = tuned.document["task"]["best"]
    environment, words = _split(tuned.command)
    _, planned = _split(tuned.plan()["baseline"])
    assert environment == VLLM_ENVIRONMENT
    assert _without_port(words) == _without_port(tuned.words(best))
    assert words[words.index("--port") + 1] == planned[planned.index("--port") + 1]


def test_the_exported_command_starts_the_engine(tuned: Tuned) -> None:
    command = tuned.command
    _, words = _split(command)
    url = f"http://127.0.0.1:{words[words.index('--port') + 1]}"
    with _pasted(command, tuned.file.parent / "pasted.log") as process:
        _until_healthy(url, process)
        answer = json.loads(_get(f"{url}/v1/models"))
        assert [served["id"] for served in answer["data"]] == [str(tuned.desk.model)]


@pytest.mark.parametrize(
    ("parameters", "kind", "evidence"),
    [
        ({"max-num-seqz": 4}, "bad_flag", "--max-num-seqz"),
        ({"max-model-len": 4096}, "bad_value", "max_model_len (4096)"),
    ],
)
def test_what_vllm_refuses_is_told_with_its_own_words(
    desk: Desk, parameters: dict[str, object], kind: str, evidence: str
) -> None:
    run = desk.unchecked(desk.task(kind, parameters), START_SECONDS)
    assert run.returncode == 1, run.stdout + run.stderr
    experiment = desk.document(kind)["experiments"][0]
    assert experiment["state"] == "failed"
    assert experiment["failure"]["kind"] == kind
    assert evidence in experiment["failure"]["text"]
    assert experiment["failure"]["advice"]
    assert "Traceback" not in run.stdout + run.stderr


def _point(experiment: dict[str, Any]) -> tuple[int, bool]:
    """Where in the space an experiment is."""
    parameters = experiment["parameters"]
    return parameters["max-num-seqs"], parameters["enable-prefix-caching"]


def _plausible(measurement: dict[str, Any]) -> bool:
    """All requests answered in full, with numbers that hang together."""
    tokens_each = measurement["output_tokens"] / measurement["requests"]
    return (
        measurement["errors"] == 0
        and measurement["failure"] is None
        and measurement["throughput"] > 0
        and 49 <= tokens_each <= 51
        and 0 < measurement["ttft"]["p50"] < measurement["e2e"]["p50"]
        and 0 < measurement["tpot"]["p50"] < measurement["e2e"]["p50"]
    )


def _engine_tokens(metrics: Path) -> dict[str, float]:
    """vLLM's counters of prompt and generated tokens since it started."""
    totals = {"prompt": 0.0, "generation": 0.0}
    for line in metrics.read_text(encoding="utf-8").splitlines():
        for name in totals:
            if line.startswith(f"vllm:{name}_tokens_total{{"):
                totals[name] += float(line.rsplit(" ", 1)[1])
    return totals


def _timeline_tokens(start: Path) -> dict[str, int]:
    """Tokens of every request that the benchmark sent to this start."""
    totals = {"input_tokens": 0, "output_tokens": 0}
    timelines = sorted(start.glob("measurements/*/requests.jsonl"))
    assert len(timelines) == 2
    for timeline in timelines:
        for line in timeline.read_text(encoding="utf-8").splitlines():
            request = json.loads(line)
            for name in totals:
                totals[name] += request[name]
    return totals


def _split(command: str) -> tuple[dict[str, str], list[str]]:
    """A pasted command's environment and its words."""
    words = shlex.split(command)
    first = next(i for i, word in enumerate(words) if "=" not in word)
    pairs = (word.split("=", 1) for word in words[:first])
    return dict(pairs), words[first:]


def _without_port(words: list[str]) -> list[str]:
    """The words with the port, which is another one at every start, left out."""
    at = words.index("--port")
    return words[:at] + words[at + 2 :]


def _without_configuration(words: list[str]) -> list[str]:
    """The words that every experiment has."""
    rest = iter(_without_port(words))
    kept = []
    for word in rest:
        if word == "--max-num-seqs":
            next(rest)
        elif word not in {"--enable-prefix-caching", "--no-enable-prefix-caching"}:
            kept.append(word)
    return kept


@contextmanager
def _pasted(command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a person runs it: by a shell, with nothing of ours in the environment."""
    plain = {k: v for k, v in os.environ.items() if k not in VLLM_ENVIRONMENT}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", command],
            env=plain,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the engine ended with {process.returncode}"
        with suppress(urllib.error.URLError, ConnectionError):
            _get(f"{url}/health")
            return
        time.sleep(0.5)
    pytest.fail(f"{url} was not healthy within {START_SECONDS} s")


def _get(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def _processes_serving(model: Path) -> list[str]:
    """Command lines of running processes that serve this model."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(model) in words and "serve" in words:
            found.append(shlex.join(words))
    return found
