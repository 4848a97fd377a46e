"""Presets in the form of a new task: offered, made room for, and told in the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.values import AutotunerError
from tests.form_console import PLAN, form, text, until, write
from tests.form_console import nobody_answers as nobody_answers  # a fixture
from tests.tui_sample import DETAIL, FakeSource
from tui import asking, drafts, offers
from tui.asking import Preset
from tui.forms import applied, form_of
from tui.widgets.field import Offer

FOUND = (
    Preset("latency", "soon", ("vllm", "simulated")),
    Preset("moe", "experts", ("sglang",)),
    Preset("mine"),
)

pytestmark = pytest.mark.usefixtures("nobody_answers")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["latency", "mine"]),
        ("la", ["latency"]),
        ("mine", []),
        ("mine,", ["mine, latency"]),
        ("mine, LAT", ["mine, latency"]),
        ("latency, mine, ", []),
    ],
)
def test_one_more_preset_of_the_engine_is_offered(typed, offered):
    assert [one.text for one in offers.presets(FOUND, "vllm", typed)] == offered


@pytest.mark.parametrize(
    ("typed", "names"),
    [("latency", ["latency"]), ("latency, mine", ["latency", "mine"]), ("latency,", ["latency"]),
     ("", None)],
)  # fmt: skip
def test_names_of_the_field_are_a_list_in_the_file(typed, names):
    draft = drafts.read("model: m\npresets: [x]\n")
    before = form_of(draft)
    assert before.texts["presets"] == "x"
    after, problems = applied(draft, replace(before, texts={**before.texts, "presets": typed}))
    assert after.values.get("presets") == names
    assert not problems


async def test_a_preset_is_taken_and_untouched_parameters_make_room(tmp_path, monkeypatch):
    async def presets(home):
        return FOUND

    async def check(text, home):
        gave = (("max-num-seqs", "8..128 log"), ("kv-cache-dtype", "fp8"))
        return replace(PLAN, presets=gave)

    monkeypatch.setattr(asking, "presets", presets)
    monkeypatch.setattr(asking, "check", check)
    async with form(FakeSource(DETAIL), tmp_path, (120, 40)) as (app, pilot, screen):
        await write(pilot, "a/b")
        screen.form.go_to("presets")
        await pilot.pause()
        await pilot.press("enter")
        field = screen.form.field("presets")
        assert field is not None
        await until(pilot, lambda: field.offers)
        assert field.offers == (Offer("latency", "soon"), Offer("mine", ""))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "presets:" in screen.text)
        assert "presets: [latency]" in screen.text
        assert "parameters" not in screen.text
        await until(pilot, lambda: "max-num-seqs 8..128 log; kv-cache-dtype fp8" in plain(app))
        await pilot.press(*["backspace"] * len("latency"))
        await until(pilot, lambda: "presets" not in screen.text)
        assert "max-num-seqs" in screen.text  # an empty new task's own again


async def test_presets_that_cannot_be_listed_are_said(tmp_path, monkeypatch):
    async def presets(home):
        raise AutotunerError("the journal is damaged")

    monkeypatch.setattr(asking, "presets", presets)
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        screen.form.go_to("presets")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: "presets cannot be listed" in text(app))


def plain(app) -> str:
    """What is shown, without where its lines are broken."""
    return " ".join(line.rpartition("│")[2].strip() for line in text(app).splitlines())
