"""4: the GPUs as the runner sees them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.gpu import Gpu
from tui.history import gpu_key
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.screens.base import View
from tui.views.gpus import about_gpu, gpu_grid, head_line, no_gpus, past_plot, work_of
from tui.widgets.base import Lines
from tui.widgets.table import Table

_LEAST_PLOT = 9  # rows below which a plot of the past says less than the line in the table
_LEAST_CELLS = 60
# Rows beside the table's: status, head, about and keys; and the blank ones between them.
_FIXED, _AIR = 6, 3


class GpusScreen(View):
    """A row for each GPU; below, the past of the one under the cursor where there is room."""

    CSS_PATH = "gpus.tcss"
    NAME = "gpus"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["gpus"])]

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield Table(id="gpus")
        yield Lines(id="past")
        yield Lines(id="about")

    def fill(self) -> None:
        view, now = self.console.snapshot, self.console.now()
        self._arrange(len(view.live.gpus))
        self.query_one("#head", Lines).show(lambda cells: [head_line(view, now, cells)])
        grid = gpu_grid(view.live.gpus, view.history, self.size.width)
        self.query_one(Table).show(grid, no_gpus(view, self.size.width - 4))
        self._about()

    def on_resize(self) -> None:
        if self.ready:
            self.fill()

    def on_table_moved(self) -> None:
        self._about()

    def on_table_chosen(self) -> None:
        self.action_log()

    def action_log(self) -> None:
        gpu = self._chosen()
        if gpu is None:
            return
        if (work := work_of(self.console.snapshot, gpu)) is None:
            self.console.say(f"no experiment of ours is on GPU {gpu.index}")
            return
        self.console.opened, number = work
        self.console.open_log(number)

    def _chosen(self) -> Gpu | None:
        key = self.query_one(Table).cursor
        gpus = self.console.snapshot.live.gpus
        return next((one for one in gpus if gpu_key(one) == key), None)

    def _arrange(self, gpus: int) -> None:
        """Air between the parts, and the plot, as far as the rows of the table leave room."""
        wide, high = self.size
        rows = gpus + 2
        spare = high - _FIXED - rows
        self.set_class(spare < _AIR, "-tight")
        plot = gpus > 0 and wide >= _LEAST_CELLS and spare - _AIR - 1 >= _LEAST_PLOT
        self.set_class(plot, "-plot")
        self.query_one(Table).styles.height = rows if plot else "1fr"

    def _about(self) -> None:
        gpu, history = self._chosen(), self.console.snapshot.history
        self.query_one("#about", Lines).show(lambda cells: about_gpu(gpu, cells))
        past = self.query_one("#past", Lines)
        if self.has_class("-plot"):
            past.show(lambda cells: past_plot(gpu, history, cells, past.size.height))
