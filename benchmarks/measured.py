"""How far the product's benchmark client is off the simulated engine's own send times.

Every case is measured several times by the real client, on one start of the engine. Its
figures are held against what the engine itself sent over the same requests and in the same
window (see `send_times`), and against the means that the engine's model predicts without noise.
Up to sixteen users the cases are made so that TTFT is at least 1 s and TPOT at least 30 ms:
there a figure must be right. Above, a client on a small machine lags, and must say by how much.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.send_times import METRICS, Look, client, look
from core.bench.genai import Bench
from core.doctor.diagnose import diagnose
from core.engines.simulated import ENGINE
from core.metrics import LATENCIES
from tests.simserver import running

REPEATS = 3
HELD = 16
"""Users up to which a figure must be right on any machine."""

SLOW = ("--enforce-eager", "--no-enable-prefix-caching")
"""About 40 ms a token."""


@dataclass(frozen=True, slots=True)
class Case:
    """One load of one engine; `flags` beside SLOW and the noise."""

    name: str
    concurrency: int
    scenario: str
    requests: int
    flags: tuple[str, ...] = ()


def _places(count: int) -> tuple[str, ...]:
    return "--max-num-seqs", str(count)


# A long prompt, or half as many places as users, makes the first token wait for a second.
ONE = Case("1 user", 1, "D(3900,16)", 5, ("--max-model-len", "8192"))
FOUR = Case("4 users", 4, "D(100,26)", 20, _places(2))
SIXTEEN = Case("16 users", 16, "D(100,26)", 64, _places(8))
SIXTY_FOUR = Case("64 users", 64, "D(100,26)", 256, _places(32))
LOADS = (ONE, FOUR, SIXTEEN, Case("32 users", 32, "D(100,26)", 128, _places(16)), SIXTY_FOUR)
WORLDS = (
    Case("drift", 16, "D(100,26)", 64, (*_places(8), "--drift", "0.5")),
    Case("slow spells", 16, "D(100,26)", 64, (*_places(8), "--burst-every", "4")),
    Case("start noise", 16, "D(100,26)", 64, (*_places(8), "--start-noise", "0.05")),
    Case("cliff", 16, "D(100,26)", 64, (*_places(10), "--cliff", "8", "--cliff-factor", "1.5")),
)
DYING = ("--die-above", "8")
"""It serves four users and crashes with sixteen."""


def report(seed: int, noise: float) -> dict[str, Any]:
    """Every case, as a JSON-ready document; progress goes to stderr."""
    return asyncio.run(_report(seed, noise))


async def _report(seed: int, noise: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="measured-") as name:
        folder = Path(name)
        async with client(folder) as bench:
            cases = [await _case(bench, folder, case, seed, noise) for case in (*LOADS, *WORLDS)]
            death = await _death(bench, folder, seed, noise)
    return {"noise": noise, "seed": seed, "repeats": REPEATS, "cases": cases, "death": death}


def flags_of(case: Case, seed: int, noise: float) -> tuple[str, ...]:
    return (*SLOW, *case.flags, "--noise", str(noise), "--seed", str(seed))


async def _case(bench: Bench, folder: Path, case: Case, seed: int, noise: float) -> dict[str, Any]:
    print(f"{case.name} …", file=sys.stderr)
    own = folder / case.name.replace(" ", "-")
    own.mkdir()
    with running(own, *flags_of(case, seed, noise)) as server:
        looks = [
            await look(bench, server, case.scenario, case.concurrency, case.requests, seed + number)
            for number in range(REPEATS)
        ]
    for one in looks:
        if not one.client:
            reason = one.measured.failure.message if one.measured.failure else "nothing succeeded"
            raise SystemExit(f"{case.name} could not be measured: {reason}")
    return {
        **asdict(case),
        "held": case.concurrency <= HELD,
        "metrics": {name: _compared(looks, name) for name in METRICS},
        "model": _modelled(looks),
        "client_lag": max(one.measured.client_lag or 0.0 for one in looks),
        "client_bound": any(one.measured.client_bound for one in looks),
    }


def _compared(looks: Sequence[Look], name: str) -> dict[str, Any]:
    """Both figures' means; the bias and the range of the client's, as shares of the server's."""
    off = [one.off(name) for one in looks]
    return {
        "client": fmean(one.client[name] for one in looks),
        "server": fmean(one.server[name] for one in looks),
        "bias": fmean(off),
        "spread": max(off) - min(off),
        "holds": all(one.holds(name) for one in looks),
    }


def _modelled(looks: Sequence[Look]) -> dict[str, dict[str, float]]:
    """The model's means, and by what share the client's are above them."""
    found = {}
    for name in ("throughput", *LATENCIES):
        model = fmean(one.model[name] for one in looks)
        bias = fmean(_mean(one, name) / one.model[name] - 1 for one in looks)
        found[name] = {"model": model, "bias": bias}
    return found


def _mean(one: Look, name: str) -> float:
    if name == "throughput":
        return one.client[name]
    mean: float = getattr(one.measured, name).mean
    return mean


async def _death(bench: Bench, folder: Path, seed: int, noise: float) -> dict[str, Any]:
    """A load that it serves, then one that kills it."""
    print("a death under load …", file=sys.stderr)
    own = folder / "death"
    own.mkdir()
    with running(own, *SLOW, *DYING, "--noise", str(noise), "--seed", str(seed)) as server:
        served = await look(bench, server, "D(100,26)", 4, 16, seed)
        killed = await look(bench, server, "D(100,26)", 16, 64, seed)
        status = server.process.wait(10)
    found, failure = diagnose(server.log, ENGINE.signatures), killed.measured.failure
    return {
        "kept": {name: _compared([served], name) for name in METRICS},
        "kept_requests": served.measured.requests,
        "status": status,
        "client_says": failure.message if failure else None,
        "engine_says": f"{found.message}: {found.text}" if found else None,
        "holds": bool(served.client and failure and found) and served.holds("throughput"),
    }
