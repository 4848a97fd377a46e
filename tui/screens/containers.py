"""5: containers, and one of them with its environment."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.store.views import ContainerView
from core.values import AutotunerError
from tui.asking import Environment
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.line import Line, Span, Tone
from tui.screens.base import View
from tui.views.containers import (
    ENDED,
    about_container,
    container_grid,
    container_report,
    head_line,
    no_containers,
    owner,
)
from tui.widgets.base import Lines
from tui.widgets.page import Page
from tui.widgets.table import Table

_GONE: Line = (Span("This container is gone.", Tone.DIM),)


class _OfContainers(View):
    """What both screens do with one container."""

    CSS_PATH = "containers.tcss"

    def chosen(self) -> str | None:
        """The id of the container that keys are meant for."""
        raise NotImplementedError

    @property
    def container(self) -> ContainerView | None:
        found = self.console.snapshot.live.containers
        return next((one for one in found if one.id == self.chosen()), None)

    def target(self) -> str | None:
        """The task of ours; nothing is asked for the container of somebody else."""
        return self.container.task if self.container and self.container.ours else None

    def action_stop(self) -> None:
        from tui.screens.confirm import ConfirmScreen

        if (one := self._ours()) is None:
            return
        whose = owner(self.console.snapshot, one) or one.name
        question, yes = f"Stop the container of {whose}? The experiment fails.", "stop it"
        if one.state in ENDED:
            question, yes = f"Remove {one.name}? It has ended.", "remove it"

        def answered(yes: bool | None) -> None:
            if yes:
                self.console.ask("stop", container=one.id)

        self.app.push_screen(ConfirmScreen(question, yes), answered)

    def action_log(self) -> None:
        one = self._ours()
        if one is None:
            return
        if one.task is None or one.experiment is None:
            self.console.say(f"{one.name} belongs to no experiment that is known")
            return
        self.console.opened = one.task
        self.console.open_log(one.experiment)

    def _ours(self) -> ContainerView | None:
        """The container that keys are meant for; None, and said, when it is somebody else's."""
        one = self.container
        if one is not None and not one.ours:
            self.console.say(f"{one.name} is not ours: it is only shown")
            return None
        return one


class ContainersScreen(_OfContainers):
    NAME = "containers"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["containers"])]

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield Table(id="containers")
        yield Lines(id="about")

    def fill(self) -> None:
        view, now = self.console.snapshot, self.console.now()
        self.query_one("#head", Lines).show(lambda cells: [head_line(view, now, cells)])
        empty = no_containers(view, self.size.width - 4)
        self.query_one(Table).show(container_grid(view, now), empty)
        self._about()

    def on_resize(self) -> None:
        if self.ready:
            self.fill()

    def chosen(self) -> str | None:
        return self.query_one(Table).cursor

    def on_table_moved(self) -> None:
        self._about()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.app.push_screen(ContainerScreen(event.key))

    def action_open(self) -> None:
        self.query_one(Table).action_choose()

    def action_back(self) -> None:
        self.console.action_go("tasks")

    def _about(self) -> None:
        one = self.container
        self.query_one("#about", Lines).show(lambda cells: about_container(one, cells))


class ContainerScreen(_OfContainers):
    """One container, kept on the screen as it last was when it goes away."""

    NAME = "container"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS[NAME])]

    def __init__(self, container: str) -> None:
        super().__init__()
        self._container = container
        self._last: ContainerView | None = None
        self._seen: Environment | None = None

    def body(self) -> ComposeResult:
        yield Page(id="report")

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._reads(), "reading", exit_on_error=False)

    def fill(self) -> None:
        view, now, found = self.console.snapshot, self.console.now(), self.container
        self._last = last = found or self._last
        seen = self._seen
        gone: tuple[Line, ...] = () if found else (_GONE, ())
        self.query_one(Page).show(
            lambda cells: [*gone, *(container_report(view, last, now, cells, seen) if last else ())]
        )

    def chosen(self) -> str | None:
        return self._container

    def action_back(self) -> None:
        self.dismiss()

    async def _reads(self) -> None:
        """What it has beside what was meant: of an experiment's newest start, if it is that."""
        one = self.container
        if one is None or not one.ours or one.task is None or one.experiment is None:
            return
        try:
            seen = await self.console.source.environment(one.task, one.experiment, benchmark=False)
        except (AutotunerError, OSError):  # what the runner saw of it is shown then
            return
        if one.name in seen.source:
            self._seen = seen
            self.show()
