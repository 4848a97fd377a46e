"""The console: keeps the newest snapshot, shows it on the current screen, passes on requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar, Literal

from textual.app import App
from textual.binding import BindingType
from textual.message import Message
from textual.worker import Worker, WorkerState

from core.paths import Home
from core.store.views import Overview
from core.values import TaskState, one_line
from tui import theming
from tui.glyphs import utf8_here
from tui.keys.binding import bindings
from tui.keys.everywhere import EVERYWHERE
from tui.keys.keymap import Keymap
from tui.screens.base import View
from tui.snapshot import Snapshot
from tui.source import Source
from tui.watch import Watch

# Imported when they are first shown: the first paint does not wait for the others.
_SCREENS = {
    "tasks": ("tui.screens.tasks", "TasksScreen"),
    "task": ("tui.screens.task", "TaskScreen"),
    "log": ("tui.screens.log", "LogScreen"),
    "gpus": ("tui.screens.gpus", "GpusScreen"),
    "containers": ("tui.screens.containers", "ContainersScreen"),
}


class AutotunerApp(App[None]):
    """`clock` gives UTC epoch seconds; `theme` names one of ours or of Textual's."""

    CSS_PATH = "app.tcss"
    TITLE = "autotuner"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]

    @dataclass
    class Changed(Message):
        """The journal says something new."""

        view: Snapshot

    def __init__(
        self,
        source: Source,
        home: Home,
        open_task: str | None = None,
        clock: Callable[[], float] = time.time,
        theme: str = theming.DEFAULT,
        keymap: Keymap | None = None,
    ) -> None:
        super().__init__()
        self.snapshot = Snapshot()
        self.home = home
        self.opened = open_task
        self.now = clock
        self.source = source
        self.keymap = keymap or Keymap()
        self._watch = Watch(source, lambda: self.opened)
        self._dead: int | None = None
        self._theme_wanted = theme

    @property
    def overview(self) -> Overview | None:
        """The opened task; until one is opened, the running or the newest one is."""
        return self.snapshot.overview(self.opened)

    def on_mount(self) -> None:
        self._load_themes()
        self.set_class(not utf8_here(), "-ascii")
        self.push_screen(self._screen("task" if self.opened else "tasks"))
        self.work(self._watch.run(lambda view: self.post_message(self.Changed(view))), "watching")
        self.work(self._watch.beat(), "heartbeat")
        self.set_interval(1.0, self._show)

    async def on_unmount(self) -> None:
        await self.source.close()

    def on_autotuner_app_changed(self, message: Changed) -> None:
        first = not self.snapshot.loaded
        self.snapshot = message.view
        if self.opened is None and self.snapshot.tasks:
            self.opened = (self.snapshot.running() or self.snapshot.tasks[0]).id
        self._show()
        if first or self._runner_died():
            self._wake_runner()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.say(f"{event.worker.name}: {event.worker.error}", bad=True)

    # what screens use

    def ask(self, verb: str, **arguments: object) -> None:
        """Ask the runner; its answer, or its reason to refuse, is said."""
        self.work(self._asked(verb, arguments), verb)

    def work(self, coroutine: Coroutine[object, object, None], name: str) -> None:
        """Run in the background; a failure is said and ends nothing else."""
        self.run_worker(coroutine, name=name, exit_on_error=False)

    def say(self, text: str, *, bad: bool = False) -> None:
        severity: Literal["error", "information"] = "error" if bad else "information"
        timeout = 10 if bad else 4
        self.notify(one_line(text), severity=severity, timeout=timeout, markup=False)

    def copy(self, text: str, what: str) -> None:
        """Into the clipboard and a file; `what` says in a word or two what was copied."""
        raise NotImplementedError

    def open_task(self, task: str) -> None:
        self.opened = task
        self.action_go("task")

    def open_log(self, number: int | None, line: int | None = None, kind: str = "engine") -> None:
        """The log of this experiment (None: of the one at work), at a line counted from 1."""
        from tui.screens.log import LogScreen

        self.action_go("log")
        screen = self.screen
        assert isinstance(screen, LogScreen)  # the screen of that name
        screen.open(number, line, kind)

    # keys

    def action_go(self, name: str) -> None:
        while len(self.screen_stack) > 2:  # help or a report lies on top
            self.pop_screen()
        self.switch_screen(self._screen(name))

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    def action_leave(self) -> None:
        self.exit()

    def action_pause(self) -> None:
        task = self.snapshot.task(self._target())
        if task is None:
            self.say("no task is chosen")
        else:
            self.ask("resume" if task.state is TaskState.PAUSED else "pause", task=task.id)

    def action_cancel(self) -> None:
        from tui.screens.confirm import ConfirmScreen

        task = self.snapshot.task(self._target())
        if task is None or task.state.final:
            self.say("nothing to cancel: the task has ended" if task else "no task is chosen")
            return
        question = f"Cancel {task.name}? What was measured is kept."

        def answered(yes: bool | None) -> None:
            if yes:
                self.ask("cancel", task=task.id)

        self.push_screen(ConfirmScreen(question, "cancel the task"), answered)

    def action_retry(self) -> None:
        if (task := self._target()) is None:
            self.say("no task is chosen")
        else:
            self.ask("retry", task=task)

    async def _asked(self, verb: str, arguments: dict[str, object]) -> None:
        self.say(await self.source.ask(verb, arguments) or f"{verb}: done")

    def _screen(self, name: str) -> str:
        """Its name, once it is made and installed."""
        if not self.is_screen_installed(name):
            module, cls = _SCREENS[name]
            self.install_screen(getattr(import_module(module), cls)(), name)
        return name

    def _target(self) -> str | None:
        return self.screen.target() if isinstance(self.screen, View) else None

    def _show(self) -> None:
        if self.is_running and isinstance(self.screen, View):
            self.screen.show()

    def _runner_died(self) -> bool:
        """True once for each runner that died; one that was stopped on purpose stays away."""
        runner = self.snapshot.runner
        died = not runner.alive and runner.pid is not None and runner.pid != self._dead
        self._dead = runner.pid if died else self._dead
        return died

    def _wake_runner(self) -> None:
        """The work, and the figures of GPUs and containers, need one."""
        if not self.snapshot.runner.alive:
            self.work(self.source.ensure_runner(), "starting the runner")

    def _load_themes(self) -> None:
        themes, problems = theming.packaged()
        for theme in themes:
            self.register_theme(theme)
        wanted = self._theme_wanted
        if wanted in self.available_themes:
            self.theme = wanted
        else:
            known = ", ".join(sorted(self.available_themes))
            problems.append(f"AUTOTUNER_THEME: there is no theme {wanted!r}, but {known}")
        for problem in problems:
            self.say(problem, bad=True)
