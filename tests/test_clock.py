"""The clock of the machine is set while a task runs: nothing falls below nothing, nobody waits."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cli.words import headline
from core.export.figures import duration
from core.paths import Home
from core.runner.live import Live
from core.store import ask
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.spending import gpu_seconds, times
from core.store.views import LiveView
from core.values import Configuration, ExperimentState, Phase, StartReason, TaskState
from tests.gpu_samples import busy
from tests.samples import MEASURED
from tests.test_store import task
from tui.history import History, gpu_key
from tui.line import Line
from tui.views.phases import past_phases, phase_line
from tui.views.progress import best_chart
from tui.views.timeline import best_plot

HOUR = 3600.0
BELOW = re.compile(r"-\d")
jumps = st.lists(st.sampled_from([-HOUR, -1.0, 0.0, 0.5, 60.0, HOUR]), min_size=12, max_size=12)


class Clock:
    """The wall clock, which somebody sets; the monotonic one goes on."""

    def __init__(self) -> None:
        self.off = 0.0
        self._real = time.time

    def time(self) -> float:
        return self._real() + self.off


@contextmanager
def set_clock() -> Iterator[Clock]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", clock.time)
        yield clock


async def one_experiment(journal: Journal, clock: Clock, steps: list[float]) -> None:
    """Everything that has a beginning and an end, with the clock set between."""
    left_over = iter(steps)

    def jump() -> None:
        clock.off += next(left_over)

    await journal.add_task(task())
    await journal.set_task("t1", TaskState.RUNNING, started=time.time())
    jump()
    configuration = Configuration.of("simulated", {"x": 1})
    await journal.add_experiment("t1", 0, configuration, baseline=True, reason="baseline")
    await journal.set_experiment("t1", 0, ExperimentState.PREPARING, started=time.time())
    jump()
    for reason in (StartReason.SEARCH, StartReason.CONFIRM):
        key = await journal.add_start("t1", 0, reason)
        for phase in (Phase.LOAD, Phase.COMPILE):
            jump()
            await journal.phase(key, phase)
        await journal.set_start(key, ready=time.time())
        data = dataclasses.replace(MEASURED, started=time.time(), ended=time.time() + 1)
        await journal.add_measurement(key, data, feasible=True, breaches=())
        jump()
        await journal.end_start(key, "stopped")
    jump()
    await journal.set_experiment(
        "t1", 0, ExperimentState.SUCCEEDED, ended=time.time(), score=1.0, feasible=True, chosen=0
    )
    await journal.set_best("t1", 0, None)
    jump()
    await journal.set_task("t1", expected=time.time() + 60, deadline=time.time() - HOUR)


@settings(max_examples=25)
@given(steps=jumps)
def test_no_sum_is_ever_below_nothing_and_everything_can_be_shown(steps: list[float]):
    async def run(home: Home, clock: Clock) -> None:
        async with Journal.open(home.database) as journal, Reader.open(home) as reader:
            await one_experiment(journal, clock, steps)
            found = await times(journal, "t1")
            spent = await gpu_seconds(journal, "t1", lambda _: 2)
            assert all(one is None or one >= 0 for one in dataclasses.astuple(found))
            assert spent >= 0
            detail, overview = await reader.detail("t1"), await reader.overview("t1")
            assert detail is not None
            assert overview is not None
            (experiment,) = detail.experiments
            assert [one.phase for one in experiment.starts[0].phases] == [Phase.LOAD, Phase.COMPILE]
            points = await reader.points("t1")
        now = time.time()
        over = dataclasses.replace(detail.task, state=TaskState.COMPLETED, ended=now)
        shown = [headline(detail.task), headline(over), words(phase_line(experiment, now, 120))]
        shown += [words(past_phases(start, now, 120)) for start in experiment.starts]
        for view in (overview, dataclasses.replace(overview, task=over)):
            shown += map(words, best_plot(view, points, now, 80, 20))
            shown += map(words, best_chart(view, now, 60, 5))
        assert not [text for text in shown if BELOW.search(text)]

    with tempfile.TemporaryDirectory() as folder, set_clock() as clock:
        asyncio.run(run(Home(Path(folder)).create(), clock))


def words(text: Line) -> str:
    return "".join(span.text for span in text)


@given(st.floats(-1e6, 1e9))
def test_a_duration_is_never_less_than_none(seconds: float):
    assert not duration(seconds).startswith("-")


async def test_consoles_of_another_time_do_not_keep_a_runner(home: Path):
    """Nor do they hide the one that is open."""
    own = Home(home).create()
    with set_clock() as clock:
        async with Journal.open(own.database) as journal:
            live: Any = Live(own, journal, None)  # type: ignore[arg-type]
            await ask.heartbeat(own.database, "old")
            assert await live.watched()
            clock.off = -HOUR
            assert not await live.watched()
            await ask.heartbeat(own.database, "new")
            assert await live.watched()
            clock.off = +HOUR
            assert not await live.watched()
            await ask.heartbeat(own.database, "new")
            assert await live.watched()


def test_the_history_of_the_gpus_begins_anew_when_the_clock_is_set_back():
    seen = History().grown(LiveView(5000.0, (busy(0),)))
    back = seen.grown(LiveView(1400.0, (busy(0),)))
    assert (back.at, len(back.points[gpu_key(busy(0))])) == (1400.0, 1)
    assert seen.grown(LiveView(5000.0, (busy(0),))) is seen
