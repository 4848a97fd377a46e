"""What an experiment's engine or benchmark has in its environment, beside what was meant."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.values import AutotunerError, one_line
from tui.asking import Environment
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.screens.base import View
from tui.views.environment import environment_page
from tui.widgets.page import Page


class EnvironmentScreen(View):
    """Of the experiment's newest start. `whose` is said in the title: `qwen3-8b-chat #8`."""

    CSS_PATH = "page.tcss"
    NAME = "environment"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["environment"])]

    def __init__(self, task: str, number: int, whose: str, *, benchmark: bool = False) -> None:
        super().__init__()
        self._of = task
        self._number = number
        self._whose = whose
        self._benchmark = benchmark
        self._seen: Environment | None = None
        self._trouble = ""

    def body(self) -> ComposeResult:
        yield Page(id="report")

    def on_mount(self) -> None:
        super().on_mount()
        self.action_again()

    def fill(self) -> None:
        whose, seen, trouble = self._whose, self._seen, self._trouble
        program = "benchmark" if self._benchmark else "engine"
        self.query_one(Page).show(
            lambda cells: environment_page(whose, program, seen, trouble, cells)
        )

    def target(self) -> str | None:
        return self._of

    def action_again(self) -> None:
        """Read it anew; an older reading ends."""
        self.run_worker(self._reads(), "reading", exclusive=True, exit_on_error=False)

    def action_other(self) -> None:
        self._benchmark = not self._benchmark
        self._seen, self._trouble = None, ""
        self.query_one(Page).scroll_home(animate=False)
        self.show()
        self.action_again()

    def action_back(self) -> None:
        self.dismiss()

    async def _reads(self) -> None:
        source = self.console.source
        try:
            seen = await source.environment(self._of, self._number, benchmark=self._benchmark)
        except (AutotunerError, OSError) as error:
            self._trouble = one_line(str(error), 400)
        else:
            self._seen, self._trouble = seen, ""
        self.show()
