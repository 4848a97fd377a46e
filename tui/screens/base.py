"""What every screen has: a status line, a body, a line of keys; it shows snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen

from core.values import Scalar
from tui.views.status import key_line, status_line
from tui.widgets.base import Lines

if TYPE_CHECKING:
    from tui.app import AutotunerApp


class View(Screen[None]):
    """`show` is called for each snapshot, each second, and when the screen comes up.

    `NAME` is the screen's in `tui.keys.screens`; a subclass binds its keys with
    `BINDINGS = bindings(SCREENS[NAME])`.
    """

    NAME: ClassVar[str] = ""
    AUTO_FOCUS = "Table, LogView, Page"

    @property
    def console(self) -> AutotunerApp:
        return cast("AutotunerApp", self.app)

    def compose(self) -> ComposeResult:
        yield Lines(id="status")
        yield from self.body()
        yield Lines(id="keys")

    def body(self) -> ComposeResult:
        """What stands between the two lines."""
        raise NotImplementedError

    def on_mount(self) -> None:
        keys = self.console.keymap.footer(self.NAME)
        self.query_one("#keys", Lines).show(lambda cells: [key_line(keys, cells)])

    def on_screen_resume(self) -> None:
        self.show()

    @property
    def ready(self) -> bool:
        """Whether the widgets are there: snapshots and ticks come earlier and later, too."""
        return self.is_mounted and self.app.is_running

    def show(self) -> None:
        if not self.ready:
            return
        view, now = self.console.snapshot, self.console.now()
        self.query_one("#status", Lines).show(lambda cells: [status_line(view, now, cells)])
        self.fill()

    def fill(self) -> None:
        """Show the console's snapshot in the body."""
        raise NotImplementedError

    def target(self) -> str | None:
        """The task that pause, cancel, budget and the like are meant for."""
        return self.console.opened

    def targets(self) -> tuple[str, ...]:
        """The tasks that pause, cancel and retry are meant for: one, unless several are marked."""
        task = self.target()
        return () if task is None else (task,)

    def flags(self) -> Mapping[str, Scalar] | None:
        """Those of the configuration under the cursor: what `add` begins with."""
        return None

    def engine_of_row(self) -> str | None:
        """That of the configuration under the cursor, where there is one."""
        return None
