"""The new task, made and sent by keys."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from textual import events

from core.engines import registry
from core.paths import Home
from core.task import parse
from tests.form_console import (
    FULL,
    KEYS,
    NARROW,
    PLAN,
    WIDE,
    field_text,
    form,
    nobody_answers,
    opened,
    said,
    start,
    text,
    until,
    write,
)
from tests.tui_sample import CHAT, DETAIL, FakeSource
from tui import asking, offers
from tui.asking import Checked, Model
from tui.screens.new import NewScreen
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.views.new import Preview, preview_lines, short_of
from tui.widgets.field import Typing
from tui.widgets.field_choice import Choice

__all__ = ["nobody_answers"]
pytestmark = pytest.mark.usefixtures("nobody_answers")


async def test_a_task_by_keys_only(tmp_path):
    source = FakeSource(DETAIL)
    async with form(source, tmp_path) as (app, pilot, screen):
        assert isinstance(screen.focused, Typing)
        await until(pilot, lambda: "name a model" in text(app))
        await write(pilot, "sim-8b")
        await pilot.press("tab", "s", "s", "down", "down", "down")  # sglang, then simulated
        await write(pilot, "from-the-form")
        await pilot.press("down", "down")  # past presets
        assert screen.form.current and screen.form.current.key == "parameters:0"
        assert "max-num-seqs" in text(app)
        assert "requests that are computed at once" in text(app)
        await pilot.press("tab", "ctrl+u")
        await write(pilot, "8..64 log points 3")
        await until(pilot, lambda: screen.preview.plan is not None)
        await start(app, pilot)
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        task = parse(source.submitted[0], "x", tmp_path)
        assert (task.model, task.engine, task.name) == ("sim-8b", "simulated", "from-the-form")
        assert set(task.parameters) == {
            "max-num-seqs",
            "gpu-memory-utilization",
            "enable-prefix-caching",
        }
        assert "max-num-seqs: {low: 8, high: 64, log: true, points: 3}" in source.submitted[0]
        assert app.opened == source.views[0].id
        # What was queued is not offered again.
        await pilot.press("1")
        again = await opened(app, pilot, "n")
        assert field_text(again, "model") == ""


async def test_letters_are_text_and_no_keys_of_the_console(tmp_path):
    source = FakeSource(DETAIL)
    async with form(source, tmp_path) as (app, pilot, screen):
        await write(pilot, "qwen3 1 2 p x ?:T")
        assert field_text(screen, "model") == "qwen3 1 2 p x ?:T"
        await pilot.press("down")
        assert isinstance(screen.focused, Choice)
        await write(pilot, "qxpT1?:dn")
        assert app.screen is screen
        assert app.is_running
        assert source.asked == []


async def test_keys_that_come_in_one_burst_reach_the_fields_they_are_meant_for(tmp_path):
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        burst = [*"a.b", "down", "down", "down", "tab", "tab", *"fast", "up", "up", *"x y"]
        for key in burst:
            character = {"down": None, "up": None, "tab": "\t"}.get(key, key)
            app.post_message(events.Key(KEYS.get(key, key), character))
        await until(pilot, lambda: field_text(screen, "command") == "x y")
        assert field_text(screen, "model") == "a.b"
        assert field_text(screen, "name") == "fast"
        await until(pilot, lambda: "command: [x, y]" in screen.text)


async def test_the_plan_is_shown(tmp_path):
    for size in (NARROW, WIDE):
        async with form(FakeSource(DETAIL), tmp_path, size) as (app, pilot, _):
            await write(pilot, "a/b")
            await until(pilot, lambda: "24 configurations" in text(app))
            assert "at most about 6h15m" in text(app)
            assert "✖ program: vllm is not there" in text(app)
            if size == NARROW:
                assert "f3 shows all" in text(app)
                assert "vllm serve" not in text(app)
                await pilot.press("f3")
            await until(pilot, lambda: "vllm serve Qwen/Qwen3-8B" in text(app))
            assert "6 by a >= b" in text(app)
            assert all(len(line) <= size[0] for line in text(app).splitlines())


async def test_a_newer_change_ends_the_older_check(tmp_path, monkeypatch):
    ended: list[str] = []

    async def check(text: str, home: Home) -> Checked:
        try:
            if "a/bc" not in text:
                await asyncio.sleep(600)
        except asyncio.CancelledError:
            ended.append(text)
            raise
        return PLAN

    monkeypatch.setattr(asking, "check", check)
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        await write(pilot, "a/b")
        await until(pilot, lambda: "checking …" in text(app))
        await write(pilot, "c")
        await until(pilot, lambda: screen.preview.plan == PLAN)
        assert not screen.preview.checking
        assert len(ended) >= 1


async def test_a_problem_stands_at_its_field_and_refuses_the_task(tmp_path):
    source = FakeSource(DETAIL)
    async with form(source, tmp_path) as (app, pilot, screen):
        await write(pilot, "a/b")
        for _ in range(30):
            if screen.form.current and screen.form.current.key == "workload.requests":
                break
            await pilot.press("tab")
        await write(pilot, "many")
        field = screen.form.field("workload.requests")
        assert field
        await until(pilot, lambda: field.problem)
        assert "expected a whole number, got many" in field.problem
        assert "workload.requests: expected a whole number" in text(app)
        await pilot.press("home", "f5")
        await until(pilot, lambda: said(app))
        assert "workload.requests: expected a whole number, got many" in said(app)[0]
        assert source.submitted == []
        assert app.screen is screen
        await pilot.press("ctrl+k")
        await until(pilot, lambda: not field.problem)


async def test_a_row_that_cannot_be_read_is_said_under_the_row(tmp_path):
    source = FakeSource(DETAIL)
    async with form(source, tmp_path) as (app, pilot, screen):
        await write(pilot, "a/b")
        await pilot.press("f7")
        await write(pilot, "block-size")
        await pilot.press("tab")
        await write(pilot, "16..")
        row = screen.form.field("parameters:3")
        assert row
        await until(pilot, lambda: "write a range like" in row.problem)
        await pilot.press("f5")
        await until(pilot, lambda: said(app))
        assert source.submitted == []
        await pilot.press("ctrl+u")
        await write(pilot, "16, 3.5")
        await until(pilot, lambda: "takes a whole number" in row.problem)
        # A hint, and no refusal: engines change.
        await pilot.press("f8")
        await until(pilot, lambda: len(screen.form.rows("parameters").fields) == 4)
        await start(app, pilot)
        await until(pilot, lambda: source.submitted)
        assert "block-size" not in source.submitted[0]


async def test_flags_and_their_values_are_offered(tmp_path):
    source = FakeSource(DETAIL)
    async with form(source, tmp_path) as (app, pilot, screen):
        await pilot.press("f7")
        await write(pilot, "kv_c")
        row = screen.form.current
        assert row
        assert row.offers[0].text == "kv-cache-dtype"
        await pilot.press("down", "enter")
        await until(pilot, lambda: row.offers and row.offers[0].text == "auto, fp8")
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.form.rows("parameters").pairs[-1] == (
            "kv-cache-dtype", "auto, fp8"))  # fmt: skip
        await until(pilot, lambda: "kv-cache-dtype: [auto, fp8]" in screen.text)
        # Enter in an empty row lists what is left; escape closes the list, then the form.
        await pilot.press("f7", "enter")
        last = screen.form.current
        assert last
        await until(pilot, lambda: len(last.offers) > 20)
        assert "kv-cache-dtype" not in [offer.text for offer in last.offers]
        await pilot.press("escape")
        await until(pilot, lambda: not last.offers)
        assert app.screen is screen
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TasksScreen))


async def test_the_hub_is_asked_from_three_letters_on(tmp_path, monkeypatch):
    asked: list[str] = []

    async def models(text: str, home: Home) -> tuple[Model, ...]:
        asked.append(text)
        return (Model("Qwen/Qwen3-8B", 4_000_000), Model("[red]x/y[/]", None, gated=True))

    monkeypatch.setattr(asking, "models", models)
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        await write(pilot, "qw")
        await pilot.pause(0.1)
        assert asked == []
        await write(pilot, "e")
        await until(pilot, lambda: "4.0 M downloads" in text(app))
        assert asked == ["qwe"]
        assert "[red]x/y[/]" in text(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "model: Qwen/Qwen3-8B" in screen.text)
        assert "downloads" not in text(app)
        await pilot.press("ctrl+u")
        await write(pilot, "/models/x")
        await pilot.pause(0.1)
        assert asked == ["qwe"]


async def test_a_hub_that_is_not_there_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, _):
        await write(pilot, "qwe")
        await until(pilot, lambda: "no search of the Hub" in text(app))
        await write(pilot, "3")
        await pilot.pause(0.2)
        assert "no search of the Hub" not in text(app)
        assert said(app) == []


async def test_a_duplicate_loses_nothing(tmp_path):
    source = FakeSource(DETAIL)
    source.files = {task.id: FULL for task in source.views}
    async with form(source, tmp_path, key="d") as (app, pilot, screen):
        await until(pilot, lambda: "also" in text(app))
        assert field_text(screen, "name") == "qwen3-8b-chat-2"
        assert "rules, environment" in text(app)
        await start(app, pilot)
        await until(pilot, lambda: source.submitted)
        sent = source.submitted[0]
        assert sent == FULL.replace(f"name: {CHAT.name}", f"name: {CHAT.name}-2")


async def test_the_form_that_was_left_comes_back(tmp_path):
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        await write(pilot, "a/b")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TasksScreen))
        screen = await opened(app, pilot, "n")
        assert field_text(screen, "model") == "a/b"
        assert "the draft that you left" in text(app)
        await pilot.press("f6")
        await until(pilot, lambda: field_text(screen, "model") == "")


async def test_a_refusal_of_the_runner_leaves_the_form(tmp_path):
    source = FakeSource(DETAIL)
    source.refusal = "the runner [red] says no"
    async with form(source, tmp_path) as (app, pilot, screen):
        await write(pilot, "a/b")
        await start(app, pilot)
        await until(pilot, lambda: said(app))
        assert "the runner [red] says no" in said(app)[0]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert field_text(screen, "model") == "a/b"


@pytest.mark.parametrize("size", [NARROW, WIDE, (40, 10), (20, 5), (200, 60)])
async def test_no_size_is_too_small(size, tmp_path):
    source = FakeSource(DETAIL)
    source.files = {task.id: FULL for task in source.views}
    async with form(source, tmp_path, size, key="d") as (app, pilot, screen):
        for _ in range(9):
            await pilot.press(*["down"] * 5)
            await until(pilot, lambda: _seen(screen))
        assert screen.form.current
        assert screen.form.current.key == "strategy"  # the last one
        assert all(len(line) <= size[0] for line in text(app).splitlines())
        await pilot.resize_terminal(20, 5)
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: "f5 run" in text(app))
        assert screen.form.current is not None


def _seen(screen: NewScreen) -> bool:
    """Whether the field that has the focus is on the screen."""
    focused = screen.focused
    return focused is not None and screen.form.region.overlaps(focused.region)


async def test_hidden_fields_are_those_of_the_other_deployment(tmp_path):
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        assert "command" in text(app)
        assert "image" not in text(app)
        await pilot.press("tab", "tab", "d")
        await until(pilot, lambda: "image" in text(app) and "command" not in text(app))
        await until(pilot, lambda: "deploy: docker" in screen.text)
        await pilot.press("p")
        await until(pilot, lambda: "deploy" not in screen.text)


def test_axes_are_those_of_the_engines():
    for name, axes in offers.ENGINE_AXES.items():
        assert set(axes) == set(registry.find(name).axes)
    for name in registry.ENGINES:
        for section in ("parallel", "quantization", "slo"):
            for offer in offers.names(name, section, "", ()):
                assert offer.hint
    assert offers.values("vllm", "slo", "ttft_p99")
    assert offers.values("simulated", "parallel", "tp")


def test_what_a_preview_says():
    lines = preview_lines(Preview(plan=PLAN, rest=("rules",), problem="no"), 60)
    shown = ["".join(span.text for span in one) for one in lines]
    assert shown[0] == "Plan  of the last file that was right"
    assert "in the file: rules" in "\n".join(shown)
    assert len(short_of(lines, 3)) == 3
    many = Checked(None, 30, (("gpus", 2),), 60.0, "x")
    said = "\n".join("".join(s.text for s in one) for one in preview_lines(Preview(plan=many), 60))
    assert "more configurations than can be counted" in said
    assert "2 by the number of GPUs" in said
    rule = "max-num-batched-tokens >= max-num-seqs"
    some = dataclasses.replace(
        many, removed=((rule, 7), ("memory", 1)), sampled=20, reasons={rule: "why", "memory": "no"}
    )
    said = " ".join("".join(s.text for s in one) for one in preview_lines(Preview(plan=some), 99))
    assert f"about 35 % by {rule} (why)" in said
    assert "about 5 % by the memory of a GPU " in said + " "
