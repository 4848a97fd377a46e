"""What aiconfigurator predicts for a task, where a person has set it up: only ever an order.

Its absolute figures are off by tens of percent, its ranking is good: see `core.search.prior`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import score, settings
from core.deploy.process import LABEL
from core.engines import registry
from core.metrics import Distribution, Measurement
from core.runner.knowledge.points import Point, points, system
from core.runner.known import Look, model_folder
from core.runner.levels import level
from core.runner.setup import Setup
from core.search.base import Trial
from core.search.prior import Prior
from core.settings.values import AICONFIGURATOR
from core.store.journal import Journal
from core.values import Configuration, InputError, Purpose, one_line

LOG = "prediction.log"
_SCRIPT = Path(__file__).with_name("predicting.py")
_LIMIT = 180.0
_CONFIGURATIONS = 200
_CALLS = 1600  # of 10 to 20 ms
_LOADS = (1, 4, 16, 48, 128, 256)
_ROUNDS = 4  # requests a user, of a measurement that was never made


class Unpredicted(Exception):
    """There is no prediction; `str()` says why in one line."""


async def predicted(
    setup: Setup, look: Look, journal: Journal, limit: float = _LIMIT
) -> Prior | None:
    """Predictions for up to 200 configurations of the task's space; None where it is not set up,
    not wanted, or nothing is predicted: an event then says why.
    """
    python = setup.settings.values.get(AICONFIGURATOR, "").strip()
    if not python or not setup.task.prior or _simulated(setup):
        return None
    try:
        return await _predicted(setup, python, look, limit)
    except (Unpredicted, InputError) as error:
        why = one_line(settings.mask(str(error), setup.settings))
        await journal.event("prior.unpredicted", setup.id, message=f"aiconfigurator: {why}")
        return None


async def _predicted(setup: Setup, python: str, look: Look, limit: float) -> Prior:
    task, where = setup.task, await _system(setup, look)
    lengths = [_lengths(scenario) for scenario in task.workload.scenarios]
    loads = _loads(task.workload.concurrency)
    most = min(_CONFIGURATIONS, _CALLS // (len(loads) * len(lengths)))
    found = await asyncio.to_thread(points, setup.space, task.seed, most)
    if not found:
        raise Unpredicted("it knows none of these configurations")
    asked = {
        "model": str(model_folder(setup) or task.model), "system": where,
        "scenarios": lengths, "loads": loads,
        "points": [dataclasses.asdict(point) for point in found],
    }  # fmt: skip
    told = await _ask(setup, python, asked, limit)
    trials = _trials(setup, found, loads, lengths, told["results"])
    if not trials:
        raise Unpredicted(f"no data for {task.model} on {where} in these configurations")
    version, model = told["version"], task.model.rstrip("/").rpartition("/")[2]
    told_of = f"{len(trials)} configurations of {model} on {where}"
    return Prior(trials, one_line(f"aiconfigurator {version}: {told_of}"))


def _simulated(setup: Setup) -> bool:
    return any(registry.find(one.engine).simulated for one in setup.space.baselines)


async def _system(setup: Setup, look: Look) -> str:
    gpus, why = await look()
    if not gpus or setup.task.gpus == 0:
        raise Unpredicted(why or "the task uses no GPU")
    names = sorted({gpu.name for gpu in gpus})
    found = {system(name) for name in names}
    if len(found) > 1:
        raise Unpredicted(f"the GPUs here differ: {', '.join(names)}")
    if (one := found.pop()) is None:
        raise Unpredicted(f"it does not know {names[0]}")
    return one


def _lengths(scenario: str) -> tuple[int, int]:
    """Mean input and output tokens of genai-bench's D(), N() and U()."""
    numbers = [int(number) for number in re.findall(r"\d+", scenario)]
    match scenario[:1], numbers:
        case "D", [given, out]:
            lengths = given, out
        case "N", [given, _, out, _]:
            lengths = given, out
        case "U", [given, out]:
            lengths = (1 + given) // 2, (1 + out) // 2
        case "U", [low, high, least, most]:
            lengths = (low + high) // 2, (least + most) // 2
        case _:
            raise Unpredicted(f"the lengths of {scenario} are not known")
    if lengths[1] < 2:
        raise Unpredicted(f"{scenario} has no output to speak of")
    return lengths


