"""3: the log of an engine or of a benchmark, following."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import Input

from core.logs import Pattern, parse
from core.store.views import ExperimentView, Overview
from core.values import InputError
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.line import Line, Span, Tone, line
from tui.screens.base import View
from tui.views.log import head_line, hits, nothing
from tui.widgets.base import Lines
from tui.widgets.logview import LogView
from tui.widgets.prompt import Prompt

_DEBOUNCE = 0.15
_COPY_LIMIT = 50_000
_SHORT = 14  # rows of a screen that has none to spare
_BACK = 20  # experiments looked at for the last one that was started


class LogScreen(View):
    """`number` None goes along with the experiment at work, and stays when it ends."""

    CSS_PATH = "log.tcss"
    NAME = "log"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["log"])]

    def __init__(self) -> None:
        super().__init__()
        self.number: int | None = None
        self._kind = "engine"
        self._of: str | None = None
        self._view: ExperimentView | None = None  # whose log is shown
        self._read: tuple[str, int | None, int] | None = None  # what was read last
        self._line: int | None = None  # to go to, from 1
        self._find = ""
        self._pattern: Pattern | None = None
        self._asked = ""  # what the prompt is open for
        self._debounce: Timer | None = None

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield LogView(id="log")
        yield Prompt(id="prompt")

    def open(self, number: int | None, line: int | None, kind: str) -> None:
        """The log of this experiment (None: of the one at work); at a line counted from 1, or
        where it was left."""
        self.number, self._line, self._kind = number, line, kind
        if self.console.opened != self._of or (self._view and self._view.number != number):
            self._view = None
        self._of, self._read = self.console.opened, None
        self._find, self._pattern = "", None
        if self.ready:
            self._log_view.filter(None)
            self.fill()

    # which log

    def fill(self) -> None:
        if self.is_current:
            self._log_view.wake()
        overview = self.console.overview
        if overview is None:
            self._display(None)
            return
        if overview.task.id != self._of:
            self._of, self.number, self._view = overview.task.id, None, None
        busy = overview.busy
        number = self._number(overview)
        read = (overview.task.id, number, overview.revision)
        if busy is not None and busy.number == number:
            self._display(busy)
        elif read == self._read or not overview.experiments:
            self._display(self._view)
        else:
            self._read = read
            self.run_worker(
                self._find_out(overview, number), name="reading the experiment",
                group="experiment", exclusive=True, exit_on_error=False,
            )  # fmt: skip

    def on_resize(self) -> None:
        self.set_class(self.size.height < _SHORT, "-short")

    def on_screen_suspend(self) -> None:
        if self.ready:
            self._log_view.rest()

    def _number(self, overview: Overview) -> int | None:
        if self.number is not None:
            return self.number
        if overview.busy is not None:
            return overview.busy.number
        return self._view.number if self._view else None

    async def _find_out(self, overview: Overview, number: int | None) -> None:
        """Read an experiment; None is the last one that was started."""
        source, task = self.console.source, overview.task.id
        if number is not None:
            self._display(await source.experiment(task, number))
            return
        last = overview.experiments - 1
        view = newest = await source.experiment(task, last)
        for other in range(last - 1, max(-1, last - _BACK), -1):
            if view and view.starts:
                break
            view = await source.experiment(task, other)
        self._display(view if view and view.starts else newest)

    def _display(self, view: ExperimentView | None) -> None:
        if not self.ready:
            return
        self._view = view
        path = None
        if view and view.starts and self._of:
            start = self.console.home.start(self._of, view.number, view.starts[-1].attempt)
            path = start / f"{self._kind}.log"
        self._log_view.show(path, self._waiting(), self._pattern)
        if view and self._line is not None:
            self._log_view.go_to(self._line - 1)
            self._line = None
        self._head()

    def _waiting(self) -> Line:
        """What to press while there is no log."""
        overview, key = self.console.overview, self.console.keymap.key
        if overview is None:
            return _said("No task is open: ", key("go.tasks"), " shows the list.")
        if self._view is None and overview.experiments:
            return _said("reading …")
        if self._view is None:
            return _said("No experiment yet: ", key("go.task"), " shows what the task does.")
        other = "engine" if self._kind == "benchmark" else "benchmark"
        return _said(
            f"{nothing(self._view, self._kind)}  ", key("log.other"), f" shows the {other} log, ",
            key("log.before"), " the experiment before.",
        )  # fmt: skip

    def action_other(self) -> None:
        if not self._prompt.open:
            self._kind = "benchmark" if self._kind == "engine" else "engine"
            self._again()

    def action_step(self, steps: int) -> None:
        overview, view = self.console.overview, self._view
        if overview is None or view is None:
            return
        number = view.number + steps
        if 0 <= number < overview.experiments:
            self.number = number
            self._again()
        else:
            self.console.say(f"#{view.number} is the {'last' if steps > 0 else 'first'} one")

    def _again(self) -> None:
        self._read = None
        self.fill()

    # the filter

    def action_filter(self) -> None:
        self._ask("filter", self._find)
        self._note()

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if self._asked == "filter":
            self._stop_waiting()
            self._debounce = self.set_timer(_DEBOUNCE, lambda: self._search(event.text))

    def on_prompt_done(self, event: Prompt.Done) -> None:
        self._stop_waiting()
        self.set_focus(self._log_view)
        if self._asked == "last":
            self._copy_last(event.text)
        elif (wrong := self._search(event.text)) is not None:
            self.console.say(wrong, bad=True)

    def on_prompt_left(self) -> None:
        self._stop_waiting()
        self.set_focus(self._log_view)
        if self._asked == "filter":
            self._search("")

    def action_match(self, steps: int) -> None:
        if self._pattern is None:
            key = self.console.keymap.key("log.filter")
            self.console.say(f"no filter is set: {key} sets one")
        else:
            self._log_view.match(steps)

    def _search(self, text: str) -> str | None:
        """List the lines that match, or say why that cannot be."""
        try:
            pattern = parse(text)
        except InputError as error:
            self._prompt.note((Span(str(error), Tone.BAD),))
            return str(error)
        self._find, self._pattern = (text.strip() if pattern else ""), pattern
        self._log_view.filter(pattern)
        self._head()
        self._note()
        return None

    def _stop_waiting(self) -> None:
        if self._debounce is not None:
            self._debounce.stop()

    def _ask(self, what: str, text: str) -> None:
        self._asked = what
        self._prompt.ask({"filter": "filter", "last": "last lines"}[what], text)
        # At once, not with the next message: keys that are typed ahead are meant for it.
        self.set_focus(self._prompt.query_one(Input))

    def _note(self) -> None:
        if self._prompt.open and self._asked == "filter":
            self._prompt.note(hits(self._log_view.state) if self._pattern else ())

    # reading

    def action_follow(self) -> None:
        self._log_view.action_follow()

    def action_error(self) -> None:
        self.run_worker(
            self._first_error(), name="looking for errors", group="error", exclusive=True,
            exit_on_error=False,
        )  # fmt: skip

    async def _first_error(self) -> None:
        found = await self._log_view.first_error()
        if found is None:
            self.console.say("no line says an error")
            return
        if not self._log_view.lists(found):
            self._search("")
        self._log_view.go_to(found)

    def action_wrap(self) -> None:
        self._log_view.turn_wrap()

    def action_time(self) -> None:
        self._log_view.turn_time()

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    def action_back(self) -> None:
        if self._log_view.unmark():
            return
        if self._find:
            self._search("")
        elif self.has_class("-zoom"):
            self.remove_class("-zoom")
        else:
            self.console.action_go("task")

    # copying

    def action_mark(self) -> None:
        self._log_view.mark()

    def action_environment(self) -> None:
        from tui.screens.environment import EnvironmentScreen

        overview, view = self.console.overview, self._view
        if overview is None or view is None or not view.starts:
            self.console.say("nothing was started yet")
            return
        whose, bench = f"{overview.task.name} #{view.number}", self._kind == "benchmark"
        self.app.push_screen(
            EnvironmentScreen(overview.task.id, view.number, whose, benchmark=bench)
        )

    def action_copy(self) -> None:
        self._copy(self._log_view.chosen())
        self._log_view.unmark()

    def action_copy_last(self) -> None:
        self._ask("last", "100")

    def _copy_last(self, text: str) -> None:
        if text.strip().isdecimal() and int(text) > 0:
            self._copy(self._log_view.last(int(text)))
        else:
            self.console.say(f"{text!r} is no number of lines", bad=True)

    def _copy(self, places: range) -> None:
        if not places:
            self.console.say("there is no line to copy")
            return
        self.console.work(self._copied(places[-_COPY_LIMIT:]), "copying")

    async def _copied(self, places: range) -> None:
        lines = await self._log_view.texts(places)
        count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
        number = f" of #{self._view.number}" if self._view else ""
        self.console.copy("\n".join(lines), f"{count}{number} {self._kind} log")

    # what stands around the log

    def on_log_view_changed(self) -> None:
        self._head()
        self._note()

    @property
    def _log_view(self) -> LogView:
        return self.query_one(LogView)

    @property
    def _prompt(self) -> Prompt:
        return self.query_one(Prompt)

    def _head(self) -> None:
        overview, view, kind, find = self.console.overview, self._view, self._kind, self._find
        head, state = self.query_one("#head", Lines), self._log_view.state
        if overview is None or view is None:
            head.show(lambda cells: [()])
        else:
            name = overview.task.name
            head.show(lambda cells: [head_line(name, view, kind, find, state, cells)])


def _said(*parts: str) -> Line:
    """Every second part is a key."""
    return line(*(Span(text, Tone.KEY if n % 2 else Tone.DIM) for n, text in enumerate(parts)))
