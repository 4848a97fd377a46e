"""n: a new task, as a form over its file, with the plan beside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from textual.actions import SkipAction
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical

from core.engines.known import ENGINES, about
from core.task import TaskError, dump, parse
from core.values import AutotunerError, one_line
from tui import asking, drafts
from tui.drafts import Draft
from tui.forms import applied, form_of, odd_values, placed, remaining, starter
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.screens.base import View
from tui.screens.completing import Completing
from tui.screens.confirm import ConfirmScreen
from tui.screens.preflight import PreflightScreen
from tui.views.new import Preview, about_lines, preview_lines, short_of
from tui.widgets.base import Lines
from tui.widgets.field import RowField, Typing
from tui.widgets.field_choice import Choice
from tui.widgets.field_form import FormView
from tui.widgets.field_rows import Rows
from tui.widgets.prompt import Prompt

_CHECK_PAUSE = 0.6
_SOURCE = "task.yaml"
_ROW_KEYS = (("enter", "lists"), ("f7", "adds"), ("f8", "removes"))
_NO_MODEL = "name a model to see the plan"

# The file that was being written when the form was left, until its task is queued.
_KEPT: WeakKeyDictionary[App[Any], str] = WeakKeyDictionary()


def fresh(engine: str = "vllm") -> Draft:
    """A file that lacks only a model."""
    return drafts.read(f"engine: {engine}\n").put("parameters", starter(engine))


class NewScreen(View):
    """`draft` is the file of a task that another one is to resemble; None: the form as it was
    left, or an empty one.
    """

    CSS_PATH = "new.tcss"
    NAME = "new"
    AUTO_FOCUS = "Typing"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-lowest"), (11, "-low"), (22, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(SCREENS["new"]),
        # Before the field sees them: what is typed right after goes to the next field.
        Binding("up", "step(-1)", show=False, priority=True),
        Binding("down", "step(1)", show=False, priority=True),
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]

    def __init__(self, draft: str | None = None) -> None:
        super().__init__()
        self._given = draft
        self._draft = fresh()
        self._broken: str | None = None
        self._read = True
        self._problems: Mapping[str, str] = {}
        self._refused: tuple[str, str] = ("", "")
        self._preview = Preview()
        self._key = "model"
        self._completing = Completing(self)

    def body(self) -> ComposeResult:
        self._begin()
        with Container(id="new"):
            with Vertical(id="left"):
                yield FormView(form_of(self._draft), id="form")
                yield Lines(id="about")
            yield Lines(id="preview")
        yield Prompt(id="prompt")

    def on_mount(self) -> None:
        self._recheck(pause=0.0)

    def fill(self) -> None:
        """The form changes by its own keys, not with the journal."""
        self._tell()

    def in_background(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Begin something; what was begun in the same group ends."""
        self.run_worker(work, exclusive=True, group=group, exit_on_error=False)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        """The file as it would be queued."""
        self._settle()
        return drafts.named(self._draft).text

    @property
    def preview(self) -> Preview:
        return self._preview

    @property
    def engine(self) -> str:
        """The engine whose flags are proposed: of several, the first."""
        given = self._draft.get("engine")
        first = given[:1] if isinstance(given, list) else [given]
        return str(first[0] or "") if first else ""

    @property
    def form(self) -> FormView:
        return self.query_one(FormView)

    def _begin(self) -> None:
        """The draft, and a note on where it comes from."""
        text, note = _KEPT.get(self.app), "the draft that you left; f6 begins an empty one"
        try:
            if self._given is not None:
                taken = [task.name for task in self.console.snapshot.tasks]
                text, note = drafts.duplicate(self._given, taken), "a copy with a name of its own"
            self._draft = self._draft if text is None else drafts.read(text)
        except AutotunerError as error:
            self._broken, note = self._given or text, f"{error}; f4 opens it"
        self._preview = Preview(rest=remaining(self._draft), note="" if text is None else note)

    # typing

    async def on_form_view_changed(self, event: FormView.Changed) -> None:
        self._refused, self._read = ("", ""), False
        if event.key == "engine":
            await self._other_engine()
        if event.key == "presets":
            await self._other_presets()
        self._recheck()
        if event.typing is not None:
            self._completing.typed(event.key, event.typing)

    def _settle(self) -> None:
        """Bring the draft up to what stands in the form."""
        if not self._read:
            self._read = True
            self._draft, self._problems = applied(self._draft, self.form.form)
            self._preview = replace(self._preview, rest=remaining(self._draft))
            _KEPT[self.app] = self._draft.text

    async def _other_engine(self) -> None:
        """Parameters that nobody touched become those of the new engine."""
        before = self.engine
        self._settle()
        if self.engine != before and self._draft.get("parameters") == starter(before):
            await self._parameters(starter(self.engine))

    async def _other_presets(self) -> None:
        """Parameters that nobody touched would go before those of a preset: they make room."""
        self._settle()
        first = starter(self.engine)
        if self._draft.get("presets") and self._draft.get("parameters") == first:
            await self._parameters(None)
        elif not self._draft.get("presets") and not self._draft.get("parameters"):
            await self._parameters(first)

    async def _parameters(self, value: dict[str, Any] | None) -> None:
        self._draft = self._draft.put("parameters", value)
        await self.form.rows("parameters").put(form_of(self._draft).rows["parameters"])

    def on_form_view_entered(self, event: FormView.Entered) -> None:
        self._key = event.key
        if event.key != "model":
            self._completing.notes.clear()
        self._tell()

    def on_typing_wanted(self, event: Typing.Wanted) -> None:
        if not self._completing.wanted(event.typing.field.key, event.typing):
            self.focus_next()

    def on_typing_taken(self, event: Typing.Taken) -> None:
        self._completing.taken(event.typing.field.key, event.typing)

    # the plan

    def _recheck(self, pause: float = _CHECK_PAUSE) -> None:
        """Ask what the file would do, a moment after the last key; an older question ends."""
        self.in_background(partial(self._checked, pause), "check")

    async def _checked(self, pause: float) -> None:
        # A letter alone costs nothing but its place on the screen.
        await asyncio.sleep(pause / 4)
        self._settle()
        self._tell()
        await asyncio.sleep(pause * 3 / 4)
        if self._draft.get("model") in (None, ""):
            self._refused = ("", "")
            self._preview = replace(self._preview, checking=False, problem="", hint=_NO_MODEL)
            self._tell()
            return
        try:
            task = parse(self.text, _SOURCE, Path.cwd(), ENGINES)
            self._plan(checking=True)
            # Written out: relative paths mean this folder, not that of a temporary file.
            plan = await asking.check(dump(task), self.console.home)
        except AutotunerError as error:
            self._refuse(error)
        else:
            self._refused = ("", "")
            self._preview = replace(self._preview, plan=plan)
            self._plan()

    def _plan(self, *, checking: bool = False, problem: str = "") -> None:
        self._preview = replace(self._preview, checking=checking, problem=problem, hint="")
        self._tell()

    def _refuse(self, error: AutotunerError) -> str:
        """Show what is wrong, at its field where there is one; the key of that field."""
        lines = error.problems if isinstance(error, TaskError) else (str(error),)
        key, said = placed(lines[0], self.form.form)
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        self._refused = (key, said)
        self._plan(problem=f"{key.partition(':')[0]}: {said}{more}" if key else said + more)
        return key

    def _tell(self) -> None:
        """Everything that is said about the form."""
        if not self.ready or not self.query("#preview"):
            return
        form = self.form.form
        wrong = {**{k: v for k, v in (self._refused,) if k}, **self._problems}
        if (field := self.form.current) and isinstance(field, RowField) and not all(field.pair):
            wrong.pop(field.key, None)  # still being written
        odd = odd_values(self.engine, form.rows["parameters"])
        self.form.say(wrong, odd, self._completing.notes)
        view, key = self._preview, self._key
        section, _, row = key.partition(":")
        pairs = form.rows.get(section, ())
        named = pairs[int(row)][0] if row and int(row) < len(pairs) else ""
        flag = about(self.engine, named) if section == "parameters" else None
        self.query_one("#about", Lines).show(lambda cells: about_lines(key, flag, _ROW_KEYS, cells))
        room = self.query_one("#preview", Lines)
        room.show(lambda cells: short_of(preview_lines(view, cells), room.size.height))

    # keys

    def action_submit(self) -> None:
        """Look at everything first; it is queued from there."""
        self._settle()
        if self._problems:
            key, said = next(iter(self._problems.items()))
            self.form.go_to(key)
            self.console.say(f"{key.partition(':')[0]}: {said}", bad=True)
            return
        try:
            task = parse(self.text, _SOURCE, Path.cwd(), ENGINES)  # says at which field
        except AutotunerError as error:
            self.form.go_to(self._refuse(error))
            self.console.say(self._preview.problem or str(error), bad=True)
            return
        self.workers.cancel_group(self, "check")  # it would ask the same at the same time
        # Written out: relative paths mean this folder, not that of a temporary file.
        screen = PreflightScreen(task.name, dump(task), submit=self.text, queued=self._queued)
        self.app.push_screen(screen, lambda _: self._recheck(pause=0.0))

    def _queued(self) -> None:
        _KEPT.pop(self.app, None)

    async def action_edit(self) -> None:
        before = self.text if self._broken is None else self._broken
        try:
            with self.app.suspend():
                after = asking.edited(before, os.environ)
        except SuspendNotSupported:
            self.console.say("this terminal cannot be lent to an editor", bad=True)
        except AutotunerError as error:
            self.console.say(str(error), bad=True)
        else:
            self.refresh(layout=True)
            if after != before or self._broken is not None:
                await self._take(after)

    async def _take(self, text: str) -> None:
        """Show another file in the form."""
        try:
            self._draft = drafts.read(text)
        except AutotunerError as error:
            self._broken = text
            self.console.say(f"{error}; f4 opens it again, the form is as it was", bad=True)
            return
        self._broken, self._problems, self._refused, self._read = None, {}, ("", ""), True
        self._preview = replace(self._preview, note="", rest=remaining(self._draft))
        _KEPT[self.app] = text
        await self.form.put(form_of(self._draft))
        self._recheck(pause=0.0)

    async def action_fresh(self) -> None:
        """An empty form of the same engine."""
        await self._take(fresh(self.engine if self.engine in ENGINES else "vllm").text)
        _KEPT.pop(self.app, None)
        self.form.go_to("model")

    def action_step(self, steps: int) -> None:
        if not isinstance(self.focused, Typing | Choice):
            raise SkipAction
        self.focused.step(steps)

    def action_plan(self) -> None:
        """More room for the plan where it stands below the form, or less again."""
        self.toggle_class("-plan")
        self.call_after_refresh(self._tell)

    def action_add_row(self) -> None:
        field = self.form.current
        rows = field.parent if field else None
        section = rows.section if isinstance(rows, Rows) else "parameters"
        fields = self.form.rows(section).fields
        fields[-1].name_box.focus()

    async def action_remove_row(self) -> None:
        field = self.form.current
        if isinstance(field, RowField) and isinstance(field.parent, Rows):
            rows = field.parent
            await rows.drop(field)
            self.form.post_message(FormView.Changed(f"{rows.section}:0"))

    def action_save(self) -> None:
        self._settle()
        name = drafts.named(self._draft).get("name")
        stem = str(name).replace("/", "-").strip(". ") if name else "task"
        self.query_one(Prompt).ask("save as", f"{stem}.yaml")

    def on_prompt_done(self, event: Prompt.Done) -> None:
        self.form.go_to(self._key)
        if not event.text.strip():
            return
        path = Path(event.text.strip()).expanduser()
        if not path.exists():
            self._save(path)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._save(path)

        question = f"{path} is there already. Write over it?"
        self.app.push_screen(ConfirmScreen(question, "write over it"), answered)

    def on_prompt_left(self) -> None:
        self.form.go_to(self._key)

    def _save(self, path: Path) -> None:
        try:
            path.write_text(self.text, encoding="utf-8")
        except OSError as error:
            self.console.say(f"{path}: cannot be written ({error.strerror})", bad=True)
        else:
            self.console.say(f"saved as {one_line(str(path))}")

    def action_back(self) -> None:
        self._settle()
        self.dismiss()
