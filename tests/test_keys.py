"""The tables of keys, and what a person's own keymap file may do to them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.binding import Binding
from textual.screen import Screen

import tui.screens
from tests.tui_console import NARROW, console, said, text, until
from tests.tui_sample import CHAT, DETAIL, FakeSource
from tui.app import AutotunerApp
from tui.keys import userfile
from tui.keys.base import Action
from tui.keys.binding import bindings
from tui.keys.clashes import clashes
from tui.keys.everywhere import EVERYWHERE, MOVES
from tui.keys.keymap import Keymap, every_action
from tui.keys.names import key_name
from tui.keys.screens import SCREENS, TITLES
from tui.line import width
from tui.screens.base import View
from tui.screens.help import HelpScreen
from tui.screens.tasks import TasksScreen
from tui.views.keys import help_lines
from tui.views.status import key_line
from tui.widgets.page import Page
from tui.widgets.table import Table


def screen_classes() -> dict[str, list[type[View]]]:
    """Every screen of the program, by the name of its table."""
    found: dict[str, list[type[View]]] = {}
    for module in pkgutil.iter_modules(tui.screens.__path__, "tui.screens."):
        for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(cls, View) and cls.NAME and cls not in found.get(cls.NAME, []):
                found.setdefault(cls.NAME, []).append(cls)
    return found


def resolves(action: str, cls: type[Screen]) -> bool:
    """Whether an action string names a method that takes what it is given."""
    match = re.fullmatch(r"(app\.)?(\w+)(?:\((.*)\))?", action)
    assert match, action
    owner: type = AutotunerApp if match[1] else cls
    method = getattr(owner, f"action_{match[2]}", None)
    if method is None:
        return False
    arguments = [part for part in (match[3] or "").split(",") if part]
    inspect.signature(method).bind(None, *arguments)
    return True


@pytest.mark.parametrize("name", sorted(SCREENS))
def test_every_key_of_a_screen_does_something(name):
    classes = screen_classes().get(name, [])
    assert classes, f"no screen has the name {name}"
    for cls in classes:
        missing = [one.id for one in SCREENS[name] if not resolves(one.action, cls)]
        assert missing == [], cls
        bound = {binding.id for binding in cls.BINDINGS if isinstance(binding, Binding)}
        assert {one.id for one in SCREENS[name]} <= bound, cls


def test_every_key_of_everywhere_does_something():
    assert [one.id for one in EVERYWHERE if not hasattr(AutotunerApp, _method(one))] == []


def _method(action: Action) -> str:
    return "action_" + action.action.partition("(")[0]


def test_no_two_actions_of_a_screen_want_one_key():
    assert list(clashes(Keymap())) == []


def test_the_same_action_has_one_id_and_one_meaning():
    meanings: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for action in every_action():
        meanings.setdefault(action.id, set()).add((action.action, action.keys))
    shared = {name for name, ways in meanings.items() if len(ways) > 1}
    # On the list it is the task that is tried again, in the task the experiment.
    assert shared <= {"task.retry"}


def test_keys_survive_every_multiplexer():
    bad = {"ctrl+a", "ctrl+b", "ctrl+o", "ctrl+s", "ctrl+j", "ctrl+q", "ctrl+enter", "shift+enter"}
    for action in every_action():
        assert not set(action.keys) <= bad, action.id
        assert not any(key.startswith("alt+") for key in action.keys), action.id


@pytest.mark.parametrize("name", sorted(SCREENS))
@pytest.mark.parametrize("cells", [20, 80, 120])
def test_the_line_of_keys_is_short_and_has_help(name, cells):
    keys = Keymap().footer(name)
    assert len(keys) <= 6
    assert keys[-1] == ("f1" if name == "new" else "?", "help")
    assert width(key_line(keys, cells)) <= cells
    if cells == 80:
        said = "".join(span.text for span in key_line(keys, cells))
        assert all(label in said for _, label in keys)


@pytest.mark.parametrize("name", sorted(SCREENS))
def test_help_is_complete_and_fits_eighty_by_twenty_four(name):
    keymap = Keymap()
    lines = help_lines(keymap.groups(name), 78)
    assert len(lines) <= 22
    assert all(width(text) <= 78 for text in lines)
    said = " ".join("".join(span.text for span in text) for text in lines)
    for action in keymap.actions(name):
        # Words of a wrapped sentence lie in several lines.
        assert all(word in said for word in action.help.split() if ":" not in word) or (
            action.id.startswith("go.") and action.label.split()[-1] in said
        ), action.id
    assert TITLES[name] in said


@pytest.mark.parametrize("cells", range(1, 60))
def test_help_of_any_width(cells):
    for line in help_lines(Keymap().groups("task"), cells):
        assert "\n" not in "".join(span.text for span in line)


# a person's keymap file


def read(text: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    keymap, problems = userfile.parse(text)
    return dict(keymap.changed), problems


def test_a_key_or_a_list_of_keys():
    changed, problems = read("task.pause: P\nlog.filter: [slash, ctrl+f]\ngo.tasks: 6\n")
    assert problems == []
    assert changed == {
        "task.pause": ("P",),
        "log.filter": ("slash", "ctrl+f"),
        "go.tasks": ("6",),
    }


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("?", "question_mark"), ("question_mark", "question_mark"), ("/", "slash"),
        ("esc", "escape"), ("pgdn", "pagedown"), ("F5", "f5"), ("Ctrl+P", "ctrl+p"), (7, "7"),
        ("P", "P"), ("↑", "up"), ("alt+x", "alt+x"), ("ctrl+left", "ctrl+left"), ("-", "minus"),
        ("+", "plus"), ("shift+tab", "shift+tab"), ("é", "é"), (",", "comma"), ("enter", "enter"),
    ],
)  # fmt: skip
def test_names_of_keys(key, name):
    assert key_name(key) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task.paus: P", "task.paus: there is no such action, the nearest is task.pause"),
        ("task.pause: ctlr+p", "task.pause: there is no key 'ctlr+p', the nearest is ctrl+p"),
        ("task.pause: shift+a", "task.pause: 'shift+a': write the capital A"),
        ("task.pause: []", "task.pause: needs at least one key"),
        ("task.pause: {a: b}", "is no name of a key"),
        ("task.pause: true", "task.pause: True is no name of a key; write it in quotes"),
        ("task.pause:", "is no name of a key"),
        ("- a", "is no mapping of actions to keys"),
        ("{", "is no YAML"),
        ("task.pause: j", "task.pause: j is the key of moving down on the screen tasks; not used"),
        ("task.pause: x", "task.pause: x is the key of task.cancel on the screen tasks; not used"),
        ("theme: l", "theme: l is the key of tasks.open on the screen tasks; not used"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_the_rest_applies(text, words):
    changed, problems = read(text)
    assert changed == {}
    assert len(problems) == 1
    assert words in problems[0]
    assert "\n" not in problems[0]
    if text.startswith("task"):
        assert read(f"log.wrap: W\n{text}")[0] == {"log.wrap": ("W",)}


def test_two_may_change_places():
    changed, problems = read("task.pause: x\ntask.cancel: p\n")
    assert problems == []
    assert changed == {"task.pause": ("x",), "task.cancel": ("p",)}


def test_of_two_that_want_one_key_the_first_has_it():
    changed, problems = read("task.pause: Z\ntask.cancel: Z\n")
    assert changed == {"task.pause": ("Z",)}
    assert problems == ["task.cancel: Z is the key of task.pause on the screen tasks; not used"]


def test_one_that_loses_its_key_gives_its_own_back():
    # With cancel's new key refused, pause may not have cancel's old one.
    changed, problems = read("task.pause: x\ntask.cancel: e\n")
    assert changed == {}
    assert len(problems) == 2


KEYS = st.one_of(
    st.sampled_from([key for action in every_action() for key in action.keys]),
    st.sampled_from([key for keys in MOVES.values() for key in keys]),
    st.text(max_size=8),
    st.integers(),
    st.none(),
)


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(sorted({one.id for one in every_action()})), st.text()),
        st.one_of(KEYS, st.lists(KEYS, max_size=3)),
        max_size=8,
    )
)
def test_whatever_it_says_no_action_is_lost(said):
    import yaml

    keymap, problems = userfile.parse(yaml.safe_dump(said))
    assert list(clashes(keymap)) == []
    assert all("\n" not in problem for problem in problems)
    for name in SCREENS:
        app_map = bindings(keymap.actions(name))
        assert all(binding.key for binding in app_map)


@given(st.text())
def test_any_text_is_survived(said):
    keymap, problems = userfile.parse(said)
    assert keymap.changed == {} or not problems or isinstance(problems, list)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "keys.yaml"
    assert userfile.load(path) == (Keymap(), [])
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in userfile.load(path)[1][0]
    path.unlink()
    path.mkdir()
    assert "cannot be read" in userfile.load(path)[1][0]


async def test_a_persons_keys_work_and_are_shown(tmp_path):
    user = tmp_path / "user"
    user.mkdir()
    (user / "keys.yaml").write_text("task.pause: P\ntasks.open: O\nhelp: h\nleave: nonsense-key\n")
    source = FakeSource(DETAIL)
    async with console(source, tmp_path, user=user) as (app, pilot):
        await until(pilot, lambda: said(app))
        assert said(app) == ["keys.yaml: leave: there is no key 'nonsense-key'"]
        assert "P pause" in text(app).splitlines()[-1]
        await pilot.press("j", "p")
        assert source.asked == []
        await pilot.press("P")
        await until(pilot, lambda: source.asked == [("pause", {"task": CHAT.id})])
        await pilot.press("question_mark")
        assert isinstance(app.screen, TasksScreen)
        await pilot.press("h")
        assert isinstance(app.screen, HelpScreen)
        assert re.search(r"P +pause after", text(app))
        await pilot.press("h")
        assert isinstance(app.screen, TasksScreen)


async def test_swapped_keys_do_what_they_say(tmp_path):
    user = tmp_path / "user"
    user.mkdir()
    (user / "keys.yaml").write_text("task.pause: x\ntask.cancel: p\n")
    source = FakeSource(DETAIL)
    async with console(source, tmp_path, user=user) as (_, pilot):
        await pilot.press("j", "x")
        await until(pilot, lambda: source.asked == [("pause", {"task": CHAT.id})])
        await pilot.press("p", "y")
        await until(pilot, lambda: source.asked[1:] == [("cancel", {"task": CHAT.id})])


# help


@pytest.mark.parametrize("keys", [(), ("2",), ("3",), ("4",), ("5",)])
async def test_help_of_each_screen_needs_no_scrolling(tmp_path, keys):
    async with console(FakeSource(DETAIL), tmp_path, NARROW) as (app, pilot):
        await pilot.press(*keys)
        where = app.screen
        assert isinstance(where, View)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        page = app.screen.query_one(Page)
        await until(pilot, lambda: page.virtual_size.height > 0)
        assert page.virtual_size.height <= page.size.height
        assert TITLES[where.NAME] in text(app)
        for closing in ("escape", "q", "question_mark"):
            await pilot.press(closing)
            assert app.screen is where
            await pilot.press("question_mark")


async def test_help_scrolls_where_the_window_is_small(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, (50, 10)) as (app, pilot):
        await pilot.press("question_mark", "G")
        await until(pilot, lambda: "sideways" in text(app))


def test_no_screen_has_keys_that_are_nowhere_told():
    allowed = {"escape", "q", "question_mark", "f1"}  # they close what they opened
    allowed |= {"up", "down", "tab", "shift+tab"}  # from field to field, as everywhere
    for name, classes in screen_classes().items():
        told = {key for one in (*SCREENS.get(name, ()), *EVERYWHERE) for key in one.keys}
        for cls in classes:
            bound = [one for one in cls.BINDINGS if isinstance(one, Binding)]
            assert len(bound) == len(cls.BINDINGS)
            keys = {key for binding in bound for key in binding.key.split(",")}
            assert keys - told <= allowed, cls


def test_tables_move_as_help_says():
    bindings = [one for one in Table.BINDINGS if isinstance(one, Binding)]
    bound = {key for one in bindings for key in one.key.split(",")}
    for where in ("up", "down", "pageup", "pagedown", "first", "last"):
        assert set(MOVES[where]) <= bound, where
