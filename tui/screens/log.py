"""3: the log of an engine or of a benchmark, following."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from core.store.views import ExperimentView
from tui.line import Line, Span, Tone, apart, line
from tui.screens.base import View
from tui.snapshot import at_work, experiment
from tui.views import words
from tui.views.status import Key
from tui.widgets.base import Lines
from tui.widgets.logview import LogView

_POLL = 0.25


class LogScreen(View):
    """`number` None goes along with the experiment at work."""

    CSS_PATH = "log.tcss"
    KEYS: ClassVar[tuple[Key, ...]] = (
        ("tab", "engine/benchmark"),
        ("[ ]", "experiment"),
        ("f", "follow"),
        ("esc", "back"),
        ("q", "leave"),
        ("?", "help"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "other", show=False, priority=True),
        Binding("left_square_bracket", "step(-1)", show=False),
        Binding("right_square_bracket", "step(1)", show=False),
        Binding("escape", "app.go('task')", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.number: int | None = None
        self._kind = "engine"

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield LogView(id="log")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(_POLL, self._poll)

    def fill(self) -> None:
        self.query_one(LogView).show(self._path(), (Span(self._waiting(), Tone.DIM),))
        self._head()

    def action_other(self) -> None:
        self._kind = "benchmark" if self._kind == "engine" else "engine"
        self.fill()

    def action_step(self, steps: int) -> None:
        detail, shown = self.console.detail, self._experiment()
        if detail and shown and experiment(detail, shown.number + steps):
            self.number = shown.number + steps
            self.fill()

    def on_log_view_changed(self) -> None:
        self._head()

    async def _poll(self) -> None:
        if self.ready and self.is_current:
            await self.query_one(LogView).poll()

    def _experiment(self) -> ExperimentView | None:
        detail = self.console.detail
        if detail is None or not detail.experiments:
            return None
        chosen = experiment(detail, self.number)
        started = [view for view in detail.experiments if view.starts]
        return chosen or at_work(detail) or (started or list(detail.experiments))[-1]

    def _path(self) -> Path | None:
        detail, view = self.console.detail, self._experiment()
        if detail is None or view is None or not view.starts:
            return None
        folder = self.console.home.start(detail.task.id, view.number, view.starts[-1].attempt)
        return folder / f"{self._kind}.log"

    def _waiting(self) -> str:
        view = self._experiment()
        if self.console.detail is None:
            return "No task is open: 1 shows the list."
        if view is None or not view.starts:
            return "No engine was started yet."
        return f"No {self._kind} log yet." if not view.state.final else f"No {self._kind} log."

    def _head(self) -> None:
        detail, view, log = self.console.detail, self._experiment(), self.query_one(LogView)
        left: Line = ()
        if detail and view:
            left = line(
                Span(f" {detail.task.name} #{view.number}", Tone.STRONG),
                f"  {self._kind} log  ",
                words.experiment_state(view.state),
            )
        right = Span("following ▼ ", Tone.RUN)
        if not log.following:
            right = Span(f"+{log.unseen} lines  f follows ", Tone.WARN)
        self.query_one("#head", Lines).show(lambda cells: [apart(left, (right,), cells)])
