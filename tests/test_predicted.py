"""Predictions: a space in aiconfigurator's words, and what its own process answers."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core import settings
from core.deploy.process import LABEL
from core.doctor import own
from core.doctor.report import Verdict
from core.engines import registry
from core.gpu import Gpu
from core.paths import Home
from core.runner.knowledge.aiconfigurator import predicted
from core.runner.knowledge.points import Point, point, points, system
from core.runner.known import Look
from core.runner.setup import Setup
from core.search.base import Trial
from core.search.prior import Prior
from core.space import space_of
from core.task import parse
from core.values import Configuration, Scalar
from tests.control_desk import Office, office
from tests.predicted import calls, standin
from tests.tuned import setup

H100 = "NVIDIA H100 80GB HBM3"
TASK = """
model: some/model
engine: vllm
parameters: {max-num-seqs: [16, 64], enable-prefix-caching: [true, false]}
parallel: {tp: [1, 2]}
quantization: {kvcache: [auto, fp8]}
objective: throughput
workload: {scenarios: ["D(1000,100)"], concurrency: [1, 2, 4, 8, 16, 32, 64, 128]}
slo: {tpot_p95: 25ms}
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (H100, "h100_sxm"), ("NVIDIA H200", "h200_sxm"), ("NVIDIA A100-SXM4-80GB", "a100_sxm"),
        ("NVIDIA GB200", "gb200"), ("NVIDIA B200", "b200_sxm"), ("NVIDIA L40S", "l40s"),
        ("NVIDIA L4", "l4"), ("NVIDIA H100 PCIe", "h100_pcie"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx_pro_6000_server"),
        ("NVIDIA A100-SXM4-40GB", None), ("NVIDIA H200 NVL", None), ("NVIDIA L40", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None), ("NVIDIA GeForce RTX 4090", None),
    ],
)  # fmt: skip
def test_gpus_that_it_knows(name, expected):
    assert system(name) == expected


BARE = Point("vllm", tp=1, pp=1, dp=1, ep=1, kv=None, gemm=None, context=None, seqs=None)
DP, KV = "enable-dp-attention", "kv-cache-dtype"


@pytest.mark.parametrize(
    ("engine", "flags", "expected"),
    [
        ("vllm", {}, BARE),
        ("vllm", {"tensor-parallel-size": 4, "pipeline-parallel-size": 2}, {"tp": 4, "pp": 2}),
        ("vllm", {"data-parallel-size": 2, "max-num-seqs": 64}, {"dp": 2, "seqs": 128}),
        (
            "vllm",
            {"tensor-parallel-size": 2, "data-parallel-size": 4, "enable-expert-parallel": True},
            {"tp": 2, "dp": 4, "ep": 8},
        ),
        ("vllm", {KV: "fp8_e4m3", "quantization": "fp8"}, {"kv": "fp8", "gemm": "fp8"}),
        ("vllm", {KV: "auto", "max-num-batched-tokens": 4096}, {"context": 4096}),
        ("vllm", {"quantization": "bitsandbytes"}, None),
        ("vllm", {KV: "fp4"}, None),
        ("vllm", {"swap-space": 4}, BARE),
        ("sglang", {"tp-size": 8, "dp-size": 2}, {"tp": 8, "dp": 2}),
        ("sglang", {"tp-size": 8, "dp-size": 2, DP: True}, {"tp": 4, "dp": 2}),
        ("sglang", {"tp-size": 8, "ep-size": 4}, {"tp": 8, "ep": 4}),
        ("sglang", {"chunked-prefill-size": -1, "max-running-requests": 32}, {"seqs": 32}),
        ("simulated", {}, None),
    ],
)  # fmt: skip
def test_configurations_in_its_words(engine: str, flags: dict[str, Scalar], expected):
    found = point(registry.find(engine), Configuration.of(engine, flags))
    if isinstance(expected, dict):
        expected = replace(BARE, backend=engine, **expected)
    assert found == expected


