"""4: the GPUs as the runner sees them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.history import gpu_key
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.screens.base import View
from tui.views.gpus import about_gpu, gpu_grid, head_line, no_gpus
from tui.widgets.base import Lines
from tui.widgets.table import Table


class GpusScreen(View):
    CSS_PATH = "gpus.tcss"
    NAME = "gpus"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["gpus"])]

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield Table(id="gpus")
        yield Lines(id="about")

    def fill(self) -> None:
        view, now = self.console.snapshot, self.console.now()
        self.query_one("#head", Lines).show(lambda cells: [head_line(view, now, cells)])
        grid = gpu_grid(view.live.gpus, view.history, self.size.width)
        self.query_one(Table).show(grid, no_gpus(view, self.size.width - 4))
        self._about()

    def on_resize(self) -> None:
        if self.ready:
            self.fill()

    def on_table_moved(self) -> None:
        self._about()

    def _about(self) -> None:
        key = self.query_one(Table).cursor
        gpus = self.console.snapshot.live.gpus
        gpu = next((one for one in gpus if gpu_key(one) == key), None)
        self.query_one("#about", Lines).show(lambda cells: about_gpu(gpu, cells))
