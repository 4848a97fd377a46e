"""The road from a task file to a winner, with the real genai-bench and nothing mocked."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.paths import Home
from tests.e2e import Program, until


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def finished(program: Program) -> dict[str, Any]:
    """A task that ran to its end: a good baseline, one that cannot start."""
    file = program.write("road", more="baseline: {max-num-seqs: 2}\nrules: []\n")
    done = program("run", file, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return dict(json.loads(done.stdout))


def test_the_document_has_what_was_promised(finished: dict[str, Any]):
    task = finished["task"]
    assert task["state"] == "completed"
    assert task["simulated"] is True
    assert task["unit"] == "tok/s"
    assert task["verdict"]["kind"] == "unconfirmed"
    assert {"kind", "delta", "interval", "repeats"} <= set(task["verdict"])
    assert [e["number"] for e in finished["experiments"]] == [0, 1, 2]
    assert [e["baseline"] for e in finished["experiments"]] == [True, False, False]
    for experiment in finished["experiments"]:
        assert experiment["state"] == "succeeded"
        assert experiment["score"] > 0
        assert [s["reason"] for s in experiment["starts"]] == ["search"]
        for measured in experiment["measurements"]:
            assert measured["purpose"] == "search"
            assert measured["errors"] == 0
            assert measured["throughput"] > 0
            assert measured["total_throughput"] > measured["throughput"]
            for metric in ("ttft", "tpot", "e2e"):
                assert set(measured[metric]) == {"mean", "p50", "p90", "p95", "p99"}
                assert measured[metric]["p50"] <= measured[metric]["p95"]


def test_each_level_was_measured_once_with_at_least_four_requests_a_user(
    finished: dict[str, Any],
):
    for experiment in finished["experiments"]:
        assert [m["concurrency"] for m in experiment["measurements"]] == [2, 4]
        assert all(m["requests"] >= 4 * m["concurrency"] for m in experiment["measurements"])
        assert all(m["turn"] == 1 for m in experiment["measurements"])


def test_the_timelines_agree_with_the_engines_own_counters(
    program: Program, finished: dict[str, Any]
):
    home, name = Home(program.home), finished["task"]["id"]
    for number in range(3):
        folder = home.start(name, number, 1)
        lines = [
            json.loads(line)
            for file in folder.glob("measurements/*/requests.jsonl")
            for line in file.read_text().splitlines()
        ]
        counters = dict(
            line.rsplit(" ", 1)
            for line in (folder / "metrics.prom").read_text().splitlines()
            if not line.startswith("#")
        )
        generated = sum(
            float(v) for k, v in counters.items() if k.startswith("vllm:generation_tokens_total")
        )
        assert generated == pytest.approx(sum(line["output_tokens"] for line in lines), rel=0.02)


def test_the_manifest_says_what_was_started(program: Program, finished: dict[str, Any]):
    path = Home(program.home).start(finished["task"]["id"], 1, 1) / "manifest.json"
    manifest = json.loads(path.read_text())
    assert "--max-num-seqs" in manifest["argv"]
    assert manifest["genai_bench"] == "0.0.5"


def test_the_exported_command_starts_that_engine(program: Program, finished: dict[str, Any]):
    done = program("export", "road", "--format", "command")
    assert done.returncode == 0
    command = done.stdout.splitlines()[-1]
    words = shlex.split(command)
    best = finished["experiments"][finished["task"]["best"]]["parameters"]
    assert words[words.index("--max-num-seqs") + 1] == str(best["max-num-seqs"])
    port = words[words.index("--port") + 1]
    engine = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/health"), 20)
    finally:
        engine.terminate()
        engine.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_check_prints_the_command_of_the_baseline(program: Program, finished: dict[str, Any]):
    file = str(program.cwd / "road.yaml")
    report = json.loads(program("check", file, "--json").stdout)
    assert report["passed"] is True
    assert report["plan"]["experiments"] == 3
    exported = program("export", "road", "--format", "command").stdout.splitlines()[-1]
    best = finished["experiments"][finished["task"]["best"]]["parameters"]["max-num-seqs"]
    assert report["plan"]["baseline"] == exported.replace(
        f"--max-num-seqs {best}", "--max-num-seqs 2"
    )


def test_results_as_csv_and_json(program: Program, finished: dict[str, Any]):
    csv = program("export", "road", "--format", "csv").stdout.splitlines()
    assert len(csv) == 1 + 6
    assert "simulated" in csv[0]
    assert json.loads(program("export", "road", "--format", "json").stdout) == finished


def test_the_list_and_the_log(program: Program, finished: dict[str, Any]):
    listed = json.loads(program("ls", "--json").stdout)["tasks"]
    assert finished["task"]["id"] in [task["id"] for task in listed]
    log = program("logs", "road", "1").stdout
    assert "Application startup complete" in log
    assert program("logs", "road", "1", "--benchmark").stdout


def test_what_does_not_exist_is_said_in_one_line(program: Program, finished: dict[str, Any]):
    for arguments in (["show", "nope"], ["logs", "nope"], ["logs", "road", "99"]):
        done = program(*arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
    refused = program("pause", "road")
    assert refused.returncode == 1
    assert "completed" in refused.stderr


def test_nothing_is_left_running(program: Program, finished: dict[str, Any]):
    until(lambda: program.processes() == [], 10)


def test_each_task_has_the_environment_it_was_submitted_in(
    program: Program, tmp_path_factory: pytest.TempPathFactory
):
    """Two folders, two proxies, one runner: neither its own environment nor the other's."""
    wanted = {}
    for name in ("north", "south"):
        folder = tmp_path_factory.mktemp(name)
        (folder / ".env").write_text(f"HTTPS_PROXY=http://{name}.invalid:3128\n")
        one = Program(program.home, folder)
        wanted[one.write(name, seqs="[4]", levels="[2]", more="budget: {experiments: 1}\n")] = one
    running = [one.start("run", file) for file, one in wanted.items()]
    seen: dict[str, dict[str, str]] = {}

    def collect() -> bool:
        for process in program.processes():
            try:
                environment, command = process.environ(), " ".join(process.cmdline())
            except psutil.Error:
                continue
            proxy = environment.get("HTTPS_PROXY", "")
            kind = "engine" if "simserver" in command else "bench"
            seen[f"{kind} {proxy}"] = environment
        return all(one.poll() is not None for one in running)

    until(collect, 120)
    for name in ("north", "south"):
        for kind in ("engine", "bench"):
            environment = seen[f"{kind} http://{name}.invalid:3128"]
            assert environment["https_proxy"] == environment["HTTPS_PROXY"]
            assert "127.0.0.1" in environment["NO_PROXY"]


