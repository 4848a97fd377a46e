"""The console: keeps the newest snapshot, shows it on the current screen, passes on requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import Worker, WorkerState

from core.paths import Home
from core.store.views import TaskDetail
from core.values import TaskState, one_line
from tui import theming
from tui.glyphs import utf8_here
from tui.screens.base import View
from tui.screens.confirm import ConfirmScreen
from tui.screens.containers import ContainersScreen
from tui.screens.gpus import GpusScreen
from tui.screens.help import HelpScreen
from tui.screens.log import LogScreen
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.snapshot import Snapshot
from tui.source import Source
from tui.watch import Watch


class AutotunerApp(App[None]):
    """`clock` gives UTC epoch seconds; `theme` names one of ours or of Textual's."""

    CSS_PATH = "app.tcss"
    TITLE = "autotuner"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go('tasks')", show=False),
        Binding("2", "go('task')", show=False),
        Binding("3", "go('log')", show=False),
        Binding("4", "go('gpus')", show=False),
        Binding("5", "go('containers')", show=False),
        Binding("p", "pause", show=False),
        Binding("x", "cancel", show=False),
        Binding("r", "ask('retry')", show=False),
        Binding("question_mark", "help", show=False),
        Binding("q,ctrl+c", "quit", show=False),
    ]

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
    ) -> None:
        super().__init__()
        self.snapshot = Snapshot()
        self.home = home
        self.opened = open_task
        self.now = clock
        self._source = source
        self._watch = Watch(source, lambda: self.opened)
        self._log_screen = LogScreen()
        self._dead: int | None = None
        self._theme_wanted = theme

    @property
    def detail(self) -> TaskDetail | None:
        """The opened task; until one is opened, the running or the newest one is."""
        return self.snapshot.detail(self.opened)

    def on_mount(self) -> None:
        self._load_themes()
        self.set_class(not utf8_here(), "-ascii")
        for name, screen in (
            ("tasks", TasksScreen()),
            ("task", TaskScreen()),
            ("log", self._log_screen),
            ("gpus", GpusScreen()),
            ("containers", ContainersScreen()),
        ):
            self.install_screen(screen, name)
        self.push_screen("task" if self.opened else "tasks")
        self._work(self._watch.run(lambda view: self.post_message(self.Changed(view))), "watching")
        self._work(self._watch.beat(), "heartbeat")
        self.set_interval(1.0, self._show)

    async def on_unmount(self) -> None:
        await self._source.close()

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
            self._say(f"{event.worker.name}: {event.worker.error}", bad=True)

    def open_task(self, task: str) -> None:
        self.opened = task
        self._log_screen.number = None
        self.action_go("task")

    def open_log(self, number: int | None) -> None:
        """The log of this experiment; None: of the one at work."""
        self._log_screen.number = number
        self.action_go("log")

    def stop_container(self, container: str) -> None:
        """Ask for the end of one of our containers; the answer is said."""
        self._work(self._stopped(container), "stop")

    def action_go(self, name: str) -> None:
        while len(self.screen_stack) > 2:  # help or a report lies on top
            self.pop_screen()
        self.switch_screen(name)

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def action_pause(self) -> None:
        task = self.snapshot.task(self._target())
        paused = task is not None and task.state is TaskState.PAUSED
        self.action_ask("resume" if paused else "pause")

    def action_cancel(self) -> None:
        task = self.snapshot.task(self._target())
        if task is None or task.state.final:
            self._say("nothing to cancel: the task has ended" if task else "no task is chosen")
            return
        question = f"Cancel {task.name}? What was measured is kept."

        def answered(yes: bool | None) -> None:
            if yes:
                self._work(self._asked("cancel", task.id), "cancel")

        self.push_screen(ConfirmScreen(question, "cancel the task"), answered)

    def action_ask(self, verb: str) -> None:
        if (task := self._target()) is None:
            self._say("no task is chosen")
        else:
            self._work(self._asked(verb, task), verb)

    async def _asked(self, verb: str, task: str) -> None:
        self._say(await self._source.ask(verb, task) or f"{verb}: done")

    async def _stopped(self, container: str) -> None:
        self._say(await self._source.stop_container(container) or "stop: done")

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
            self._work(self._source.ensure_runner(), "starting the runner")

    def _work(self, coroutine: Coroutine[object, object, None], name: str) -> None:
        """Run in the background; a failure is said and ends nothing else."""
        self.run_worker(coroutine, name=name, exit_on_error=False)

    def _say(self, text: str, *, bad: bool = False) -> None:
        severity: Literal["error", "information"] = "error" if bad else "information"
        timeout = 10 if bad else 4
        self.notify(one_line(text), severity=severity, timeout=timeout, markup=False)

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
            self._say(problem, bad=True)