def test_a_point_stands_for_the_configuration_nearest_to_the_baseline(tmp_path: Path):
    task = parse(TASK + "baseline: {enable-prefix-caching: false}", "t.yaml", tmp_path)
    found = points(space_of(task), 0, 200)
    assert len(found) == 9  # without what caching changes, and the baseline's own
    assert {one.parameters.get("enable-prefix-caching") for one in found.values()} == {False}
    some = points(space_of(task), 0, 4)
    assert len(some) == 4
    assert some == points(space_of(task), 0, 4)
    assert some != points(space_of(task), 1, 4)


def test_a_space_that_is_too_large_to_list_is_drawn_from(tmp_path: Path):
    wide = "{low: 1, high: 1000000, log: true, points: 1000}"
    text = f"model: a/b\nengine: sglang\nparameters: {{max-running-requests: {wide}, x: {wide}}}\n"
    task = parse(text, "t.yaml", tmp_path)
    found = points(space_of(task), 3, 50)
    assert len(found) == 50
    assert found == points(space_of(task), 3, 50)


@asynccontextmanager
async def a_task(python: str, text: str = TASK) -> AsyncIterator[tuple[Office, Setup]]:
    """Submitted with this interpreter for predictions."""
    given = {"AUTOTUNER_AICONFIGURATOR": python, "PATH": os.environ["PATH"]}
    async with office(Home.find(), text, **given) as desk:
        plain = setup(desk.home.root, text)
        yield desk, replace(plain, settings=settings.read(desk.home.settings("t1")))


def machine(*names: str) -> Look:
    async def look() -> tuple[tuple[Gpu, ...], str | None]:
        gpus = tuple(Gpu(n, f"GPU-{n}", name) for n, name in enumerate(names))
        return gpus, None if gpus else "no NVIDIA driver"

    return look


async def messages(desk: Office) -> list[str]:
    events = (await desk.detail()).events
    return [str(one.detail["message"]) for one in events if one.kind == "prior.unpredicted"]


def of(prior: Prior, flags: dict[str, Scalar | None]) -> Trial:
    """The trial that has these flags, and one GPU unless they say more."""
    wanted = {"tensor-parallel-size": None, **flags}
    (found,) = (
        one
        for one in prior.trials
        if all(one.configuration.parameters.get(n) == v for n, v in wanted.items())
    )
    return found


async def test_trials_are_judged_against_this_task(tmp_path: Path):
    async with a_task(standin(tmp_path / "aic")) as (desk, given):
        prior = await predicted(given, machine(H100, H100), desk.journal)
        assert await messages(desk) == []
    assert prior is not None
    assert prior.source == "aiconfigurator 0.12.0: 9 configurations of model on h100_sxm"
    trial = of(prior, {"tensor-parallel-size": 2, "max-num-seqs": 16, KV: None})
    levels = {one.concurrency: one for one in trial.levels["D(1000,100)"]}
    assert list(levels) == [1, 2, 4, 16, 32, 128]
    assert levels[4].value == pytest.approx(4 * 160)  # 100 x 2 / (1 + 4/16) a request
    assert levels[4].strains["tpot_p95"] == pytest.approx(1 / 160 / 0.025)
    assert levels[4].feasible
    # Twice as many as may run: half of them wait for as long as the others take.
    assert levels[32].value == levels[16].value
    assert trial.score == pytest.approx(16 * 100)
    assert trial.feasible
    assert not trial.failed


async def test_waiting_is_part_of_the_time_to_first_token(tmp_path: Path):
    text = TASK.replace("tpot_p95: 25ms", "ttft_mean: 1s, e2e_mean: 2s")
    async with a_task(standin(tmp_path / "aic"), text) as (desk, given):
        prior = await predicted(given, machine(H100), desk.journal)
    assert prior is not None
    trial = of(prior, {"max-num-seqs": 16, KV: None})
    levels = {one.concurrency: one for one in trial.levels["D(1000,100)"]}
    # 16 of 50 tokens/s each: 100 tokens of each of the 16 that wait come after 800 tokens/s.
    assert levels[16].strains["ttft_mean"] == pytest.approx(0.8)
    assert levels[32].strains["ttft_mean"] == pytest.approx(0.8 + 16 * 100 / 800)
    assert levels[32].strains["e2e_mean"] == pytest.approx((0.8 + 2.0 + 99 / 50) / 2)