def test_neither_a_killed_console_nor_a_killed_runner_loses_or_repeats_anything(program: Program):
    file = program.write("phoenix", seqs="[4, 8]", levels="[2, 4]")
    following = program.start("run", file)
    until(lambda: _measured(program, "phoenix") >= 1, 120)
    for number in (signal.SIGKILL, signal.SIGHUP):
        console = program.console()
        until(partial(console.shows, "phoenix"), 30)
        assert console.end(number) != 0
    done = until(lambda: _measured(program, "phoenix") >= 3 and _rows(program, "phoenix"), 120)
    killed = program.runner_pid
    os.kill(killed, signal.SIGKILL)
    # Its parent starts the next runner, or the command that follows the task does.
    until(lambda: following.poll() is not None, 180)
    assert following.returncode == 0
    assert program.runner_pid != killed
    after = program.show("phoenix")
    assert after["task"]["state"] == "completed"
    rows = _rows(program, "phoenix")
    assert rows[: len(done)] == done
    levels = [(number, level) for number, level, _ in rows]
    assert len(levels) == len(set(levels)) == 3 * 2
    reasons = [s["reason"] for e in after["experiments"] for s in e["starts"]]
    assert reasons == ["search"] * 3  # the engine that ran was gone on with
    assert program.processes() == []


def test_the_console_opens_on_what_happened_and_leaves_the_work_alone(
    program: Program, finished: dict[str, Any]
):
    console = program.console()
    until(partial(console.shows, "road"), 30)
    console.press("q")
    until(partial(console.shows, "autotuner-tui opens this again"), 30)
    assert console.end(0) == 0


def _rows(program: Program, task: str) -> list[tuple[int, int, float]]:
    return [
        (e["number"], m["concurrency"], m["throughput"])
        for e in program.show(task)["experiments"]
        for m in e["measurements"]
    ]


def _measured(program: Program, task: str) -> int:
    shown = program("show", task, "--json")
    if shown.returncode:
        return 0
    return sum(len(e["measurements"]) for e in json.loads(shown.stdout)["experiments"])


