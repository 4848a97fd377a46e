"""The real genai-bench, through a launcher, against servers whose truth is known."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from core.bench.genai import Bench, BenchError, Plan
from core.bench.plan import CLIENT, TIMELINE
from core.metrics import Measurement, read_timeline, steady_window
from core.values import FailureKind, Purpose

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[1]
SECRET = "never-in-a-log"
ADDED = {"ENABLE_UI": "false", "TOKENIZERS_PARALLELISM": "false"}


@contextmanager
def serving() -> Iterator[str]:
    """A server of fixed latency in a process of its own; its URL."""
    script = Path(__file__).with_name("bench_server.py")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    proxies = {"HTTPS_PROXY": "http://proxy.invalid:3128", "NO_PROXY": "localhost,127.0.0.1"}
    ours = {"PYTHONPATH": str(ROOT), "AUTOTUNER_LABEL": "test", "GITHUB_TOKEN": SECRET}
    return kept | proxies | ours | more


def make_tokenizer(folder: Path) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["to be or not to be"], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return str(folder)


@dataclass
class Site:
    """One server and one launcher for all tests here: importing genai-bench takes long."""

    url: str
    bench: Bench
    doomed: Bench
    untokenized: Bench
    orphan: subprocess.Popen[bytes]
    folder: Path

    def plan(self, mode: str, **changes: object) -> Plan:
        folder = self.folder / f"{time.monotonic_ns()}"
        url, log = f"{self.url}/{mode}", self.folder / "benchmark.log"
        plan = Plan(url, "m", "vllm", "D(20,10)", 4, 40, 60.0, 30.0, folder, log, Purpose.SEARCH, 7)
        return replace(plan, **changes)  # type: ignore[arg-type]


ORPHAN = """
import asyncio, json, os, sys
from pathlib import Path
from core.bench.genai import Bench, Plan
from core.values import Purpose

async def main(url, tokenizer, folder):
    plan = Plan(url + "/stuck", "m", "vllm", "D(20,10)", 4, 40, 60.0, 60.0,
                folder / "orphan", folder / "orphan.log", Purpose.SEARCH, 7)
    async with Bench(dict(os.environ), tokenizer, folder / "orphan.launcher.log", folder) as bench:
        await bench.measure(plan, lambda pid, _: print(bench.pid, pid, flush=True))

asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    tokenizer = make_tokenizer(folder / "tokenizer")
    empty = folder / "empty"
    empty.mkdir()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(serving())
        words = [sys.executable, "-c", ORPHAN, url, tokenizer, str(folder)]
        orphan = stack.enter_context(
            subprocess.Popen(words, stdout=subprocess.PIPE, env=environment())
        )
        # All import at the same time, and each test waits for its own.
        bench, doomed, untokenized = [
            await stack.enter_async_context(Bench(environment(), name, folder / log, folder))
            for name, log in (
                (tokenizer, "launcher.log"),
                (tokenizer, "doomed.log"),
                (str(empty), "untokenized.log"),
            )
        ]
        yield Site(url, bench, doomed, untokenized, orphan, folder)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def gone(pid: int, limit: float = 5.0) -> bool:
    end = time.monotonic() + limit
    while alive(pid) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    return not alive(pid)


def truth(site: Site, measured: Measurement) -> list[float]:
    """When the server sent the tokens of this measurement."""
    with urllib.request.urlopen(f"{site.url}/truth/") as answer:
        times: list[float] = json.load(answer)
    return [at for at in times if measured.started <= at <= measured.ended]


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
    begin, end = steady_window(timeline, 8)
    delivered = sum(begin < at <= end for at in sent)
    assert result.throughput == pytest.approx(delivered / (end - begin), rel=0.05)
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
    ideal = 4 * 100 / (0.05 + 99 * 0.005)
    assert result.throughput == pytest.approx(ideal, rel=0.05)
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
    two = await site.bench.measure(site.plan("ok", turn=2, earlier=(first.folder,)))
    assert (one.turn, two.turn) == (1, 2)
    assert two.requests > 1.8 * one.requests
    assert two.duration > 1.8 * one.duration
    assert two.throughput == pytest.approx(one.throughput, rel=0.05)


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


async def test_a_hang_is_ended_by_the_limit(site: Site) -> None:
    plan = site.plan("hang", limit=2.5)
    pids: list[int] = []
    begin = time.monotonic()
    result = await site.bench.measure(plan, lambda pid, _: pids.append(pid))
    assert time.monotonic() - begin < 4.5
    assert not alive(pids[0])
    assert result.failure is not None
    assert result.failure.kind is FailureKind.HANG
    assert "2.5 s" in result.failure.message
    assert len(read_timeline(plan.folder / TIMELINE)) == 10
    again = await site.bench.measure(site.plan("ok", requests=8))
    assert again.failure is None


async def test_cancelling_leaves_no_process(site: Site) -> None:
    started: asyncio.Future[tuple[int, float]] = asyncio.get_running_loop().create_future()
    plan = site.plan("stuck")
    work = asyncio.create_task(
        site.bench.measure(plan, lambda pid, at: started.set_result((pid, at)))
    )
    pid, at = await started
    assert os.getpgid(pid) == pid
    assert psutil.Process(pid).create_time() == at
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not alive(pid)
    assert (await site.bench.measure(site.plan("ok", requests=8))).failure is None


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


async def test_a_killed_launcher_takes_its_measurement_with_it(site: Site) -> None:
    pids: list[int] = []

    def strike(pid: int, _: float) -> None:
        pids.append(pid)
        assert site.doomed.pid is not None
        asyncio.get_running_loop().call_later(1.0, os.kill, site.doomed.pid, signal.SIGKILL)

    plan = site.plan("ok", requests=1000)
    result = await site.doomed.measure(plan, strike)
    assert await gone(pids[0])
    assert result.failure is not None
    assert result.failure.kind is FailureKind.CRASH
    assert result.output_tokens > 0
    with pytest.raises(BenchError, match="launcher died"):
        await site.doomed.measure(plan)


async def test_a_killed_runner_leaves_nothing_running(site: Site) -> None:
    assert site.orphan.stdout
    line = await asyncio.to_thread(site.orphan.stdout.readline)
    launcher, measurement = map(int, line.split())
    assert alive(launcher)
    assert alive(measurement)
    site.orphan.kill()
    assert await gone(launcher)
    assert await gone(measurement)


async def test_leaving_ends_an_importing_launcher(tmp_path: Path) -> None:
    async with Bench(environment(), "none", tmp_path / "launcher.log", tmp_path) as bench:
        pid = bench.pid
        assert pid is not None
        assert alive(pid)
    assert not alive(pid)


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
        await Bench({}, "none", tmp_path / "missing" / "launcher.log", tmp_path).__aenter__()
