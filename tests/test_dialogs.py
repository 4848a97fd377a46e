"""Dialogs and the palette, driven by keys; what a person types into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.paths import Home
from core.values import AutotunerError, InputError
from tests.tui_console import WIDE, console, said, text, until
from tests.tui_sample import CHAT, DEMO, DETAIL, FakeSource
from tui.screens.ask import AskScreen
from tui.screens.choose import ChooseScreen
from tui.screens.gpus import GpusScreen
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.source import JournalSource
from tui.views.asking import flags_of, spelled
from tui.views.budget import Budget, Limits, budget_in, limits_of
from tui.widgets.table import Table


async def test_a_new_budget(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "b")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("ctrl+u", *"40", "tab", "ctrl+u", *"6", "enter")
        await until(pilot, lambda: "'6' needs a unit" in text(app))
        assert source.asked == []
        await pilot.press("h", "enter")
        wanted = {"task": CHAT.id, "experiments": 40, "duration": 21_600.0, "gpu_hours": None}
        await until(pilot, lambda: source.asked == [("budget", wanted)])
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("escape")
        assert isinstance(app.screen, TasksScreen)


async def test_a_budget_as_it_is_stands_in_the_dialog(tmp_path):
    source = FakeSource(DETAIL)
    limits = "{experiments: 35, duration: 4h, gpu_hours: 8.5, repeats: 5}"
    source.files[CHAT.id] = f"model: x\nbudget: {limits}\n"
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "b")
        await until(pilot, lambda: all(one in text(app) for one in ("35", "4h", "8.5", "repeats")))
        await pilot.press("down", "ctrl+u", "enter")
        wanted = {
            "task": CHAT.id, "experiments": 35, "duration": None, "gpu_hours": 8.5, "repeats": 5,
        }  # fmt: skip
        await until(pilot, lambda: source.asked == [("budget", wanted)])


@pytest.mark.parametrize("content", ["", "{", "- a", "budget: 3", "budget: {}", "model: x"])
def test_a_file_that_says_nothing_of_a_budget(content):
    assert budget_in(content) == Budget()


async def test_a_configuration_of_ones_own(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "a", *"max-num-seqs", "enter")
        await until(pilot, lambda: "write it as flag=value" in text(app))
        await pilot.press(*"=384 --kv_cache_dtype=fp8 x=true", "enter")
        flags = {"max-num-seqs": 384, "kv-cache-dtype": "fp8", "x": True}
        wanted = {"task": CHAT.id, "parameters": flags}
        await until(pilot, lambda: source.asked == [("enqueue", wanted)])


async def test_it_begins_with_the_flags_under_the_cursor(tmp_path, monkeypatch):
    monkeypatch.setattr(TasksScreen, "flags", lambda self: {"max-num-seqs": 64, "x": "a b"})
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "a")
        await until(pilot, lambda: "max-num-seqs=64 'x=a b'" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: source.asked)
        assert source.asked[0][1]["parameters"] == {"max-num-seqs": 64, "x": "a b"}


@pytest.mark.parametrize("kind", ["command", "csv", "json", "md"])
async def test_export_names_the_file(tmp_path, kind):
    words = {"command": "command", "csv": "csv", "json": "json", "md": "markdown"}
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "e", *words[kind], "enter")
        await until(pilot, lambda: source.exported == [(CHAT.id, kind)])
        await until(pilot, lambda: f"exported into /exports/{CHAT.id}.{kind}" in said(app))


async def test_a_best_that_is_not_there_is_not_copied(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("Y")
        await until(pilot, lambda: said(app) == ["qwen3-8b-rag has no best yet"])
    assert not (tmp_path / "clipboard.txt").exists()


async def test_a_new_task_and_one_like_another(tmp_path):
    from tui.screens.new import NewScreen

    source = FakeSource(DETAIL)
    source.files[CHAT.id] = "name: the-copy\nmodel: x/y\nengine: vllm\n"
    async with console(source, tmp_path, WIDE) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TasksScreen))
        await pilot.press("j", "d")
        await until(pilot, lambda: isinstance(app.screen, NewScreen))
        await until(pilot, lambda: "the-copy" in text(app) or "x/y" in text(app))


@pytest.mark.parametrize(
    ("written", "flags"),
    [
        ("a=1", {"a": 1}),
        ("--a=1.5 b=off", {"a": 1.5, "b": False}),
        ("a_b='x y' c=", None),
        ("a=1 a=2", None),
        ("a", None),
        ("=1", None),
        ("a=[1]", None),
        ("a={", None),
        ("a='", None),
        ("", None),
        ("   ", None),
        ("a=2024-01-01", None),
        ("a.b=x,y", {"a.b": "x,y"}),
    ],
)
def test_flags_as_a_person_types_them(written, flags):
    if flags is None:
        with pytest.raises(InputError):
            flags_of(written)
    else:
        assert flags_of(written) == flags


NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,10}\Z").map(lambda name: name.rstrip("-") or "a")


@given(
    st.dictionaries(
        NAMES,
        st.one_of(
            st.booleans(), st.integers(-(10**9), 10**9), st.sampled_from(["fp8", "a b", "x"])
        ),
        min_size=1,
    )
)
def test_what_is_spelled_reads_back(flags):
    assert flags_of(spelled(flags)) == flags


@given(st.text())
def test_any_line_of_flags_is_read_or_refused(written):
    try:
        found = flags_of(written)
    except InputError as error:
        assert str(error)  # noqa: PT017  # either way is right
    else:
        assert found


@pytest.mark.parametrize(
    ("texts", "limits"),
    [
        (("30", "2h", "8", "5"), Limits(30, 7200.0, 8.0, 5)),
        ((" 30 ", "", " 1.5 ", ""), Limits(30, None, 1.5, None)),
        (("", "90m", "", "0"), Limits(None, 5400.0, None, 0)),
        (("0", "", "", ""), None),
        (("-1", "", "", ""), None),
        (("1.5", "", "", ""), None),
        (("٣", "", "", ""), None),
        (("9" * 5000, "", "", ""), None),
        (("", "2", "", ""), None),
        (("", "0h", "", ""), None),
        (("", "soon", "", ""), None),
        (("", "", "0", ""), None),
        (("", "", "nan", ""), None),
        (("", "", "8h", ""), None),
        (("", "", "", "-1"), None),
        (("", "", "", "1.5"), None),
    ],
)
def test_limits_as_a_person_types_them(texts, limits):
    if limits is None:
        with pytest.raises(InputError):
            limits_of(texts)
    else:
        assert limits_of(texts) == limits


async def test_the_journal_exports_what_it_has(tmp_path):
    source = JournalSource(Home(tmp_path), tmp_path)
    with pytest.raises(AutotunerError, match="no task 'nobody'"):
        await source.export("nobody", "csv")
    await source.close()


# palette


async def test_the_palette_does_what_it_says_where_it_was_called(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "colon")
        assert isinstance(app.screen, ChooseScreen)
        await pilot.press(*"pause", "enter")
        await until(pilot, lambda: source.asked == [("pause", {"task": CHAT.id})])
        await pilot.press("ctrl+p", *"mark", "enter")
        await until(pilot, lambda: "1 task is marked" in text(app))
        await pilot.press("colon", *"theme: mono", "enter")
        await until(pilot, lambda: app.theme == "mono")
        await pilot.press("colon", *"go to the GPUs", "enter")
        await until(pilot, lambda: isinstance(app.screen, GpusScreen))
        await pilot.press("colon", *"open task demo", "enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        assert app.opened == DEMO.id
        await pilot.press("colon", "escape")
        assert isinstance(app.screen, TaskScreen)


async def test_the_palette_has_every_action_of_the_screen(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, (120, 60)) as (app, pilot):
        actions = app.keymap.actions("tasks")
        await pilot.press("colon")
        labels = " ".join(" ".join(app.screen.query_one(Table).lines).split())
        for action in actions:
            assert action.help in labels or action.id == "palette"
