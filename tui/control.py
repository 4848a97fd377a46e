"""What a person may have done about tasks: the keys of several screens ask for it here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.store.views import TaskView
from core.values import Scalar, TaskState
from tui.screens.base import View
from tui.views.asking import flags_of, spelled
from tui.views.budget import budget_in, limits_of

if TYPE_CHECKING:
    from tui.app import AutotunerApp


def pause(console: AutotunerApp) -> None:
    """What runs or waits is paused; when all of it is paused, it goes on."""
    tasks = [task for task in _chosen(console) if not task.state.final]
    if not tasks:
        _nothing(console, "pause")
        return
    stopped = all(task.state is TaskState.PAUSED for task in tasks)
    for task in tasks:
        if stopped or task.state is not TaskState.PAUSED:
            console.ask("resume" if stopped else "pause", task=task.id)


def cancel(console: AutotunerApp) -> None:
    """After a question."""
    from tui.screens.confirm import ConfirmScreen

    tasks = [task for task in _chosen(console) if not task.state.final]
    if not tasks:
        _nothing(console, "cancel")
        return
    many = len(tasks) > 1
    what = f"{len(tasks)} marked tasks" if many else tasks[0].name
    yes = f"cancel the {len(tasks)} tasks" if many else "cancel the task"

    def answered(agreed: bool | None) -> None:
        for task in tasks if agreed else ():
            console.ask("cancel", task=task.id)

    console.push_screen(ConfirmScreen(f"Cancel {what}? What was measured is kept.", yes), answered)


def retry(console: AutotunerApp) -> None:
    """New starts for the failed experiments."""
    from tui.screens.confirm import ConfirmScreen

    tasks = _chosen(console)
    if not tasks:
        console.say("no task is chosen")
    elif len(tasks) == 1:
        console.ask("retry", task=tasks[0].id)
    else:

        def answered(agreed: bool | None) -> None:
            for task in tasks if agreed else ():
                console.ask("retry", task=task.id)

        question = f"Try the failed experiments of {len(tasks)} marked tasks again?"
        console.push_screen(ConfirmScreen(question, f"retry the {len(tasks)} tasks"), answered)


def budget(console: AutotunerApp) -> None:
    """How much may be spent: as the task file has it, to be changed."""
    from tui.screens.ask import AskScreen, Field

    if (task := _one(console)) is None:
        return

    def answered(texts: tuple[str, ...] | None) -> None:
        if texts is not None:
            console.ask("budget", task=task.id, **limits_of(texts).arguments())

    async def show() -> None:
        now = budget_in(await console.source.file(task.id))
        fields = (
            Field("experiments", now.experiments, "empty: as many as now"),
            Field("duration", now.duration, "such as 90m or 2h; empty: no limit"),
            Field("GPU-hours", now.gpu_hours, "GPUs times hours, such as 8; empty: no limit"),
            Field("repeats", now.repeats, "starts to confirm one; 0: none; empty: as now"),
        )
        console.push_screen(AskScreen(f"The budget of {task.name}", fields, limits_of), answered)

    console.work(show(), "reading the budget")


def add(console: AutotunerApp) -> None:
    """A configuration of the person's own, tried next."""
    from tui.screens.ask import AskScreen, Field

    if (task := _one(console)) is None:
        return
    screen = console.screen
    begun, own = (
        (screen.flags(), screen.engine_of_row()) if isinstance(screen, View) else (None, None)
    )
    hint = "such as max-num-seqs=384 kv-cache-dtype=fp8"

    def checked(texts: tuple[str, ...]) -> dict[str, Scalar]:
        return flags_of(texts[0])

    def answered(texts: tuple[str, ...] | None) -> None:
        if texts is not None:
            named = {"engine": texts[1].strip()} if len(texts) > 1 else {}
            console.ask("enqueue", task=task.id, parameters=checked(texts), **named)

    fields = [Field("flags", spelled(begun or {}), hint)]
    if len(task.engines) > 1:
        engines = ", ".join(task.engines)
        fields.append(Field("engine", own or task.engines[0], f"one of {engines}"))
    console.push_screen(AskScreen(f"Try next in {task.name}", fields, checked), answered)


def export(console: AutotunerApp) -> None:
    """The winner's command or all results, into a file that is then named."""
    from tui.screens.choose import ChooseScreen, Option

    if (task := _one(console)) is None:
        return
    options = (
        Option("command", "the command of the best", "a shell script"),
        Option("csv", "all results as CSV", "one row an experiment"),
        Option("json", "all results as JSON", "every measurement"),
        Option("md", "the report as Markdown", "to be read, or to be sent"),
    )

    async def write(kind: str) -> None:
        console.say(f"exported into {await console.source.export(task.id, kind)}")

    def answered(chosen: tuple[str, ...] | None) -> None:
        if chosen:
            console.work(write(chosen[0]), "export")

    console.push_screen(ChooseScreen(f"Export {task.name}", options), answered)


def copy_command(console: AutotunerApp) -> None:
    """That of the best experiment."""
    if (task := _one(console)) is None:
        return
    if task.best is None:
        console.say(f"{task.name} has no best yet")
        return
    best = task.best

    async def fetch() -> None:
        text = await console.source.command(task.id, best)
        console.copy(text, f"the command of {task.name} #{best}")

    console.work(fetch(), "copying the command")


def new(console: AutotunerApp) -> None:
    """The form."""
    from tui.screens.new import NewScreen

    console.push_screen(NewScreen())


def duplicate(console: AutotunerApp) -> None:
    """The form, filled with the file of the task under the cursor."""
    if (task := _one(console)) is None:
        return

    async def fetch() -> None:
        from tui.screens.new import NewScreen

        text = await console.source.file(task.id)
        await console.push_screen(NewScreen(draft=text))

    console.work(fetch(), "reading the task file")


def check(console: AutotunerApp) -> None:
    """What would fail in the task under the cursor, with its own settings."""
    if (task := _one(console)) is None:
        return

    async def show() -> None:
        from tui.screens.preflight import PreflightScreen

        text = await console.source.file(task.id)
        await console.push_screen(PreflightScreen(task.name, text, task.id))

    console.work(show(), "reading the task file")


def _one(console: AutotunerApp) -> TaskView | None:
    """The task that is meant; None, and said, when there is none."""
    screen = console.screen
    task = console.snapshot.task(screen.target()) if isinstance(screen, View) else None
    if task is None:
        console.say("no task is chosen")
    return task


def _chosen(console: AutotunerApp) -> list[TaskView]:
    screen = console.screen
    wanted = screen.targets() if isinstance(screen, View) else ()
    return [task for task in console.snapshot.tasks if task.id in wanted]


def _nothing(console: AutotunerApp, verb: str) -> None:
    count = len(_chosen(console))
    ended = "the task has ended" if count == 1 else "these tasks have ended"
    console.say(f"nothing to {verb}: {ended}" if count else "no task is chosen")
