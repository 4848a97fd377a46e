"""Which theme is shown, and remembering the one that was chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from core.paths import replace_file
from tui import theming

if TYPE_CHECKING:
    from tui.app import AutotunerApp

NAME = "console.json"


class ThemeChoice:
    """`wanted` names a theme that was asked for from outside; it wins over what is remembered
    in `root`. `user` is the person's own folder, with `themes/` in it.
    """

    def __init__(
        self, console: AutotunerApp, root: Path, user: Path | None, wanted: str | None
    ) -> None:
        self._console = console
        self._file = root / NAME
        self._user = user
        self._wanted = wanted
        self.own: tuple[str, ...] = ()
        self.persons: tuple[str, ...] = ()

    def begin(self) -> list[str]:
        """Register all themes and show the right one; what is wrong with any, one line each."""
        console = self._console
        themes, problems = theming.packaged()
        self.own = tuple(theme.name for theme in themes)
        if self._user is not None:
            taken = {*self.own, *console.available_themes}
            more, broken = theming.of_user(self._user / "themes", taken)
            self.persons = tuple(theme.name for theme in more)
            themes, problems = themes + more, problems + broken
        for theme in themes:
            console.register_theme(theme)
        return problems + self._show_first()

    def choose(self, name: str) -> None:
        """Show it and, unless another was asked for from outside, remember it."""
        console = self._console
        console.theme = name
        if self._wanted is not None:
            console.say(f"theme {name} until you leave: AUTOTUNER_THEME decides at the next start")
            return
        try:
            replace_file(self._file, f"{json.dumps({'theme': name})}\n".encode())
        except OSError as error:
            console.say(f"theme {name}, but not remembered: {error}", bad=True)

    def _show_first(self) -> list[str]:
        console = self._console
        remembered = self._remembered()
        wanted = self._wanted or remembered or theming.DEFAULT
        if wanted in console.available_themes:
            console.theme = wanted
            return []
        console.theme = theming.DEFAULT
        known = ", ".join((*self.own, *self.persons))
        whose = "AUTOTUNER_THEME" if self._wanted else "the remembered theme"
        return [f"{whose}: there is no theme {wanted!r}; there are {known}"]

    def _remembered(self) -> str | None:
        try:
            said = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None  # a preference: nothing depends on it
        name = said.get("theme") if isinstance(said, dict) else None
        return name if isinstance(name, str) else None