async def test_what_does_not_matter_at_a_load_is_asked_for_once(tmp_path: Path):
    async with a_task(standin(tmp_path / "aic")) as (desk, given):
        await predicted(given, machine(H100), desk.journal)
    made = calls(tmp_path / "aic")
    assert len(made) == len({repr(one) for one in made})
    assert {one["backend_version"] for one in made} == {"0.24.0"}
    assert {one["system"] for one in made} == {"h100_sxm"}
    assert (made[0]["isl"], made[0]["osl"]) == (1000, 100)
    assert "moe_ep_size" not in made[0]


async def test_experts_are_spread_as_the_flags_say(tmp_path: Path):
    text = "model: some/MoE\nengine: vllm\nparallel: {tp: [2], dp: [2]}\n"
    text += "parameters: {enable-expert-parallel: [true, false]}\nquantization: {gemm: [fp8]}\n"
    async with a_task(standin(tmp_path / "aic"), text) as (desk, given):
        assert await predicted(given, machine(H100), desk.journal)
    quantized = [one for one in calls(tmp_path / "aic") if one["gemm_quant_mode"] == "fp8"]
    spread = {(one["moe_tp_size"], one["moe_ep_size"]) for one in quantized}
    assert spread == {(4, 1), (1, 4)}
    assert {one["moe_quant_mode"] for one in quantized} == {"fp8"}
    assert max(one["batch"] for one in quantized) == 128  # 256 on two ranks


async def test_what_fits_at_no_load_is_a_failure_and_what_has_no_data_is_left_out(tmp_path: Path):
    python = standin(tmp_path / "aic")
    async with a_task(python, TASK.replace("some/model", "some/large")) as (desk, given):
        prior = await predicted(given, machine(H100), desk.journal)
    assert prior is not None
    assert all(one.failed and one.score is None for one in prior.trials)
    text = TASK.replace("engine: vllm", "engine: vllm\nbaseline: {kv-cache-dtype: int8}")
    async with a_task(python, text.replace("[auto, fp8]", "[int8, auto]")) as (desk, given):
        prior = await predicted(given, machine(H100), desk.journal)
    assert prior is not None
    assert len(prior.trials) == 4
    assert all(
        "kv-cache-dtype" not in one.configuration.parameters
        or one.configuration.parameters["kv-cache-dtype"] == "auto"
        for one in prior.trials
    )


@pytest.mark.parametrize(
    ("change", "gpus", "why"),
    [
        (("", ""), (), "no NVIDIA driver"),
        (("model: some", "gpus: 0\nmodel: some"), (H100,), "the task uses no GPU"),
        (("", ""), ("NVIDIA GeForce RTX 4090",), "it does not know NVIDIA GeForce RTX 4090"),
        (("", ""), (H100, "NVIDIA L4"), f"the GPUs here differ: {H100}, NVIDIA L4"),
        (("", ""), ("NVIDIA L4",), "no data of vllm on l4"),
        (("some/model", "some/unknown"), (H100,), "RuntimeError: no such model"),
        (("D(1000,100)", "E(100)"), (H100,), "the lengths of E(100) are not known"),
        (("D(1000,100)", "D(1000,1)"), (H100,), "D(1000,1) has no output to speak of"),
    ],
)
async def test_without_a_prediction_an_event_says_why(tmp_path: Path, change, gpus, why):
    async with a_task(standin(tmp_path / "aic"), TASK.replace(*change)) as (desk, given):
        assert await predicted(given, machine(*gpus), desk.journal) is None
        assert await messages(desk) == [f"aiconfigurator: {why}"]


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("sys.exit(3)", "it ended with exit status 3 and no answer"),
        ("print('{}'); sys.exit()", "it ended with exit status 0 and no answer"),
        ("print('[1]'); sys.exit()", "it ended with exit status 0 and no answer"),
        ("raise MemoryError", "it ended with exit status 1 and no answer"),
    ],
)
async def test_a_broken_answer_is_none(tmp_path: Path, first: str, why: str):
    async with a_task(standin(tmp_path / "aic", first)) as (desk, given):
        assert await predicted(given, machine(H100), desk.journal) is None
        (said,) = await messages(desk)
    assert said == f"aiconfigurator: {why}; see {given.folder / 'prediction.log'}"


