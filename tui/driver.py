"""Textual's driver on a terminal that is ours already: the first frame stays until it paints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.drivers.linux_driver import LinuxDriver

from tui.terminal import ENTER, LEAVE, Terminal

if TYPE_CHECKING:
    from textual.app import App


class ConsoleDriver(LinuxDriver):
    """Drives `terminal`, which is set before the app runs."""

    terminal: ClassVar[Terminal]

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = self.terminal.output  # type: ignore[assignment]  # all that its writer uses

    def write(self, data: str) -> None:
        if data == ENTER and self.terminal.alternate:
            return  # entering again would clear the first frame
        if data in (ENTER, LEAVE):
            self.terminal.alternate = data == ENTER
        super().write(data)

    def start_application_mode(self) -> None:
        self.terminal.driven = True
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Not ours but the person's modes are to be there when the console is put aside.
        self.attrs_before = self.terminal.found
