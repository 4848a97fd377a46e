"""Themes: those of the program, a person's own, choosing and remembering one."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color
from textual.theme import Theme

from core.values import AutotunerError
from tests.tui_console import WIDE, console, said, text, until
from tests.tui_sample import DETAIL, FakeSource
from tui import theming
from tui.app import AutotunerApp
from tui.line import Tone
from tui.screens.choose import ChooseScreen
from tui.screens.tasks import TasksScreen
from tui.widgets.table import Table

OURS = {"autotuner-dark", "autotuner-light", "high-contrast", "mono", "ansi"}
GOOD = """
name: {name}
dark: true
primary: "#7aa2d6"
secondary: "#5b7ea8"
accent: "#c9a4e8"
foreground: "#d5dae1"
background: "#14171c"
surface: "#1c2027"
panel: "#262c36"
success: "#83c98b"
warning: "#e0b060"
error: "#ec7a7a"
"""


def light(color: Color) -> float:
    """Relative luminance, as WCAG has it."""
    parts = [one / 255 for one in color.rgb]
    red, green, blue = (
        one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def packaged() -> dict[str, Theme]:
    themes, problems = theming.packaged()
    assert problems == []
    return {theme.name: theme for theme in themes}


def test_the_program_brings_its_themes():
    assert set(packaged()) == OURS
    assert not packaged()["autotuner-light"].dark
    assert packaged()["ansi"].ansi


@pytest.mark.parametrize("name", sorted(OURS - {"ansi"}))
def test_everything_can_be_read_everywhere(name):
    theme = packaged()[name]
    least = 7.0 if name == "high-contrast" else 4.5
    for under in ("background", "surface", "panel"):
        ground = Color.parse(getattr(theme, under))
        plain = Color.parse(theme.foreground)
        tones = {
            one: Color.parse(getattr(theme, one))
            for one in ("primary", "accent", "success", "warning", "error")
        }
        tones |= {"plain": plain, "dim": ground.blend(plain, 0.7)}
        low = {one: contrast(ground, color) for one, color in tones.items()}
        assert {one: at for one, at in low.items() if at < least} == {}, under


@pytest.mark.parametrize("name", sorted(OURS))
async def test_each_tone_is_styled_in_each_theme(tmp_path, name):
    async with console(FakeSource(DETAIL), tmp_path, theme=name) as (app, _):
        assert app.theme == name
        table = app.screen.query_one(Table)
        for tone in Tone:
            style = table.tone(tone)
            assert style.color is not None
            if name == "ansi":
                assert style.color.is_system_defined or style.color.is_default
                assert style.bgcolor is None or style.bgcolor.is_default


async def test_without_colour_states_are_still_words_and_shapes(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(FakeSource(DETAIL), tmp_path) as (app, _):
        assert app.no_color
        for shape in ("● running", "◌ queued", "✔ winner", "✖ failed", "▸ qwen3-8b-rag"):
            assert shape in text(app)


# a person's own themes


def test_a_persons_theme(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD.format(name="mine"))
    (tmp_path / "notes.txt").write_text("no theme")
    themes, problems = theming.of_user(tmp_path, OURS)
    assert [theme.name for theme in themes] == ["mine"]
    assert problems == []
    assert theming.of_user(tmp_path / "missing", OURS) == ([], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no YAML"),
        ("- a", "is no mapping"),
        ("", "is no mapping"),
        ("name: x", "missing colours: primary secondary accent and 7 more"),
        (GOOD.format(name="x") + "glow: red\n", "unknown colours: glow"),
        (GOOD.format(name="x").replace("#7aa2d6", "blueish"), "primary: 'blueish' is no colour"),
        (GOOD.format(name="mono"), "there is a theme mono already; rename it"),
        (GOOD.format(name="x").replace("dark: true", "dark: perhaps"), "`dark:`"),
        (GOOD.format(name="x") + "ansi: 3\n", "`ansi:`"),
        (GOOD.format(name="[1]"), "needs `name:`"),
        ("x: " + "a" * 70_000, "is too long"),
    ],
)
def test_a_broken_theme_is_said_in_one_line_and_left_out(tmp_path, content, words):
    (tmp_path / "a-bad.yaml").write_text(content)
    (tmp_path / "good.yaml").write_text(GOOD.format(name="good"))
    themes, problems = theming.of_user(tmp_path, OURS)
    assert [theme.name for theme in themes] == ["good"]
    assert len(problems) == 1
    assert words in problems[0]
    assert "a-bad.yaml" in problems[0]
    assert "\n" not in problems[0]


def test_two_of_one_name(tmp_path):
    for file in ("a.yaml", "b.yaml"):
        (tmp_path / file).write_text(GOOD.format(name="mine"))
    themes, problems = theming.of_user(tmp_path, ())
    assert len(themes) == len(problems) == 1
    assert "b.yaml" in problems[0]


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.yaml").mkdir()
    themes, problems = theming.of_user(tmp_path, ())
    assert themes == []
    assert len(problems) == 2


@given(st.text())
def test_any_text_is_a_theme_or_is_refused(content):
    with contextlib.suppress(AutotunerError):
        assert theming.parse(content).name


# choosing


async def test_choosing_shows_each_and_remembers_the_one(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        assert app.theme == "autotuner-dark"
        await pilot.press("T")
        assert isinstance(app.screen, ChooseScreen)
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "autotuner-light")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "autotuner-dark")
        assert not (tmp_path / "console.json").exists()
        await pilot.press("T", *"high", "enter")
        await until(pilot, lambda: isinstance(app.screen, TasksScreen))
        assert app.theme == "high-contrast"
    assert json.loads((tmp_path / "console.json").read_text()) == {"theme": "high-contrast"}
    async with console(FakeSource(DETAIL), tmp_path) as (app, _):
        assert app.theme == "high-contrast"


async def test_a_theme_asked_for_from_outside_wins_and_nothing_is_remembered(tmp_path):
    (tmp_path / "console.json").write_text('{"theme": "mono"}')
    async with console(FakeSource(DETAIL), tmp_path, theme="autotuner-light") as (app, pilot):
        assert app.theme == "autotuner-light"
        await pilot.press("T", *"ansi", "enter")
        await until(pilot, lambda: any("AUTOTUNER_THEME decides" in one for one in said(app)))
    assert json.loads((tmp_path / "console.json").read_text()) == {"theme": "mono"}


@pytest.mark.parametrize("content", ["{", "[]", '{"theme": 7}', "\x00", ""])
async def test_what_was_remembered_may_be_broken(tmp_path, content):
    (tmp_path / "console.json").write_text(content)
    async with console(FakeSource(DETAIL), tmp_path) as (app, _):
        assert app.theme == "autotuner-dark"
        assert said(app) == []


async def test_a_theme_that_is_not_there_is_said(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, WIDE, theme="solar") as (app, _):
        assert app.theme == "autotuner-dark"
        assert said(app)[0].startswith("AUTOTUNER_THEME: there is no theme 'solar'; there are ansi")


async def test_a_persons_themes_are_offered_and_broken_ones_told(tmp_path):
    folder = tmp_path / "user" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(GOOD.format(name="mine"))
    (folder / "bad.yaml").write_text("name: [/tmp/x] [red]")
    user = tmp_path / "user"
    async with console(FakeSource(DETAIL), tmp_path, user=user, theme="mine") as (app, pilot):
        assert app.theme == "mine"
        assert len(said(app)) == 1
        assert "bad.yaml" in said(app)[0]
        await pilot.press("T")
        await until(pilot, lambda: "yours" in text(app))


def test_the_packages_themes_are_those_that_the_program_names():
    assert theming.DEFAULT in packaged()
    assert AutotunerApp.CSS_PATH == "app.tcss"