async def test_a_python_that_is_not_there(tmp_path: Path):
    async with a_task(str(tmp_path / "none")) as (desk, given):
        assert await predicted(given, machine(H100), desk.journal) is None
        (said,) = await messages(desk)
    assert said.endswith("none cannot be started: No such file or directory")


async def test_it_has_a_limit_and_leaves_no_process(tmp_path: Path):
    note = tmp_path / "pids"
    first = (
        f"child = os.fork()\nopen({str(note)!r}, 'a').write(str(os.getpid()) + ' ')\ntime.sleep(60)"
    )
    async with a_task(standin(tmp_path / "aic", first)) as (desk, given):
        began = time.monotonic()
        assert await predicted(given, machine(H100), desk.journal, limit=2.0) is None
        assert time.monotonic() - began < 20
        (said,) = await messages(desk)
    assert "did not answer within 2 s" in said
    pids = [int(one) for one in note.read_text().split()]
    assert len(pids) == 2
    end = time.monotonic() + 10
    while any(map(_lives, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(_lives, pids))


def _lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_its_environment_has_a_label_and_nothing_of_ours(tmp_path: Path):
    note = tmp_path / "environment"
    first = f"open({str(note)!r}, 'w').write(repr(dict(os.environ)))"
    async with a_task(standin(tmp_path / "aic", first)) as (desk, given):
        assert await predicted(given, machine(H100), desk.journal)
    found = eval(note.read_text())
    assert found[LABEL] == given.label("prediction")
    assert not [name for name in found if name.startswith("AUTOTUNER_") and name != LABEL]


@pytest.mark.parametrize("more", ["prior: false", None])
async def test_it_is_asked_for_and_can_be_switched_off(tmp_path: Path, more: str | None):
    python = standin(tmp_path / "aic") if more else ""
    async with a_task(python, TASK + (more or "")) as (desk, given):
        assert await predicted(given, machine(H100), desk.journal) is None
        assert await messages(desk) == []


async def test_nothing_is_predicted_of_a_simulated_engine(tmp_path: Path):
    text = "model: sim-8b\nengine: simulated\nparameters: {max-num-seqs: [4, 8]}\n"
    async with a_task(standin(tmp_path / "aic"), text) as (desk, given):
        assert await predicted(given, machine(H100), desk.journal) is None
        assert await messages(desk) == []


def test_doctor_says_whether_it_is_there(tmp_path: Path):
    name = "AUTOTUNER_AICONFIGURATOR"
    assert own.prediction_checks({}, 5.0) == []
    python = standin(tmp_path / "aic")
    (good,) = own.prediction_checks({name: python}, 20.0)
    assert (good.verdict, good.evidence) == (Verdict.OK, f"0.12.0 in {python}")
    (bare,) = own.prediction_checks({name: standin(tmp_path / "bare", "sys.exit(1)")}, 20.0)
    assert (bare.verdict, bare.evidence) == (
        Verdict.WARNING,
        f"{tmp_path / 'bare' / 'python'} does not have it",
    )
    (gone,) = own.prediction_checks({name: str(tmp_path / "none")}, 20.0)
    assert gone.verdict is Verdict.WARNING
    assert name in gone.advice