def _loads(asked: str | Sequence[int]) -> list[int]:
    """As many as tell a curve, from the task's own list where it has one."""
    if isinstance(asked, str):
        return list(_LOADS)
    own = sorted(set(asked))
    last = max(1, min(len(own), len(_LOADS)) - 1)
    return sorted({own[place * (len(own) - 1) // last] for place in range(last + 1)})


async def _ask(setup: Setup, python: str, asked: Mapping[str, Any], limit: float) -> dict[str, Any]:
    """The script's answer, out of a process group of its own. Raises Unpredicted."""
    log = setup.folder / LOG
    environment = {**settings.host_environment(setup.settings), LABEL: setup.label("prediction")}
    try:
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                python, "-I", str(_SCRIPT),  # -I: nothing of ours or the user's is imported
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
                cwd=setup.folder, env=environment, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise Unpredicted(f"{python} cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(limit):
            written, _ = await process.communicate(json.dumps(asked).encode())
    except TimeoutError:
        raise Unpredicted(f"it did not answer within {limit:g} s; see {log}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return _read(written, process.returncode, len(asked["points"]), log)


def _read(written: bytes, status: int | None, count: int, log: Path) -> dict[str, Any]:
    try:
        told = json.loads(written)
        if "refused" in told:
            raise Unpredicted(str(told["refused"]))
        if len(told["results"]) == count and told["version"]:
            return dict(told)
    except (ValueError, KeyError, TypeError):
        pass
    raise Unpredicted(f"it ended with exit status {status} and no answer; see {log}")


def _trials(
    setup: Setup,
    found: Mapping[Point, Configuration],
    loads: Sequence[int],
    lengths: Sequence[tuple[int, int]],
    results: Sequence[Any],
) -> list[Trial]:
    """One for each configuration of which anything is told."""
    trials = []
    for configuration, told in zip(found.values(), results, strict=True):
        if _all(told, "oom"):
            trials.append(Trial(configuration, None, False, failed=True))
        elif not _all(told, "oom", None):
            trials.append(_trial(setup, configuration, loads, lengths, told))
    return trials


def _all(told: Sequence[Sequence[Any]], *those: str | None) -> bool:
    return all(one in those for row in told for one in row)


def _trial(
    setup: Setup,
    configuration: Configuration,
    loads: Sequence[int],
    lengths: Sequence[tuple[int, int]],
    told: Sequence[Sequence[Any]],
) -> Trial:
    """Held against this task's limits and objective. A load that does not fit there is left
    out: an engine lets such requests wait.
    """
    task, work = setup.task, setup.task.workload
    gpus = registry.find(configuration.engine).gpus(configuration)
    judged = [
        score.judge(_measurement(scenario, load, own, one), task.slo, task.objective, gpus)
        for scenario, own, row in zip(work.scenarios, lengths, told, strict=True)
        for load, one in zip(loads, row, strict=True)
        if isinstance(one, Mapping)
    ]
    result = score.outcome(judged, task.objective, work.scenarios, work.weights)
    levels = {
        name: tuple(level(one, task) for one in judged if one.data.scenario == name)
        for name in work.scenarios
    }
    return Trial(configuration, result.score, result.feasible, result.violation, levels=levels)


def _measurement(
    scenario: str, load: int, lengths: tuple[int, int], told: Mapping[str, float]
) -> Measurement:
    """A prediction knows no spread: every percentile is its mean."""
    given, out = lengths
    count, rate = _ROUNDS * load, told["throughput"]

    def flat(seconds: float) -> Distribution:
        return Distribution(*(seconds,) * 5)

    return Measurement(
        scenario=scenario, concurrency=load, purpose=Purpose.SEARCH,
        requests=count, errors=0, error_rate=0.0,
        input_tokens=count * given, output_tokens=count * out, duration=count * out / rate,
        throughput=rate, total_throughput=rate * (given + out) / out,
        ttft=flat(told["ttft"]), tpot=flat(told["tpot"]),
        e2e=flat(told["ttft"] + told["tpot"] * (out - 1)),
    )  # fmt: skip
