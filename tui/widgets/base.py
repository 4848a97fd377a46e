"""Tones as styles: what every line-drawing widget shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.glyphs import shown
from tui.line import Line, Tone, width

Build = Callable[[int], Sequence[Line]]
"""Makes the lines for a width in cells."""

Styles = Callable[[Tone], Style]

TONES = {f"tone--{tone}" for tone in Tone} | {"tone--cursor"}
"""The component classes of a toned widget, styled in app.tcss. Textual inherits them from
one base only, so each widget names them."""


def to_strip(text: Line, cells: int, styles: Styles, under: Style | None = None) -> Strip:
    """Drawn over the whole width; `under` (a cursor, say) lies over the tones' own style."""
    plain = styles(Tone.PLAIN)
    segments = [
        Segment(shown(span.text), styles(span.tone) + under if under else styles(span.tone))
        for span in text
    ]
    return Strip(segments).adjust_cell_length(cells, plain + under if under else plain)


if TYPE_CHECKING:
    _Base = Widget
else:
    _Base = object


class Toned(_Base):
    """Mixed into a widget with COMPONENT_CLASSES = TONES: draws lines in its tones."""

    def tone(self, tone: Tone) -> Style:
        return self.get_component_rich_style(f"tone--{tone}")

    def cursor_style(self) -> Style:
        """What lies over the tones where the cursor is."""
        return self.get_component_rich_style("tone--cursor", partial=True)

    def draw(self, text: Line, under: Style | None = None) -> Strip:
        return to_strip(text, self.size.width, self.tone, under)


class Built(Toned):
    """Lines that are made anew whenever they are shown or the width changes; only those that
    differ are drawn again."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._build: Build = lambda cells: ()
        self._lines: tuple[Line, ...] = ()

    def show(self, build: Build) -> None:
        self._build = build
        self._remake()

    def on_resize(self) -> None:
        self._remake()

    @property
    def cells(self) -> int:
        """How wide the lines may be."""
        return self.size.width

    def _remake(self) -> None:
        lines = tuple(self._build(self.cells)) if self.cells > 0 else ()
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self._resized(len(lines))
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, lines, strict=True)):
            for first, end in differ(old, new):
                self._redraw(y, first, end)

    def _resized(self, lines: int) -> None:
        """There are so many lines now."""

    def _redraw(self, y: int, first: int, end: int) -> None:
        """Cells `first` to `end` of a line say something else."""
        self.refresh(Region(first, y, end - first, 1))


def differ(old: Line, new: Line) -> list[tuple[int, int]]:
    """The cells in which two lines differ, as (first, end): span by span where the spans are
    of the same widths, else all behind the first that differs."""
    found: list[tuple[int, int]] = []
    first = 0
    for place, (one, other) in enumerate(zip(old, new, strict=False)):
        size = width((other,))
        if width((one,)) != size:
            return [*found, (first, first + max(width(old[place:]), width(new[place:])))]
        if one != other:
            found.append((first, first + size))
        first += size
    ends = width(old), width(new)
    return found if ends[0] == ends[1] else [*found, (first, max(ends))]


class Lines(Built, Widget):
    """A few lines, as many as fit."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES

    def render_line(self, y: int) -> Strip:
        return self.draw(self._lines[y] if y < len(self._lines) else ())
