"""The real genai-bench, through a launcher, against servers whose truth is known."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from core.bench.genai import Bench, BenchError
from core.bench.plan import CLIENT, TIMELINE, Plan
from core.bench.record import BEGUN, ENDED
from core.metrics import Measurement, read_timeline, steady_window
from core.values import FailureKind
from tests.bench_site import ROOT, SECRET, Place, environment, place, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDED = {"ENABLE_UI": "false", "TOKENIZERS_PARALLELISM": "false"}


@dataclass
class Site(Place):
    """One launcher for most tests here: importing genai-bench takes long."""

    bench: Bench
    untokenized: Bench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    empty = folder / "empty"
    empty.mkdir()
    async with AsyncExitStack() as stack:
        found = stack.enter_context(place(folder))
        # Both import at the same time, and each test waits for its own.
        bench, untokenized = [
            await stack.enter_async_context(Bench(environment(), name, folder / log, folder))
            for name, log in (
                (found.tokenizer, "launcher.log"),
                (str(empty), "untokenized.log"),
            )
        ]
        for one in (bench, untokenized):
            await one.prepare()
        yield Site(found.url, found.tokenizer, folder, bench, untokenized)


def truth(site: Site, measured: Measurement) -> list[float]:
    """When the server sent the tokens of this measurement."""
    with urllib.request.urlopen(f"{site.url}/truth/") as answer:
        times: list[float] = json.load(answer)
    return [at for at in times if measured.started <= at <= measured.ended]


def delivered(site: Site, *measured: tuple[Plan, Measurement]) -> float:
    """Tokens/s that the server sent in the steady windows: true however slow the machine is."""
    tokens, length = 0, 0.0
    for plan, one in measured:
        begin, end = steady_window(read_timeline(plan.folder / TIMELINE), plan.concurrency)
        tokens += sum(begin < at <= end for at in truth(site, one))
        length += end - begin
    return tokens / length


async def test_throughput_is_what_the_server_delivered(site: Site) -> None:
    plan = site.plan("ok", scenario="D(20,40)", concurrency=8, requests=80, limits={"e2e": 5.0})
    result = await site.bench.measure(plan)
    timeline = read_timeline(plan.folder / TIMELINE)
    sent = truth(site, result)
    assert result.failure is None
    assert (result.requests, result.errors, result.attainment) == (80, 0, 1.0)
    # Drained: the client has counted every token that the server has sent.
    assert sum(r.output_tokens for r in timeline) == len(sent) == 88 * 40
    assert sum(r.warmup for r in timeline) == 8
    assert result.throughput == pytest.approx(delivered(site, (plan, result)), rel=0.05)
    ideal = 8 * 40 / (0.05 + 39 * 0.005)
    assert result.throughput is not None
    assert 0.5 * ideal < result.throughput < 1.02 * ideal
    assert result.ttft.p50 is not None
    assert result.ttft.p50 >= 0.05
    assert result.tpot.p50 == pytest.approx(0.005, rel=0.5)


async def test_what_genai_bench_writes_stays_in_the_folder(site: Site) -> None:
    before = set(site.folder.iterdir())
    plan = site.plan("ok", requests=8, concurrency=1)
    result = await site.bench.measure(plan)
    assert set(site.folder.iterdir()) - before <= {plan.folder, plan.log}
    assert {path.name for path in plan.folder.iterdir()} == {
        TIMELINE,
        CLIENT,
        "genai-bench",
        "genai_bench.log",
        BEGUN,
        ENDED,
    }
    written = [path for path in (plan.log, *plan.folder.rglob("*")) if path.is_file()]
    assert not [path for path in written if SECRET in path.read_text()]
    facts = json.loads((plan.folder / CLIENT).read_text())
    sent = result.requests + 1
    assert facts == {"issued": sent, "ended": sent, "lag_p95": result.client_lag}


async def test_a_window_too_short_to_mean_anything_is_lengthened(site: Site) -> None:
    result = await site.bench.measure(site.plan("ok", requests=8, concurrency=2))
    assert result.duration >= 2.0
    assert result.requests > 8
    assert (result.failure, result.stopped) == (None, None)
    asked = await site.bench.measure(site.plan("ok", requests=8, concurrency=2, max_duration=0.5))
    assert asked.duration < 1.0


async def test_a_round_that_takes_longer_than_the_time_limit_is_finished(site: Site) -> None:
    plan = site.plan("ok", scenario="D(20,100)", requests=40, max_duration=0.3)
    result = await site.bench.measure(plan)
    assert (result.failure, result.stopped) == (None, None)
    assert result.throughput == pytest.approx(delivered(site, (plan, result)), rel=0.05)
    hurried = await site.bench.measure(
        site.plan("ok", scenario="D(20,100)", max_duration=0.3, limit=1.2)
    )
    assert hurried.failure is None
    assert hurried.stopped == "no steady window: its figures hold ramp-up and drain too"


async def test_a_limit_that_cannot_be_met_ends_a_measurement_early(site: Site) -> None:
    plan = site.plan("ok", requests=4000, bounds={"ttft_p95": 0.01, "error_rate": 0.01})
    result = await site.bench.measure(plan)
    assert result.failure is None
    assert result.stopped is not None
    assert result.stopped.startswith("ttft_p95 cannot be met any more: 2")
    assert 201 <= result.requests < 220


async def test_looks_at_one_load_are_pooled(site: Site) -> None:
    first = site.plan("ok")
    one = await site.bench.measure(first)
    second = site.plan("ok", turn=2, earlier=(first.folder,))
    two = await site.bench.measure(second)
    assert (one.turn, two.turn) == (1, 2)
    assert two.requests > 1.8 * one.requests
    assert two.duration > 1.8 * one.duration
    assert two.started == one.started
    both = delivered(site, (first, one), (second, two))
    assert two.throughput == pytest.approx(both, rel=0.05)


async def test_rejected_requests_are_counted(site: Site) -> None:
    plan = site.plan("reject")
    result = await site.bench.measure(plan)
    timeline = read_timeline(plan.folder / TIMELINE)
    errors = [r for r in timeline if r.error is not None]
    assert len(timeline) >= 44
    assert [(r.error, r.message) for r in errors] == [(429, "too many requests")] * (
        len(timeline) // 4
    )
    assert result.errors == sum(not r.warmup for r in errors)
    assert result.error_rate == result.errors / result.requests
    assert result.failure is None
    assert all(plan.limit > r.end - r.start >= 0 for r in errors)


@pytest.mark.parametrize(
    ("mode", "kind", "message"),
    [
        ("empty", FailureKind.ZERO_TOKENS, "8 of 8 requests failed, most often with 200: no tok"),
        ("broken", FailureKind.BENCH_ERRORS, "8 of 8 requests failed, most often with 500: JSON"),
    ],
)
async def test_answers_that_are_none(
    site: Site, mode: str, kind: FailureKind, message: str
) -> None:
    result = await site.bench.measure(site.plan(mode, concurrency=2, requests=8))
    assert result.failure is not None
    assert result.failure.kind is kind
    assert result.failure.message.startswith(message)
    assert (result.throughput, result.error_rate, result.attainment) == (None, 1.0, 0.0)


async def test_embeddings_run_with_that_many_users(site: Site) -> None:
    plan = site.plan("ok", scenario="E(20)", requests=20)
    result = await site.bench.measure(plan)
    timeline = read_timeline(plan.folder / TIMELINE)
    busiest = max(sum(r.start <= at.start < r.end for r in timeline) for at in timeline)
    assert busiest == 4
    assert result.failure is None
    assert result.throughput == 0.0
    assert (result.total_throughput or 0) > 7 / 0.05


async def test_a_dataset_gives_the_prompts(site: Site) -> None:
    prompts = site.folder / "prompts.csv"
    prompts.write_text("id,prompt\n1,to be\n2,or not\n")
    plan = site.plan("ok", scenario="dataset", dataset=str(prompts), requests=8)
    result = await site.bench.measure(plan)
    assert result.failure is None
    # No output length is asked for: the server decides.
    assert result.output_tokens == result.requests * 5


async def test_no_request_is_issued_after_the_time_limit(site: Site) -> None:
    plan = site.plan("ok", requests=10_000, max_duration=1.0)
    result = await site.bench.measure(plan)
    timeline = read_timeline(plan.folder / TIMELINE)
    assert result.failure is None
    assert max(r.start for r in timeline) - result.started < 1.2
    assert sum(r.output_tokens for r in timeline) == len(truth(site, result))


async def test_what_was_measured_before_the_server_died_is_kept(site: Site) -> None:
    with serving() as url:
        plan = site.plan("die", url=f"{url}/die", requests=80)
        result = await site.bench.measure(plan)
    assert result.failure is not None
    assert result.failure.kind is FailureKind.BENCH_ERRORS
    assert "503: Connection error" in result.failure.message
    assert result.requests == 80
    assert result.output_tokens >= 300
    assert result.throughput is not None


async def test_launcher_and_measurement_have_the_environment_given(site: Site) -> None:
    found: list[dict[str, str]] = []

    def read(pid: int) -> None:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        found.append(dict(entry.decode().split("=", 1) for entry in entries if entry))

    await site.bench.measure(site.plan("ok", requests=4), lambda pid, _: read(pid))
    assert site.bench.pid is not None
    read(site.bench.pid)
    assert found == [environment() | ADDED] * 2


async def test_a_refused_scenario_is_named(site: Site) -> None:
    plan = site.plan("ok", scenario="D(x)")
    result = await site.bench.measure(plan)
    assert result.failure is not None
    assert result.failure.kind is FailureKind.CONFIG
    assert "D(x)" in (result.failure.text or "")
    lines = plan.log.read_text().splitlines()
    assert lines[(result.failure.line or 0) - 1].startswith("genai-bench refused")


async def test_the_same_seed_gives_the_same_lengths(site: Site) -> None:
    async def lengths(seed: int) -> list[int]:
        plan = site.plan("ok", scenario="U(5,30)/(2,12)", concurrency=1, requests=8, seed=seed)
        await site.bench.measure(plan)
        # How many are sent to fill the window depends on the machine; which ones does not.
        return [r.output_tokens for r in read_timeline(plan.folder / TIMELINE)][:9]

    first = await lengths(1)
    assert await lengths(1) == first
    assert await lengths(2) != first


async def test_a_missing_tokenizer_is_a_failure(site: Site) -> None:
    with pytest.raises(BenchError) as caught:
        await site.untokenized.ready()
    failure = caught.value.failure
    assert failure.kind is FailureKind.TOKENIZER
    assert str(site.folder / "empty") in failure.message
    assert failure.log == "untokenized.log"
    with pytest.raises(BenchError):
        await site.untokenized.measure(site.plan("ok"))


async def test_a_genai_bench_that_cannot_be_imported_is_a_failure(tmp_path: Path) -> None:
    package = tmp_path / "genai_bench"
    package.mkdir()
    (package / "__init__.py").write_text("import no_such_module_anywhere\n")
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    log = tmp_path / "launcher.log"
    async with Bench(environment(PYTHONPATH=path), "none", log, tmp_path) as bench:
        with pytest.raises(BenchError) as caught:
            await bench.ready()
    failure = caught.value.failure
    assert failure.kind is FailureKind.CONFIG
    assert failure.message.startswith("genai-bench cannot be imported: ModuleNotFoundError")
    assert failure.text == "ModuleNotFoundError: No module named 'no_such_module_anywhere'"


async def test_a_launcher_that_cannot_start_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"cannot be started: .*launcher\.log"):
        await Bench({}, "none", tmp_path / "missing" / "launcher.log", tmp_path).prepare()
