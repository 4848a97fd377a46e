"""The command `autotuner-tui`: core's commands, and the console for those that show it."""

from __future__ import annotations

import sys
from pathlib import Path

import core


def main() -> None:
    """Entry point; exits with the command's status."""
    found = Path(core.__file__).resolve().parent if core.__file__ else None
    if found is None or found.parent != Path(__file__).resolve().parents[1]:
        sys.exit(
            f"autotuner-tui: another package named `core` is in the way ({found or 'a folder'}); "
            "install autotuner-tui in a virtual environment of its own"
        )
    from core.cli.main import run
    from tui.console import open_console

    sys.exit(run(sys.argv[1:], open_console))


if __name__ == "__main__":
    main()
