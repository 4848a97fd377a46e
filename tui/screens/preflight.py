"""What would fail in a task, looked at before it starts; or in one that is queued already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.values import AutotunerError, one_line
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.screens.base import View
from tui.views.preflight import Preflight, preflight_page
from tui.widgets.page import Page


class PreflightScreen(View):
    """`text` is the file as it is checked. `task` is the id of one that is queued already; else
    `submit` is the file to be queued, and `queued` is called when it is.
    """

    CSS_PATH = "page.tcss"
    NAME = "preflight"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["preflight"])]

    def __init__(
        self, name: str, text: str, task: str | None = None, submit: str = "",
        queued: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._text = text
        self._of = task
        self._submit = submit
        self._queued = queued
        self._starting = False
        self._view = Preflight(name, new=task is None)

    @property
    def view(self) -> Preflight:
        return self._view

    def body(self) -> ComposeResult:
        yield Page(id="report")

    def on_mount(self) -> None:
        super().on_mount()
        self.action_again()

    def fill(self) -> None:
        view, now, key = self._view, self.console.now(), self.console.keymap.key
        keys = {one: key(f"preflight.{one}") for one in ("start", "again", "back")}
        self.query_one(Page).show(lambda cells: preflight_page(view, keys, now, cells))

    def target(self) -> str | None:
        return self._of

    def action_again(self) -> None:
        """Look at everything anew; a look that is under way goes on."""
        if self._view.since is None:
            self._view = replace(self._view, since=self.console.now())
            self.show()
            self.run_worker(self._look(), "checking", exit_on_error=False)

    def action_start(self) -> None:
        if self._of is not None:
            self.console.say("it is queued already")
        elif self._view.since is not None:
            self.console.say("not yet: it is being checked")
        elif not self._view.ready:
            self.console.say("not started: it would fail, see what is said", bad=True)
        elif not self._starting:
            self._starting = True
            self.run_worker(self._start(), "queueing", exit_on_error=False)

    def action_copy(self) -> None:
        if self._view.checked is None:
            self.console.say("not there yet")
        else:
            self.console.copy(self._view.checked.baseline, "the command of the baseline")

    def action_back(self) -> None:
        self.dismiss()

    async def _look(self) -> None:
        view = self._view
        try:
            checked = await self.console.source.check(self._text, self._of)
            view = replace(view, checked=checked, trouble="")
        except (AutotunerError, OSError) as error:
            view = replace(view, checked=None, trouble=one_line(str(error), 400))
        finally:
            self._view = replace(view, since=None)
        self.show()

    async def _start(self) -> None:
        try:
            task = await self.console.source.submit(self._submit)
        except Exception as error:  # a journal that cannot be written must not cost the form
            self._starting = False
            self.console.say(f"the task was not queued: {error}", bad=True)
        else:
            self._queued()
            self.console.say(f"{self._view.name} is queued")
            self.console.open_task(task)
