"""The checks of a task before it starts, and the environment of a program, by keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core import settings
from core.paths import Home
from core.settings import Settings
from core.store.views import PhaseView
from core.task import parse
from core.values import AutotunerError, Phase
from tests.form_console import form, nobody_answers, said, write
from tests.tui_console import NARROW, console, text, until
from tests.tui_sample import CHAT, COMMAND, DETAIL, NOW, REFUSED, FakeSource, running
from tui.screens.environment import EnvironmentScreen
from tui.screens.preflight import PreflightScreen
from tui.screens.task import TaskScreen
from tui.source import JournalSource
from tui.views.phases import phase_line

__all__ = ["nobody_answers"]


@pytest.mark.usefixtures("nobody_answers")
async def test_a_failure_refuses_the_start_and_says_what_to_do(tmp_path: Path):
    source = FakeSource(DETAIL)
    source.checks = REFUSED
    async with form(source, tmp_path) as (app, pilot, screen):
        await write(pilot, "a/b")
        await pilot.press("f5")
        await until(pilot, lambda: "It would fail" in text(app))
        assert parse(source.checked[0][0], "x", tmp_path).model == "a/b"
        rows = text(app).splitlines()
        first = next(i for i, row in enumerate(rows) if "✖ failure" in row)
        assert "flag:max-num-seq" in rows[first]
        assert "[red]" in " ".join(rows)
        assert "write max-num-seqs" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: said(app))
        assert "not started: it would fail" in said(app)[0]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert source.submitted == []


@pytest.mark.usefixtures("nobody_answers")
async def test_a_warning_lets_it_start(tmp_path: Path):
    source = FakeSource(DETAIL)
    async with form(source, tmp_path) as (app, pilot, _):
        await write(pilot, "a/b")
        await pilot.press("f5")
        await until(pilot, lambda: "1 warning, 1 unknown" in text(app))
        assert "enter starts it" in text(app)
        await pilot.press("G")
        await until(pilot, lambda: COMMAND[:30] in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        assert len(source.submitted) == 1


@pytest.mark.usefixtures("nobody_answers")
async def test_a_check_that_does_not_answer_is_said_and_asked_again(tmp_path: Path):
    source = FakeSource(DETAIL)
    good = source.checks
    source.checks = AutotunerError("check: no answer within 120 s")
    async with form(source, tmp_path) as (app, pilot, _):
        await write(pilot, "a/b")
        await pilot.press("f5")
        await until(pilot, lambda: "no answer within 120 s" in text(app))
        assert "starts it unchecked" in text(app)
        source.checks = good
        await pilot.press("r")
        await until(pilot, lambda: "1 warning" in text(app))
        assert len(source.checked) == 2


async def test_a_queued_task_is_checked_with_its_own_settings_and_not_started(tmp_path: Path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, PreflightScreen))
        await until(pilot, lambda: "1 warning" in text(app))
        assert source.checked[0][1] == source.views[0].id
        await pilot.press("enter")
        await until(pilot, lambda: said(app))
        assert said(app) == ["it is queued already"]
        assert source.submitted == []


@pytest.mark.parametrize("size", [NARROW, (30, 6)])
async def test_the_environment_of_engine_and_benchmark(size: tuple[int, int], tmp_path: Path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path, size, CHAT.id) as (app, pilot):
        await until(pilot, lambda: app.overview is not None)
        await pilot.press("l")
        await until(pilot, lambda: "#8" in text(app))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, EnvironmentScreen) and source.looked)
        await until(pilot, lambda: "running" in text(app))
        if size == NARROW:
            assert "✖ 3 variables are not as meant" in text(app)
            assert "✖ missing    HTTPS_PROXY" in text(app)
            assert "another one; neither is shown" in text(app)
        await pilot.press("tab")
        await until(pilot, lambda: len(source.looked) == 2)
        assert [one[1:] for one in source.looked] == [(8, False), (8, True)]
        await until(pilot, lambda: "not running" in text(app))


@pytest.mark.parametrize(("spent", "before", "said"), [
    (72.0, 120.0, "compile 1m12s of ~2m00s "),
    (180.0, 120.0, "compile 3m00s, 2m00s before "),
    (72.0, None, "compile 1m12s, at work: minutes are usual "),
    (12.0, None, "compile 12s "),
    (72.0, 0.4, "compile 1m12s "),
])  # fmt: skip
def test_a_long_phase_is_shown_as_work(spent: float, before: float | None, said: str):
    view = running(8)
    start = replace(
        view.starts[0], phases=(PhaseView(Phase.COMPILE, NOW - spent),),
        expected={} if before is None else {Phase.COMPILE: before},
    )  # fmt: skip
    line = phase_line(replace(view, starts=(start,)), NOW, 120)
    assert "".join(span.text for span in line).startswith(said)


async def test_the_program_checks_a_queued_task_where_it_was_submitted(tmp_path: Path):
    home = Home(tmp_path / "home")
    home.task("t").mkdir(parents=True)
    given = {"HF_HUB_OFFLINE": "1", "OF_THE_TASK": "yes"}
    settings.write(Settings(given), home.settings("t"))
    text = "model: sim-8b\nengine: simulated\nenvironment: {A: '${OF_THE_TASK}'}\n"
    found = await JournalSource(home, tmp_path).check(text, "t")
    by_id = {one.id: one for one in found.checks}
    assert by_id["environment"].verdict == "ok"
    assert any("HF_HUB_OFFLINE" in one.evidence for one in found.found)
    assert found.baseline
    missing = await JournalSource(home, tmp_path).check(text)
    assert any("OF_THE_TASK is not set" in one.evidence for one in missing.found)
