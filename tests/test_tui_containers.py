"""The containers screen, driven by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.store.views import LiveView, RunnerView
from tests.container_samples import (
    ENDED,
    ENGINE,
    GPUS,
    HOSTILE,
    LIVE,
    NO_DOCKER,
    NOTHING,
    STRANGER,
    WITHOUT_DOCKER,
)
from tests.tui_console import NARROW, WIDE, console, text, until
from tests.tui_sample import CHAT, DETAIL, ENGINE_HAS, NOW, FakeSource
from tui.app import AutotunerApp
from tui.screens.confirm import ConfirmScreen
from tui.screens.containers import ContainerScreen, ContainersScreen
from tui.views.containers import short_image
from tui.widgets.table import Table


def machine(live: LiveView = LIVE) -> FakeSource:
    source = FakeSource(DETAIL)
    source.seen = live
    source.has = replace(ENGINE_HAS, source="a container of another start")
    return source


@asynccontextmanager
async def containers(
    source: FakeSource, home: Path, size: tuple[int, int] = NARROW
) -> AsyncIterator[tuple[AutotunerApp, Pilot]]:
    async with console(source, home, size) as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, ContainersScreen))
        await pilot.pause()
        yield app, pilot


async def test_ours_first_with_what_they_use(tmp_path):
    live = replace(LIVE, containers=(STRANGER, ENGINE, ENDED))
    async with containers(machine(live), tmp_path) as (app, _):
        rows = app.screen.query_one(Table).lines
        assert len(rows) == 3
        assert "qwen3-8b-chat #8" in rows[0]
        assert "● running" in rows[0]
        assert "12m34s" in rows[0]
        assert rows[0].endswith("7.9    18.2  0, 1")
        assert "▪ exited" in rows[1]
        assert rows[2].startswith("training")
        assert rows[2].endswith("31.5   212.0  2")
        assert "2 of ours  1 of others on GPUs" in text(app)
        assert not any("vllm-openai" in row for row in rows)
        assert all(len(line) <= 80 for line in text(app).splitlines())


async def test_wide_shows_image_and_ports(tmp_path):
    async with containers(machine(), tmp_path, WIDE) as (app, _):
        rows = app.screen.query_one(Table).lines
        assert "vllm/vllm-openai:v0.32.0 " in rows[0]
        assert "43817" in rows[0]
        assert "ml/trainer:2026.11" in rows[2]
        assert "0.0.0.0:6006" in rows[2]


async def test_enter_shows_the_environment(tmp_path):
    async with containers(machine(), tmp_path) as (app, pilot):
        await pilot.press("enter")
        assert isinstance(app.screen, ContainerScreen)
        await until(pilot, lambda: "HF_TOKEN=•••" in text(app))
        screen = text(app)
        assert "HTTPS_PROXY=http://•••@proxy.example.com:3128" in screen
        assert "127.0.0.1:43817 → 43817/tcp" in screen
        assert f"0:{GPUS[0].uuid}" in screen
        assert "not ours" not in screen
        assert "● running" in screen
        await pilot.press("escape")
        assert isinstance(app.screen, ContainersScreen)


async def test_a_container_that_goes_away_while_it_is_looked_at(tmp_path):
    source = machine()
    async with containers(source, tmp_path) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "HF_HOME" in text(app))
        source.seen = replace(LIVE, containers=(STRANGER,))
        await until(pilot, lambda: "This container is gone." in text(app))
        assert "HF_HOME" in text(app)
        await pilot.press("x", "l", "escape")
        assert isinstance(app.screen, ContainersScreen)
        assert source.asked == []


@pytest.mark.parametrize("keys", [(), ("enter",)])
async def test_stop_asks_first(tmp_path, keys):
    source = machine()
    async with containers(source, tmp_path) as (app, pilot):
        await pilot.press(*keys, "x")
        assert isinstance(app.screen, ConfirmScreen)
        await until(pilot, lambda: "Stop the container of qwen3-8b-chat #8?" in text(app))
        assert "y stop it    n go back" in text(app)
        await pilot.press("n")
        assert source.asked == []
        await pilot.press("x", "y")
        await until(pilot, lambda: source.asked == [("stop", {"container": ENGINE.id})])
        await until(pilot, lambda: "stop done" in text(app))


async def test_one_that_has_ended_is_removed_and_nothing_fails(tmp_path):
    async with containers(machine(), tmp_path) as (app, pilot):
        await pilot.press("j", "x")
        await until(pilot, lambda: f"Remove {ENDED.name}? It has ended." in text(app))


async def test_others_are_only_shown(tmp_path):
    source = machine()
    async with containers(source, tmp_path) as (app, pilot):
        await pilot.press("G", "x")
        await until(pilot, lambda: "is not ours" in text(app))
        assert isinstance(app.screen, ContainersScreen)
        await pilot.press("l", "p", "r")
        assert isinstance(app.screen, ContainersScreen)
        await pilot.press("enter")
        await until(pilot, lambda: "not ours: read-only" in text(app))
        assert "WANDB_API_KEY=•••" in text(app)
        await pilot.press("x", "l")
        assert isinstance(app.screen, ContainerScreen)
        assert source.asked == []


async def test_refusal_is_said(tmp_path):
    source = machine()
    source.refusal = "it went away [/red]"
    async with containers(source, tmp_path) as (app, pilot):
        await pilot.press("x", "y")
        await until(pilot, lambda: "it went away [/red]" in text(app))


@pytest.mark.parametrize("keys", [(), ("enter",)])
async def test_l_opens_the_log_of_the_experiment(tmp_path, monkeypatch, keys):
    opened = []
    async with containers(machine(), tmp_path) as (app, pilot):
        monkeypatch.setattr(app, "open_log", lambda number: opened.append((app.opened, number)))
        app.opened = None
        await pilot.press("j", *keys, "l")
        await until(pilot, lambda: opened == [(CHAT.id, 7)])


async def test_keys_for_tasks_are_meant_for_the_task_of_the_container(tmp_path):
    async with containers(machine(), tmp_path) as (app, pilot):
        screen = app.screen
        assert isinstance(screen, ContainersScreen)
        assert screen.target() == CHAT.id
        await pilot.press("G")
        assert screen.target() is None


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_one_under_the_cursor_is_told_in_full(tmp_path, size):
    async with containers(machine(), tmp_path, size) as (app, pilot):
        assert f"{ENGINE.name}  vllm/vllm-openai:v0.32.0" in text(app)
        assert "ports 127.0.0.1:43817 → 43817/tcp" in text(app)
        await pilot.press("G")
        await until(pilot, lambda: "ports 0.0.0.0:6006 → 6006/tcp" in text(app))
        assert "not ours: read-only" in text(app)


async def test_any_size_of_the_terminal(tmp_path):
    async with containers(machine(), tmp_path) as (app, pilot):
        for size in ((20, 5), (200, 60), (40, 10), NARROW):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert all(len(one) <= size[0] for one in text(app).splitlines())


async def test_hostile_names_are_shown_as_they_are(tmp_path):
    live = replace(LIVE, containers=(HOSTILE,))
    async with containers(machine(live), tmp_path, WIDE) as (app, pilot):
        assert "[red]x[/tmp/x]" in text(app)
        assert "[blink]odd" in text(app)
        assert "gone[/red] #8" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "[i]=" in text(app))
        await pilot.press("x")
        await until(pilot, lambda: "Stop the container of gone[/red] #8?" in text(app))
        await pilot.press("n")
        screen = text(app)
        assert not any(bad in screen for bad in ("\x1b", "\x07", "\u202e"))


@pytest.mark.parametrize("size", [NARROW, WIDE])
@pytest.mark.parametrize(
    ("live", "alive", "said"),
    [
        (NOTHING, True, "deploy: docker"),
        (WITHOUT_DOCKER, True, NO_DOCKER),
        (LiveView(), True, "reading"),
        (LiveView(), False, "none is at work"),
    ],
)
async def test_none_says_why_and_what_to_expect(tmp_path, size, live, alive, said):
    source = machine(live)
    source.alive = RunnerView(alive=alive)
    async with containers(source, tmp_path, size) as (app, pilot):
        await until(pilot, lambda: said in " ".join(text(app).split()))
        await pilot.press("enter", "l", "x")
        assert isinstance(app.screen, ContainersScreen)
        assert source.asked == []


async def test_old_figures_are_said_to_be_old(tmp_path):
    source = machine(replace(LIVE, at=NOW - 3600))
    source.alive = RunnerView(alive=False)
    async with containers(source, tmp_path) as (app, _):
        assert "seen 1h00m ago, no runner is at work" in text(app)


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ("vllm/vllm-openai:v0.32.0", "vllm/vllm-openai:v0.32.0"),
        ("vllm/vllm-openai@sha256:" + "ab" * 32, "vllm/vllm-openai"),
        ("ghcr.io/a/b/c:1", "a/b/c:1"),
        ("localhost/x:1", "x:1"),
        ("127.0.0.1:5000/x:1", "x:1"),
        ("busybox", "busybox"),
        ("sha256:" + "ab" * 32, "sha256:abababababab"),
    ],
)
def test_image_names(image, short):
    assert short_image(image) == short


async def test_what_it_has_stands_beside_what_was_meant(tmp_path):
    source = machine()
    source.has = ENGINE_HAS
    async with containers(source, tmp_path, WIDE) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "✖ 3 variables are not as meant" in text(app))
        assert source.looked == [(CHAT.id, 8, False)]
        assert "meant  http://•••@proxy.example.com:3128" in text(app)
