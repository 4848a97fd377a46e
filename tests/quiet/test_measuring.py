"""The real client against a simulated engine in another process that knows when it sent what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.measured import DYING, ONE, SIXTEEN, SIXTY_FOUR, SLOW, Case, flags_of
from benchmarks.send_times import LATENCY_NAMES, Look, client, look
from core.bench.genai import Bench
from core.doctor.diagnose import diagnose
from core.engines.simulated import ENGINE
from core.metrics import LATENCIES
from core.values import Failure, FailureKind
from tests.simserver import running

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Everything that can change while a measurement is made does.
RESTLESS = replace(
    SIXTEEN,
    requests=48,
    flags=(*SIXTEEN.flags, "--drift", "0.5", "--burst-every", "4", "--start-noise", "0.05"),
)
CROWDED = replace(SIXTY_FOUR, requests=192)
HELD = pytest.mark.parametrize("name", ["one", "restless"])


@dataclass
class Seen:
    """What was measured; `killed` is the load under which an engine died, `served` before it."""

    one: Look
    restless: Look
    crowded: Look
    served: Look
    killed: Look
    cause: Failure | None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seen]:
    folder = tmp_path_factory.mktemp("measuring")
    async with client(folder) as bench, client(folder) as beside:
        # A few users leave the machine idle, so that another measurement disturbs nothing.
        one, restless = await asyncio.gather(
            measure(bench, folder / "one", ONE), measure(beside, folder / "restless", RESTLESS)
        )
        crowded, deadly = await asyncio.gather(
            measure(bench, folder / "crowded", CROWDED), killing(beside, folder / "dying")
        )
        yield Seen(one, restless, crowded, *deadly)


async def measure(bench: Bench, folder: Path, case: Case) -> Look:
    folder.mkdir()
    with running(folder, *flags_of(case, 1, 0.03)) as server:
        return await look(bench, server, case.scenario, case.concurrency, case.requests, 1)


async def killing(bench: Bench, folder: Path) -> tuple[Look, Look, Failure | None]:
    folder.mkdir()
    with running(folder, *SLOW, *DYING) as server:
        served = await look(bench, server, "D(100,26)", 4, 16, 1)
        killed = await look(bench, server, "D(100,26)", 16, 64, 1)
        assert server.process.wait(10) == 1
        return served, killed, diagnose(server.log, ENGINE.signatures, ENGINE.ready)


@HELD
async def test_the_loads_are_those_for_which_it_must_hold(seen: Seen, name: str) -> None:
    found: Look = getattr(seen, name)
    assert found.measured.failure is None
    assert found.measured.errors == 0
    assert found.server["ttft_p50"] >= 1.0
    assert found.server["tpot_p50"] >= 0.030


@pytest.mark.parametrize("name", ["one", "restless", "crowded", "served"])
async def test_throughput_is_within_1_percent_of_what_was_sent(seen: Seen, name: str) -> None:
    found: Look = getattr(seen, name)
    assert found.client["throughput"] == pytest.approx(found.server["throughput"], rel=0.01)


@HELD
async def test_time_to_first_token_is_within_2_percent_or_20_ms(seen: Seen, name: str) -> None:
    found: Look = getattr(seen, name)
    for at in ("ttft_p50", "ttft_p95", "e2e_p50", "e2e_p95"):
        assert found.client[at] == pytest.approx(found.server[at], rel=0.02, abs=0.020), at


@HELD
async def test_time_per_output_token_is_within_2_percent(seen: Seen, name: str) -> None:
    found: Look = getattr(seen, name)
    for at in ("tpot_p50", "tpot_p95"):
        assert found.client[at] == pytest.approx(found.server[at], rel=0.02), at


async def test_above_that_the_lag_that_is_shown_covers_what_the_client_adds(seen: Seen) -> None:
    lag = seen.crowded.measured.client_lag
    assert lag is not None
    for at in LATENCY_NAMES:
        assert seen.crowded.client[at] >= seen.crowded.server[at] * 0.98, at
        assert seen.crowded.holds(at, lag) or seen.crowded.measured.client_bound, at


async def test_the_latencies_of_one_user_are_those_of_the_model(seen: Seen) -> None:
    """Means, where nothing but a step's noise of 3 % is between them."""
    for name in LATENCIES:
        mean = getattr(seen.one.measured, name).mean
        assert mean == pytest.approx(seen.one.model[name], rel=0.05), name


async def test_an_engine_that_dies_leaves_what_was_measured_before_and_says_why(
    seen: Seen,
) -> None:
    assert seen.served.measured.failure is None
    assert seen.served.measured.requests >= 16
    failure = seen.killed.measured.failure
    assert failure is not None
    assert failure.kind is FailureKind.BENCH_ERRORS
    assert "503" in failure.message
    assert seen.cause is not None
    assert seen.cause.kind is FailureKind.ENGINE_DIED
