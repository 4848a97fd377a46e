"""Everything that can be done where you are, by name; and the choice of a theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.keys.everywhere import EVERYWHERE
from tui.keys.keymap import one_key
from tui.screens.base import View
from tui.screens.choose import ChooseScreen, Option
from tui.views import words
from tui.widgets.table import Table

if TYPE_CHECKING:
    from tui.app import AutotunerApp

_EVERYWHERE = {action.id for action in EVERYWHERE}


def open_palette(console: AutotunerApp) -> None:
    """What is chosen is done on the screen that the palette was called from."""
    screen = console.screen
    if not isinstance(screen, View):
        return
    actions = {f"do {one.id}": one for one in console.keymap.actions(screen.NAME)}
    done = {key: one.action for key, one in actions.items() if one.id != "palette"}
    options = [
        Option(key, actions[key].help, " ".join(one_key(k) for k in actions[key].keys))
        for key in done
    ]
    options += [Option(f"theme {name}", f"theme: {name}") for name in _themes(console)]
    options += [
        Option(f"task {task.id}", f"open task {task.name}", words.task_state(task).text)
        for task in console.snapshot.tasks
    ]

    async def answered(chosen: tuple[str, ...] | None) -> None:
        kind, _, name = chosen[0].partition(" ") if chosen else ("", "", "")
        if kind == "do":
            await console.run_action(done[f"do {name}"], console if name in _EVERYWHERE else screen)
        elif kind == "theme":
            console.themes.choose(name)
        elif kind == "task":
            console.open_task(name)

    console.push_screen(ChooseScreen("What is to be done?", options), answered)


def choose_theme(console: AutotunerApp) -> None:
    """Each is shown while the cursor is on it."""
    whose = dict.fromkeys(console.themes.own, "ours")
    whose |= dict.fromkeys(console.themes.persons, "yours")
    options = [Option(name, name, whose.get(name, "Textual's")) for name in _themes(console)]
    before = console.theme

    def answered(chosen: tuple[str, ...] | None) -> None:
        if chosen:
            console.themes.choose(chosen[0])
        else:
            console.theme = before

    console.push_screen(ThemeScreen("Theme", options, at=before), answered)


class ThemeScreen(ChooseScreen):
    """Shows the theme under the cursor."""

    def on_table_moved(self) -> None:
        self._try()

    def on_input_changed(self) -> None:  # beside the base's own, which narrows the list
        self.call_after_refresh(self._try)

    def _try(self) -> None:
        if self.is_current and (name := self.query_one(Table).cursor) is not None:
            self.app.theme = name


def _themes(console: AutotunerApp) -> list[str]:
    """Ours, the person's, then Textual's."""
    first = [*console.themes.own, *console.themes.persons]
    return first + sorted(name for name in console.available_themes if name not in first)
