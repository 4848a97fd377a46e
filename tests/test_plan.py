"""The plan of `check`: what a task costs, and whether its best can be confirmed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.cli.group import cli
from core.doctor.plan import Plan, plan, unconfirmed
from core.engines.boxes import Host
from core.space import space_of
from core.task import parse

TASK = """
name: plan
model: sim-8b
engine: simulated
parameters: {max-num-seqs: [4, 8, 16, 32, 64]}
workload: {scenarios: ["D(40,10)"], concurrency: [1, 2], requests: 4, max_duration: 30s}
objective: throughput
"""
HOST = Host(Path("/hub"), Path("/cache"), {}, None, False)


def examined(more: str = "", text: str = TASK) -> tuple[Plan, list[str]]:
    task = parse(text + more, "plan.yaml", Path("/"))
    space = space_of(task)
    return plan(task, space, HOST), [check.evidence for check in unconfirmed(task, space)]


def test_confirmation_is_a_part_of_what_a_task_costs():
    found, warned = examined()
    # A start of a minute with two measurements of half a minute, or with three to confirm.
    assert found.experiments == 6
    assert (found.confirmation.repeats, found.confirmation.configurations) == (7, 5)
    # All five once, then 3, 2, 2, 2, 1 and 1 of them; the baseline each time.
    assert found.confirmation.seconds == (5 + 11 + 7) * 150
    assert found.seconds == 6 * 120 + found.confirmation.seconds
    assert found.gpu_hours is None
    assert warned == []


def test_auto_measures_at_most_seven_loads_of_each_scenario():
    text = TASK.replace("[1, 2]", "auto").replace('["D(40,10)"]', '["D(40,10)", "D(80,10)"]')
    found, _ = examined("budget: {repeats: 0}\n", text)
    assert found.seconds == 6 * (60 + 7 * 30 * 2)
    assert (found.confirmation.configurations, found.confirmation.seconds) == (0, 0.0)


def test_each_engine_has_its_own_part_and_command():
    text = """
name: pair
model: Qwen/Qwen3-8B
engine: [vllm, sglang]
deploy: docker
image: {sglang: local/sglang:9}
baseline: {vllm: {enable-prefix-caching: false}}
parallel: {tp: [2, 4]}
quantization: {kvcache: [auto, fp8_e5m2]}
parameters:
  trust-remote-code: true
  vllm: {max-num-seqs: [64, 128], enable-chunked-prefill: null}
  sglang: {disable-radix-cache: false}
rules: ["tp == 2 or kvcache == 'fp8_e5m2'"]
"""
    found, _ = examined(text=text)
    vllm, sglang = found.engines
    assert found.baseline == vllm.baseline
    assert (vllm.configurations, sglang.configurations, found.configurations) == (6, 3, 9)
    (rule,) = [one for one in found.removed if "kvcache" in one]
    assert (vllm.removed[rule], sglang.removed[rule], found.removed[rule]) == (2, 1, 3)
    assert "vllm/vllm-openai:v0.32.0 Qwen/Qwen3-8B" in vllm.baseline
    flags = "--no-enable-prefix-caching --tensor-parallel-size 2 --trust-remote-code"
    assert vllm.baseline.endswith(flags)
    assert "local/sglang:9 python3 -m sglang.launch_server" in sglang.baseline
    assert sglang.baseline.endswith("--tp-size 2 --trust-remote-code")
    assert not {"None", "null", "False", "True"} & {
        *vllm.baseline.split(),
        *sglang.baseline.split(),
    }


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("{duration: 10m}", "10m may leave no room for 3 repeats of the best and the baseline"),
        ("{duration: 26m}", "26m may leave no room"),  # 12 minutes to search, 15 to confirm
        ("{duration: 27m}", ""),
        ("{duration: 30m}", ""),
        ("{gpu_hours: 0.1}", "6m may leave no room"),
        ("{repeats: 2}", "repeats: 2: the verdict will be unconfirmed"),
        ("{repeats: 0}", ""),  # nothing else was asked for
        ("{experiments: 1}", ""),  # nothing to hold the baseline against
    ],
)
def test_a_budget_without_room_for_repeats_is_warned_of(budget: str, said: str):
    _, warned = examined(f"budget: {budget}\n")
    assert [text.startswith(said) for text in warned] == ([True] if said else [])


def test_the_budget_bounds_the_estimate():
    found, _ = examined("budget: {gpu_hours: 0.5, duration: 2h}\n")
    assert found.seconds == 1800
    assert found.gpu_hours == pytest.approx(0.5)
    assert found.confirmation.seconds == 1800  # as much as that, at most
    small, _ = examined("budget: {gpu_hours: 100, repeats: 0}\n")
    assert small.gpu_hours == pytest.approx(6 * 120 / 3600)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("{}", "3 to 7 repeats of up to 5 configurations and the baseline, at most about 57m30s"),
        ("{repeats: 3, experiments: 2}", "3 repeats of up to 1 configuration and the baseline,"),
        ("{repeats: 1}", "1 repeat of up to 5 configurations and the baseline"),
        ("{repeats: 0}", "off: the verdict will be unconfirmed"),
        ("{experiments: 1}", "nothing to hold the baseline against"),
    ],
)
def test_check_says_what_confirmation_costs(tmp_path: Path, monkeypatch, budget, said):
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "plan.yaml"
    file.write_text(f"{TASK}budget: {budget}\n")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert f"confirmation: {said}" in done.output
    document = json.loads(CliRunner().invoke(cli, ["check", str(file), "--json"]).output)
    assert set(document["plan"]["confirmation"]) == {"repeats", "configurations", "seconds"}
