"""The first frame: what the journal says, drawn before the console's toolkit is imported."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from core.paths import Home
from core.store.reader import Reader
from core.values import one_line
from tui.glyphs import shown
from tui.keys.keymap import Keymap
from tui.line import Line, Span, Tone, fit
from tui.reading import read
from tui.snapshot import Snapshot
from tui.views.layout import plan
from tui.views.status import key_line, status_line
from tui.views.tasks import about_task, about_width, nothing, task_grid

_CURSOR, _REST = Span("▸ ", Tone.STRONG), Span("  ")
_MARGIN = 3  # of a table: mark and blanks
_ABOUT = 3  # lines on the task under the cursor
_STYLES = {Tone.DIM: "2", Tone.STRONG: "1", Tone.KEY: "1", Tone.BEST: "1"}


def snapshot(home: Home, task: str | None) -> Snapshot:
    """The journal as it is; one that cannot be read says why. Never raises for its sake."""
    try:
        return asyncio.run(_read(home, task))
    except Exception as error:  # whatever it is, the console opens and goes on trying
        return Snapshot(error=one_line(f"reading failed: {error}"), loaded=True)


async def _read(home: Home, task: str | None) -> Snapshot:
    async with Reader.open(home) as reader:
        return await read(reader, task)


def frame(
    view: Snapshot, task: str | None, keymap: Keymap, now: float, cells: int, rows: int
) -> list[Line]:
    """All lines of the screen that comes up: the task with this id, else the list of tasks."""
    name = "task" if task else "tasks"
    room = max(0, rows - 2)
    body = _task(view, task, now, cells) if task else _tasks(view, keymap, now, cells, room)
    lines = [status_line(view, now, cells), *body[:room]]
    lines += [()] * (rows - 1 - len(lines))
    return [*lines, key_line(keymap.footer(name), cells)][:rows]


def written(lines: Sequence[Line], cells: int) -> str:
    """The lines as a terminal takes them, from its first row on; colours come later."""
    return "".join(
        f"\x1b[{row};1H{''.join(_styled(span) for span in fit(line, cells))}\x1b[K"
        for row, line in enumerate(lines, start=1)
    )


def size(target: int) -> tuple[int, int]:
    """Columns and rows of the terminal, those of a usual one if it does not say."""
    try:
        found = os.get_terminal_size(target)
    except OSError:
        return 80, 24
    return (found.columns, found.lines) if found.columns and found.lines else (80, 24)


def _styled(span: Span) -> str:
    style = _STYLES.get(span.tone)
    return f"\x1b[{style}m{shown(span.text)}\x1b[m" if style else shown(span.text)


def _tasks(view: Snapshot, keymap: Keymap, now: float, cells: int, room: int) -> list[Line]:
    """As the list of tasks lays itself out."""
    if not view.tasks:
        said = nothing(view, keymap.key("tasks.new"), cells - 4)
        return [(), *((_REST, *line) for line in said)]
    reasons = about_width(cells)
    grid = task_grid(view.tasks, now, reasons=reasons, confirming=view.confirming())
    chosen = plan(grid, cells - _MARGIN)
    height = max(0, room - _ABOUT - 3)  # blank lines: above, between, below
    table = [(_REST, *line) for line in chosen.header()[: grid.head]]
    for place, row in enumerate(grid.rows[: max(0, height - len(table))]):
        table.append((_REST if place else _CURSOR, *chosen.row(row)))
    first = view.tasks[0]
    about = about_task(first, view.overview(first.id), now, cells)
    blank: list[Line] = [()] * (height - len(table))
    return [(), *table, *blank, (), *about]


def _task(view: Snapshot, task: str, now: float, cells: int) -> list[Line]:
    overview = view.overview(task)
    if overview is None:
        return []
    from tui.views.head import head_lines

    return [(), *head_lines(overview, now, cells)]