def test_pause_resume_skip_and_cancel(program: Program):
    file = program.write("steered", seqs="[4, 8, 12, 16, 20]", levels="[1, 2, 3, 4]")
    following = program.start("run", file)
    until(lambda: _measured(program, "steered") >= 2, 120)
    paused = program("pause", "steered")
    assert paused.returncode == 0, paused.stderr
    assert program.processes() == []
    before = _rows(program, "steered")
    assert program.show("steered")["task"]["state"] == "paused"
    assert program("resume", "steered").returncode == 0
    until(lambda: _measured(program, "steered") > len(before), 120)
    skipped = program("skip", "steered")
    assert skipped.returncode == 0, skipped.stderr
    states = [e["state"] for e in program.show("steered")["experiments"]]
    assert "cancelled" in states
    assert program("cancel", "steered").returncode == 0
    assert program.processes() == []
    assert program.show("steered")["task"]["state"] == "cancelled"
    assert _rows(program, "steered")[: len(before)] == before
    assert following.wait(30) in {0, 1}


FAULTS = [
    ("command: [/nonexistent/engine]\n", "config", "/nonexistent/engine"),
    ("parameters: {no-such-flag: 1}\n", "bad_flag", "no-such-flag"),
    ("tokenizer: ./empty\n", "tokenizer", "empty"),
]


@pytest.mark.parametrize(("more", "kind", "evidence"), FAULTS)
def test_a_task_that_cannot_work_fails_with_kind_evidence_and_advice(
    program: Program, more: str, kind: str, evidence: str
):
    file = program.cwd / f"{kind}.yaml"
    (program.cwd / "empty").mkdir(exist_ok=True)
    levels = "workload: {scenarios: ['D(40,10)'], concurrency: [1], requests: 4}\n"
    file.write_text(f"name: {kind}\nmodel: sim-8b\nengine: simulated\n{levels}{more}")
    done = program.unchecked(str(file))
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    shown = program.show(kind)
    failure = shown["experiments"][0]["failure"]
    assert failure["kind"] == kind
    assert evidence in json.dumps(failure)
    assert failure["advice"]
    assert shown["task"]["best"] is None
    assert program("retry", kind).returncode == 0
    until(lambda: program.show(kind)["task"]["state"] == "failed", 30)
    starts = program.show(kind)["experiments"][0]["starts"]
    assert [start["reason"] for start in starts] == ["search", "retry"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: m\nengine: vlm\n", "vllm"),
        ("model: m\nengine: vllm\nbugdet: {}\n", "budget"),
        ("model: m\nengine: vllm\nslo: {ttft_p95: 500}\n", "unit"),
        ("model: ./no/such/folder\nengine: vllm\n", "no/such/folder"),
        ("model: m\nengine: vllm\nparameters: {a: {low: 2, high: 1}}\n", "low"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_input_is_one_line_and_exit_2(program: Program, text: str, said: str, command: str):
    file = program.cwd / "bad.yaml"
    file.write_text(text)
    done = program(command, str(file))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_an_unwritable_home_is_one_line_and_exit_2(program: Program, tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    one = Program(blocked / "home", tmp_path)
    done = one("run", one.write("x"))
    assert done.returncode == 2
    assert "AUTOTUNER_HOME" in done.stderr
    assert done.stderr.count("\n") == 1


def test_secrets_are_in_no_file_but_the_tasks_settings(program: Program):
    secret = "hf_thisisaverysecretvalue"
    file = program.write(
        "private", seqs="[4]", levels="[1]",
        more='budget: {experiments: 1}\nenvironment: {HF_TOKEN: "${HF_TOKEN}"}\n',
    )  # fmt: skip
    done = program("run", file, HF_TOKEN=secret, HTTPS_PROXY=f"http://me:{secret}@proxy.invalid:1")
    assert done.returncode == 0, done.stderr
    assert secret not in done.stdout + done.stderr
    holders = [
        path.name
        for path in program.home.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert holders == ["settings.env"]
    (settings,) = Home(program.home).task(program.show("private")["task"]["id"]).glob("*.env")
    assert settings.stat().st_mode & 0o777 == 0o600
    command = program("export", "private", "--format", "command").stdout
    assert "${HF_TOKEN}" in command
