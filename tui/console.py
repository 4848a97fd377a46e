"""Opening the console. Textual is imported here, when a screen is wanted, and nowhere before."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core import settings
from core.paths import Home
from core.values import AutotunerError


def open_console(home: Home, task: str | None = None) -> int:
    """Show the console until it is left, at `task` (an id) if given; the exit status.

    AutotunerError when there is no terminal to show it on.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not terminal or os.environ.get("TERM") == "dumb":
        raise AutotunerError(
            "the console needs a terminal; use autotuner-tui ls, show or logs instead"
        )
    # Read once, at the import: few repaints, so that a slow line keeps up.
    os.environ.setdefault("TEXTUAL_FPS", "15")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from tui.app import AutotunerApp
    from tui.source import JournalSource
    from tui.theming import DEFAULT

    chosen = settings.resolve(Path.cwd(), os.environ, ["AUTOTUNER_THEME"]).values
    theme = chosen.get("AUTOTUNER_THEME") or DEFAULT
    app = AutotunerApp(JournalSource(home), home, task, theme=theme)
    app.run()
    if app.snapshot.runner.alive:
        print("the runner goes on; autotuner-tui opens this again")
    return app.return_code or 0
