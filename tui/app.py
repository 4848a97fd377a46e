"""The console: keeps the newest snapshot, shows it on the current screen, passes on requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Literal

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from core.paths import Home
from core.store.views import Overview
from core.values import one_line
from tui import control, faults
from tui.clipboard import Clipboard
from tui.glyphs import utf8_here
from tui.keys import userfile
from tui.keys.binding import bindings
from tui.keys.everywhere import EVERYWHERE
from tui.keys.keymap import Keymap
from tui.screens.base import View
from tui.snapshot import Snapshot
from tui.source import Source
from tui.theme_choice import ThemeChoice
from tui.views.endings import endings
from tui.watch import REFRESH, Watch

# Imported when they are first shown: the first paint does not wait for the others.
_SCREENS = {
    "tasks": ("tui.screens.tasks", "TasksScreen"),
    "task": ("tui.screens.task", "TaskScreen"),
    "log": ("tui.screens.log", "LogScreen"),
    "gpus": ("tui.screens.gpus", "GpusScreen"),
    "containers": ("tui.screens.containers", "ContainersScreen"),
}
_RECENT = 0.9  # seconds


class AutotunerApp(App[None]):
    """`clock` gives UTC epoch seconds. `theme` names one; None: the one chosen last, or ours.

    `user` is the folder of the person's own `keys.yaml` and `themes/`. `refresh` is how often
    the journal is looked at, in seconds.
    """

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
        theme: str | None = None,
        keymap: Keymap | None = None,
        user: Path | None = None,
        refresh: float = REFRESH,
    ) -> None:
        super().__init__()
        self.snapshot = Snapshot()
        self.home = home
        self.opened = open_task
        self.now = clock
        self.source = source
        self.keymap = keymap or Keymap()
        self._user = user
        self._problems: list[str] = []
        if keymap is None and user is not None:
            self.keymap, self._problems = userfile.load(user / userfile.NAME)
        self.set_keymap(self.keymap.textual())
        self.themes = ThemeChoice(self, home.root, user, theme)
        self.clipboard_kept = Clipboard(home.root)
        self._watch = Watch(source, lambda: self.opened, refresh)
        self._begun = False
        self._dead: int | None = None
        self._shown = 0.0  # when the screen was last told, by the monotonic clock
        self._asking: set[str] = set()
        self.fault = ""  # what ended the console against its will, to be said when it is gone

    @property
    def overview(self) -> Overview | None:
        """The opened task; until one is opened, the running or the newest one is."""
        return self.snapshot.overview(self.opened)

    def on_mount(self) -> None:
        self._problems += self.themes.begin()
        self.set_class(not utf8_here(), "-ascii")
        self.push_screen(self._screen("task" if self.opened else "tasks"))
        self.work(self._watch.run(lambda view: self.post_message(self.Changed(view))), "watching")
        self.work(self._watch.beat(), "heartbeat")
        self.set_interval(1.0, self._tick)

    async def on_unmount(self) -> None:
        await self.source.close()

    def on_autotuner_app_changed(self, message: Changed) -> None:
        before, self.snapshot = self.snapshot, message.view
        if self.opened is None and self.snapshot.tasks:
            self.opened = (self.snapshot.running() or self.snapshot.tasks[0]).id
        self._show()
        for text, bad in endings(before, self.snapshot):
            self.bell()
            self.say(text, bad=bad)
        if not self._begun or self._runner_died():
            self._wake_runner()
        if not self._begun:
            self._begun = True  # now there is a screen to say it on
            for problem in self._problems:
                self.say(problem, bad=True)

    def on_key(self, event: events.Key) -> None:
        """A letter typed right after the key that opened a prompt was sent to what had the
        focus before; it comes back here and belongs into the prompt.
        """
        box = self.focused
        if event.is_printable and event.character and isinstance(box, Input):
            event.stop()
            event.prevent_default()
            box.insert_text_at_cursor(event.character)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.say(f"{event.worker.name}: {event.worker.error}", bad=True)

    # what screens use

    def ask(self, verb: str, **arguments: object) -> None:
        """Ask the runner; its answer, or its reason to refuse, is said.

        The same is not asked twice while the answer is awaited.
        """
        same = repr((verb, sorted(arguments.items())))
        if same in self._asking:
            self.say(f"{verb}: asked already, the runner has not answered yet")
            return
        self._asking.add(same)
        self.work(self._asked(verb, arguments, same), verb)

    def work(self, coroutine: Coroutine[object, object, None], name: str) -> None:
        """Run in the background; a failure is said and ends nothing else."""
        self.run_worker(coroutine, name=name, exit_on_error=False)

    def say(self, text: str, *, bad: bool = False) -> None:
        severity: Literal["error", "information"] = "error" if bad else "information"
        timeout = 10 if bad else 4
        self.notify(one_line(text), severity=severity, timeout=timeout, markup=False)

    def copy(self, text: str, what: str) -> None:
        """Into the clipboard and a file; `what` says in a word or two what was copied."""
        self.work(self._copied(text, what), "copying")

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

        if isinstance(self.screen, View) and not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen.NAME))

    def action_palette(self) -> None:
        from tui.screens.palette import open_palette

        open_palette(self)

    def action_theme(self) -> None:
        from tui.screens.palette import choose_theme

        choose_theme(self)

    def action_leave(self) -> None:
        self.exit()

    def action_new(self) -> None:
        control.new(self)

    def action_duplicate(self) -> None:
        control.duplicate(self)

    def action_pause(self) -> None:
        control.pause(self)

    def action_cancel(self) -> None:
        control.cancel(self)

    def action_retry(self) -> None:
        control.retry(self)

    def action_export(self) -> None:
        control.export(self)

    def action_budget(self) -> None:
        control.budget(self)

    def action_add(self) -> None:
        control.add(self)

    def action_check(self) -> None:
        control.check(self)

    def action_copy_command(self) -> None:
        control.copy_command(self)

    async def _asked(self, verb: str, arguments: dict[str, object], same: str) -> None:
        try:
            self.say(await self.source.ask(verb, arguments) or f"{verb}: done")
        finally:
            self._asking.discard(same)

    async def _copied(self, text: str, what: str) -> None:
        driver = self._driver
        self.say(await self.clipboard_kept.put(text, what, driver.write if driver else None))

    def _screen(self, name: str) -> str:
        """Its name, once it is made and installed."""
        if not self.is_screen_installed(name):
            module, cls = _SCREENS[name]
            self.install_screen(getattr(import_module(module), cls)(), name)
        return name

    def _tick(self) -> None:
        """Times go on; a snapshot that came just now has shown them."""
        if time.monotonic() - self._shown > _RECENT:
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
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

    def _handle_exception(self, error: Exception) -> None:
        """An error of our own ends the console with one line; the traceback goes into a file."""
        self._return_code = 1
        if self._exception is not None:  # those that follow from the first say nothing new
            self._close_messages_no_wait()
            return
        self._exception = error  # tests want to see it
        self._exception_event.set()
        self.fault = faults.ending(error, self.home.root)
        self._close_messages_no_wait()
