"""The road from a search to a verdict: repeats, budgets, engines that die of a load."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import Program, until

ALIKE = """
name: {name}
model: sim-8b
engine: simulated
parameters: {{max-num-seqs: {seqs}, noise: 0.03{more}}}
workload: {{scenarios: ["D(40,10)"], concurrency: {levels}, requests: 16, max_duration: 1s}}
objective: throughput
budget: {budget}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield made
    made.close()


def write(
    program: Program, name: str, seqs: str, levels: str = "[4]", more: str = "",
    budget: str = "{repeats: 3}", end: str = "",
) -> str:  # fmt: skip
    path = program.cwd / f"{name}.yaml"
    text = ALIKE.format(name=name, seqs=seqs, levels=levels, more=more, budget=budget)
    path.write_text(text + end)
    return str(path)


def tuned(program: Program, *arguments: str, **more: str) -> dict[str, Any]:
    file = write(program, *arguments, **more)
    program("run", file)
    return program.show(arguments[0])


def begun(program: Program, name: str) -> dict[str, Any]:
    """Of a task that another command is just submitting: nothing until it has."""
    known = program("show", name, "--json")
    return dict(json.loads(known.stdout)) if known.returncode == 0 else {"experiments": []}


def repeats(shown: dict[str, Any]) -> list[int]:
    """The experiments of the starts that confirmed, in the order of these starts."""
    starts = [
        (start["started"], e["number"])
        for e in shown["experiments"]
        for start in e["starts"]
        if start["reason"] == "confirm"
    ]
    return [number for _, number in sorted(starts)]


def test_configurations_that_are_alike_end_in_a_tie(program: Program) -> None:
    shown = tuned(program, "alike", "[17, 18]")
    verdict = shown["task"]["verdict"]
    assert (verdict["kind"], verdict["repeats"]) == ("tie", 3)
    assert verdict["interval"][0] <= 0 <= verdict["interval"][1]
    order = repeats(shown)
    arms = sorted(set(order))
    assert 0 in arms
    # A B A B: whoever is confirmed is started once in each round.
    assert [sorted(order[i : i + len(arms)]) for i in range(0, len(order), len(arms))] == [arms] * 3
    for number in arms:
        experiment = shown["experiments"][number]
        measured = [m for m in experiment["measurements"] if m["purpose"] == "confirm"]
        assert [m["turn"] for m in measured] == [1, 2, 3] * 3
        together = experiment["confirmed"]["measurements"][0]
        last = [m for m in measured if m["turn"] == 3]
        assert together["requests"] == sum(m["requests"] for m in last)
        assert len(experiment["confirmed"]["values"]) == 3


def test_a_true_winner_is_found(program: Program) -> None:
    shown = tuned(
        program, "better", "[12]", "[12]", budget="{repeats: 3}",
        end="baseline: {max-num-seqs: 2}\n",
    )  # fmt: skip
    verdict = shown["task"]["verdict"]
    assert (verdict["kind"], shown["task"]["best"], verdict["repeats"]) == ("winner", 1, 3)
    assert verdict["delta"] > 0.3
    assert 0 < verdict["interval"][0] < verdict["delta"] < verdict["interval"][1]


def test_the_baseline_that_beats_the_others_is_said_to(program: Program) -> None:
    shown = tuned(program, "worse", "[2]", "[12]", end="baseline: {max-num-seqs: 12}\n")
    assert (shown["task"]["verdict"]["kind"], shown["task"]["best"]) == ("not_better", 0)


def test_a_budget_that_ends_early_leaves_it_unconfirmed(program: Program) -> None:
    shown = tuned(program, "hurried", "[17]", budget="{duration: 30s, repeats: 5}")
    verdict = shown["task"]["verdict"]
    assert shown["task"]["state"] == "completed"
    assert verdict["kind"] == "unconfirmed"
    assert "of 3 repeats" in verdict["note"]


def test_gpu_hours_end_a_task_too(program: Program) -> None:
    shown = tuned(
        program, "metered", "[4, 5, 6, 7, 8, 9, 10, 11, 12]", "[8]",
        budget="{gpu_hours: 0.003, repeats: 0}",
    )  # fmt: skip
    assert shown["task"]["state"] == "completed"
    assert 1 <= len(shown["experiments"]) < 9


@pytest.mark.parametrize(
    ("name", "flags", "kind", "said"),
    [
        ("refuses", ", max-queued-requests: 2", "bench_errors", "503"),
        ("dies", ", die-above: 7", "engine_died", ""),
        ("hangs", ", hang-above: 7", "hang", "limit of 6 s"),
    ],
)
def test_bad_levels_leave_the_good_ones_and_say_why(
    program: Program, name: str, flags: str, kind: str, said: str
) -> None:
    shown = tuned(
        program, name, "[8]", "[2, 4, 24]", more=flags,
        budget="{experiments: 1, repeats: 0}", end="timeouts: {measurement: 6s}\n"
        f"baseline: {{max-num-seqs: 8, noise: 0.03{flags}}}\n",
    )  # fmt: skip
    (experiment,) = shown["experiments"]
    good = [m for m in experiment["measurements"] if m["failure"] is None]
    bad = [m for m in experiment["measurements"] if m["failure"] is not None]
    assert experiment["state"] == "succeeded"
    assert [m["concurrency"] for m in good] == [2, 4]
    assert experiment["score"] == pytest.approx(good[-1]["throughput"])
    assert [m["concurrency"] for m in bad] == [24]
    assert bad[0]["failure"]["kind"] == kind
    assert said in bad[0]["failure"]["message"]
    assert not bad[0]["feasible"]
    assert shown["task"]["best"] == 0
    assert program.processes() == []


def test_a_pause_and_a_killed_runner_lose_no_repeat(program: Program) -> None:
    file = write(program, "broken", "[17]", budget="{repeats: 3}")
    following = program.start("run", file)
    until(lambda: len(repeats(begun(program, "broken"))) >= 2, 90)
    assert program("pause", "broken").returncode == 0
    assert program.processes() == []
    paused = program.show("broken")
    assert paused["task"]["state"] == "paused"
    kept = _confirmed(paused)
    assert program("resume", "broken").returncode == 0
    until(lambda: len(_confirmed(program.show("broken"))) > len(kept), 60)
    os.kill(program.runner_pid, signal.SIGKILL)
    until(lambda: following.poll() is not None, 120)
    shown = program.show("broken")
    assert shown["task"]["verdict"]["kind"] == "tie"
    assert shown["task"]["verdict"]["repeats"] == 3
    assert _confirmed(shown)[: len(kept)] == kept
    assert program.processes() == []


def _confirmed(shown: dict[str, Any]) -> list[tuple[float, int]]:
    return sorted(
        (m["started"], e["number"])
        for e in shown["experiments"]
        for m in e["measurements"]
        if m["purpose"] == "confirm"
    )


def test_skipping_ends_the_repeats_of_an_experiment(program: Program) -> None:
    file = write(program, "skipped", "[17]", budget="{repeats: 5}")
    following = program.start("run", file)
    until(lambda: repeats(begun(program, "skipped")) and program.processes(), 60)
    assert program("skip", "skipped").returncode == 0
    until(lambda: following.poll() is not None, 120)
    shown = program.show("skipped")
    assert shown["task"]["state"] == "completed"
    states = [s["state"] for e in shown["experiments"] for s in e["starts"]]
    assert states.count("cancelled") == 1
    assert shown["task"]["verdict"]["kind"] == "unconfirmed"
